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
    """y = x/2 (1 + t), t = tanh(u), u = sqrt(2/pi) (x + 0.044715 x^3)."""
    t, y = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    for x_, t_, y_ in pieces(x, t, y):
        np.multiply(x_, x_, out=t_)
        t_ *= ROOT * CUBIC
        t_ += ROOT
        np.tanh(np.multiply(t_, x_, out=t_), out=t_)
        np.multiply(np.add(t_, 1, out=y_), x_, out=y_)
        y_ *= 0.5

    def vjp(g):  # dy/dx = (1 + t)/2 (1 + x (1 - t) u'), as 1 - t^2 = (1 - t)(1 + t)
        dx = np.empty(x.shape, x.dtype)
        for g_, x_, t_, dx_ in pieces(g, x, t, dx):
            np.multiply(x_, x_, out=dx_)
            dx_ *= 3 * ROOT * CUBIC
            dx_ += ROOT  # u'
            dx_ *= x_
            dx_ *= 1 - t_
            dx_ += 1
            dx_ *= 1 + t_
            dx_ *= 0.5
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
