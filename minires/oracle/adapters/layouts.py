"""Layouts of other libraries: how one or several arrays of the library stand in one array of a port, and the way back.

    in,out                    as the library has it: x W
    out,in                    W^T: the last two axes swapped
    fused in,out              side by side: [W_q W_k W_v], or [b_q b_k b_v]
    fused out,in              on top of each other, each transposed
    fused by group in,out     (D, G, r + 2, K) flat: of each key/value head its r queries, its key, its value
    fused by group out,in     the transpose of that
    split heads               the last axis as two: (.., H K) -> (.., H, K)
    heads first               (D, H K) -> (H, D, K); a bias (H K) -> (H, K)
    merged heads              the first axis as two: (H K, D) -> (H, K, D)
    time before heads         (B, H, T, K) -> (B, T, H, K)
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """How arrays of the library stand in one array of the port. K is the width of a head."""

    join: Callable   # ([arrays], K) -> array
    split: Callable  # (array, [shapes], K) -> [arrays]


def swapped(x):
    """The last two axes swapped, of what has two."""
    return np.swapaxes(x, -1, -2) if np.ndim(x) > 1 else x


def alone(there, back):
    """The layout of a single array: there(x, K), and back(x, shape, K)."""
    return Layout(lambda arrays, K: there(arrays[0], K), lambda x, shapes, K: [back(x, shapes[0], K)])


def beside(arrays, K):
    """Side by side along the last axis."""
    return np.concatenate(arrays, axis=-1)


def apart(x, shapes, K):
    """The arrays that stand side by side."""
    return np.split(x, np.cumsum([shape[-1] for shape in shapes])[:-1], axis=-1)


def by_group(arrays, K):
    """Queries (.., G r K), keys and values (.., G K) -> (.., G (r + 2) K)."""
    groups = arrays[1].shape[-1] // K
    parts = [np.reshape(x, (*x.shape[:-1], groups, -1)) for x in arrays]
    return np.reshape(np.concatenate(parts, axis=-1), (*arrays[0].shape[:-1], -1))


def from_groups(x, shapes, K):
    """What `by_group` made one array of."""
    groups = shapes[1][-1] // K
    parts = apart(np.reshape(x, (*x.shape[:-1], groups, -1)), [(shape[-1] // groups,) for shape in shapes], K)
    return [np.reshape(part, (*x.shape[:-1], -1)) for part in parts]


def transposed(layout):
    """The same layout of (out, in) arrays."""
    return Layout(lambda arrays, K: swapped(layout.join(arrays, K)),
                  lambda x, shapes, K: layout.split(swapped(x), shapes, K))


LAYOUTS = {
    "in,out": alone(lambda x, K: x, lambda x, shape, K: x),
    "out,in": alone(lambda x, K: swapped(x), lambda x, shape, K: swapped(x)),
    "fused in,out": Layout(beside, apart),
    "fused out,in": transposed(Layout(beside, apart)),
    "fused by group in,out": Layout(by_group, from_groups),
    "fused by group out,in": transposed(Layout(by_group, from_groups)),
    "split heads": alone(lambda x, K: np.reshape(x, (*x.shape[:-1], -1, K)), lambda x, shape, K: np.reshape(x, shape)),
    "heads first": alone(lambda x, K: np.moveaxis(np.reshape(x, (*x.shape[:-1], -1, K)), -2, 0),
                         lambda x, shape, K: np.reshape(np.moveaxis(x, 0, -2), shape)),
    "merged heads": alone(lambda x, K: np.reshape(x, (-1, K, *x.shape[1:])), lambda x, shape, K: np.reshape(x, shape)),
    "time before heads": alone(lambda x, K: np.swapaxes(x, 1, 2), lambda x, shape, K: np.swapaxes(x, 1, 2)),
}
