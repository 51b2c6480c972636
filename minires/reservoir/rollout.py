"""The reservoir's rollout over time as one differentiable operation; the loop and its derivatives are in `unrolling`.

    p_t = W x_{t-1} + z_t        h_t = f(p_t)        x_t = K x_{t-1} + g * h_t

z_t = W_in u_t + b + W_fb y_{t-1} is worked out before, for all t in one product (`echo_state.drive`).
Letters of the shapes: T time, B batch (or none), N units, k in-degree. Time is the first axis here.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval, isbox

from minires.errors import one_of
from minires.reservoir.activations import ACTIVATIONS
from minires.reservoir.operators import apply, sources_of, values_of
from minires.reservoir.unrolling import backward, unroll, unrolled
from minires.spelling import fusible, plain


def rollout(W, K, g, z, x_0, f="tanh", mask=None):
    """The states x_1 .. x_T: (T, N) for one series, (T, B, N) for a batch.

    W, K    full, diagonal or of fixed in-degree (`operators`); K may be a number
    g       the gain, a number or (N,)
    z       (T, N) or (T, B, N), what is added to W x before the activation
    x_0     (N,) or (B, N), the state before the first step
    mask    (T, B, 1) or None: where False, the state is carried on unchanged
    """
    one_of("activation", f, ACTIVATIONS)
    if plain():
        return spelled_out(W, K, g, z, x_0, f, mask)
    like = numpy.result_type(*map(getval, (values_of(W), z, x_0)))
    K, g = (per_unit(A, z.shape[-1:], like) if numpy.ndim(getval(values_of(A))) == 0 else A for A in (K, g))
    arrays, places = [values_of(W), values_of(K), g, z, x_0], [sources_of(W), sources_of(K)]
    wanted = [i for i, array in enumerate(arrays) if isbox(array)]
    if not wanted:
        return unrolled(*arrays, places, f, mask)
    return differentiated(*arrays, places=places, f=f, mask=mask, wanted=wanted)


def per_unit(A, shape, like):
    """A number as a vector (N,), without a copy; a Python number takes the dtype `like`, so that float32 stays."""
    return np.broadcast_to(np.reshape(numpy.asarray(A, dtype=like) if type(A) in (int, float) else A, (1,)), shape)


def spelled_out(W, K, g, z, x_0, f, mask):
    """The equation as it stands, a step at a time; autograd differentiates each."""
    x, states = x_0, []
    for t in range(len(z)):
        new = apply(K, x) + g * ACTIVATIONS[f].traced(apply(W, x) + z[t])
        x = new if mask is None else np.where(mask[t], new, x)
        states.append(x)
    return np.stack(states) if states else z + x_0


def remembering(W, K, g, z, x_0, places, f, mask, wanted):
    """The states, and their derivative from the h_t that the forward pass has found."""
    H = numpy.empty(z.shape, numpy.result_type(W, K, g, z, x_0))
    X = unrolled(W, K, g, z, x_0, places, f, mask, H)
    return X, lambda dX: backward(dX, X, H, ACTIVATIONS[f].slope(H), W, K, g, z, x_0, places, mask, wanted)


@fusible(remembering)
def differentiated(W, K, g, z, x_0, places, f, mask, wanted):
    """The rollout where something is differentiated by it; what `fusible` cannot serve finds the h_t again."""
    return unroll(W, K, g, z, x_0, places, f, mask)
