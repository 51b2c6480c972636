"""What a linear readout can reach, the span of the centred states, and how much of that a finite sample only seems to reach.

    X - mean X = U S V^T      U (T, r) orthonormal: the directions whose singular value is above tolerance * the largest
Everything is computed in float64. T rows, N units, r directions.
"""

from typing import NamedTuple

import numpy as np

from minires.errors import number, require
from minires.reservoir.checks import array

TOLERANCE = 1e-10  # of the largest singular value: far above float64's rounding, far below what a readout can use


class Subspace(NamedTuple):
    """The singular value decomposition of the centred states, without the directions below the tolerance."""

    U: np.ndarray  # (T, r)
    S: np.ndarray  # (r,)
    V_T: np.ndarray  # (r, N)
    mean: np.ndarray  # (N,)


def subspace(states, tolerance=TOLERANCE):
    """The Subspace of the states (T, N); r = 0 where they are constant."""
    X = array("states", states, (2,)).astype(np.float64)
    require(len(X) > 1 and X.shape[1], f"states have shape {X.shape}: expected (T, N), at least two rows")
    tolerance = number("tolerance", tolerance, 0.0, 1.0, "a share of the largest singular value, at least 0 and below 1")
    mean = X.mean(axis=0)
    U, S, V_T = np.linalg.svd(X - mean, full_matrices=False)
    rounding = np.finfo(np.float64).eps * max(X.shape) * np.max(np.abs(X))
    kept = (S > tolerance * S[0]) & (S > rounding)
    return Subspace(U[:, kept], S[kept], V_T[kept], mean)


def adjusted(share, predictors, rows):
    """The share of variance explained (R^2) without what chance adds to it.

        R^2 - (1 - R^2) p / (T - 1 - p)
    For a target that has nothing to do with the p predictors E R^2 = p / (T - 1) over all orders of its T rows, whatever the
    predictors are; the formula then has mean 0, and it leaves R^2 = 1 as it is. On a test part of its own a prediction is one
    predictor: p = 1. Source: Ezekiel 1930, Methods of correlation analysis.

    >>> adjusted(3 / 10, 3, 11)
    0.0
    """
    require(rows > predictors + 1, f"{rows} rows for {predictors} predictors: expected at least {predictors + 2}")
    return share - (1 - share) * (predictors / (rows - 1 - predictors))
