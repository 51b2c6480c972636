"""Conceptors: soft projectors on the directions that a reservoir's states take, with a logic of their own.

    C = R (R + aperture^-2 I)^-1        R = X^T X / L        0 <= C < 1

C minimises  mean |x - C x|^2 + aperture^-2 ||C||^2: it keeps directions of variance above aperture^-2 and damps the others.

    NOT C        I - C
    A AND B      (A^-1 + B^-1 - I)^-1
    A OR B       NOT (NOT A AND NOT B)

Letters of the shapes: L samples (time steps), N units.
source: Jaeger 2014, Controlling recurrent neural networks by conceptors (1403.3369), its sections on
aperture and on Boolean operations. R = X^T X / L as in ReservoirComputing.jl.
"""

import math

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.errors import positive, require
from minires.reservoir.readouts.arrays import numbers, rows


def conceptor(X, aperture):
    """C (N, N) of states X (L, N) or (B, T, N): symmetric, eigenvalues s^2 / (s^2 + aperture^-2), s^2 those of R."""
    X = rows("states", X)
    return conceptor_of(np.dot(X.T, X) / len(X), aperture)


def conceptor_of(R, aperture):
    """C of a correlation matrix R (N, N).

    >>> conceptor_of(np.diag([3.0, 0.0]), aperture=1.0)
    array([[0.75, 0.  ],
           [0.  , 0.  ]])
    """
    R, aperture = square("R", R, math.inf), positive("aperture", aperture)
    return symmetric(np.linalg.solve(R + np.eye(len(R), dtype=dtype_of(R)) / aperture ** 2, R))


def adapt_aperture(C, factor):
    """phi(C, factor) = C (C + factor^-2 (I - C))^-1: the conceptor at `factor` times the aperture."""
    C, factor = square("C", C), positive("factor", factor)
    return symmetric(np.linalg.solve(C + negation(C) / factor ** 2, C))


def negation(C):
    """NOT C = I - C: what C damps."""
    C = square("C", C)
    return np.eye(len(C), dtype=dtype_of(C)) - C


def conjunction(A, B):
    """A AND B = B (A + B - A B)^+ A, what both keep; (A^-1 + B^-1 - I)^-1 where these exist.

    The bracket is I - (I - A)(I - B), singular only along what neither keeps: so conceptors with eigenvalues 0 (few samples,
    hard projectors) need no inverse of their own. It equals the paper's definition, P (P^T (A^+ + B^+ - I) P)^-1 P^T with P
    a basis of the directions in both ranges.
    """
    A, B = pair(A, B)
    values, P = numpy.linalg.eigh((getval(A) + getval(B)).real)
    P = P[:, values > 10 * len(values) * numpy.finfo(values.dtype).eps]  # (N, r) what at least one of them keeps
    inner = np.linalg.solve(np.dot(P.T, np.dot(A + B - np.dot(A, B), P)), np.dot(P.T, A))  # (r, N)
    return symmetric(np.dot(np.dot(B, P), inner))


def disjunction(A, B):
    """A OR B = NOT (NOT A AND NOT B), what either keeps: the conceptor of both sets of states together."""
    A, B = pair(A, B)
    return negation(conjunction(negation(A), negation(B)))


def evidence(C, x):
    """x^T C x for states (..., N): (...), how much of |x|^2 lies where C keeps it."""
    C, x = square("C", C), numbers("states", x)
    require(x.shape[-1:] == (len(C),), f"states have shape {x.shape}: expected (..., {len(C)})")
    return np.sum(np.dot(x, C) * x, axis=-1)  # (...)


def square(name, C, highest=1.0):
    """A symmetric (N, N) matrix with eigenvalues from 0 to `highest`, checked."""
    C = numbers(name, C, (2,))
    plain = getval(C).real
    require(plain.shape[0] == plain.shape[1], f"{name} has shape {plain.shape}: expected (N, N)")
    rounding = 1e3 * float(numpy.finfo(plain.dtype).eps)
    require(numpy.max(abs(plain - plain.T)) <= rounding * numpy.max(abs(plain)),
            f"{name} is not symmetric: expected a conceptor or a correlation matrix")
    values = numpy.linalg.eigvalsh(plain)
    require(values[0] >= -rounding * max(1.0, values[-1]) and values[-1] <= highest + rounding,
            f"{name} has eigenvalues from {values[0]:.3g} to {values[-1]:.3g}: expected 0 to {highest:g}"
            f"{', those of a conceptor' if highest == 1 else ''}")
    return C


def pair(A, B):
    """Two conceptors of the same units."""
    A, B = square("A", A), square("B", B)
    require(A.shape == B.shape, f"conceptors of shapes {A.shape} and {B.shape}: expected the same units")
    return A, B


def symmetric(C):
    """C without the asymmetry of rounding."""
    return (C + C.T) / 2


def dtype_of(C):
    """The dtype under autograd's box."""
    return getval(C).dtype
