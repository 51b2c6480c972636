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


def apply(A, x):
    """A x for x (..., N)."""
    if isinstance(A, dict):
        return sum(A["values"][j] * x[..., sources] for j, sources in enumerate(getval(A["sources"])))  # (..., N)
    return np.dot(x, np.transpose(A)) if np.ndim(A) == 2 else A * x  # (..., N)


def applied(A):
    """The function (x, out) -> A x of plain arrays, for the loop over time: nothing is looked up at each step."""
    if isinstance(A, dict):
        pairs = list(zip(A["values"], A["sources"]))
        return lambda x, out=None: sum(values * x[..., sources] for values, sources in pairs)
    if numpy.ndim(A) == 2:
        A_T = numpy.transpose(A)
        return lambda x, out=None: numpy.dot(x, A_T, out=out)
    return lambda x, out=None: numpy.multiply(x, A, out=out)


def transposed(A):
    """The function q -> A^T q for q (..., N); what the sparse form needs for it is worked out once."""
    if not isinstance(A, dict):
        return lambda q: numpy.dot(q, A) if numpy.ndim(A) == 2 else A * q
    values, sources = A["values"], A["sources"]
    order = numpy.argsort(sources, axis=None, kind="stable")
    reached, starts = numpy.unique(sources.ravel()[order], return_index=True)

    def scatter(q):
        flows = (values * q[..., None, :]).reshape(*q.shape[:-1], -1)[..., order]  # (..., k*N)
        out = numpy.zeros(q.shape, dtype=flows.dtype)
        out[..., reached] = numpy.add.reduceat(flows, starts, axis=-1)
        return out
    return scatter


def outer(A, q, x):
    """d sum(q * (A x)) / dA, in the form of A; q and x are (..., N), summed over all leading axes."""
    if isinstance(A, dict):
        return numpy.stack([numpy.sum(rows(q * x[..., sources]), axis=0) for sources in A["sources"]])  # (k, N)
    if numpy.ndim(A) == 2:
        return numpy.dot(rows(q).T, rows(x))  # (N, N)
    return numpy.sum(q * x) if numpy.ndim(A) == 0 else numpy.sum(rows(q * x), axis=0)


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
