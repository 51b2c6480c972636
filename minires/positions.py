"""Positions: sinusoidal vectors, rotary embedding (RoPE), attention with linear biases (ALiBi).

Letters of the shapes: B batch, T time (queries), S source (keys), D width, H heads, K head width.
"""

import autograd.numpy as np

from minires.arithmetic import cast
from minires.fused import maps
from minires.spelling import fusible

THETA = 10000.0


def angles(positions, width, dtype):
    """positions / 10000^(2 i / width), i = 0 .. width/2 - 1: (T, width/2)."""
    return (positions[:, None] / THETA ** (numbers(0, width, 2, dtype=dtype) / width)).astype(dtype)


def numbers(*bounds, dtype):
    """np.arange as numbers of the arithmetic, float64 where the dtype is a float: the powers of a table are taken there."""
    return cast(np.arange(*bounds), np.dtype(object if dtype == object else "float64"))


def sinusoidal(positions, width, dtype):
    """Row p: sin(p / 10000^(2i/D)) at channel 2i, cos at 2i + 1 (Vaswani et al. 2017, 1706.03762, section 3.5). (T, D)."""
    a = angles(positions, width, dtype)  # (T, D/2)
    return np.reshape(np.stack([np.sin(a), np.cos(a)], axis=-1), (len(positions), width))  # (T, D)


def turns(x, positions):
    """cos and sin of the angles of `rotate`, (T, K/2) each."""
    a = angles(positions, x.shape[-1], x.dtype)  # (T, K/2)
    return (x,), {"cos": np.cos(a), "sin": np.sin(a)}


@fusible(maps.rotated, turns)
def rotate(x, positions):
    """Rotary embedding (Su et al. 2021, 2104.09864), halves convention: the pair (x_i, x_(i + K/2)) turns by p theta_i.

    x (B, H, T, K), K even. A score then depends on the difference of the two positions only.
    """
    a = angles(positions, x.shape[-1], x.dtype)  # (T, K/2)
    first, second = x[..., : a.shape[-1]], x[..., a.shape[-1]:]
    turned = [first * np.cos(a) - second * np.sin(a), second * np.cos(a) + first * np.sin(a)]
    return np.concatenate(turned, axis=-1)  # (B, H, T, K)


def alibi(heads, t, s, dtype):
    """Bias -slope_h |t - s| on the logits, slope_h = 2^(-8 h / H), h = 1 .. H (Press et al. 2021, 2108.12409). (H, T, S).

    For H not a power of two the paper interpolates between two such series; here the one formula serves every H.
    """
    slopes = 2.0 ** (-8.0 * numbers(1, heads + 1, dtype=dtype) / heads)
    return (-slopes[:, None, None] * abs(t[:, None] - s[None, :])).astype(dtype)  # (H, T, S)
