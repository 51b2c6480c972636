"""The reservoir's rollout over time as one differentiable operation, its derivatives right under it.

    p_t = W x_{t-1} + z_t        h_t = f(p_t)        x_t = K x_{t-1} + g * h_t

z_t = W_in u_t + b + W_fb y_{t-1} is worked out before, for all t in one product (`echo_state.drive`).
Letters of the shapes: T time, B batch (or none), N units, k in-degree. Time is the first axis here.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy
from autograd.extend import defjvp_argnums, defvjp_argnums, primitive
from autograd.tracer import getval

from minires import activations
from minires.errors import one_of
from minires.reservoir.operators import applied, outer, transposed, values_of, with_values


def logistic(p, out=None):
    """1 / (1 + exp(-p)), written with tanh so that nothing overflows."""
    h = numpy.tanh(0.5 * p, out=out)
    return numpy.multiply(numpy.add(h, 1, out=out), 0.5, out=out)


class Activation(NamedTuple):
    """An activation f: on plain arrays into a buffer, its slope, and the same function for autograd to trace."""

    f: Callable  # (p, out) -> h
    slope: Callable  # f'(p) as a function of h = f(p)
    traced: Callable  # p -> h


ACTIVATIONS = {
    "tanh": Activation(numpy.tanh, lambda h: 1 - h * h, activations.tanh),
    "identity": Activation(numpy.positive, numpy.ones_like, lambda p: p),
    "relu": Activation(lambda p, out=None: numpy.maximum(p, 0, out=out), lambda h: (h > 0).astype(h.dtype), activations.relu),
    "logistic": Activation(logistic, lambda h: h * (1 - h), activations.sigmoid),
}


def rollout(W, K, g, z, x_0, f="tanh", mask=None):
    """The states x_1 .. x_T: (T, N) for one series, (T, B, N) for a batch.

    W, K    full, diagonal or of fixed in-degree (`operators`); K may be a number
    g       the gain, a number or (N,)
    z       (T, N) or (T, B, N), what is added to W x before the activation
    x_0     (N,) or (B, N), the state before the first step
    mask    (T, B, 1) or None: where False, the state is carried on unchanged
    """
    places = tuple(getval(A["sources"]) if isinstance(A, dict) else None for A in (W, K))
    return unroll(values_of(W), values_of(K), g, z, x_0, places, f, mask)


def operator(values, sources):
    """The operator whose numbers and places are given."""
    return values if sources is None else {"values": values, "sources": sources}


@primitive
def unroll(W, K, g, z, x_0, places, f, mask):
    """`rollout` with the numbers of W and K apart from their places, as autograd wants them."""
    f = one_of("activation", f, ACTIVATIONS).f
    X = numpy.empty(z.shape, dtype=numpy.result_type(W, K, g, z, x_0))
    W, K = applied(operator(W, places[0])), applied(operator(K, places[1]))
    x, p, kept = numpy.asarray(x_0, dtype=X.dtype), *numpy.empty((2, *x_0.shape), dtype=X.dtype)  # buffers, reused
    for t in range(len(z)):
        p = W(x, p)
        p += z[t]
        h = f(p, out=p)
        h *= g
        kept = K(x, kept)
        numpy.add(kept, h, out=X[t])
        if mask is not None:
            numpy.copyto(X[t], x, where=~mask[t])
        x = X[t]
    return X


def slopes(X, W, z, x_0, f):
    """The states before each step, h_t, and f'(p_t): recomputed from the states, in one product for all t."""
    f, slope, _ = ACTIVATIONS[f]
    before = numpy.concatenate([x_0[None], X[:-1]])[:len(X)]  # x_{t-1}
    h = f(applied(W)(before) + z)
    return before, h, slope(h)


def unroll_vjp(argnums, X, arguments, _):
    """With G_t the adjoint of x_t and q_t that of p_t, backwards over t:

        G_t = dL/dx_t + K^T G_{t+1} + W^T q_{t+1}        q_t = g * G_t * f'(p_t)
        dW = sum_t q_t x_{t-1}^T    dK = sum_t G_t x_{t-1}^T    dg = sum_t G_t h_t    dz_t = q_t    dx_0 = K^T G_1 + W^T q_1
    """
    W, K, g, z, x_0, places, f, mask = arguments
    W, K = operator(W, places[0]), operator(K, places[1])

    def vjp(dX):
        before, h, slope = slopes(X, W, z, x_0, f)
        G, carry, W_T, K_T = numpy.array(dX), numpy.zeros(x_0.shape, dX.dtype), transposed(W), transposed(K)
        q = slope * g
        for t in reversed(range(len(G))):
            G[t] += carry
            skipped = 0
            if mask is not None:  # a skipped step hands its adjoint on as it is
                skipped = numpy.where(mask[t], 0, G[t])
                G[t] = numpy.where(mask[t], G[t], 0)
            q[t] *= G[t]
            carry = K_T(G[t]) + W_T(q[t]) + skipped
        makers = {0: lambda: outer(W, q, before), 1: lambda: outer(K, G, before), 2: lambda: outer(g, G, h),
                  3: lambda: q, 4: lambda: carry}
        return tuple(makers[i]() for i in argnums)
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
        inside = inside + applied(with_values(W, given[0]))(before)
    if 1 in given:
        outside = outside + applied(with_values(K, given[1]))(before)
    dX, dx, W, K = numpy.empty_like(X), given.get(4, numpy.zeros(x_0.shape, X.dtype)), applied(W), applied(K)
    for t in range(len(X)):
        new = K(dx) + outside[t] + g * slope[t] * (W(dx) + inside[t])
        dX[t] = dx = new if mask is None else numpy.where(mask[t], new, dx)
    return dX


defvjp_argnums(unroll, unroll_vjp)
defjvp_argnums(unroll, unroll_jvp)
