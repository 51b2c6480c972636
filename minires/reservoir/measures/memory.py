"""Memory capacity: how much of the input k steps ago a linear readout of the state still knows, over all k.

    MC = sum_{k=1}^{k_max} r^2( u(t-k), yhat_k(t) ),    u i.i.d.,  yhat_k the best linear readout of x_t for the target u(t-k)

At most N for i.i.d. input (Jaeger 2002, GMD report 152). k starts at 1; k = 0 would add at most 1.
The readouts are fitted on one part, r is measured on another; between them lie k_max rows, so that no target is in both.
Bias: for a forgotten target r^2 is not 0 but 1 / (T - 1) on average over T test rows; `subspace.adjusted` takes it away.
On the training rows it would be N / (T - 1), which over many k adds whole units. What is left is the readout's own error
of estimation, which lowers r^2 by about (1 - r^2) N / T_train: the value is a little low.
T rows, N units.
"""

from typing import NamedTuple

import numpy as np

from minires.checks import check_generator
from minires.errors import positive, require, whole_number
from minires.reservoir.checks import array, check_parameters
from minires.reservoir.echo_state import run
from minires.reservoir.measures.subspace import TOLERANCE, adjusted, subspace


class MemoryCapacity(NamedTuple):
    """A memory capacity with all that it rests on."""

    value: float  # sum of the curve
    raw: float  # the same before the bias is taken away
    curve: np.ndarray  # (k_max,): r^2 of the delays 1 .. k_max, without the bias
    N: int
    k_max: int
    train: int  # rows
    test: int  # rows
    rank: int  # directions of the states above the tolerance
    tolerance: float

    def __str__(self):
        """The value, the raw value, the sizes; and that k_max < N leaves something out, where it does."""
        short = "" if self.k_max >= self.N else f"; k_max < N: delays above {self.k_max} are not counted"
        return (f"memory capacity {self.value:.4g} of at most N = {self.N} (delays 1 .. {self.k_max}; raw {self.raw:.4g}, bias "
                f"{self.raw - self.value:.2g} taken away; {self.train} training, {self.test} test rows; "
                f"rank {self.rank} at tolerance {self.tolerance:g}{short})")


def delayed(u, k_max, rows):
    """u(t - k) for k = 1 .. k_max at the rows t >= k_max: (rows, k_max). Nothing wraps around."""
    return np.stack([u[rows - k] for k in range(1, k_max + 1)], axis=1)  # (rows, k_max)


def squared_correlations(A, B):
    """r^2 of each column of A with that of B, 0 where one of them is constant: (columns,)."""
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    product, total = np.sum(A * B, axis=0) ** 2, np.sum(A * A, axis=0) * np.sum(B * B, axis=0)
    return np.divide(product, total, out=np.zeros_like(product), where=total > 0)  # (columns,)


def memory_of(states, u, k_max, train, tolerance=TOLERANCE):
    """The MemoryCapacity of given states (T, N), after the washout, and their inputs u (T, 1), i.i.d.

    rows 0 .. k_max-1 have no targets; then `train` rows, k_max rows between, and all others are the test part.
    Errors: shapes that do not fit; no test part of at least 3 rows; training rows not more than the units; u constant.
    """
    X, u = array("states", states, (2,)), array("u", u, (2,))
    k_max, train, (T, N) = whole_number("k_max", k_max), whole_number("train", train), X.shape
    require(u.shape == (T, 1), f"u has shape {u.shape}, states {X.shape}: expected u ({T}, 1), one input")
    require(np.ptp(u) > 0, "u is constant: expected i.i.d. input")
    require(train > N, f"train={train} with N={N}: expected more rows than units")
    test = T - 2 * k_max - train
    require(test > 2, f"{T} rows: expected 2 k_max + train + 3 = {2 * k_max + train + 3} or more")
    fitted, tested = np.arange(k_max, k_max + train), np.arange(T - test, T)
    span, Y = subspace(X[fitted], tolerance), delayed(u[:, 0].astype(np.float64), k_max, fitted)
    W_o = span.V_T.T @ ((span.U.T @ Y) / span.S[:, None])  # (N, k_max); the columns of U sum to 0, so Y may keep its mean
    raw = squared_correlations((X[tested] - span.mean) @ W_o, delayed(u[:, 0].astype(np.float64), k_max, tested))
    curve = adjusted(raw, 1, test)  # (k_max,)
    return MemoryCapacity(float(curve.sum()), float(raw.sum()), curve, N, k_max, train, test, len(span.S), tolerance)


def memory_capacity(params, rng, k_max=None, train=5000, test=1000, washout=200, scale=0.8, f="tanh", tolerance=TOLERANCE):
    """The MemoryCapacity of a reservoir, with inputs drawn from U(-scale, scale).

    k_max      largest delay, default 2 N; below N the record says that it may leave something out
    train, test, washout  rows of each part; the washout is dropped first
    tolerance  directions of the states below this share of the largest singular value are not used
    Errors: a reservoir with another number of inputs than one, or with feedback; sizes that are too small.
    Source: Jaeger 2002, GMD report 152; ReservoirPy's input range; Ballarin et al. 2023 (2305.01457) on faulty numerics.

    >>> from minires.reservoir.kernels import leaky
    >>> delay_line = {"W": np.eye(3, k=-1), "W_in": np.array([[1.0], [0.0], [0.0]]), **leaky(1.0)}
    >>> found = memory_capacity(delay_line, np.random.default_rng(0), 4, f="identity")
    >>> np.round(np.abs(found.curve), 2)  # unit 0 holds u_t itself
    array([1., 1., 0., 0.])
    """
    N, d, q = check_parameters(params)
    require(d == 1 and not q, f"{d} inputs and {q} feedback outputs: expected one input and no W_fb")
    k_max, washout = whole_number("k_max", 2 * N if k_max is None else k_max), whole_number("washout", washout, 0)
    train, test, scale = whole_number("train", train), whole_number("test", test, 3), positive("scale", scale)
    u = check_generator(rng).uniform(-scale, scale, (washout + 2 * k_max + train + test, 1))  # (T, 1)
    states, _ = run(params, u, f=f)
    return memory_of(states[washout:], u[washout:], k_max, train, tolerance)
