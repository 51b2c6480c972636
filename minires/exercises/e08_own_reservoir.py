"""The open exercise of tutorial 08, the echo-state network: a reservoir of the student's own for NARMA-10."""

from functools import lru_cache

import numpy as np

from minires.exercises.records import ByLaws, Exercise, Law
from minires.reservoir.checks import units
from minires.reservoir.echo_state import run
from minires.reservoir.measures.echo_state_property import convergence
from minires.reservoir.network import EchoState
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict, ridge
from minires.tasks.series import make_series

MOST, WASHOUT, TRAIN, ROWS = 50, 100, 1000, 1800
BACK = 20  # inputs that the linear control reads


def own_reservoir(seed):
    """Parameters for `minires.reservoir.run`: 50 units, weights drawn from a generator of this seed."""
    return EchoState(units=MOST, input_scale=0.1, radius=0.95).init(np.random.default_rng(seed))


@lru_cache(maxsize=4)
def series(seed):
    """Inputs and targets (ROWS, 1) of NARMA-10."""
    made = make_series("narma", ROWS, np.random.default_rng(100 + seed))
    return made.inputs, made.targets


def error(F, y):
    """NRMSE (by the standard deviation) on the rows after the training rows, of a ridge readout."""
    found = ridge(F[WASHOUT:TRAIN], y[WASHOUT:TRAIN], 1e-8)
    return np.sqrt(np.mean((predict(found, F[TRAIN:]) - y[TRAIN:]) ** 2)) / np.std(y[TRAIN:])


def control(u, y):
    """The error of a linear readout of the last inputs themselves."""
    F = np.concatenate([np.concatenate([np.zeros((k, 1)), u[:len(u) - k]]) for k in range(BACK)], axis=1)
    return error(F, y)


def forgets(params, seed):
    """Whether runs from several starts have come together after 200 steps of the task's input."""
    return convergence(params, series(seed)[0][:200], np.random.default_rng(0)).ratio < 1e-3


def heard(params, seed):
    """Whether the states depend on the input."""
    u = series(seed)[0][:60]
    return not np.allclose(run(params, u)[0], run(params, u[::-1])[0], rtol=0, atol=1e-6)


def beats(params, seed):
    """Whether the readout of u and x is better than that of the last inputs."""
    u, y = series(seed)
    return error(features(run(params, u)[0], u), y) < control(u, y)


def described(**settings):
    """A function that draws the parameters of this description."""
    return lambda seed: EchoState(**{"units": MOST, **settings}).init(np.random.default_rng(seed))


def law(holds, does, fix):
    """The Law that holds(params, seed) for the parameters made from each seed."""
    return Law(lambda make, seed: holds(make(seed), seed), does, fix)


OWN_RESERVOIR = ByLaws(own_reservoir, lambda rng: (int(rng.integers(3)),), {
    "parameters": law(lambda params, seed: isinstance(params, dict), "no parameters are returned",
                      "return a dict with W, W_in, K, g and, if wanted, b, as EchoState(..).init(rng) does"),
    "fifty-units": law(lambda params, seed: units(params["W"]) <= MOST, "there are more than 50 units", "take 50 units"),
    "hears": law(heard, "the states do not depend on the input", "W_in must not be zero"),
    "forgets": law(forgets, "runs from several starts do not come together in 200 steps",
                   "a smaller radius, or a stronger input"),
    "beats-the-last-inputs": law(beats, "a linear readout of the last 20 inputs is better than yours",
                                 "NARMA-10 needs u(t-9): a longer memory, and an input that does not saturate tanh"),
}, {
    "parameters": lambda seed: EchoState(units=MOST),
    "fifty-units": described(units=100),
    "hears": described(input_scale=0.0),
    "forgets": described(radius=2.0),
    "beats-the-last-inputs": described(radius=0.1),
}, shaped=False)

EXERCISES = {"own_reservoir": Exercise("a reservoir of your own", 4, 25, OWN_RESERVOIR)}
