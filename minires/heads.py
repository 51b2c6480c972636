"""Heads: splitting the width into heads, merging them, and products in which neighbouring heads share a key/value head.

Letters of the shapes: B batch, T time (queries), S source (keys), H heads, G key/value heads (H = G r), K head width.
"""

import autograd.numpy as np

from minires.fused import maps
from minires.spelling import fusible


@fusible(maps.split_heads, lambda x, heads: ((x,), {"heads": heads}))
def split_heads(x, heads):
    """(B, T, heads K) -> (B, heads, T, K)."""
    B, T, D = x.shape
    return np.swapaxes(np.reshape(x, (B, T, heads, D // heads)), 1, 2)


@fusible(maps.merge_heads)
def merge_heads(x):
    """(B, H, T, K) -> (B, T, H K)."""
    B, H, T, K = x.shape
    return np.reshape(np.swapaxes(x, 1, 2), (B, T, H * K))


@fusible(maps.group_product)
def group_product(x, y):
    """x (B, H, T, S) times y (B, G, S, K), each y serving the r = H/G neighbouring heads of its group: (B, H, T, K).

    The heads of a group are stacked along time, so that y is never repeated in memory.
    """
    B, H, T, _ = x.shape
    stacked = np.reshape(x, (B, y.shape[1], H // y.shape[1] * T, x.shape[-1]))  # (B, G, r*T, S)
    return np.reshape(stacked @ y, (B, H, T, y.shape[-1]))


def repeat_heads(x, heads):
    """(B, G, S, K) -> (B, H, S, K): key/value head j serves the query heads j r .. j r + r - 1."""
    return np.repeat(x, heads // x.shape[1], axis=1)
