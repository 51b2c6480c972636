"""Fusion: how the memory tokens R (B, M, D) reach the Transformer that reads the utterance X (B, T, D).

    cross_attention  X <- X + softmax(LN(X) C_q (R C_k)^T / sqrt(K)) R C_v C_o   once, before the encoder; the default
    gate             X <- gamma * (that attention) + (1 - gamma) * X, gamma = sigmoid(LN(X) W_g + b_g)
    addition         X <- X + mean of the memory tokens
    prefix, suffix   the memory tokens before, or after, the utterance's in every self-attention
    every_layer      cross-attention in each layer of the encoder, between self-attention and feed-forward

The memory has no positions, no norm and no mask, but for first="masked": the first utterance then sees none of it.
With one memory token the softmax is always 1: the cross-attention no longer depends on the utterance.
Letters of the shapes: B batch, T tokens, M memory tokens, D width.
"""

from dataclasses import replace
from typing import Callable, NamedTuple

import autograd.numpy as np
import numpy

from minires.activations import sigmoid
from minires.attention import attention
from minires.initial import maps
from minires.layers import linear
from minires.record import Here, Residual
from minires.residual.hidden.norm_placement import unit_norm

CROSS = "cross_attention"


class Fusion(NamedTuple):
    """One way of fusing: its parameters, what becomes of the tokens before the encoder, what the encoder may see."""

    init: Callable = lambda rng, encoder: {}                   # -> parameters
    before: Callable = lambda X, R, seen, params, context, now: X  # the utterance's tokens before the encoder; now: a record
    joined: Callable = lambda X, R: (X, slice(None))           # all tokens of the encoder, and where the utterance's are
    sublayers: tuple = ("attention",)                          # of the encoder's layers


def init_cross(rng, encoder):
    """C_q, C_k, C_v, C_o (D, D) without bias, as W_q .. W_o, and the norm of the query."""
    D = encoder.width
    return {**maps(without_biases(encoder), rng, dict.fromkeys("qkvo", (D, D))), "norm": unit_norm(encoder)}


def without_biases(encoder):
    """The same description, for maps that have no bias."""
    return replace(encoder, biases=False)


def cross(X, R, seen, params, context, now):
    """The cross-attention's output (B, T, D): the core's attention, without any residual of its own; its arrays go to `now`."""
    hidden = numpy.where(seen, 0.0, -numpy.inf).astype(X.dtype)[:, None, None, None]  # (B, 1, 1, 1)
    context = context._replace(residual=Residual(), memory=R, masks={CROSS: hidden}, bias=None, cache=None)
    here = Here(0, CROSS, params, context, now)
    return attention(here.norm(X), [], here)  # (B, T, D)


def add_attention(X, R, seen, params, context, now):
    """X + attention(LN(X), R)."""
    return X + cross(X, R, seen, params, context, now)  # (B, T, D)


def init_gate(rng, encoder):
    """The cross-attention's parameters and W_g (D, D), b_g."""
    D = encoder.width
    gate = maps(without_biases(encoder), rng, {"g": (D, D)})
    return {**init_cross(rng, encoder), **gate, "b_g": np.zeros(D)}


def gated_attention(X, R, seen, params, context, now):
    """gamma * attention(LN(X), R) + (1 - gamma) * X."""
    here = Here(0, CROSS, params, context, now)
    gamma = sigmoid(linear(here.norm(X), params["W_g"], params["b_g"]))  # (B, T, D)
    now["gate"] = gamma
    return gamma * cross(X, R, seen, params, context, now) + (1 - gamma) * X  # (B, T, D)


def add_mean(X, R, seen, params, context, now):
    """X + the mean memory token, at every position."""
    return X + np.mean(R, axis=1, keepdims=True) * seen[:, None, None].astype(X.dtype)  # (B, T, D)


FUSIONS = {
    "cross_attention": Fusion(init_cross, add_attention),
    "gate": Fusion(init_gate, gated_attention),
    "addition": Fusion(before=add_mean),
    "prefix": Fusion(joined=lambda X, R: (np.concatenate([R, X], axis=1), slice(R.shape[1], None))),
    "suffix": Fusion(joined=lambda X, R: (np.concatenate([X, R], axis=1), slice(0, X.shape[1]))),
    "every_layer": Fusion(sublayers=("attention", CROSS)),
}
