"""Penalised least squares as one differentiable operation, its derivatives right under it.

    min over W, b of  ||F W + 1 b - Y||^2 + lambda ||W||^2

A free b is eliminated by centring F and Y; what is left is min ||X W - Z||^2 + lambda ||W||^2 with X = U S V^T, and

    W = V S (S^2 + lambda)^-1 U^T Z

No normal equations and no inverse: all digits of F are used. Letters of the shapes: rows, F features, q outputs.
source of the derivatives: differentiate A W = X^T Z with A = X^T X + lambda I.
"""

import numpy
from autograd.extend import defjvp_argnums, defvjp_argnums, primitive

from minires.arithmetic import FLOATS, arithmetic
from minires.errors import require


def centre(A):
    """A without the means of its columns, and these means (columns,).

    The first mean is rounded; what it leaves is small, so the second is exact: an offset of 1e7 costs no digits.
    """
    first = numpy.sum(A, axis=0) / len(A)
    A = A - first
    second = numpy.sum(A, axis=0) / len(A)
    return A - second, first + second


def reduced(F, Y, bias):
    """The problem min ||X W - Z||^2 + lambda ||W||^2 that is left: X, Z, and the means of F and Y where they were taken off.

    bias  "free": F and Y centred; "penalised": X = [F 1], as the bias is a weight like others; "none": F and Y
    """
    if bias == "free":
        (X, F_mean), (Z, Y_mean) = centre(F), centre(Y)
        return X, Z, F_mean, Y_mean
    ones = numpy.ones((len(F), 1 if bias == "penalised" else 0), dtype=F.dtype)
    return numpy.concatenate([F, ones], axis=1), Y, None, None


def decompose(X, Y):
    """V (F, F), S (F,) and U^T Y (F, q) of X = U S V^T; where rows are missing, S and U^T Y end in zeros.

    QR first folds the rows of X and Y into F + q that have the same products.
    """
    n = X.shape[1]
    R = numpy.linalg.qr(numpy.concatenate([X, Y], axis=1), mode="r")
    U, s, Vt = numpy.linalg.svd(R[:, :n])
    S, UY = numpy.zeros(n, s.dtype), numpy.zeros((n, Y.shape[1]), R.dtype)
    S[:len(s)], UY[:len(s)] = s, (U.T @ R[:, n:])[:len(s)]
    return Vt.T, S, UY


def check_rank(S, strength, shape):
    """ValueError unless the singular values S determine the weights."""
    rank = int(numpy.sum(S > max(shape) * numpy.finfo(S.dtype).eps * S[0]))
    require(rank == len(S) or strength > 0 and numpy.all(S * S + strength > 0),
            f"ridge without enough rows: strength={strength} and rank {rank} of {len(S)} features from {shape[0]} rows: "
            f"expected a strength above 0, or more (and independent) rows")


def weights(X, Z, strength):
    """W of the least ||X W - Z||^2 + lambda ||W||^2: (F, q)."""
    if arithmetic(X) is not FLOATS:  # an exact arithmetic loses no digits by the normal equations
        return normal(X, strength)(X.T @ Z)
    V, S, UY = decompose(X, Z)
    check_rank(S, float(strength), X.shape)
    return V @ ((S / (S * S + float(strength)))[:, None] * UY)


def normal(X, strength):
    """The function R -> (X^T X + lambda I)^-1 R, by the solver of the arithmetic."""
    A = X.T @ X + strength * numpy.eye(X.shape[1], dtype=X.dtype)  # (F, F)
    return lambda R: arithmetic(X).solve(A, R)


@primitive
def solve(F, Y, strength, bias):
    """Theta (F+1, q): W_o, and b_o as its last row; (F, q) where there is no bias."""
    X, Z, F_mean, Y_mean = reduced(F, Y, bias)
    W = weights(X, Z, strength)  # (F, q)
    return W if F_mean is None else numpy.concatenate([W, (Y_mean - F_mean @ W)[None]])


def system(F, Y, strength, bias, Theta):
    """What both derivatives need: X, its column means, the residual E (rows, q), the weights W of X, and A^-1 as a function.

    A = X^T X + lambda I. A penalised bias is one of the weights; a free one has been eliminated.
    """
    X, Z, F_mean, _ = reduced(F, Y, bias)
    W = Theta if F_mean is None else Theta[:-1]
    if arithmetic(X) is not FLOATS:
        return X, F_mean, Z - X @ W, W, normal(X, strength)
    V, S, _ = decompose(X, Z)
    scale = 1 / (S * S + float(strength))[:, None]
    return X, F_mean, Z - X @ W, W, lambda R: V @ (scale * (V.T @ R))


def solve_vjp(argnums, Theta, arguments, _):
    """With G = dL/dTheta = [G_W; G_b] and Z = A^-1 G_W (no bias, or a penalised one: A^-1 G):

        dF = E Z^T - P W^T        dY = P        dlambda = - <Z, W>        P = X Z

    A free bias b_o = mean Y - mean F W_o adds its share: Z = A^-1 (G_W - mean F^T G_b), P = X Z + 1 G_b / rows.
    """
    F, Y, strength, bias = arguments

    def vjp(G):
        X, F_mean, E, W, inverse = system(F, Y, strength, bias, Theta)
        if F_mean is None:
            Z = inverse(G)
            P = X @ Z
        else:
            Z = inverse(G[:-1] - numpy.outer(F_mean, G[-1]))
            P = X @ Z + G[-1] / len(X)
        makers = {0: lambda: (E @ Z.T - P @ W.T)[:, :F.shape[1]], 1: lambda: P, 2: lambda: -numpy.sum(Z * W)}
        return tuple(makers[i]() for i in argnums)
    return vjp


def solve_jvp(argnums, tangents, Theta, arguments, _):
    """dW = A^-1 (dX^T E + X^T (dY - dX W) - dlambda W);  db_o = mean(dY - dF W) - mean F dW."""
    F, Y, strength, bias = arguments
    given = dict(zip(argnums, tangents))
    X, F_mean, E, W, inverse = system(F, Y, strength, bias, Theta)
    dX, dY = numpy.zeros_like(X), given.get(1, numpy.zeros_like(Y))
    dX[:, :F.shape[1]] = given.get(0, 0)
    moved = dY - dX @ W
    dW = inverse(dX.T @ E + X.T @ moved - given.get(2, 0) * W)
    return dW if F_mean is None else numpy.concatenate([dW, (numpy.sum(moved, axis=0) / len(X) - F_mean @ dW)[None]])


defvjp_argnums(solve, solve_vjp)
defjvp_argnums(solve, solve_jvp)
