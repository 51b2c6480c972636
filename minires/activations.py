"""The feed-forward sublayer and its activations, each with its derivative beside it.

Letters of the shapes: D width, F feed-forward width, `...` any leading axes.
"""

import autograd.numpy as np
from minires.arithmetic import arithmetic, sqrt, written
from minires.errors import one_of
from minires.fused import pointwise
from minires.layers import linear, symmetric
from minires.spelling import by_hand, fusible

CUBIC = 0.044715


def elementwise(function, slope, traceable=True):
    """A primitive y = function(x), elementwise, with dy/dx = slope(x)."""
    return symmetric(by_hand(function, traceable), lambda g, y, x: g * slope(x))


# autograd's own derivative of tanh, 1 / cosh^2, overflows far from zero
tanh = symmetric(by_hand(np.tanh, traceable=False), lambda g, y, x: g * (1 - y * y))


def sigmoid(x):
    """1 / (1 + exp(-x)), written with tanh so that nothing overflows."""
    return 0.5 * (1 + tanh(0.5 * x))


def slope_at_zero(x):
    """2 / sqrt(pi), the slope of erf at zero, in the arithmetic of x."""
    return 2 / sqrt(arithmetic(x).pi(), x)


def erf_values(x):
    """The error function, entry by entry, in the dtype and arithmetic of x."""
    return arithmetic(x).erf(x)


erf = elementwise(erf_values, lambda x: slope_at_zero(x) * np.exp(-x * x), traceable=False)


def gelu_scale(x):
    """sqrt(2 / pi), in the arithmetic of x."""
    return sqrt(2 / arithmetic(x).pi(), x)


def gelu_tanh_values(x):
    """GELU, tanh form (Hendrycks & Gimpel 2016, 1606.08415): x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))."""
    return 0.5 * x * (1 + tanh(gelu_scale(x) * (x + CUBIC * x * x * x)))


def gelu_tanh_slope(x):
    """With t = tanh(u(x)): (1 + t)/2 + x/2 (1 - t^2) u'(x)."""
    t = tanh(gelu_scale(x) * (x + CUBIC * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * gelu_scale(x) * (1 + 3 * written(CUBIC, x) * x * x)


def gelu_erf(x):
    """GELU, exact form: x Phi(x), with Phi(x) = (1 + erf(x / sqrt 2)) / 2."""
    return 0.5 * x * (1 + erf(x * sqrt(0.5, x)))


gelu_tanh = fusible(pointwise.gelu_tanh)(elementwise(gelu_tanh_values, gelu_tanh_slope))
relu = elementwise(lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1, 0).astype(x.dtype))
silu = elementwise(lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))))


@fusible(pointwise.gated)
def gated(x, u):
    """silu(x) u: the gated activation of SwiGLU (Shazeer 2020, 2002.05202), x the gate."""
    return silu(x) * u


ACTIVATIONS = {"gelu_tanh": gelu_tanh, "gelu_erf": gelu_erf, "relu": relu, "swiglu": silu}


def feed_forward(x, activation, W_1, W_2, b_1=None, b_2=None, W_gate=None, b_gate=None, at_inner=lambda u, name: u,
                 at_active=lambda a: a):
    """FFN(x) = f(x W_1 + b_1) W_2 + b_2; gated (SwiGLU, Shazeer 2020, 2002.05202): (silu(x W_gate) * (x W_1)) W_2.

    x (..., D), W_1 and W_gate (D, F), W_2 (F, D). at_inner(u, name) maps x W_name + b_name ("1", "gate") before the
    activation, at_active(a) what W_2 gets. Returns the output and the named arrays of the trace.
    """
    f = one_of("activation", activation, ACTIVATIONS)
    inner = at_inner(linear(x, W_1, b_1), "1")  # (..., F)
    gate = None if W_gate is None else at_inner(linear(x, W_gate, b_gate), "gate")  # (..., F)
    active = at_active(f(inner) if gate is None else gated(gate, inner))  # (..., F)
    output = linear(active, W_2, b_2)  # (..., D)
    gates = {} if gate is None else {"gate": gate}
    return output, {"x": x, "inner": inner, **gates, "active": active, "output": output}
