"""Exercises of tutorial 09, memory and chaos: delayed targets, squared correlations, the Jacobian of a step."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, Wrong
from minires.reservoir.measures import memory

tanh = np.tanh


# ---- the targets -----------------------------------------------------------------------------------------------------

def delayed(u, k_max):
    """u (T,) -> (T - k_max, k_max): u(t-k) for the rows t = k_max .. T - 1 and the delays k = 1 .. k_max."""
    return memory.delayed(u, k_max, np.arange(k_max, len(u)))


def from_now(u, k_max):
    """The delays 0 .. k_max - 1."""
    rows = np.arange(k_max, len(u))
    return np.stack([u[rows - k] for k in range(k_max)], axis=1)


def wrapped(u, k_max):
    """np.roll, and the last rows dropped instead of the first."""
    return np.stack([np.roll(u, k) for k in range(1, k_max + 1)], axis=1)[:-k_max]


DELAYED = ByValue(delayed, lambda rng: (rng.standard_normal(11), int(rng.integers(3, 5))), {
    "delays-from-zero": Wrong(from_now, "the delays are 0 .. k_max - 1", "delay 0 is no memory: k = 1 .. k_max"),
    "future-for-past": Wrong(lambda u, k_max: delayed(u[::-1], k_max)[::-1], "column k holds u(t+k)", "u(t-k): k steps ago"),
    "longest-delay-first": Wrong(lambda u, k_max: delayed(u, k_max)[:, ::-1], "the columns run from k_max down to 1",
                                 "column 0 is delay 1"),
    "wrapped-around": Wrong(wrapped, "the first rows hold the end of the series, as np.roll puts it there",
                            "the first k_max rows have no past: drop them, not the last")})


# ---- how much is known -----------------------------------------------------------------------------------------------

def squared(predicted, target):
    """r^2 of each column: (k,)."""
    return memory.squared_correlations(predicted, target)


def explained(predicted, target):
    """1 - MSE / variance."""
    return 1 - np.mean((predicted - target) ** 2, axis=0) / np.var(target, axis=0)


def cosine(predicted, target):
    """The squared correlation without the means taken away."""
    return np.sum(predicted * target, axis=0) ** 2 / np.sum(predicted ** 2, axis=0) / np.sum(target ** 2, axis=0)


def by_two_divisors(predicted, target):
    """A covariance by T - 1 over variances by T."""
    T = len(target)
    return squared(predicted, target) * (T / (T - 1)) ** 2


SQUARED = ByValue(squared, lambda rng: (rng.standard_normal((9, 3)) + 1, rng.standard_normal((9, 3)) - 2), {
    "correlation-not-squared": Wrong(lambda predicted, target: np.array([
        np.corrcoef(*pair)[0, 1] for pair in zip(predicted.T, target.T)]), "r stands for r^2", "square the correlation"),
    "means-not-taken-away": Wrong(cosine, "the means are not taken away", "subtract each column's mean first"),
    "error-for-correlation": Wrong(explained, "this is 1 - MSE / variance",
                                   "the squared correlation: scale and shift do not count"),
    "two-divisors": Wrong(by_two_divisors, "the covariance is divided by T - 1, the variances by T",
                          "np.cov and np.var divide differently: use one of them for both")})


# ---- one step, linearised --------------------------------------------------------------------------------------------

def jacobian(x, u, W, W_in, b, a):
    """d x_t / d x_{t-1} (N, N) at x_{t-1} = x: (1 - a) I + a diag(1 - h^2) W."""
    h = tanh(W @ x + W_in @ u + b)
    return (1 - a) * np.eye(len(x)) + a * (1 - h ** 2)[:, None] * W


def with_slope(slope):
    """The Jacobian with another slope(x, p, a) for 1 - h^2."""
    def wrong(x, u, W, W_in, b, a):
        return (1 - a) * np.eye(len(x)) + a * slope(x, W @ x + W_in @ u + b, a)[:, None] * W
    return wrong


def on_columns(x, u, W, W_in, b, a):
    """The slope multiplies the columns of W."""
    h = tanh(W @ x + W_in @ u + b)
    return (1 - a) * np.eye(len(x)) + a * (1 - h ** 2) * W


def drawn_step(rng):
    """x, u, W, W_in, b, a."""
    shapes = ((5,), (2,), (5, 5), (5, 2), (5,))
    return *(rng.uniform(-1, 1, shape) for shape in shapes), float(rng.uniform(0.3, 0.45))


JACOBIAN = ByValue(jacobian, drawn_step, {
    "retention-missing": Wrong(lambda x, u, W, W_in, b, a: jacobian(x, u, W, W_in, b, a) - (1 - a) * np.eye(len(x)),
                               "(1 - a) I is missing", "x_t also keeps (1 - a) x_{t-1}: add its derivative"),
    "gain-missing": Wrong(with_slope(lambda x, p, a: (1 - tanh(p) ** 2) / a), "the factor a of tanh is missing",
                          "(1 - a) I + a diag(1 - h^2) W"),
    "slope-at-the-state": Wrong(with_slope(lambda x, p, a: 1 - ((1 - a) * x + a * tanh(p)) ** 2), "the slope is 1 - x_t^2",
                                "the slope of tanh is 1 - h^2, h = tanh(p), not the leaked state"),
    "slope-on-the-columns": Wrong(on_columns, "the slope multiplies the columns of W",
                                  "row i of W belongs to unit i, which has the slope: (1 - h^2)[:, None] * W"),
    "slope-of-one": Wrong(with_slope(lambda x, p, a: np.ones_like(p)), "the slope is 1: the Jacobian at the origin",
                          "1 - h^2 at the state and the input that are given")})


EXERCISES = {
    "delayed": Exercise("the targets of a memory", 1, 5, DELAYED),
    "squared": Exercise("how much is known", 1, 10, SQUARED),
    "jacobian": Exercise("one step, linearised", 2, 15, JACOBIAN),
}
