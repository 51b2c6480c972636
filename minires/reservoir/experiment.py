"""An echo-state network on a series: states, readout, test, free runs. Arrays in, arrays out.

    row      0 .. washout .. train .. T
    state    one run through all rows from x_0 = 0; the test goes on from the training's last state
    readout  y_t = W_o [u_t; s(x_t)] + b_o, fitted on the rows from washout to train
"""

from typing import NamedTuple

import numpy as np

from minires.errors import Diverged, require, whole_number
from minires.reservoir.generation import LIMIT, generate
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict, ridge
from minires.reservoir.readouts.selection import CRITERIA, select

GRID = tuple(10.0 ** exponent for exponent in range(-12, 3))  # of ridge strengths to choose from


class Fit(NamedTuple):
    """A fitted network on its series."""

    params: dict              # of the reservoir
    readout: dict             # {"W_o": (F, q), "b_o": (q,)}
    states: np.ndarray        # (T, N)
    predictions: np.ndarray   # (T, q), for every row
    washout: int              # the first row that counts
    train: int                # the first row of the test
    strength: float           # of the ridge
    curve: tuple              # (strengths, errors) where the strength was chosen, else ()
    squares: str              # which squares the readout reads


def fit(network, inputs, targets, rng, train, washout=100, strength=1e-8, squares="none", noise=0.0):
    """Draw the network, run it through all inputs, fit the readout to the first rows; a Fit.

    inputs (T, d), targets (T, q)
    train     rows that the readout is fitted on, counted from the start; the first `washout` of them are dropped
    strength  of the ridge, or "leave_one_out" or "gcv": chosen from 1e-12 .. 100
    noise     standard deviation inside f while the readout is fitted; there is none in the test

    ValueError: a washout as long as the training, a training as long as the series; what `run` and `ridge` refuse.
    Diverged: the states are not finite; the message names the row.
    """
    T = len(inputs)
    washout, train = whole_number("washout", washout, 0), whole_number("train", train)
    require(washout < train, f"washout={washout} of train={train} rows: expected a washout below that")
    require(train < T, f"train={train} of {T} rows: expected fewer, so that rows are left for the test")
    params = network.init(rng)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is named, with its row
        states, last = network.run(params, inputs[:train], noise=noise, rng=rng)
        check_states(states)
        later, _ = network.run(params, inputs[train:], last)
    states = np.concatenate([states, later])  # (T, N)
    check_states(states)
    F = features(states, inputs, squares=squares)  # (T, F)
    readout, strength, curve = fitted(F[washout:train], targets[washout:train], strength)
    return Fit(params, readout, states, predict(readout, F), washout, train, strength, curve, squares)


def check_states(states):
    """Diverged, naming the row, where the states (T, N) are not finite."""
    good = np.isfinite(states).all(axis=1)  # (T,)
    if not good.all():
        raise Diverged(f"the state is not finite at row {np.argmin(good)}: expected a smaller radius or input scale, or a "
                       "bounded activation such as tanh")


def fitted(F, Y, strength):
    """The readout, its strength, and the curve that it was chosen from."""
    if strength not in CRITERIA:
        require(not isinstance(strength, str), f"strength={strength!r}: expected a number, or one of {', '.join(CRITERIA)}")
        return ridge(F, Y, strength), strength, ()
    chosen = select(F, Y, GRID, strength)
    return chosen.readout, chosen.strength, (chosen.strengths, chosen.errors)


def free_runs(network, fit, inputs, starts, steps, limit=LIMIT):
    """What the fitted network makes of the series when its outputs become its inputs: (R, steps, q) from R starts.

    starts  (R,) rows: the state is the one before row `start`, the first input is that row, and so the first output is
            beside row `start` of the targets
    A run that diverges is NaN from there on.
    """
    starts = np.asarray(starts)
    require(starts.ndim == 1 and np.issubdtype(starts.dtype, np.integer) and np.all((0 < starts) & (starts < len(inputs))),
            f"starts={starts}: expected rows from 1 to {len(inputs) - 1}")
    read = lambda x, u: predict(fit.readout, one_row(x, u, fit.squares))
    go = lambda x, u: generate(fit.params, read, steps, x, u, f=network.f, limit=limit)[0]
    try:
        return go(fit.states[starts - 1], inputs[starts])
    except Diverged:  # one of them: each by itself, so that the others are whole
        return np.stack([until_it_diverges(go, fit.states[start - 1], inputs[start], steps) for start in starts])


def one_row(x, u, squares):
    """The features of a single step, (..., F)."""
    return features(x[..., None, :], u[..., None, :], squares=squares)[..., 0, :]


def until_it_diverges(go, x, u, steps):
    """One free run (steps, q), NaN after the step at which it diverged."""
    try:
        return go(x, u)
    except Diverged as error:
        rows = np.full((steps, error.outputs.shape[-1]), np.nan)
        rows[:len(error.outputs)] = error.outputs
        return rows
