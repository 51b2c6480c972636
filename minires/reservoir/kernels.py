"""What is kept and what is gained: the settings (K, g) of the kernel x_t = K x_{t-1} + g f(...), one function a family.

    family               K               g        source
    leaky                1 - a           a        Jaeger et al. 2007; most packages
    jaeger_leaky         1 - delta C a   delta C  Jaeger 2001, GMD report 148, eq. 21
    additive             1 - a           1        Bianchi et al., reservoir classification of time series
    euler                1               eps      Gallicchio 2022, Euler state network (EuSN)
    edge_of_stability    (1 - beta) O    beta     Ceni & Gallicchio, ES2N
    residual             alpha O         beta     Ceni & Gallicchio 2024, Neurocomputing 127966 (ResESN)

Each returns {"K": ..., "g": ...}, to be put beside W, W_in, b in the parameters. Differentiable in every argument.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.errors import require


def leak(a, name="a"):
    """`a` checked: each leak rate lies in (0, 1], as a number or one per unit (N,)."""
    values = numpy.asarray(getval(a))
    if values.dtype == object:  # numbers of another arithmetic
        return a
    require(values.ndim <= 1 and numpy.issubdtype(values.dtype, numpy.number) and values.dtype != bool,
            f"leak rate {name} of shape {values.shape} and type {values.dtype}: expected a number or one per unit (N,)")
    for value in values.ravel()[~((values.ravel().real > 0) & (values.ravel().real <= 1))]:
        raise ValueError(f"leak rate {name}={value}: expected above 0 and at most 1")
    return a


def gain(name, value):
    """`value` checked: a finite number above zero, or one per unit (N,)."""
    values = numpy.asarray(getval(value))
    if values.dtype == object:
        return value
    require(values.ndim <= 1 and numpy.issubdtype(values.dtype, numpy.number) and values.dtype != bool
            and numpy.all(numpy.isfinite(values)) and numpy.all(values.real > 0),
            f"{name}={getval(value)}: expected a finite number above zero, or one per unit")
    return value


def leaky(a):
    """x_t = (1 - a) x_{t-1} + a f(...), a in (0, 1] a number or (N,).

    >>> leaky(0.25)
    {'K': 0.75, 'g': 0.25}
    """
    leak(a)
    return {"K": 1 - a, "g": a}


def jaeger_leaky(delta, C, a):
    """x_t = (1 - delta C a) x_{t-1} + delta C f(...): step delta, inverse time constant C, decay a are independent.

    ValueError where delta C a > 1: the state would change its sign at each step.
    """
    for name, value in (("delta", delta), ("C", C), ("a", a)):
        gain(name, value)
    leak(delta * C * a, "delta C a")
    return {"K": 1 - delta * C * a, "g": delta * C}


def additive(a):
    """x_t = (1 - a) x_{t-1} + f(...): the gain is not multiplied by the leak, so |x| may exceed 1."""
    leak(a)
    return {"K": 1 - a, "g": 1.0}


def euler(eps):
    """x_t = x_{t-1} + eps f(...), to be used with W = (A - A^T) - gamma I (`topologies.euler_weights`)."""
    return {"K": 1.0, "g": gain("eps", eps)}


def edge_of_stability(beta, O):
    """x_t = (1 - beta) O x_{t-1} + beta f(...), O orthogonal (N, N) or of fixed in-degree, as a cycle is."""
    leak(beta, "beta")
    require(numpy.ndim(getval(beta)) == 0, f"beta of shape {numpy.shape(getval(beta))}: expected one number for all units")
    return {"K": scaled(1 - beta, O), "g": beta}


def residual(alpha, beta, O=None):
    """x_t = alpha O x_{t-1} + beta f(...), O orthogonal: random, a cyclic shift, or None for the identity."""
    values = numpy.asarray(getval(alpha))
    require(values.dtype == object or values.ndim == 0 and numpy.isfinite(values) and values.real >= 0,
            f"alpha={getval(alpha)}: expected a number of at least 0")
    return {"K": alpha if O is None else scaled(alpha, O), "g": gain("beta", beta)}


def scaled(number, O):
    """number * O in the form of O."""
    return {**O, "values": number * np.array(O["values"])} if isinstance(O, dict) else number * O
