"""Choosing the ridge strength: leave-one-out and generalised cross-validation of a whole grid from one decomposition.

Ridge is a linear smoother, Y^ = H Y. With e = Y - Y^ and h_t = H_tt, dropping row t and fitting again would miss it by

    e_t / (1 - h_t)                              exactly, also with the free bias

    leave-one-out   mean of (e_t / (1 - h_t))^2
    GCV             mean of  e_t^2 / (1 - mean h)^2

With X = U S V^T (centred F, or [F 1]):  H = 1 1^T / T + U S^2 (S^2 + lambda)^-1 U^T, and only the diagonal depends on lambda.
I - H is built from lambda / (S^2 + lambda), not as a difference: no digits are lost where H is nearly I.

Letters of the shapes: rows (T or B T), F features, q outputs, L strengths, r rank.
source: leave-one-out Allen 1974 (PRESS); GCV Golub, Heath, Wahba 1979 (Technometrics 21, 215).
"""

from typing import NamedTuple

import numpy as np

from minires.errors import number, one_of, require, truth
from minires.reservoir.readouts.arrays import real_pair
from minires.reservoir.readouts.least_squares import reduced
from minires.reservoir.readouts.ridge import ridge


class Selection(NamedTuple):
    """The grid, its errors, and the best of it."""

    strengths: tuple     # L candidates
    errors: np.ndarray   # (L,) mean square error estimated for new rows, averaged over rows and outputs
    strength: float      # the candidate of least error
    readout: dict        # {"W_o", "b_o"} fitted with it on all rows


CRITERIA = {
    "leave_one_out": lambda e, kept: np.mean((e / kept[:, None]) ** 2),  # kept <-> 1 - h
    "gcv": lambda e, kept: np.mean(e * e) / np.mean(kept) ** 2,
}


def select(F, Y, strengths, criterion="leave_one_out", penalise_bias=False):
    """The ridge strength, of the candidates, with the least error on rows that were left out; a Selection.

    F (T, F) or (B, T, F), Y (T, q) or (B, T, q), strengths a list of numbers of at least 0,
    criterion "leave_one_out" or "gcv". Rows of a series resemble their neighbours: both are then optimistic.

    ValueError: an unknown criterion; no candidates; strength 0 where the rows do not determine the weights.

    >>> F, Y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> select(F, Y, [1.0, 1e-3, 1e-6]).strength
    1e-06
    """
    measure = one_of("criterion", criterion, CRITERIA)
    F, Y = real_pair(F, Y)
    require(len(F) > 1, "one row: expected at least two, one to leave out")
    require(isinstance(strengths, (list, tuple, np.ndarray)) and len(strengths),
            f"strengths={strengths!r}: expected a list of numbers")
    strengths = tuple(number("strength", each, 0.0, expected="a number of at least 0") for each in strengths)
    bias = "penalised" if truth("penalise_bias", penalise_bias) else "free"
    errors = np.array([measure(e, kept) for e, kept in left_out(F, Y, strengths, bias)])  # (L,)
    best = strengths[int(np.argmin(errors))]
    return Selection(strengths, errors, best, ridge(F, Y, best, penalise_bias))


def left_out(F, Y, strengths, bias):
    """For each strength the residuals e (rows, q) and 1 - h (rows,), from one decomposition."""
    X, Y, _, mean = reduced(F, Y, bias)
    rows, free = len(X), mean is not None
    U, S, _ = np.linalg.svd(X, full_matrices=False)
    r = int(np.sum(S > max(X.shape) * np.finfo(S.dtype).eps * S[0]))
    U, S = U[:, :r], S[:r]  # (rows, r), (r,)
    UY, squares = U.T @ Y, U * U  # (r, q), (rows, r)
    outside, lever = np.zeros_like(Y), np.zeros_like(Y[:, 0])  # what no strength can fit: the part of I - H beside U
    if r < rows - free:
        outside, lever = Y - U @ UY, 1 - np.sum(squares, axis=1) - (1 / rows if free else 0)
    shrinks = [strength / (S * S + strength) for strength in strengths]  # L of (r,)
    kept = lever[:, None] + squares @ np.stack(shrinks, axis=1)  # (rows, L), in one product
    for shrink, left, strength in zip(shrinks, kept.T, strengths):
        require(strength > 0 or r == X.shape[1] and r < rows - free,
                f"strength 0 with {rows} rows and rank {r} of {X.shape[1]} features: expected strengths above 0, or more rows")
        yield outside + U @ (shrink[:, None] * UY), left
