"""Reservoirs put together: one above the other, a linear memory that feeds one, one in each direction of time.

Each is made of `run` alone. Letters of the shapes: B batch, T time, N units, M units of the memory, d inputs.
"""

import autograd.numpy as np

from minires.errors import require
from minires.reservoir.echo_state import run


def run_deep(layers, u, x_0=None, f="tanh", mask=None):
    """DeepESN and DeepResESN: layer l reads the state of layer l-1 at the same t, layer 1 reads u.

        x^l_t = K^l x^l_{t-1} + g^l f(W^l x^l_{t-1} + W_in^l i^l_t + b^l),   i^1_t = u_t,   i^l_t = x^{l-1}_t

    layers  a list of parameters as `run` takes them; each has its own (K, g): leaky for DeepESN (Gallicchio et al. 2017),
            `kernels.residual` for DeepResESN (arXiv 2508.21172)
    x_0     a list of the layers' states before the first step; default zeros

    Returns two lists, a layer's states (T, N_l) or (B, T, N_l) and its last state. A readout of all layers reads
    `numpy.concatenate(states, axis=-1)`.
    """
    require(len(layers) > 0, "a deep reservoir without layers: expected at least one")
    x_0 = [None] * len(layers) if x_0 is None else x_0
    require(len(x_0) == len(layers), f"x_0 for {len(x_0)} layers: expected {len(layers)}")
    states, last, below = [], [], u
    for params, start in zip(layers, x_0):
        below, end = run(params, below, start, f=f, mask=mask)
        states, last = states + [below], last + [end]
    return states, last


def run_residual_memory(memory, reservoir, u, m_0=None, h_0=None, f="tanh", mask=None):
    """ResRMN (arXiv 2508.09925): a linear memory m, and a residual reservoir h that reads it at the same t.

        m_t = C m_{t-1} + V_x u_t (+ b_m)                                C a cyclic shift
        h_t = alpha O h_{t-1} + beta tanh(W h_{t-1} + V_m m_t + W_in u_t + b)

    memory     {"W": C, "W_in": V_x, "K": 0.0, "g": 1.0} and, if wanted, "b": b_m; run without a nonlinearity
    reservoir  parameters as `run` takes them, whose "W_in" is (N, d + M): [W_in, V_m] side by side

    Returns (h, m) with h (T, N), m (T, M) or with B in front, and their last states (h, m). The readout sees h only.
    """
    m, m_last = run(memory, u, m_0, f="identity", mask=mask)
    h, h_last = run(reservoir, np.concatenate([u, m], axis=-1), h_0, f=f, mask=mask)
    return (h, m), (h_last, m_last)


def run_bidirectional(forward, backward, u, x_0=None, f="tanh", mask=None):
    """One reservoir from the first row to the last, one from the last to the first, side by side at each t.

    x_0  the two states before the first step, or None

    Returns states (T, N_f + N_b) or (B, T, .), the backward half turned round again, and the two last states: the backward
    one has read row 0 last. Padding may stand at either end: both reservoirs pass over it.
    """
    x_f, x_b = (None, None) if x_0 is None else x_0
    ahead, last_f = run(forward, u, x_f, f=f, mask=mask)
    back, last_b = run(backward, reverse(u), x_b, f=f, mask=None if mask is None else mask[..., ::-1])
    return np.concatenate([ahead, reverse(back)], axis=-1), (last_f, last_b)


def reverse(series):
    """Time turned round: (T, n) or (B, T, n)."""
    return series[..., ::-1, :]
