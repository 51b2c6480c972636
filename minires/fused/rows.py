"""Rows of an array: leading axes folded, sums by matrix products, blocks that stay in the cache.

Letters of the shapes: M rows, D width.
"""

import math
from functools import lru_cache

import numpy as np

BLOCK = 131072  # entries of a block, 1 MB in float64: in the cache, and yet so few that threads seldom wait for each other


def folded(x):
    """(..., D) -> (M, D)."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def blocks(*arrays):
    """The same rows of each of the arrays (M, D), some at a time; an array of one axis (M,) goes along.

    >>> [x.shape for x, in blocks(np.ones((5, 50000)))]
    [(2, 50000), (2, 50000), (1, 50000)]
    """
    count = max(1, BLOCK // max(1, arrays[0].shape[-1]))
    for start in range(0, len(arrays[0]), count):
        yield tuple(array[start:start + count] for array in arrays)


def row_sums(x):
    """sum_j x_ij (M,): a product with ones is several times faster than a sum along a short axis."""
    return x @ ones(x.shape[-1], x.dtype)


def column_sums(x):
    """sum_i x_ij (D,)."""
    return ones(len(x), x.dtype) @ x


@lru_cache(maxsize=64)
def ones(size, dtype):
    """A vector of ones, not to be written to: making it takes as long as a small sum."""
    vector = np.ones(size, dtype)
    vector.flags.writeable = False
    return vector
