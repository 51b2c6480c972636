"""Activations entry by entry, each with its derivative, some rows at a time.

Letters of the shapes: F feed-forward width, `...` any leading axes.
"""

import math

import numpy as np

from minires.fused.rows import blocks

ROOT, CUBIC = math.sqrt(2 / math.pi), 0.044715


def pieces(*arrays):
    """The same entries of each of the arrays, some at a time. Those that are written to are contiguous."""
    return blocks(*(array.reshape(-1, 1) for array in arrays))


def gelu_tanh(x):
    """y = x s, s = (1 + tanh u)/2, u = sqrt(2/pi) (x + 0.044715 x^3)."""
    s, y = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    for x_, s_, y_ in pieces(x, s, y):
        np.multiply(x_, x_, out=s_)
        s_ *= ROOT * CUBIC
        s_ += ROOT
        np.tanh(np.multiply(s_, x_, out=s_), out=s_)
        s_ += 1
        s_ *= 0.5
        np.multiply(x_, s_, out=y_)

    def vjp(g):  # dy/dx = s + y (1 - s) 2 u', as ds/dx = s (1 - s) 2 u'
        dx = np.empty(x.shape, x.dtype)
        for g_, x_, s_, y_, dx_ in pieces(g, x, s, y, dx):
            np.multiply(x_, x_, out=dx_)
            dx_ *= 6 * ROOT * CUBIC
            dx_ += 2 * ROOT  # 2 u'
            dx_ *= 1 - s_
            dx_ *= y_
            dx_ += s_
            dx_ *= g_
        return (dx,)

    return y, vjp


def gated(x, u):
    """y = silu(x) u, silu(x) = x s, s = 1 / (1 + exp(-x)) = (1 + tanh(x/2)) / 2; the gate x and u (..., F)."""
    if x.shape != u.shape:
        return None
    s, y = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    for x_, u_, s_, y_ in pieces(x, u, s, y):
        np.tanh(np.multiply(x_, 0.5, out=s_), out=s_)
        s_ += 1
        s_ *= 0.5
        np.multiply(np.multiply(x_, s_, out=y_), u_, out=y_)

    def vjp(g):  # du = g x s ; dx = g u s (1 + x (1 - s))
        dx, du = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
        for g_, x_, u_, s_, dx_, du_ in pieces(g, x, u, s, dx, du):
            gs = g_ * s_
            np.multiply(gs, x_, out=du_)
            np.multiply(1 - s_, x_, out=dx_)
            dx_ += 1
            dx_ *= u_
            dx_ *= gs
        return dx, du

    return y, vjp
