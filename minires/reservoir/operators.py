"""Recurrent weights in three forms: a full matrix, a diagonal, and a fixed in-degree. What each needs is here.

    A          form                                    (A x)_i
    (N, N)     full                                    sum_j A_ij x_j
    (N,), ()   diagonal, a multiple of the identity    A_i x_i
    dict       {"values": (k, N), "sources": (k, N)}   sum_j values[j, i] x[sources[j, i]]

A cycle has in-degree k = 1, a sparse reservoir any k. No SciPy is needed. x is (..., N): any leading axes.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.layers import rows


SMALL = 128  # units up to which a full matrix, all of it in the cache, is multiplied faster than a few lookups are made


def apply(A, x):
    """A x for x (..., N)."""
    if isinstance(A, dict):
        return np.sum(A["values"] * x[..., getval(A["sources"])], axis=-2)  # (..., N)
    return np.dot(x, np.transpose(A)) if np.ndim(A) == 2 else A * x  # (..., N)


def applied(A, often=False):
    """The function (x, out) -> A x of plain arrays, for the loop over time: nothing is looked up at each step.

    often  True where many rows of x will come: A^T is then laid out anew, which makes each product faster
    """
    if isinstance(A, dict):
        return applied(dense(A), often) if better_full(*numpy.shape(A["sources"])) else gathered(A["values"], A["sources"])
    if numpy.ndim(A) == 2:
        A_T = numpy.ascontiguousarray(A.T) if often else A.T
        return lambda x, out=None: x.dot(A_T, out)
    return lambda x, out=None: numpy.multiply(x, A, out)


def better_full(k, N):
    """Whether the full matrix is multiplied faster than k lookups a unit: it is small, or at least half full."""
    return k > 1 and (N <= SMALL or 2 * k > N)


def gathered(values, sources):
    """The function (x, out) -> sum_j values[j] x[..., sources[j]]: all that is heard in one lookup, then weighted, summed."""
    if len(sources) == 1:
        return lambda x, out=None: numpy.multiply(x.take(sources[0], axis=-1, out=out, mode="wrap"), values[0], out)
    heard = {}  # one buffer (..., k, N) for each shape of x

    def product(x, out=None):
        if heard.get("of") != (x.shape, x.dtype):
            heard.update(of=(x.shape, x.dtype), rows=numpy.empty((*x.shape[:-1], *sources.shape), x.dtype))
        rows = x.take(sources, axis=-1, out=heard["rows"], mode="wrap")
        return numpy.einsum("kn,...kn->...n", values, rows, out=out)
    return product


def transposed(A):
    """The function (q, out) -> A^T q for q (..., N); what the sparse form needs for it is worked out once."""
    if isinstance(A, dict):
        return applied(hearers(A))
    if numpy.ndim(A) == 2:
        return lambda q, out=None: q.dot(A, out)
    return applied(A)


def hearers(A):
    """A^T of a fixed in-degree, in the same form: for each unit who hears it, as many places as the most heard one needs.

    A unit that fewer hear gets weights 0 from itself. The full matrix where that is multiplied faster (`better_full`).
    """
    values, sources = A["values"], A["sources"]
    k, N = sources.shape
    order = numpy.argsort(sources, axis=None, kind="stable")  # by the unit heard
    heard, counts = sources.ravel()[order], numpy.bincount(sources.ravel(), minlength=N)
    most = counts.max(initial=0)
    if better_full(most, N):
        return numpy.transpose(dense(A))
    place = numpy.arange(k * N) - (numpy.cumsum(counts) - counts)[heard]  # among those who hear the same unit
    turned = {"values": numpy.zeros((most, N), values.dtype), "sources": numpy.tile(numpy.arange(N), (most, 1))}
    turned["values"][place, heard], turned["sources"][place, heard] = values.ravel()[order], order % N
    return turned


def outer(A, q, x):
    """d sum(q * (A x)) / dA, in the form of A; q and x are (..., N), summed over all leading axes."""
    q, x = rows(q), rows(x)  # (M, N), (M, N)
    if isinstance(A, dict) and 100 * len(A["sources"]) < q.shape[1]:
        return numpy.stack([numpy.einsum("mn,mn->n", q, x[:, sources]) for sources in A["sources"]])  # (k, N)
    if isinstance(A, dict):  # a look into the full product is faster from a hundredth of it on
        return numpy.dot(q.T, x)[numpy.arange(q.shape[1]), A["sources"]]  # (k, N)
    if numpy.ndim(A) == 2:
        return numpy.dot(q.T, x)  # (N, N)
    return numpy.dot(q.ravel(), x.ravel()) if numpy.ndim(A) == 0 else numpy.einsum("mn,mn->n", q, x)


def values_of(A):
    """The numbers of A, without the places of a fixed in-degree."""
    return A["values"] if isinstance(A, dict) else A


def with_values(A, values):
    """A with other numbers at the same places."""
    return {**A, "values": values} if isinstance(A, dict) else values


def dense(A, N=None):
    """A as a full (N, N) matrix; N is needed where A is a single number.

    >>> dense({"values": [[2.0, 3.0]], "sources": [[1, 0]]})
    array([[0., 2.],
           [3., 0.]])
    """
    if isinstance(A, dict):
        values, sources = A["values"], numpy.asarray(getval(A["sources"]))
        k, N = sources.shape
        ones = numpy.eye(N, dtype=numpy.asarray(getval(values)).dtype)
        return sum(np.reshape(values[j], (N, 1)) * ones[sources[j]] for j in range(k))  # (N, N)
    if np.ndim(A) == 2:
        return A
    return A * numpy.eye(N if N is not None else np.shape(A)[0], dtype=numpy.asarray(getval(A)).dtype)


def sources_of(A):
    """The places of a fixed in-degree; None for the other forms."""
    return getval(A["sources"]) if isinstance(A, dict) else None


def everywhere(A, number):
    """Whether all entries of a plain number or vector are this number."""
    A = numpy.asarray(A)
    return A.ndim < 2 and A.dtype != object and bool(numpy.all(A == number))
