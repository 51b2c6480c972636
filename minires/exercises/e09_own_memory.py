"""The open exercise of tutorial 09, memory and chaos: a small reservoir that holds as much as it can."""

import numpy as np

from minires.exercises.records import ByLaws, Exercise, Law
from minires.reservoir.checks import units
from minires.reservoir.measures.echo_state_property import convergence
from minires.reservoir.measures.memory import memory_capacity
from minires.reservoir.network import EchoState

MOST, HELD, STEPS = 20, 18.0, 400


def own_memory(seed):
    """Parameters for `minires.reservoir.run` with tanh: a ring of 20 units that are hardly driven."""
    return EchoState(units=MOST, topology="cycle", radius=0.9, input_scale=0.02, bias_scale=0).init(np.random.default_rng(seed))


def forgets(params):
    """Whether runs from several starts have come together after 400 steps without input."""
    return convergence(params, np.zeros((STEPS, 1)), np.random.default_rng(0)).ratio < 1e-2


def held(params):
    """The memory capacity for inputs uniform in [-0.8, 0.8], on rows of its own."""
    return memory_capacity(params, np.random.default_rng(0), train=2000).value


def described(**settings):
    """A function that draws the parameters of this description."""
    return lambda seed: EchoState(**{"units": MOST, "bias_scale": 0, **settings}).init(np.random.default_rng(seed))


def law(holds, does, fix):
    """The Law that holds(params) for the parameters made from each seed."""
    return Law(lambda make, seed: holds(make(seed)), does, fix)


OWN_MEMORY = ByLaws(own_memory, lambda rng: (int(rng.integers(100)),), {
    "parameters": law(lambda params: isinstance(params, dict), "no parameters are returned",
                      "return a dict with W, W_in, K, g and, if wanted, b, as EchoState(..).init(rng) does"),
    "twenty-units": law(lambda params: units(params["W"]) <= MOST, "there are more than 20 units", "take 20 units"),
    "forgets": law(forgets, "runs from several starts do not come together in 400 steps without input",
                   "a smaller radius: what never forgets cannot tell what is new"),
    "holds-eighteen": law(lambda params: held(params) >= HELD, "the memory capacity is below 18 of 20",
                          "hardly any nonlinearity, and directions that do not overlap: see sections 1 and 5"),
}, {
    "parameters": lambda seed: EchoState(units=MOST),
    "twenty-units": described(units=60),
    "forgets": described(topology="cycle", radius=1.3),
    "holds-eighteen": described(radius=0.9, input_scale=0.1),
}, shaped=False)

EXERCISES = {"own_memory": Exercise("a memory of your own", 4, 25, OWN_MEMORY)}
