"""Exercises of tutorial 01, a derivative by hand: the rules of a softmax, of a residual block, of a norm."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, Wrong
from minires.layers import rows


def softmax(g, P):
    """dz = P (g - sum P g)."""
    return P * (g - np.sum(g * P, axis=-1, keepdims=True))


def softmax_arguments(rng):
    """g (2, 3, 4) and rows that are softmaxes."""
    g, z = rng.standard_normal((2, 2, 3, 4))
    return g, np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True)


SOFTMAX = ByValue(softmax, softmax_arguments, {
    "softmax-denominator-constant": Wrong(lambda g, P: P * g),
    "diagonal-only": Wrong(
        lambda g, P: P * (1 - P) * g, "only the diagonal of the Jacobian is used, P (1 - P)",
        "each z moves every P of its row: subtract the sum, P (g - sum P g)"),
    "subtracted-unweighted": Wrong(
        lambda g, P: P * (g - np.sum(g, axis=-1, keepdims=True)), "what is subtracted is sum g, not sum P g",
        "weigh the sum with P: dz = P (g - sum P g)"),
    "sum-over-queries": Wrong(
        lambda g, P: P * (g - np.sum(g * P, axis=-2, keepdims=True)), "the sum runs over the queries",
        "sum over the last axis, that of the softmax"),
    "sum-over-everything": Wrong(
        lambda g, P: P * (g - np.sum(g * P)), "the sum runs over all entries", "sum over the last axis, and keep that axis"),
    "subtracted-unscaled": Wrong(
        lambda g, P: P * g - np.sum(g * P, axis=-1, keepdims=True), "P multiplies g only",
        "P multiplies the difference: P (g - sum P g)")})


# ---- a residual block -----------------------------------------------------------------------------------------------

def block(g, x, W_1, b_1, W_2):
    """The gradients of y = x + tanh(x W_1 + b_1) W_2."""
    return block_with(g, x, W_1, b_1, W_2)


def block_with(g, x, W_1, b_1, W_2, path=1, slope=lambda h, u: 1 - h * h, branch=1):
    """The same, with the residual path, the slope and the branch as they are given."""
    u = x @ W_1 + b_1  # (B, T, F)
    h = np.tanh(u)
    g_u = g @ W_2.T * slope(h, u)
    return {"x": path * g + branch * (g_u @ W_1.T), "W_1": rows(x).T @ rows(g_u), "b_1": np.sum(rows(g_u), axis=0),
            "W_2": rows(h).T @ rows(g)}


def changed(names, change):
    """The block's rule with some gradients replaced by change(gradient, x)."""
    def wrong(g, x, W_1, b_1, W_2):
        found = block(g, x, W_1, b_1, W_2)
        return {name: change(each, x) if name in names else each for name, each in found.items()}
    return wrong


def first_only(g, x, W_1, b_1, W_2):
    """The gradients of the weights from the first sequence."""
    return {**block(g[:1], x[:1], W_1, b_1, W_2), "x": block(g, x, W_1, b_1, W_2)["x"]}


def block_arguments(rng):
    """B 2, T 5, D 3, F 4."""
    return tuple(rng.standard_normal(shape) for shape in ((2, 5, 3), (2, 5, 3), (3, 4), (4,), (4, 3)))


def count(x):
    """The number of rows of x (B, T, D)."""
    return x.shape[0] * x.shape[1]


BLOCK = ByValue(block, block_arguments, {
    "residual-path-lost": Wrong(
        lambda *given: block_with(*given, path=0), "no gradient flows through the residual path",
        "x is used twice, by the path and by the branch: add g"),
    "branch-lost": Wrong(
        lambda *given: block_with(*given, branch=0), "no gradient flows to x through the branch",
        "x is used twice, by the path and by the branch: add g_u W_1^T"),
    "slope-missing": Wrong(
        lambda *given: block_with(*given, slope=lambda h, u: 1), "tanh hands the gradient on as it is",
        "multiply with the slope, 1 - tanh(u)^2"),
    "slope-at-input": Wrong(
        lambda *given: block_with(*given, slope=lambda h, u: 1 - u * u), "the slope of tanh is 1 - u^2",
        "the slope is 1 - h^2, with h = tanh(u) itself"),
    "slope-at-output": Wrong(
        lambda *given: block_with(*given, slope=lambda h, u: 1 - np.tanh(h) ** 2), "the slope is taken at h instead of at u",
        "1 - tanh(u)^2 is 1 - h^2: tanh is not applied again"),
    "bias-gradient-averaged": Wrong(changed({"b_1"}, lambda each, x: each / count(x))),
    "gradients-averaged": Wrong(
        changed({"W_1", "b_1", "W_2"}, lambda each, x: each / count(x)), "the gradients of the weights are divided by B T",
        "sum over all rows: the mean, if there is one, belongs to the loss"),
    "first-sequence-only": Wrong(
        first_only, "the gradients of the weights come from the first sequence", "sum over the batch too")})


# ---- a norm with a gain ---------------------------------------------------------------------------------------------

def norm(g, x, gain, epsilon):
    """dx = (g gain - n mean(n g gain)) / s, dgain = sum g n, with n = x / s."""
    return norm_with(g, x, gain, epsilon)


def norm_with(g, x, gain, epsilon, forward=None, gained=None, inner=1, mean=np.mean, outer=None):
    """The same, with epsilon forward and in the last division, the gain of the sum, its factor and kind as they are given."""
    s = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + (epsilon if forward is None else forward))  # (T, 1)
    n, g_n = x / s, g * gain
    last = s if outer is None else np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + outer)
    dx = (g_n - inner * n * mean(n * (g_n if gained is None else gained(g)), axis=-1, keepdims=True)) / last
    return dx, np.sum(g * n, axis=0)


def norm_arguments(rng):
    """T 4, D 5; an epsilon that counts."""
    return (*rng.standard_normal((2, 4, 5)), rng.uniform(0.5, 2, 5), float(rng.uniform(0.2, 0.5)))


NORM = ByValue(norm, norm_arguments, {
    "scale-held-constant": Wrong(
        lambda *given: norm_with(*given, inner=0), "the root mean square is held constant",
        "s depends on x too: subtract n mean(n g gain) before the division"),
    "gain-outside": Wrong(
        lambda *given: norm_with(*given, gained=lambda g: g), "the mean is that of n g, without the gain",
        "the gain comes first on the way back: g gain takes the place of g everywhere in dx"),
    "epsilon-forgotten": Wrong(
        lambda *given: norm_with(*given, forward=0.0), "epsilon is left out", "s = sqrt(mean(x^2) + epsilon), back as forward"),
    "epsilon-forgotten-last": Wrong(
        lambda *given: norm_with(*given, outer=0.0), "the last division leaves epsilon out", "divide by the same s as forward"),
    "sum-for-mean": Wrong(
        lambda *given: norm_with(*given, mean=np.sum), "a sum over the channels stands where the mean belongs",
        "ds/dx_i = x_i / (D s): the 1 / D makes it a mean"),
    "gain-gradient-unnormed": Wrong(
        lambda g, x, gain, epsilon: (norm(g, x, gain, epsilon)[0], np.sum(g * x, axis=0)),
        "the gain's gradient is sum g x", "the gain multiplies n = x / s: its gradient is sum g n")})


EXERCISES = {
    "softmax": Exercise("the rule of a softmax", 1, 5, SOFTMAX),
    "block": Exercise("the rule of a residual block", 2, 15, BLOCK),
    "norm": Exercise("the rule of RMSNorm with a gain", 3, 20, NORM),
}
