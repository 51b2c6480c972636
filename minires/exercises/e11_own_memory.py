"""The open exercise of tutorial 11, the reservoir ResFormer: a memory of the student's own."""

import numpy as np

from minires.exercises.records import ByLaws, Exercise, Law

N, D = 12, 5


def own_memory(x, u):
    """A cycle of units: each hands its number to the next one, and hardly anything is lost."""
    turned = np.roll(x, 1)
    return 0.95 * turned + 0.05 * np.tanh(np.resize(u, N) + turned)


def heard(step, inputs, x=None):
    """The state after these inputs, from zeros or from x."""
    x = np.zeros(N) if x is None else x
    for u in inputs:
        x = step(x, u)
    return np.asarray(x, float)


def inputs(seed, count):
    """Inputs (count, D)."""
    return np.random.default_rng(seed).standard_normal((count, D))


def bounded(step):
    """Whether the state stays below 10 for 1,000 inputs."""
    return bool(np.max(np.abs(heard(step, inputs(0, 1000)))) < 10)


def forgets(step):
    """Whether two starts end alike after 1,000 of the same inputs."""
    u = inputs(1, 1000)
    return np.allclose(heard(step, u), heard(step, u, np.linspace(-1, 1, N)), rtol=0, atol=1e-6)


def remembers(step):
    """Whether an input of twenty steps ago is still seen in the state."""
    u = inputs(2, 21)
    other = np.concatenate([-u[:1], u[1:]])
    return np.linalg.norm(heard(step, u) - heard(step, other)) > 1e-3


def mixes(step):
    """Whether a change of one unit is seen in another one five steps later."""
    u, start = inputs(3, 5), np.full(N, 0.1)
    moved = start + 0.5 * (np.arange(N) == 4)
    difference = np.abs(heard(step, u, moved) - heard(step, u, start))
    return bool(np.max(np.delete(difference, 4)) > 1e-6)


def fading(x, u, leak=0.03):
    """A fading average."""
    return (1 - leak) * x + leak * np.tanh(np.resize(u, N))


OWN_MEMORY = ByLaws(own_memory, lambda rng: (0.3 * rng.standard_normal(N), rng.standard_normal(D)), {
    "bounded": Law(lambda step, *_: bounded(step), "the state grows beyond 10", "take a mean of old and new, or a tanh"),
    "forgets": Law(lambda step, *_: forgets(step), "the start is never forgotten", "multiply what is kept by less than 1"),
    "remembers": Law(lambda step, *_: remembers(step), "an input of twenty steps ago is no longer seen",
                     "keep more at each step"),
    "mixes": Law(lambda step, *_: mixes(step), "no unit hears another: a fading average",
                 "let x pass through a matrix, or roll it"),
}, {
    "bounded": lambda x, u: x + np.resize(u, N) ** 2,
    "forgets": lambda x, u: 1.0 * x,
    "remembers": lambda x, u: fading(x, u, 0.9),
    "mixes": fading,
}, draws=2)

EXERCISES = {"own_memory": Exercise("a memory of your own", 4, 30, OWN_MEMORY)}
