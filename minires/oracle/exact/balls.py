"""Ball arithmetic: numbers that carry their own error bound, on which the model code runs as it is.

A `Ball` is a midpoint and a radius (python-flint's `arb`); every operation returns a ball that contains the exact
result. A comparison that the balls cannot decide raises `Undecided`: nothing is guessed.
Source: Johansson 2017, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic (1611.02831).
"""

from contextlib import contextmanager
from numbers import Real

import numpy
from autograd.extend import VSpace
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vspaces import ArrayVSpace
from autograd.tracer import isbox

from minires.arithmetic import OBJECTS, Arithmetic
from minires.errors import needs

flint = needs("flint", "oracle")


class Undecided(ArithmeticError):
    """Two balls overlap, so that their order is not known at this precision."""


def raw(x):
    """The `arb` of a ball or of a number; a float is taken as exactly what it is."""
    return x.arb if isinstance(x, Ball) else flint.arb(x.item() if isinstance(x, numpy.generic) else x)


ITSELF = {"__sub__": 0, "__truediv__": 1}  # x - x and x / x, where both are one object and so the same number
UNCHANGED = {"__add__": 0, "__sub__": 0, "__mul__": 1, "__truediv__": 1}  # x + 0 is x: the same object


def binary(name):
    """The operator `name` of arb, on balls; arrays answer for themselves.

    What it leaves as it is stays the same object, so that a softmax over a single key is 1 exactly, and its slope 0.
    """
    call, itself, neutral = getattr(flint.arb, name), ITSELF.get(name), flint.arb(UNCHANGED.get(name, flint.arb.nan()))
    commutes = name in ("__add__", "__mul__")

    def operator(self, other):
        if isinstance(other, numpy.ndarray) or isbox(other):
            return NotImplemented
        if other is self and itself is not None and self.arb.is_finite() and (itself == 0 or not self.arb.contains(0)):
            return Ball(itself)
        value = other.arb if isinstance(other, Ball) else raw(other)
        if value == neutral:
            return self
        if commutes and isinstance(other, Ball) and self.arb == neutral:
            return other
        return Ball(call(self.arb, value))
    return operator


def reflected(name):
    """other `name` self, where other is a plain number."""
    def operator(self, other):
        return NotImplemented if isinstance(other, numpy.ndarray) or isbox(other) else getattr(Ball(other), name)(self)
    return operator


def unary(name):
    """The function `name` of arb, as NumPy calls it for objects."""
    return lambda self: Ball(getattr(self.arb, name)())


def compared(name, opposite):
    """The comparison `name` of two balls."""
    return lambda self, other: self.decide(other, name, opposite)


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
    __pos__ = conjugate = lambda self: self  # a ball is real
    __float__, __repr__ = (lambda self: float(self.arb.mid())), (lambda self: f"Ball({self.arb})")
    exp, log, sqrt, tanh, sin, cos, cosh, sinh, erf = map(
        unary, ("exp", "log", "sqrt", "tanh", "sin", "cos", "cosh", "sinh", "erf"))

    def decide(self, other, yes, no):
        """Whether `yes` holds; where neither it nor its opposite does for sure, Undecided."""
        other = raw(other)
        if getattr(self.arb, yes)(other):
            return True
        if getattr(self.arb, no)(other) or (self.arb.is_exact() and other.is_exact()):
            return False
        raise Undecided(f"{self.arb} against {other}: the balls overlap, expected more bits or an exact tie")

    __lt__, __ge__ = compared("__lt__", "__ge__"), compared("__ge__", "__lt__")
    __gt__, __le__ = compared("__gt__", "__le__"), compared("__le__", "__gt__")
    __eq__, __ne__ = compared("__eq__", "__ne__"), compared("__ne__", "__eq__")
    __hash__ = None


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


class BallSpace(ArrayVSpace):
    """Where a ball's gradient lives. It begins as a ball: 1 times a float would be a float, and sums of it would round."""

    def __init__(self, value):
        super().__init__(numpy.array(value, dtype=object))

    def ones(self):
        """What a backward pass begins with."""
        return balls(numpy.ones(self.shape))


OBJECTS["objects"] = Arithmetic(
    written=Ball, sqrt=lambda number: Ball(number).sqrt(), pi=lambda: Ball(flint.arb.pi()),
    erf=lambda x: numpy.frompyfunc(lambda ball: ball.erf(), 1, 1)(x), array=balls, solve=solve)
Real.register(Ball)
ArrayBox.register(Ball)
VSpace.register(Ball, BallSpace)
