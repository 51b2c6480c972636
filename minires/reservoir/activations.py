"""The activations f of a reservoir: each on plain arrays, with its slope, and as autograd traces it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy

from minires import activations


def logistic(p, out=None):
    """1 / (1 + exp(-p)), written with tanh so that nothing overflows."""
    h = numpy.tanh(0.5 * p, out=out)
    return numpy.multiply(numpy.add(h, 1, out=out), 0.5, out=out)


def tanh_slope(h):
    """1 - h^2, in one array."""
    square = h * h
    return numpy.subtract(1, square, out=square)


class Activation(NamedTuple):
    """An activation f: on plain arrays into a buffer, its slope, and the same function for autograd to trace."""

    f: Callable  # (p, out) -> h
    slope: Callable  # f'(p) as a function of h = f(p)
    traced: Callable  # p -> h


ACTIVATIONS = {
    "tanh": Activation(numpy.tanh, tanh_slope, activations.tanh),
    "identity": Activation(numpy.positive, numpy.ones_like, lambda p: p),
    "relu": Activation(lambda p, out=None: numpy.maximum(p, 0, out=out), lambda h: (h > 0).astype(h.dtype), activations.relu),
    "logistic": Activation(logistic, lambda h: h * (1 - h), activations.sigmoid),
}
