"""Linear maps, products of heads and the rotation of positions, each with its derivative.

Letters of the shapes: B batch, T time (queries), S source (keys), D width, F feed-forward width, H heads, G key/value heads,
K head width; `...` any leading axes.
"""

import math

import numpy as np

from minires.fused.rows import column_sums, folded


def linear(x, W, b=None):
    """y = x W + b, x (..., D), W (D, F), b (F,) or None."""
    if x.ndim < 2 or W.ndim != 2 or (b is not None and b.shape != W.shape[1:]):
        return None
    y = folded(x) @ W  # (.., F)
    if b is not None:
        y += b

    def vjp(g):  # dx = g W^T ; dW = x^T g ; db = sum g
        g = folded(g)
        return (g @ W.T).reshape(x.shape), folded(x).T @ g, None if b is None else column_sums(g)

    return y.reshape(x.shape[:-1] + W.shape[1:]), vjp


def split_heads(x, *, heads):
    """(B, T, heads K) -> (B, heads, T, K), a view."""
    if x.ndim != 3 or x.shape[-1] % heads:
        return None
    y = np.swapaxes(x.reshape(*x.shape[:2], heads, x.shape[-1] // heads), 1, 2)
    return y, lambda g: (np.swapaxes(g, 1, 2).reshape(x.shape),)


def merge_heads(x):
    """(B, H, T, K) -> (B, T, H K)."""
    if x.ndim != 4:
        return None
    B, H, T, K = x.shape
    return np.swapaxes(x, 1, 2).reshape(B, T, H * K), lambda g: (np.swapaxes(g.reshape(B, T, H, K), 1, 2),)


def group_product(x, y):
    """z_h = x_h y_(h // r): x (B, H, T, S), y (B, G, S, K), H = G r; the r heads of a group are stacked along time."""
    if x.ndim != 4 or y.ndim != 4 or len(x) != len(y):
        return None
    B, H, T, S = x.shape
    stacked = x.reshape(B, y.shape[1], H // y.shape[1] * T, S)  # (B, G, r*T, S)
    y = np.ascontiguousarray(y)  # a product with a transposed view takes twice the time

    def vjp(g):  # dx = g y^T ; dy = x^T g
        g = g.reshape(stacked.shape[:-1] + g.shape[-1:])
        dx = g @ np.ascontiguousarray(np.swapaxes(y, -1, -2))  # (B, G, r*T, S)
        return dx.reshape(x.shape), np.swapaxes(stacked, -1, -2) @ g

    return (stacked @ y).reshape(B, H, T, y.shape[-1]), vjp


def scaled_product(x, y, *, K):
    """A = x y / sqrt(K), the queries scaled instead of the scores: S / K times fewer divisions."""
    found = group_product(x * (1 / math.sqrt(K)), y)
    if found is None:
        return None
    A, product_vjp = found

    def vjp(g):  # dx = g y^T / sqrt(K) ; dy = x^T g / sqrt(K)
        dx, dy = product_vjp(g)
        dx *= 1 / math.sqrt(K)
        return dx, dy

    return A, vjp


def rotated(x, *, cos, sin):
    """The pair (x_i, x_(i + K/2)) turned by an angle a_i: (x_1 cos - x_2 sin, x_2 cos + x_1 sin); x (..., K)."""
    if x.shape[-2:] != (len(cos), 2 * cos.shape[-1]):
        return None

    def turn(x, sin):
        half, y = x.shape[-1] // 2, np.empty(x.shape, x.dtype)
        first, second = x[..., :half], x[..., half:]
        np.subtract(first * cos, second * sin, out=y[..., :half])
        np.add(second * cos, first * sin, out=y[..., half:])
        return y

    return turn(x, sin), lambda g: (turn(g, -sin),)  # the transpose of a rotation turns back
