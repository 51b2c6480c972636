"""How large recurrent weights are: the spectral radius in each of its meanings, differentiable.

    spectral_radius    rho(W) = max |eigenvalue|
    effective_radius   rho(K + g W), the Jacobian of the kernel at the origin without a bias; leaky: rho((1-a) I + a W)
    spectral_norm      sigma_max(W) = ||W||_2, the largest singular value; rho <= sigma_max

A radius below 1 is neither necessary (a driven network) nor sufficient for the echo-state property. ||K|| + ||g W|| < 1
is sufficient; rho(K + g W) > 1 excludes it for inputs that contain 0 (Jaeger 2001, GMD report 148, propositions 3, 4).
W is (N, N) or {"values": (k, N), "sources": (k, N)}. Everything is computed in float64, from dense eigenvalues: power
iteration does not converge where the leading pair is complex. Each derivative is right under its function.
"""

import autograd.numpy as np
import numpy
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import isbox

from minires.errors import require
from minires.reservoir.checks import check_operator, shaped, units
from minires.reservoir.operators import dense


def full(W):
    """W as a finite (N, N) array, sparse or not; ValueError where it is none."""
    N = units(W)
    check_operator("W", W, N)
    require(N > 0, "W has no units: expected at least one")
    return dense(W) if isinstance(W, dict) or isbox(W) else numpy.asarray(W)  # (N, N)


# ---- the spectral radius ---------------------------------------------------------------------------------------------

DEFECTIVE = 1e-7  # the share of v^H w in its terms: 0 for a defective eigenvalue, about 1e-8 after rounding


def precise(W):
    """W in float64, or in complex128 where it is complex."""
    return W.astype(np.result_type(W, np.float64))


@primitive
def radius(W):
    """max |eigenvalue| of a full matrix, a float."""
    return float(np.max(np.abs(np.linalg.eigvals(precise(W)))))


@primitive
def radius_slope(W):
    """d rho / dW (N, N), from the right and the left eigenvector w, v of the leading eigenvalue mu.

        d rho = Re( conj(mu)/|mu| (v^H dW w) / (v^H w) ),    W w = mu w,    v^H W = mu v^H
    """
    values, right = np.linalg.eig(precise(W))
    lead = np.argmax(np.abs(values))
    mu, w = values[lead], right[:, lead]
    require(mu != 0, "W has spectral radius 0 (zero or nilpotent): expected another, where the radius has a derivative")
    # of W^T, not by solving with the right ones: other eigenvalues may be defective, as the zeros of a sparse W often are
    values, left = np.linalg.eig(precise(W).T)
    v = left[:, np.argmin(np.abs(values - mu))]  # conj(v) of the equation
    overlap = np.sum(v * w)
    require(abs(overlap) > DEFECTIVE * np.sum(np.abs(v * w)), f"W's leading eigenvalue {mu:.6g} is defective or multiple: "
            "expected a simple one, where the radius has a derivative")
    return np.real(np.conj(mu) / np.abs(mu) * np.outer(v, w) / overlap).astype(W.dtype)


defvjp(radius, lambda ans, W: lambda g: g * radius_slope(W))
defjvp(radius, lambda g, ans, W: np.sum(g * radius_slope(W)))


def spectral_radius(W):
    """rho(W) = max |eigenvalue|, a float.

    Differentiable in W (or its values) through the leading eigenvalue. Where eigenvalues that are no conjugate pair tie
    for the lead, as all of a cycle's do, the derivative is undefined, and that of one of them is returned; ValueError
    where rho = 0 or the leading eigenvalue is defective or multiple. Errors: W not square or not finite.
    Rounding hides the radius of a nilpotent W and of one near it: `scaling.rescale` refuses those.

    >>> round(spectral_radius(np.array([[0.0, -4.0], [1.0, 0.0]])), 12)
    2.0
    """
    return radius(full(W))


def jacobian_at_origin(W, K, g):
    """K + g W (N, N), with K a number, (N,), (N, N) or sparse, and g a number or (N,), which scales the rows of W."""
    W = full(W)
    check_operator("K", K, len(W), (), (len(W),))
    require(not isinstance(g, dict), "g is a matrix of fixed in-degree: expected a number or one per unit (N,)")
    shaped("g", g, (), (len(W),))
    return dense(K, len(W)) + np.reshape(g, (-1, 1)) * W  # (N, N)


def effective_radius(W, K, g):
    """rho(K + g W), a float; `effective_radius(W, **kernels.leaky(a))` is DeepESN's and Jaeger's rho((1-a) I + a W).

    Errors and derivatives: as `spectral_radius`.
    """
    return radius(jacobian_at_origin(W, K, g))


# ---- the spectral norm -----------------------------------------------------------------------------------------------

@primitive
def norm(W):
    """The largest singular value of a full matrix, a float."""
    return float(np.linalg.svd(precise(W), compute_uv=False)[0])


@primitive
def norm_slope(W):
    """d sigma_max / dW = u v^T, the leading pair of singular vectors."""
    U, _, V_T = np.linalg.svd(precise(W))
    return np.outer(U[:, 0], V_T[0]).astype(W.dtype)


defvjp(norm, lambda ans, W: lambda g: g * norm_slope(W))
defjvp(norm, lambda g, ans, W: np.sum(g * norm_slope(W)))


def spectral_norm(W):
    """sigma_max(W) = ||W||_2, a float; undefined derivative where the two largest singular values are equal."""
    return norm(full(W))


def radii(W, K=None, g=None):
    """Every size of W that is called its radius or bounds one, as floats by name, for reports.

    spectral_radius, spectral_norm, largest_row_sum (max_i sum_j |W_ij|) and, for a kernel (K, g), effective_radius and
    contraction: ||K||_2 + ||g W||_2. Below 1 it is enough for the echo-state property, with f = tanh or of slope <= 1.

    >>> radii(0.5 * np.eye(3), K=0.8, g=0.2)["effective_radius"]
    0.9
    """
    W = full(W)
    sizes = {"spectral_radius": radius(W), "spectral_norm": norm(W),
             "largest_row_sum": float(np.max(np.sum(np.abs(W), axis=1)))}
    require((K is None) == (g is None), "K without g, or g without K: expected both or neither")
    if K is None:
        return sizes
    J = jacobian_at_origin(W, K, g)  # (N, N)
    retention = dense(K, len(W))  # (N, N)
    return {**sizes, "effective_radius": radius(J), "contraction": norm(retention) + norm(J - retention)}
