"""The echo-state kernel: one equation, run over a series, a batch, or one step at a time.

    x_t = K x_{t-1} + g * f(W x_{t-1} + W_in u_t + b + W_fb y_{t-1})

    params  W     (N, N), or {"values": (k, N), "sources": (k, N)}   recurrent weights (`topologies`)
            W_in  (N, d)                                             input weights
            b     (N,), optional                                     bias
            W_fb  (N, q), optional                                   feedback weights
            K     number, (N,), (N, N) or fixed in-degree            what is kept of the state (`kernels`)
            g     number or (N,)                                     gain of the activation

The state is explicit, nothing is remembered between calls: `states, last = run(params, u, x_0)`.
Letters of the shapes: B batch, T time, N units, d inputs, q outputs.
"""

import autograd.numpy as np

from minires.layers import linear
from minires.reservoir.checks import check_series
from minires.reservoir.operators import apply
from minires.reservoir.rollout import ACTIVATIONS, rollout


def run(params, u, x_0=None, y=None, y_0=None, f="tanh", mask=None, noise=0.0, rng=None):
    """The states after each input and the last one; differentiable in all parameters, u, y and x_0.

    u     (T, d) or (B, T, d), the input
    x_0   (N,) or (B, N), the state before the first input; default zero
    y     (T, q) or (B, T, q), with W_fb only: the teacher's outputs; y[t-1] enters at step t
    y_0   (q,) or (B, q), the output before the first step; default zero
    f     "tanh", "identity", "relu" or "logistic"
    mask  (B, T) bool, True where a row of u is real; elsewhere the state is carried on unchanged
    noise standard deviation of normal noise inside f, drawn for each unit and step from rng; default none

    Returns states (T, N) or (B, T, N) and last (N,) or (B, N). ValueError for wrong shapes and non-finite numbers.

    >>> states, last = run({"W": np.zeros((2, 2)), "W_in": np.eye(2), "K": 0.5, "g": 1.0}, np.zeros((3, 2)), np.ones(2))
    >>> states[:, 0], last
    (array([0.5  , 0.25 , 0.125]), array([0.125, 0.125]))
    """
    u, x_0, y_before, mask = check_series(params, u, x_0, y, y_0, f, mask, noise, rng)
    z = drive(params, time_first(u), None if y_before is None else time_first(y_before))
    if noise:
        z = z + (noise * rng.standard_normal(np.shape(z))).astype(z.dtype)
    real = None if mask is None or np.all(mask) else np.transpose(mask)[..., None]
    X = rollout(params["W"], params["K"], params["g"], z, x_0, f, real)
    return time_first(X), np.array(X[-1] if len(X) else x_0)  # a copy: a view would keep all states alive


def step(params, x, u, y=None, f="tanh"):
    """One step, the equation as it stands: the next state (..., N) from x (..., N), u (..., d) and, with W_fb, y (..., q)."""
    return stages(params, x, u, y, f)["state"]


def stages(params, x, u, y=None, f="tanh"):
    """One step and what leads to it, each (..., N): drive z, preactivation p = W x + z, activation f(p), the next state."""
    z = drive(params, u, y)
    p = apply(params["W"], x) + z
    h = ACTIVATIONS[f].traced(p)
    return {"drive": z, "preactivation": p, "activation": h, "state": apply(params["K"], x) + params["g"] * h}


def drive(params, u, y_before=None):
    """z = W_in u + b + W_fb y_before: all that is added inside f to W x; leading axes as u has them."""
    z = linear(u, np.transpose(params["W_in"]), params.get("b"))
    return z if y_before is None else z + linear(y_before, np.transpose(params["W_fb"]))


def time_first(series):
    """(B, T, n) <-> (T, B, n); one series (T, n) stays as it is."""
    return np.swapaxes(series, 0, 1) if np.ndim(series) == 3 else series
