"""What the readouts ask of their arrays: finite rows of features, as many rows of targets, a mask that fits.

Letters of the shapes: B batch, T time, n columns; rows = T, or B T for a batch.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval, isbox

from minires import layers
from minires.errors import require
from minires.reservoir.checks import array


def numbers(name, value, dimensions=None):
    """`value` as a finite array of numbers that has entries; whole numbers become float64, an autograd box stays one."""
    plain = array(name, value, dimensions)
    require(plain.size > 0, f"{name} has shape {plain.shape}: expected at least one entry")
    return value if isbox(value) else plain * 1.0 if plain.dtype.kind in "iu" else plain


def rows(name, value):
    """(T, n) or (B, T, n) as (rows, n)."""
    return layers.rows(numbers(name, value, (2, 3)))


def row_pair(F, Y):
    """Features (T, F) and targets (T, q), or both with a batch in front, as (rows, F) and (rows, q)."""
    shapes = [np.shape(getval(each)) for each in (F, Y)]
    F, Y = rows("features", F), rows("targets", Y)
    require(shapes[0][:-1] == shapes[1][:-1],
            f"features have shape {shapes[0]}, targets {shapes[1]}: expected a row of targets for each row of features")
    return F, Y


def real_pair(F, Y):
    """The same, refusing complex numbers: a singular value decomposition conjugates, it is not complex-step safe."""
    F, Y = row_pair(F, Y)
    for name, each in (("features", F), ("targets", Y)):
        require(getval(each).dtype.kind in "fO", f"{name} are {getval(each).dtype}: expected real numbers")
    return F, Y


def real_steps(mask, shape):
    """The mask as a bool array (B, T), all True where None; ValueError unless each series has a real step."""
    if mask is None:
        return numpy.ones(shape, dtype=bool)
    mask = numpy.asarray(mask)
    require(mask.dtype == bool and mask.shape == shape,
            f"mask of shape {mask.shape} and type {mask.dtype}: expected {shape} of bool, True at real steps")
    empty = numpy.flatnonzero(~mask.any(axis=-1))
    require(not empty.size, f"the mask of series {empty[:1]} is False everywhere: expected at least one real step")
    return mask
