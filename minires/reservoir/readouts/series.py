"""From series to rows: the washout dropped from features and targets alike, several series joined.

Letters of the shapes: B batch, T time, n columns.
"""

import autograd.numpy as np
import numpy

from minires.errors import require, whole_number
from minires.reservoir.checks import array
from minires.reservoir.readouts.arrays import numbers, real_steps


def washout(n, *arrays):
    """Each array (T, .) or (B, T, .) without its first n steps. Give features AND targets, so that both lose them.

    ValueError: arrays of different length; n not below that length.

    >>> washout(2, np.array([[1.0], [2.0], [3.0]]))
    array([[3.]])
    """
    n, arrays = whole_number("washout", n, 0), [numbers("array", each, (2, 3)) for each in arrays]
    lengths = sorted({each.shape[-2] for each in arrays})
    require(len(lengths) == 1, f"arrays of lengths {lengths}: expected features and targets of one length")
    require(n < lengths[0], f"washout={n} of a series of {lengths[0]} steps: expected at most {lengths[0] - 1}")
    cut = [each[..., n:, :] for each in arrays]
    return cut[0] if len(cut) == 1 else tuple(cut)


def stack_rows(n, *arrays, mask=None):
    """Several series as one (rows, .): each loses its own first n real steps, nothing else is dropped.

    arrays  each a list of (T_b, .) arrays of any lengths, or (B, T, .); the first features, the next targets, ...
    mask    (B, T) bool beside (B, T, .), True where a step is real: what stands in padding never counts

    ValueError: a series whose real steps are all washed out; arrays that do not fit each other.

    >>> stack_rows(1, [np.array([[1.0], [2.0]]), np.array([[3.0], [4.0], [5.0]])])
    array([[2.],
           [4.],
           [5.]])
    """
    n, arrays = whole_number("washout", n, 0), [separate(each) for each in arrays]
    lengths = [[len(one) for one in each] for each in arrays]
    require(lengths and lengths[0] and lengths.count(lengths[0]) == len(lengths),
            f"series of lengths {lengths}: expected at least one series, and the same lengths in every array")
    kept = [numpy.flatnonzero(one)[n:] for one in real_steps_of(mask, lengths[0])]
    for b, steps in enumerate(kept):
        require(len(steps), f"washout={n} leaves nothing of series {b}: expected less than its number of real steps")
    stacked = [np.concatenate([numbers(f"series {b}", one[steps], (2,)) for b, (one, steps) in enumerate(zip(each, kept))])
               for each in arrays]  # (rows, .)
    return stacked[0] if len(stacked) == 1 else tuple(stacked)


def separate(given):
    """A list of (T_b, .) arrays, from one or from (B, T, .)."""
    if isinstance(given, (list, tuple)):
        for b, one in enumerate(given):
            array(f"series {b}", one, (2,), finite=False)
        return [one if hasattr(one, "shape") else numpy.asarray(one) for one in given]
    return [given[b] for b in range(len(array("array", given, (3,), finite=False)))]


def real_steps_of(mask, lengths):
    """For each series which of its steps are real; a mask needs series of one length."""
    if mask is None:
        return [numpy.ones(T, dtype=bool) for T in lengths]
    require(len(set(lengths)) == 1, f"a mask beside series of lengths {lengths}: expected series of one length, padded")
    return real_steps(mask, (len(lengths), lengths[0]))
