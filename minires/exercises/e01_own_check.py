"""The open exercise of tutorial 01, a derivative by hand: a check of the student's own, which is checked in turn."""

import numpy as np

from minires.exercises.records import ByLaws, Exercise, Law
from minires.layers import deviation, mean, standardize

EPSILON = 1e-5


def normed(x):
    """y = (x - mean x) / sqrt(var x + epsilon)."""
    return standardize(x, EPSILON)


def normed_rule(g, x):
    """dx = (g - mean g - y mean(y g)) / sqrt(var x + epsilon)."""
    y = normed(x)
    return (g - mean(g) - y * mean(y * g)) / deviation(x, EPSILON)


def constant_variance(g, x):
    """A rule that a sum with ones cannot tell from the right one: both give 0."""
    return (g - mean(g)) / deviation(x, EPSILON)


def one_coordinate(g, x):
    """A rule that is wrong in the last coordinate only."""
    found = normed_rule(g, x).copy()
    found[-1, -1] *= 1.5
    return found


def steep(factor):
    """(function, right rule) that are `factor` times as large."""
    return (lambda x: factor * normed(x)), (lambda g, x: factor * normed_rule(g, x))


def doubled(rule):
    """The rule, wrong by a factor."""
    return lambda g, x: 2 * rule(g, x)


def says(check, function, rule, seed):
    """What the student's check says of a rule at random numbers."""
    rng = np.random.default_rng(seed)
    return bool(check(function, rule, rng.standard_normal((3, 4)), rng))


def accepts(function, rule):
    """A law: the rule is right."""
    return lambda check, *given: all(says(check, function, rule, seed) for seed in range(4))


def rejects(function, rule):
    """A law: the rule is wrong, and the check says so each time."""
    return lambda check, *given: not any(says(check, function, rule, seed) for seed in range(4))


def own_check(function, rule, x, rng):
    """Central differences at every coordinate with a random g, relative to the largest."""
    return compared(function, rule, x, rng.standard_normal(x.shape))


def compared(function, rule, x, g, relative=1e-6, absolute=0.0, largest=max, coordinates=slice(None)):
    """The check of `own_check` with other weights, tolerances and coordinates."""
    steps = 1e-5 * np.reshape(np.eye(x.size), (-1, *x.shape))
    numeric = np.array([np.sum(g * (function(x + step) - function(x - step))) / 2e-5 for step in steps])
    apart = np.abs(np.ravel(rule(g, x)) - numeric)[coordinates]
    return bool(largest(apart) <= relative * np.max(np.abs(numeric)) + absolute)


def with_ones(function, rule, x, rng):
    """The weights are all 1."""
    return compared(function, rule, x, np.ones(x.shape), absolute=1e-6)


def first_coordinate(function, rule, x, rng):
    """One coordinate is looked at."""
    return compared(function, rule, x, rng.standard_normal(x.shape), coordinates=slice(1))


def absolutely(tolerance):
    """A check with an absolute tolerance."""
    return lambda function, rule, x, rng: compared(
        function, rule, x, rng.standard_normal(x.shape), relative=0.0, absolute=tolerance)


def either(function, rule, x, rng):
    """A tolerance that is relative or absolute, whichever is wider, as is often done."""
    return compared(function, rule, x, rng.standard_normal(x.shape), absolute=1e-6)


def arguments(rng):
    """A right rule at random numbers."""
    return normed, normed_rule, rng.standard_normal((3, 4)), np.random.default_rng(int(rng.integers(100)))


SMALL, LARGE = steep(1e-9), steep(1e6)
OWN_CHECK = ByLaws(own_check, arguments, {
    "returns-a-truth-value": Law(
        lambda check, *given: isinstance(check(*given), (bool, np.bool_)), "the result is neither True nor False",
        "return True where the rule is right, else False"),
    "accepts-a-right-rule": Law(
        accepts(normed, normed_rule), "a right rule is rejected", "differences have errors of their own: allow for about 1e-8"),
    "rejects-a-factor": Law(
        rejects(np.tanh, doubled(lambda g, x: g * (1 - np.tanh(x) ** 2))), "a rule that gives twice the gradient is accepted",
        "compare rule(g, x) with differences of sum(g function(x))"),
    "rejects-what-ones-hide": Law(
        rejects(normed, constant_variance), "a rule is accepted that is wrong unless all g are 1",
        "draw g at random: with g = 1 the gradient of this function is 0"),
    "rejects-one-coordinate": Law(
        rejects(normed, one_coordinate), "a rule that is wrong in the last coordinate only is accepted",
        "look at every coordinate of x, or along a direction that has a part in each"),
    "accepts-a-steep-function": Law(
        accepts(*LARGE), "a right rule is rejected where the function is a million times as steep",
        "take the tolerance relative to the gradient"),
    "rejects-where-all-is-small": Law(
        rejects(SMALL[0], doubled(SMALL[1])), "a rule that gives twice the gradient is accepted where all gradients are small",
        "an absolute tolerance passes whatever is smaller: take it relative to the gradient"),
}, {
    "returns-a-truth-value": lambda function, rule, x, rng: float(own_check(function, rule, x, rng)),
    "accepts-a-right-rule": absolutely(1e-16),
    "rejects-a-factor": lambda function, rule, x, rng: True,
    "rejects-what-ones-hide": with_ones,
    "rejects-one-coordinate": first_coordinate,
    "accepts-a-steep-function": absolutely(1e-6),
    "rejects-where-all-is-small": either,
}, shaped=False)

EXERCISES = {"own_check": Exercise("a check of your own", 4, 25, OWN_CHECK)}
