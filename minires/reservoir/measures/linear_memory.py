"""The memory capacity of a linear reservoir (f = identity), exactly: no run, no readout, no finite sample.

    x_t = A x_{t-1} + B u_t,    A = K + g W,    B = g W_in    (a bias b moves the mean only)
    C = [B, A B, A^2 B, ...]    G = C C^T = sum_k A^k B B^T (A^T)^k, the covariance of x_t for u of variance 1
    MC_k = (A^k B)^T G^{-1} (A^k B),  k = 0, 1, ...

since A^k B is the covariance of x_t and u_{t-k}. MC_k is the leverage of row k of C^T: with C^T = U S V^T it is the square
length of row k of U, and the sum over all k from 0 is the rank of C (Ballarin, Grigoryeva, Ortega 2023, 2305.01457).
So no G is formed: it has the square of the condition of C, and for a full random W no rank that arithmetic could tell.
All later delays enter through a factor of A^n G (A^n)^T, so that nothing is cut off. N units.
"""

from typing import NamedTuple

import numpy as np

from minires.errors import number, require, whole_number
from minires.reservoir.checks import check_parameters
from minires.reservoir.spectra import jacobian_at_origin, spectral_radius

EPS = float(np.finfo(np.float64).eps)


class LinearMemory(NamedTuple):
    """The exact capacity of a linear reservoir, and how far arithmetic can be trusted with it."""

    value: float  # sum over all k >= 1: rank - MC_0
    curve: np.ndarray  # (k_max + 1,): MC_0, MC_1, ..., MC_k_max
    later: float  # sum over k > k_max
    rank: int  # of C at the tolerance: the sum over all k >= 0
    N: int
    condition: float  # of G, over the directions kept
    tolerance: float  # of C's singular values, relative to the largest

    def __str__(self):
        """The value, the rank with its tolerance, the condition."""
        return (f"linear memory capacity {self.value:.6g} over k >= 1, {self.rank} = rank over k >= 0, N = {self.N} "
                f"(condition of the Gram matrix {self.condition:.2g}, tolerance {self.tolerance:.2g} of C's singular values)")


def controllability(A, B, count):
    """[B, A B, ..., A^(count-1) B]: (N, count)."""
    columns = [B]
    for _ in range(count - 1):
        columns.append(A @ columns[-1])
    return np.stack(columns, axis=1)  # (N, count)


def gram_factor(A, B):
    """L with L L^T = G, at most N columns, by doubling: G_2n = G_n + A^n G_n (A^n)^T, on factors, folded by QR."""
    L, power = B[:, None], A
    for _ in range(64):  # 2^64 steps: more than any rho < 1 in float64 needs
        later = power @ L
        L = np.linalg.qr(np.concatenate([L, later], axis=1).T, mode="r").T
        if np.linalg.norm(later) <= EPS * np.linalg.norm(L):
            break
        power = power @ power
    return L


def linear_memory(params, k_max=None, tolerance=None):
    """The LinearMemory of the reservoir's parameters, taken with f = identity.

    k_max      length of the curve, default 2 N; value and rank do not depend on it
    tolerance  directions of C below this share of its largest singular value count as 0; default N times the rounding unit.
               With the square root of that one sees what solving with G in float64 sees
    Errors: other than one input; feedback; rho(A) >= 1, where G is infinite; W_in = 0.

    >>> from minires.reservoir.kernels import leaky
    >>> cycle = {"values": np.full((1, 4), 0.9), "sources": np.array([[3, 0, 1, 2]])}
    >>> memory = linear_memory({"W": cycle, "W_in": np.eye(4, 1), **leaky(1.0)})
    >>> memory.rank, round(memory.value, 4), round(0.9 ** 8 + 3, 4)
    (4, 3.4305, 3.4305)
    """
    N, d, q = check_parameters(params)
    require(d == 1 and not q, f"{d} inputs and {q} feedback outputs: expected one input and no W_fb")
    k_max = whole_number("k_max", 2 * N if k_max is None else k_max)
    tolerance = number("tolerance", N * EPS if tolerance is None else tolerance, 0.0, 1.0, "a share of at least 0 and below 1")
    A = jacobian_at_origin(params["W"], params["K"], params["g"]).astype(np.float64)  # (N, N)
    B = np.asarray(params["g"] * np.asarray(params["W_in"])[:, 0], dtype=np.float64)  # (N,)
    rho = spectral_radius(A)
    require(rho < 1, f"rho(K + g W) = {rho:.6g}: expected below 1, else the state has no finite variance")
    require(np.any(B), "W_in is zero: expected an input that reaches a unit")
    C = controllability(A, B, k_max + 1)  # (N, k_max + 1)
    later = np.linalg.matrix_power(A, k_max + 1) @ gram_factor(A, B)
    U, S, _ = np.linalg.svd(np.concatenate([C, later], axis=1).T, full_matrices=False)
    rank = int(np.sum(S > tolerance * S[0]))
    leverage = np.sum(U[:, :rank] ** 2, axis=1)  # (k_max + 1 + columns,)
    curve = leverage[:k_max + 1]
    condition = float((S[0] / S[rank - 1]) ** 2)
    return LinearMemory(rank - float(curve[0]), curve, float(leverage[k_max + 1:].sum()), rank, N, condition, tolerance)
