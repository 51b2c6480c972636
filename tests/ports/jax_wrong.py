"""Mistakes of the catalogue in the port in JAX: {name: (function of the port, change(up, port, *arguments))}."""

import math

import jax
import jax.numpy as jnp
import numpy as np

stop = jax.lax.stop_gradient


def neighbours(up, port, x, positions):
    """The pairs (2i, 2i + 1) turn."""
    K = x.shape[-1]
    halves = np.concatenate([np.arange(0, K, 2), np.arange(1, K, 2)])
    return up(x[..., halves], positions)[..., np.argsort(halves)]


def outside_root(up, port, x):
    """x / (rms + epsilon)."""
    return x / (jnp.sqrt(port.mean(x * x)) + port.m["epsilon"])


def halved(up, port, stream, y, at):
    """Half of the attention's output."""
    return up(stream, y / 2 if at.endswith(".attention") else y, at)


def no_attention_residual(up, port, stream, y, at):
    """Nothing around attention."""
    return up(0 * stream if at.endswith(".attention") else stream, y, at)


def reverse_weights(up, port, alpha, blocks):
    """alpha from the last block to the first."""
    return up(alpha[::-1], blocks)


WRONG = {
    "scale-missing": ("scaled", lambda up, port, s: s),
    "scale-by-width": ("scaled", lambda up, port, s: s / math.sqrt(port.m["width"])),
    "scale-by-head-width": ("scaled", lambda up, port, s: s / port.m["head_width"]),
    "softmax-over-queries": ("softmax", lambda up, port, z: jnp.swapaxes(up(jnp.swapaxes(z, -1, -2)), -1, -2)),
    "mask-transposed": ("causal", lambda up, port, T: up(T).T),
    "mask-own-hidden": ("causal", lambda up, port, T: up(T) & ~np.eye(T, dtype=bool)),
    "mask-inverted": ("causal", lambda up, port, T: ~up(T)),
    "groups-tiled": ("serve", lambda up, port, x: x[:, np.arange(port.m["heads"]) % x.shape[1]]),
    "heads-split-by-reshape": ("split", lambda up, port, x, H: x.reshape(len(x), H, x.shape[1], -1)),
    "heads-merged-untransposed": ("merge", lambda up, port, x: x.reshape(len(x), x.shape[2], -1)),
    "rotary-of-neighbours": ("rotate", neighbours),
    "epsilon-outside-root": ("rms", outside_root),
    "variance-unbiased": ("variance", lambda up, port, z: up(z) * z.shape[-1] / (z.shape[-1] - 1)),
    "norm-variance-constant": ("variance", lambda up, port, z: stop(up(z))),
    "gelu-erf-for-tanh": ("gelu", lambda up, port, x: port.gelu_erf(x)),
    "gelu-sigmoid": ("gelu", lambda up, port, x: x / (1 + jnp.exp(-1.702 * x))),
    "relu-for-gelu": ("gelu", lambda up, port, x: jnp.maximum(x, 0)),
    "gate-and-value-swapped": ("gated", lambda up, port, gate, inner: up(inner, gate)),
    "keys-detached": ("products", lambda up, port, q, k: up(q, stop(k))),
    "residual-doubled": ("write", lambda up, port, stream, y, at: up(2 * stream, y, at)),
    "attention-halved": ("write", halved),
    "attention-residual-missing": ("write", no_attention_residual),
    "final-norm-missing": ("finish", lambda up, port, stream: stream),
    "loss-summed": ("weighted", lambda up, port, lost, weights: jnp.sum(lost * weights)),
    "loss-weights-ignored": ("weighted", lambda up, port, lost, weights: up(lost, jnp.ones_like(weights))),
    "carry-doubled": ("carried", lambda up, port, below: 2 * below),
    "carry-subtracted": ("carried", lambda up, port, below: -below),
    "carry-detached": ("carried", lambda up, port, below: stop(below)),
    "carry-heads-rolled": ("carried", lambda up, port, below: jnp.roll(below, 1, 1)),
    "value-weights-swapped": ("weights", lambda up, port, at: up(at)[::-1]),
    "value-weights-sigmoid": ("weights", lambda up, port, at: tuple(1 / (1 + jnp.exp(-w)) for w in up(at))),
    "first-value-detached": ("first", lambda up, port, chain: stop(up(chain))),
    "hyper-connections-transposed": ("exchanged", lambda up, port, C, X: up(jnp.swapaxes(C, 0, 1), X)),
    "denseformer-weights-descending": ("average", reverse_weights),
}
RESERVOIR = {
    "gain-without-leak": ("gained", lambda up, port, h: h),
    "bias-dropped": ("drive", lambda up, port, u, y: up(u, y) - port.p["b"]),
    "recurrent-weights-transposed": ("recurrent", lambda up, port: up().T),
    "activation-identity": ("activation", lambda up, port, p: p),
    "activation-relu": ("activation", lambda up, port, p: jnp.maximum(p, 0)),
    "input-weights-divided-by-root-width": ("heard", lambda up, port, u: up(u) / math.sqrt(u.shape[-1])),
    "adjoint-without-carry": ("retained", lambda up, port, x: up(stop(x))),
}
