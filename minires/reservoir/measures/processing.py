"""Information processing capacity: how much of each polynomial of the past inputs a linear readout of the state knows.

    y(t) = prod_k P_{d_k}(u(t-k)),   P_n(u) = sqrt(2 n + 1) Legendre_n(u),   degree = sum_k d_k >= 1,   u i.i.d. U(-1, 1)
    C[y] = ||U^T y||^2 / ||y||^2,    U an orthonormal basis of the centred states, y centred
    total = sum over all y, at most N; = N for fading memory and linearly independent states (Dambre et al. 2012)

The P_n are orthonormal on (-1, 1) and nowhere else: inputs of another range are refused. k starts at 0, the current input.
Bias: an unrelated y has C = r / (T - 1) on average (r = rank, T rows): chi-squared with r degrees of freedom, over T.
Terms with C at most threshold * r / T are dropped, and `subspace.adjusted` takes the bias of the others away. What lies below
the threshold or beyond the delays is lost, so that the total is a little low.
Source: Dambre, Verstraeten, Schrauwen, Massar 2012, Scientific Reports 2:514. N units.
"""

from itertools import combinations_with_replacement, islice
from typing import NamedTuple

import numpy as np

from minires.checks import check_generator
from minires.errors import positive, require, whole_number
from minires.reservoir.checks import array, check_parameters
from minires.reservoir.echo_state import run
from minires.reservoir.measures.subspace import TOLERANCE, adjusted, subspace

DELAYS = {1: 60, 2: 30, 3: 15, 4: 8}  # degree -> its largest delay
TOGETHER = 64  # terms worked out at a time: 20 MB at 4e4 rows


class ProcessingCapacity(NamedTuple):
    """The capacities by degree, with all that they rest on."""

    value: float  # sum over the degrees, the bias taken away
    raw: float  # the same with the bias
    degrees: dict  # degree -> capacity, without the bias
    kept: int  # terms above the threshold
    candidates: int
    threshold: float  # a term counts above it
    delays: dict  # degree -> largest delay
    N: int
    rank: int
    tolerance: float
    rows: int

    def __str__(self):
        """The total, the degrees, the threshold, the bias."""
        degrees = ", ".join(f"{degree}: {value:.3g}" for degree, value in self.degrees.items())
        return (f"information processing capacity {self.value:.4g} of at most N = {self.N} (by degree {degrees}; "
                f"raw {self.raw:.4g}; {self.kept} of {self.candidates} terms above {self.threshold:.2g}; "
                f"largest delays {self.delays}; {self.rows} rows; rank {self.rank} at tolerance {self.tolerance:g})")


def legendre(degree, u):
    """P_0(u), ..., P_degree(u), of mean square 1 on (-1, 1), by Bonnet's recursion: (degree + 1, rows).

        (n + 1) L_{n+1} = (2 n + 1) u L_n - n L_{n-1},    P_n = sqrt(2 n + 1) L_n
    """
    L = [np.ones_like(u), u]
    for n in range(1, degree):
        L.append(((2 * n + 1) * u * L[n] - n * L[n - 1]) / (n + 1))
    return np.stack([(2 * n + 1) ** 0.5 * L[n] for n in range(degree + 1)])  # (degree + 1, rows)


def terms(degree, largest):
    """All {delay: its degree d_k} with delays 0 .. largest and the d_k adding up to `degree`.

    >>> list(terms(2, 1))
    [{0: 2}, {0: 1, 1: 1}, {1: 2}]
    """
    for delays in combinations_with_replacement(range(largest + 1), degree):
        yield {k: delays.count(k) for k in delays}


def check_uniform(u):
    """ValueError unless u (T, 1) fills (-1, 1) evenly: mean and mean square within five standard errors of 0 and 1/3."""
    size, mean, square = np.max(np.abs(u)), np.mean(u), np.mean(u * u)
    good = size <= 1 and abs(mean) <= 5 * (1 / 3 / len(u)) ** 0.5 and abs(square - 1 / 3) <= 5 * (4 / 45 / len(u)) ** 0.5
    require(good, f"u has mean {mean:.3g}, mean square {square:.3g}, largest {size:.3g}: expected i.i.d. U(-1, 1), "
            "0, 0.333, 1, where Legendre polynomials are orthogonal; scale W_in instead")


def capacities(U, P, some, first):
    """C of each term for the rows from `first` on: (terms,)."""
    columns = [np.prod([P[n, first - k:P.shape[1] - k] for k, n in term.items()], axis=0) for term in some]
    Y = np.stack(columns, axis=1)  # (T, terms)
    Y = Y - Y.mean(axis=0)
    return np.sum((U.T @ Y) ** 2, axis=0) / np.sum(Y * Y, axis=0)  # (terms,)


def check_delays(delays):
    """A copy of {degree: largest delay}; ValueError where it is empty or holds other than whole numbers."""
    require(isinstance(delays, dict) and delays, f"delays={delays!r}: expected {{degree: largest delay}}, as {DELAYS}")
    return {whole_number("degree", n): whole_number("largest delay", largest, 0) for n, largest in delays.items()}


def processing_of(states, u, delays=DELAYS, threshold=4.0, tolerance=TOLERANCE):
    """The ProcessingCapacity of given states (T, N), after the washout, and their inputs u (T, 1), i.i.d. U(-1, 1).

    delays     {degree: largest delay}; the first max(delay) rows serve as past only
    threshold  in multiples of the bias r / T
    Errors: shapes that do not fit; u of another range; too few rows.
    """
    X, u, delays = array("states", states, (2,)), array("u", u, (2,)), check_delays(delays)
    threshold, first = positive("threshold", threshold), max(delays.values())
    require(u.shape == (len(X), 1), f"u has shape {u.shape}, states {X.shape}: expected u ({len(X)}, 1), one input")
    require(len(X) - first > X.shape[1] + 1, f"{len(X)} rows: expected more than largest delay {first} + N + 1 = "
            f"{first + X.shape[1] + 1}")
    check_uniform(u)
    U, P = subspace(X[first:], tolerance).U, legendre(max(delays), u[:, 0].astype(np.float64))
    T, r = U.shape
    found = {degree: np.concatenate(list(in_parts(U, P, degree, largest, first))) for degree, largest in delays.items()}
    kept = {degree: C[C > threshold * r / T] for degree, C in found.items()}
    degrees = {degree: float(np.sum(adjusted(C, r, T))) for degree, C in kept.items()}
    raw, counts = float(sum(C.sum() for C in kept.values())), [sum(map(len, each.values())) for each in (kept, found)]
    return ProcessingCapacity(sum(degrees.values()), raw, degrees, *counts, threshold * r / T, delays,
                              X.shape[1], r, tolerance, T)


def in_parts(U, P, degree, largest, first):
    """The capacities of all terms of a degree, some at a time."""
    every = terms(degree, largest)
    while some := list(islice(every, TOGETHER)):
        yield capacities(U, P, some, first)


def processing_capacity(params, rng, delays=DELAYS, rows=40000, washout=200, threshold=4.0, f="tanh", tolerance=TOLERANCE):
    """The ProcessingCapacity of a reservoir, with inputs drawn from U(-1, 1): their scale is that of W_in.

    Errors: a reservoir with another number of inputs than one, or with feedback; as `processing_of`.
    """
    N, d, q = check_parameters(params)
    require(d == 1 and not q, f"{d} inputs and {q} feedback outputs: expected one input and no W_fb")
    rows, washout = whole_number("rows", rows), whole_number("washout", washout, 0)
    u = check_generator(rng).uniform(-1, 1, (washout + max(check_delays(delays).values()) + rows, 1))
    states, _ = run(params, u, f=f)
    return processing_of(states[washout:], u[washout:], delays, threshold, tolerance)
