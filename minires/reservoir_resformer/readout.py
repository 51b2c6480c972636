"""Readouts: from a reservoir's state s (B, N) to the memory tokens R (B, M, D) that the Transformer attends to.

    relu_mlp          reshape(relu(s W_1 + b_1) W_2 + b_2)               the default; "nonlinear readout" of the abstract
    relu              reshape(relu(s W + b))
    linear            reshape(s W + b)                                   the ablation
    quadratic         y_k = (1/N) sum_i (A_k s + c_k)_i s_i              attention-enhanced, Koester & Uchida, 2312.16503
    neuron_attention  self-attention over one token for each unit        Kowsher et al., 2402.09573 (figure and notebooks)

The reshape is token-major: the first D numbers are the first token.
Letters of the shapes: B batch, N units, F hidden, M memory tokens, D width.
"""

import math

import autograd.numpy as np

from minires.activations import relu
from minires.layers import linear, softmax


def draw(rng, *shape):
    """Normal numbers of variance 1 / fan-in."""
    return rng.standard_normal(shape) / math.sqrt(shape[0])


def init_relu_mlp(rng, N, F, M, D):
    """W_1 (N, F), b_1, W_2 (F, M D), b_2."""
    return {"W_1": draw(rng, N, F), "b_1": np.zeros(F), "W_2": draw(rng, F, M * D), "b_2": np.zeros(M * D)}


def relu_mlp(s, W_1, b_1, W_2, b_2):
    """relu(s W_1 + b_1) W_2 + b_2."""
    return linear(relu(linear(s, W_1, b_1)), W_2, b_2)  # (B, M*D)


def init_single(rng, N, F, M, D):
    """W (N, M D), b."""
    return {"W": draw(rng, N, M * D), "b": np.zeros(M * D)}


def single_relu(s, W, b):
    """relu(s W + b)."""
    return relu(linear(s, W, b))  # (B, M*D)


def init_quadratic(rng, N, F, M, D):
    """A (N, M D N) with A_k its k-th block of columns, c (M D, N)."""
    return {"A": draw(rng, N, M * D * N), "c": rng.standard_normal((M * D, N))}


def quadratic(s, A, c):
    """y_k = (1/N) sum_i (A_k s + c_k)_i s_i: weights that depend on the state, quadratic in it."""
    B, N = s.shape
    weights = np.reshape(linear(s, A), (B, -1, N)) + c  # (B, M*D, N)
    return np.sum(weights * s[:, None, :], axis=-1) / N  # (B, M*D)


def init_neuron_attention(rng, N, F, M, D):
    """v (F,), e (N, F), W_q, W_k, W_v (F, F), P (N, M), W_o (F, D)."""
    maps = {name: draw(rng, F, F) for name in ("W_q", "W_k", "W_v")}
    return {"v": rng.standard_normal(F), "e": rng.standard_normal((N, F)), **maps, "P": draw(rng, N, M), "W_o": draw(rng, F, D)}


def neuron_attention(s, v, e, W_q, W_k, W_v, P, W_o):
    """z_i = s_i v + e_i for each unit i; A = softmax(z W_q (z W_k)^T / sqrt(F)) z W_v; R = P^T A W_o."""
    z = s[..., None] * v + e  # (B, N, F)
    scores = linear(z, W_q) @ np.swapaxes(linear(z, W_k), -1, -2) / math.sqrt(len(v))  # (B, N, N)
    heads = softmax(scores) @ linear(z, W_v)  # (B, N, F)
    tokens = linear(np.swapaxes(np.swapaxes(heads, -1, -2) @ P, -1, -2), W_o)  # (B, M, D)
    return np.reshape(tokens, (len(s), -1))  # (B, M*D)


READOUTS = {  # name -> (init(rng, N, F, M, D), apply(s, **params) -> (B, M D))
    "relu_mlp": (init_relu_mlp, relu_mlp),
    "relu": (init_single, single_relu),
    "linear": (init_single, linear),
    "quadratic": (init_quadratic, quadratic),
    "neuron_attention": (init_neuron_attention, neuron_attention),
}


GROUPS = {  # how the memory tokens of several reservoirs become one memory; `mix` (G,) is learned
    "mean": lambda tokens, mix: sum(tokens) / len(tokens),
    "sum": lambda tokens, mix: sum(tokens),
    "concatenate": lambda tokens, mix: np.concatenate(tokens, axis=1),
    "learned": lambda tokens, mix: sum(mix[g] * R for g, R in enumerate(tokens)),
}


def memory_tokens(model, params, states):
    """R (B, M, D), from the states of the group: each reservoir has a readout of its own. (B, G*M, D) if concatenated."""
    _, read = READOUTS[model.readout]
    tokens = [np.reshape(read(s, **readout), (len(s), model.memory_tokens, model.width))
              for s, readout in zip(states, params["readouts"])]
    return GROUPS[model.group](tokens, params.get("mix"))
