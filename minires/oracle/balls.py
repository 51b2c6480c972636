"""Ball arithmetic: numbers that carry their own error bound, on which the model code runs as it is.

A `Ball` is a midpoint and a radius (python-flint's `arb`); every operation returns a ball that contains the exact
result. A comparison that the balls cannot decide raises `Undecided`: nothing is guessed.
Source: Johansson 2017, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic (1611.02831).
"""

from contextlib import contextmanager

import numpy
from autograd.extend import VSpace
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vspaces import ArrayVSpace

from minires.arithmetic import OBJECTS, Arithmetic
from minires.errors import needs

flint = needs("flint", "oracle")


class Undecided(ArithmeticError):
    """Two balls overlap, so that their order is not known at this precision."""


def raw(x):
    """The `arb` of a ball or of a number; a float is taken as exactly what it is."""
    return x.arb if isinstance(x, Ball) else flint.arb(x.item() if isinstance(x, numpy.generic) else x)


def binary(name):
    """The operator `name` of arb, on balls; arrays answer for themselves."""
    def operator(self, other):
        if isinstance(other, numpy.ndarray):
            return NotImplemented
        return Ball(getattr(self.arb, name)(raw(other)))
    return operator


def reflected(name):
    """other `name` self."""
    return lambda self, other: NotImplemented if isinstance(other, numpy.ndarray) else Ball(getattr(raw(other), name)(self.arb))


def unary(name):
    """The function `name` of arb, as NumPy calls it for objects."""
    return lambda self: Ball(getattr(self.arb, name)())


class Ball:
    """One ball. It answers to what NumPy asks of a scalar, so that sums and entries of arrays can be used as such."""

    __slots__ = ("arb",)
    dtype, shape, ndim, size = numpy.dtype(object), (), 0, 1

    def __init__(self, value):
        self.arb = value if isinstance(value, flint.arb) else raw(value)

    __add__, __sub__, __mul__, __truediv__, __pow__ = map(binary, ("__add__", "__sub__", "__mul__", "__truediv__", "__pow__"))
    __radd__, __rsub__, __rmul__, __rtruediv__, __rpow__ = map(
        reflected, ("__add__", "__sub__", "__mul__", "__truediv__", "__pow__"))
    __neg__, __abs__ = unary("__neg__"), unary("__abs__")
    exp, log, sqrt, tanh, sin, cos, cosh, sinh, erf = map(
        unary, ("exp", "log", "sqrt", "tanh", "sin", "cos", "cosh", "sinh", "erf"))

    def conjugate(self):
        """A ball is real."""
        return self

    def decide(self, other, yes, no):
        """Whether `yes` holds; where neither it nor its opposite does for sure, Undecided."""
        other = raw(other)
        if getattr(self.arb, yes)(other):
            return True
        if getattr(self.arb, no)(other) or (self.arb.is_exact() and other.is_exact()):
            return False
        raise Undecided(f"{self.arb} against {other}: the balls overlap, expected more bits or an exact tie")

    def __lt__(self, other):
        return self.decide(other, "__lt__", "__ge__")

    def __le__(self, other):
        return self.decide(other, "__le__", "__gt__")

    def __gt__(self, other):
        return self.decide(other, "__gt__", "__le__")

    def __ge__(self, other):
        return self.decide(other, "__ge__", "__lt__")

    def __eq__(self, other):
        return self.decide(other, "__eq__", "__ne__")

    def __ne__(self, other):
        return not self == other

    __hash__ = None

    def __float__(self):
        return float(self.arb.mid())

    def __repr__(self):
        return f"Ball({self.arb})"


def balls(array, dtype=object):
    """The numbers of a float array as exact balls; what is a ball already stays as it is."""
    array = numpy.asarray(array)
    out = numpy.empty(array.shape, dtype=object)
    out.ravel()[:] = [x if isinstance(x, Ball) else Ball(x) for x in array.ravel()]
    return out


def solve(A, B):
    """X with A X = B, enclosed: python-flint's verified solver."""
    matrix = lambda M: flint.arb_mat([[raw(x) for x in row] for row in M])
    X = matrix(A).solve(matrix(numpy.reshape(B, (len(A), -1))))
    return numpy.reshape(balls([[Ball(X[i, j]) for j in range(X.ncols())] for i in range(X.nrows())]), numpy.shape(B))


@contextmanager
def precision(bits):
    """Run with this many bits of midpoint."""
    before, flint.ctx.prec = flint.ctx.prec, bits
    try:
        yield
    finally:
        flint.ctx.prec = before


OBJECTS["objects"] = Arithmetic(
    sqrt=lambda number: Ball(number).sqrt(), log=lambda number: Ball(number).log(), pi=lambda: Ball(flint.arb.pi()),
    erf=lambda x: numpy.frompyfunc(lambda ball: ball.erf(), 1, 1)(x), array=balls, solve=solve)
ArrayBox.register(Ball)
VSpace.register(Ball, lambda value: ArrayVSpace(numpy.array(value, dtype=object)))
