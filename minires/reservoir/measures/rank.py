"""Kernel rank and generalisation rank: how many inputs a reservoir tells apart, and how many it holds different though alike.

    X (B, N): the last states of B streams, centred,    s_1 >= s_2 >= ... its singular values
    rank at a share   the least r with s_1^2 + ... + s_r^2 >= share * (sum of all)
    rank at a tolerance   the number of s_i > tolerance * s_1

kernel rank          of streams that differ: high is good, it separates
generalisation rank  of noisy versions of one stream: low is good, it generalises
The rank at rounding, as `matrix_rank` has it, is N for every reservoir with f = tanh: it says nothing. A rank is therefore
stated with its share or its tolerance. The states are centred: else one large mean hides all that differs.
Sources: Legenstein & Maass 2007, Neural Networks 20:323; Buesing, Schrauwen, Legenstein 2010, Neural Computation 22:1272.
B streams, T time, d inputs, N units.
"""

from typing import NamedTuple

import numpy as np

from minires.checks import check_generator
from minires.errors import number, positive, require, whole_number
from minires.reservoir.checks import array, check_parameters
from minires.reservoir.echo_state import run


class Rank(NamedTuple):
    """A rank, by both definitions."""

    value: int  # at the share of the energy
    share: float
    at_tolerance: int
    tolerance: float
    streams: int
    N: int
    singular_values: np.ndarray  # of the centred states

    def __str__(self):
        """Both ranks with their definitions."""
        return (f"rank {self.value} at {self.share:.4g} of the energy, {self.at_tolerance} at tolerance {self.tolerance:g} "
                f"({self.streams} streams, N = {self.N}, centred)")


def rank_of(states, share=0.99, tolerance=1e-3):
    """The Rank of states (B, N), a row per stream. Errors: a share outside (0, 1], a tolerance outside [0, 1).

    >>> print(rank_of(np.diag([4.0, 3.0, 0.1, 0.0])))
    rank 2 at 0.99 of the energy, 3 at tolerance 0.001 (4 streams, N = 4, centred)
    """
    X = array("states", states, (2,)).astype(np.float64)
    require(len(X) > 1 and X.shape[1], f"states have shape {X.shape}: expected (B, N), at least two streams")
    share = positive("share", share)
    require(share <= 1, f"share={share}: expected above 0 and at most 1")
    tolerance = number("tolerance", tolerance, 0.0, 1.0, "a share of the largest singular value, at least 0 and below 1")
    s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    s = np.where(s > np.finfo(np.float64).eps * max(X.shape) * np.max(np.abs(X)), s, 0.0)
    energy = np.cumsum(s ** 2)
    at_share = int(np.searchsorted(energy, share * energy[-1] * (1 - 1e-12)) + 1) if s[0] > 0 else 0
    return Rank(at_share, share, int(np.sum(s > tolerance * s[0])), tolerance, *X.shape, s)


def stream_rank(params, streams, share=0.99, tolerance=1e-3, f="tanh"):
    """The Rank of the reservoir's last states after the streams (B, T, d), from x_0 = 0.

    The kernel rank where the streams are `separate_streams`, the generalisation rank where they are `similar_streams`.
    Errors: fewer streams than units, which the rank could not exceed.
    """
    N, shape = check_parameters(params)[0], array("streams", streams, (3,)).shape
    require(shape[0] >= N, f"streams have shape {shape}: expected (B, T, d) with at least N = {N} streams")
    return rank_of(run(params, streams, f=f)[1], share, tolerance)


def separate_streams(rng, B, T, d=1, scale=1.0):
    """B independent streams (B, T, d), U(-scale, scale)."""
    B, T, d = whole_number("B", B), whole_number("T", T), whole_number("d", d)
    scale = positive("scale", scale)
    return check_generator(rng).uniform(-scale, scale, (B, T, d))  # (B, T, d)


def similar_streams(rng, B, T, d=1, scale=1.0, noise=0.01):
    """One stream U(-scale, scale) with independent normal noise on each of its B copies: (B, T, d)."""
    noise = positive("noise", noise)
    one = separate_streams(rng, 1, T, d, scale)
    return one + noise * rng.standard_normal((whole_number("B", B), T, d))  # (B, T, d)
