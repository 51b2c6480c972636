"""The arithmetic that the model code runs in: float32, float64, or objects (`minires.oracle.exact.balls`).

The model code is the same in all of them. What depends on the arithmetic is here, in one place: constants such as
sqrt(2/pi), the error function, a solver. A number that is configured (epsilon, 0.044715, a leak) is by definition the
float64 that is written; pi and square roots are exact in an arithmetic that is.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy
from autograd.tracer import getval


class Arithmetic(NamedTuple):
    """What one arithmetic makes of Python's numbers, and the operations that NumPy lacks for it."""

    written: Callable    # of a Python number: the same number in this arithmetic
    sqrt: Callable       # of a Python number
    pi: Callable         # ()
    erf: Callable        # of an array, entry by entry
    array: Callable      # (array of Python's or NumPy's numbers, dtype) -> the same numbers in this arithmetic
    solve: Callable      # (A (n, n), B (n, m)) -> X with A X = B


FLOATS = Arithmetic(  # Python floats: a NumPy float64 scalar would turn float32 activations into float64
    lambda number: number, math.sqrt, lambda: math.pi, lambda x: numpy.frompyfunc(math.erf, 1, 1)(x).astype(x.dtype),
    lambda a, dtype: numpy.asarray(a, dtype=dtype), numpy.linalg.solve)
OBJECTS = {}  # "objects" -> the arithmetic whose numbers are objects, once it is imported


def arithmetic(x):
    """The arithmetic of the array x, of autograd's box of one, or of a dtype."""
    return OBJECTS["objects"] if getattr(getval(x), "dtype", x) == object else FLOATS


def written(number, like):
    """A Python number in the arithmetic of `like`: what is computed from it is as exact as that arithmetic.

    >>> written(9, numpy.ones(2)) / 2
    4.5
    """
    return arithmetic(like).written(number)


def sqrt(number, like):
    """The square root of a Python number, or of one of the arithmetic, in the arithmetic of `like`.

    >>> sqrt(9, numpy.ones(2))
    3.0
    """
    return arithmetic(like).sqrt(number)


def cast(a, like):
    """The numbers of the plain array a in the dtype and arithmetic of `like`, an array or a dtype."""
    return arithmetic(like).array(a, getattr(like, "dtype", like))


def approximate(x):
    """x as floats: what decides a branch that changes no value, such as the shift inside softmax."""
    return x.astype(numpy.float64) if x.dtype == object else x
