"""Echo State Transformer: M reservoirs as a memory; attention decides what each of them hears, and how fast it forgets.

One layer, one step; e (D,) the input, S_k (N,) the state of memory unit k = 1 .. M:

    O_k  = S_k W_out_k                                                     the memory, read
    v_k  = norm(attention(e W_q^k, O W_k^k, O W_v^k) + e)                  what unit k hears of all units
    l    = softmax over k of (v_k . a_k) / tau                             the leaks share a budget of one
    S_k <- (1 - l_k) S_k + l_k tanh(W_in_k v_k + sr_k W_k S_k + b_k)
    Z    = norm(attention(O W_q, O W_k, O W_v) + O), O of the new S        self-attention over the units
    r    = concatenate(Z) W_r + b_r;    out = norm(gelu(r W_1 + b_1) W_2 + b_2 + r)

before the layers e = u W_embed, after them y = output W_head, without biases. All attention has one head, scaled by sqrt(D).
Frozen: W (fixed in-degree, radius 1), W_in and b (zeros and ones). Trained through time: all else, with the radii sr, the read
W_out, the leaks' a and tau.
The leaks sum to one: with one unit the leak is 1 and nothing is kept but through sr W. `clamp` follows each update.

The norm is RMSNorm without bias in the authors' code (Naowak/Echo-State-Transformer at 34b19cd) and here by default; it is
also described as LayerNorm.
Defects of that code, none kept here: `run_inference` hands the states of one mini-batch to the next and drops the last partial
one; its loader shuffles the samples but not the table of the steps that count. There is no dropout here.
Letters of the shapes: B batch, T time, d inputs, q outputs, D width, M memory units, N neurons of each.
source: Bendi-Ouis & Hinaut 2025, "Echo State Transformer" (2507.02917).
"""

import math

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.activations import gelu_erf, tanh
from minires.layers import linear, normalize, softmax
from minires.reservoir_resformer.neighbours.echo_state_transformer_initial import drawing
from minires.reservoir_resformer.neighbours.record import check_array, network

EPSILON = 1e-8  # of the norms


def echo_state_transformer(inputs, outputs, width=3, units=4, neurons=100, layers=1, connectivity=0.2, norm="rms"):
    """d inputs, q outputs, D width, M units of N neurons each, norm "rms" (the authors' code) or "layer" (LayerNorm).

    apply(params, u, state=None) -> y (B, T, q) and the state, for u (B, T, d)
    """
    return network(drawing(inputs, outputs, width, units, neurons, layers, connectivity, norm), run)


def attend(queries, keys, values):
    """softmax(Q K^T / sqrt(D)) V of one head: (..., T, D), (..., S, D), (..., S, D) -> (..., T, D)."""
    scores = queries @ np.swapaxes(keys, -1, -2) / math.sqrt(queries.shape[-1])  # (..., T, S)
    return softmax(scores) @ values  # (..., T, D)


def normed(x, parameters):
    """LayerNorm where there is a bias, RMSNorm where there is a gain only."""
    return normalize("layer" if "bias" in parameters else "rms", x, parameters, EPSILON)


def per_unit(W, x):
    """W_k x_k for each memory unit: (M, n, m), (B, M, m) -> (B, M, n)."""
    return np.einsum("knm,bkm->bkn", W, x)  # (B, M, n)


def leaks(v, a, tau):
    """softmax over the units of (v_k . a_k) / tau: (B, M, 1), of sum 1."""
    return softmax(np.sum(v * a, axis=-1) / tau)[..., None]  # (B, M, 1)


def heard(e, O, W_q, W_k, W_v, norm):
    """v_k: each unit's attention, with its own maps (M, D, D), from the input e (B, D) to the outputs O (B, M, D) of all."""
    e, O = e[:, None, None, :], O[:, None]  # (B, 1, 1, D), (B, 1, M, D)
    read = attend(e @ W_q, O @ W_k, O @ W_v)  # (B, M, 1, D)
    return normed(read[:, :, 0] + e[:, 0], norm)  # (B, M, D)


def mixed(O, W_q, W_k, W_v, norm):
    """Z: self-attention over the units, O (B, M, D)."""
    return normed(attend(O @ W_q, O @ W_k, O @ W_v) + O, norm)  # (B, M, D)


def output(Z, W_r, b_r, W_1, b_1, W_2, b_2, norm):
    """norm(gelu(r W_1 + b_1) W_2 + b_2 + r) of r = concatenate(Z) W_r + b_r: (B, M, D) -> (B, D)."""
    r = linear(np.reshape(Z, (len(Z), -1)), W_r, b_r)  # (B, D)
    return normed(linear(gelu_erf(linear(r, W_1, b_1)), W_2, b_2) + r, norm)  # (B, D)


def layer_step(e, S, memory, W_out, sr, a, tau, hear, mix, out):
    """One layer at one step: e (B, D) and S (B, M, N) -> the output (B, D) and the new S."""
    read = lambda S: np.einsum("knd,bkn->bkd", W_out, S)  # (B, M, D)
    v = heard(e, read(S), **hear)  # (B, M, D)
    leak = leaks(v, a, tau)  # (B, M, 1)
    inside = per_unit(memory["W_in"], v) + sr[:, None] * per_unit(memory["W"], S) + memory["b"]  # (B, M, N)
    S = (1 - leak) * S + leak * tanh(inside)  # (B, M, N)
    return output(mixed(read(S), **mix), **out), S


def step(params, u, state):
    """One step of all layers: u (B, d), state a list of (B, M, N) -> y (B, q), the new state."""
    e, after = linear(u, params["W_embed"]), []  # (B, D)
    for p, S in zip(params["layers"], state):
        e, S = layer_step(e, S, **p)
        after.append(S)
    return linear(e, params["W_head"]), after


def start(params, B):
    """The state before the first step: zeros (B, M, N) for each layer."""
    return [numpy.zeros((B, *p["memory"]["b"].shape), dtype=p["memory"]["b"].dtype) for p in params["layers"]]


def run(params, u, state=None):
    """u (B, T, d) -> y (B, T, q) and the state at the end; every call without a state begins with zeros."""
    check_array("u", u, None, None, params["W_embed"].shape[0])
    state, outputs = start(params, len(u)) if state is None else state, []
    for S, zeros in zip(state, start(params, len(u))):
        check_array("state", S, *zeros.shape)
    for t in range(u.shape[1]):
        y, state = step(params, u[:, t], state)
        outputs.append(y)
    return np.stack(outputs, axis=1), state  # (B, T, q)


def clamp(params, low=1e-5, high=10.0):
    """The radii sr back within [low, high], as the authors do after each update."""
    layers = [{**p, "sr": numpy.clip(getval(p["sr"]), low, high).astype(p["sr"].dtype)} for p in params["layers"]]
    return {**params, "layers": layers}
