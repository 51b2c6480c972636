"""The loop over time and its derivatives, on plain arrays; `rollout` chooses among them.

    p_t = W x_{t-1} + z_t        h_t = f(p_t)        x_t = K x_{t-1} + g * h_t

W and K travel as their numbers and, for a fixed in-degree, their places: autograd differentiates by arrays.
Letters of the shapes: T time, B batch (or none), N units, k in-degree. Time is the first axis here.
"""

from itertools import repeat

import numpy
from autograd.extend import defjvp_argnums, defvjp_argnums, primitive

from minires.layers import rows
from minires.reservoir.activations import ACTIVATIONS
from minires.reservoir.operators import applied, everywhere, outer, transposed, values_of, with_values

BLOCK = 128  # rows: as many as a matrix product needs to be at its fastest


def operator(values, sources):
    """The operator whose numbers and places are given."""
    return values if sources is None else {"values": values, "sources": sources}


def unrolled(W, K, g, z, x_0, places, f, mask, H=None):
    """`rollout` of plain arrays, the numbers of W and K apart from their places; h_1 .. h_T into H, where it is given."""
    f, X, often = ACTIVATIONS[f].f, numpy.empty(z.shape, dtype=numpy.result_type(W, K, g, z, x_0)), z.size > 64 * z.shape[-1]
    no_memory = everywhere(K, 0) and everywhere(g, 1)  # x_t = h_t
    W, K = applied(operator(W, places[0]), often), applied(operator(K, places[1]), often)
    x, p, kept = numpy.asarray(x_0, dtype=X.dtype), *numpy.empty((2, *x_0.shape), dtype=X.dtype)  # buffers, reused
    into = H if H is not None else X if no_memory else repeat(p)
    for x_t, z_t, h_t, real in zip(X, z, into, repeat(None) if mask is None else mask):
        p = W(x, p)
        p += z_t
        f(p, h_t)
        if not no_memory:
            numpy.add(K(x, kept), numpy.multiply(h_t, g, p), x_t)
        elif H is not None:
            x_t[:] = h_t
        if real is not None:
            numpy.copyto(x_t, x, where=~real)
        x = x_t
    return X


def backward(dX, X, h, slope, W, K, g, z, x_0, places, mask, wanted):
    """With G_t the adjoint of x_t and q_t that of p_t, backwards over t; the gradients of the wanted of (W, K, g, z, x_0):

        G_t = dL/dx_t + K^T G_{t+1} + W^T q_{t+1}        q_t = g * G_t * f'(p_t)
        dW = sum_t q_t x_{t-1}^T    dK = sum_t G_t x_{t-1}^T    dg = sum_t G_t h_t    dz_t = q_t    dx_0 = K^T G_1 + W^T q_1
    """
    W, K = operator(W, places[0]), operator(K, places[1])
    G, q = numpy.array(dX, dtype=X.dtype, order="C"), numpy.multiply(slope, g, out=slope)
    W_T, K_T = transposed(W), transposed(K)
    carry, kept = numpy.zeros((2, *x_0.shape), X.dtype)
    for G_t, q_t, real in zip(G[::-1], q[::-1], repeat(None) if mask is None else mask[::-1]):
        G_t += carry
        skipped = 0
        if real is not None:  # a skipped step hands its adjoint on as it is
            skipped = numpy.where(real, 0, G_t)
            numpy.copyto(G_t, 0, where=~real)
        q_t *= G_t
        carry = W_T(q_t, carry)
        carry += K_T(G_t, kept)
        if real is not None:
            carry += skipped
    before = previous(X, x_0) if {0, 1} & set(wanted) else None
    makers = [lambda: outer(W, q, before), lambda: outer(K, G, before), lambda: outer(g, G, h), lambda: q, lambda: carry]
    return [make() if i in wanted else None for i, make in enumerate(makers)]


def previous(X, x_0):
    """x_{t-1} for each t."""
    return numpy.concatenate([x_0[None], X[:-1]])[:len(X)]


unroll = primitive(unrolled)


def slopes(X, W, z, x_0, f):
    """The states before each step, h_t, and f'(p_t): recomputed from the states, for all t at once."""
    before = previous(X, x_0)
    p = at_once(W, before)
    p += z
    h = ACTIVATIONS[f].f(p, out=p)
    return before, h, ACTIVATIONS[f].slope(h)


def at_once(A, x):
    """A x for x (..., N), by blocks of rows: lookups need k times the memory of what they are given."""
    product, flat = applied(A, often=True), rows(x)
    out = numpy.empty(flat.shape, numpy.result_type(values_of(A), x))
    for start in range(0, len(flat), BLOCK):
        product(flat[start:start + BLOCK], out[start:start + BLOCK])
    return out.reshape(x.shape)


def unroll_vjp(argnums, X, arguments, _):
    """`backward`, from the states alone."""
    W, K, g, z, x_0, places, f, mask = arguments

    def vjp(dX):
        _, h, slope = slopes(X, operator(W, places[0]), z, x_0, f)
        gradients = backward(dX, X, h, slope, W, K, g, z, x_0, places, mask, argnums)
        return tuple(gradients[i] for i in argnums)
    return vjp


def unroll_jvp(argnums, tangents, X, arguments, _):
    """Forwards over t, from the tangents of the arguments:

        dx_t = K dx_{t-1} + dK x_{t-1} + dg h_t + g f'(p_t) (W dx_{t-1} + dW x_{t-1} + dz_t)
    """
    W, K, g, z, x_0, places, f, mask = arguments
    W, K, given = operator(W, places[0]), operator(K, places[1]), dict(zip(argnums, tangents))
    before, h, slope = slopes(X, W, z, x_0, f)
    inside = numpy.zeros_like(X) + given.get(3, 0)
    outside = numpy.zeros_like(X) + given.get(2, 0) * h
    if 0 in given:
        inside = inside + at_once(with_values(W, given[0]), before)
    if 1 in given:
        outside = outside + at_once(with_values(K, given[1]), before)
    dX, dx, W, K = numpy.empty_like(X), given.get(4, numpy.zeros(x_0.shape, X.dtype)), applied(W), applied(K)
    for t in range(len(X)):
        new = K(dx) + outside[t] + g * slope[t] * (W(dx) + inside[t])
        dX[t] = dx = new if mask is None else numpy.where(mask[t], new, dx)
    return dX


defvjp_argnums(unroll, unroll_vjp)
defjvp_argnums(unroll, unroll_jvp)
