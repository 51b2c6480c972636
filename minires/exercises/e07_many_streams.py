"""Exercises of tutorial 07, many streams: one step of the streams, attention over blocks of depth."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, Wrong
from minires.layers import rms_norm, softmax


def step(X, alpha, C, beta, f):
    """x'_j = sum_i C[i, j] x_i + beta_j f(sum_i alpha_i x_i), X (R, T, D)."""
    return moved(X, C) + beta[:, None, None] * f(combined(alpha, X))


def combined(alpha, X):
    """sum_i alpha_i x_i."""
    return np.tensordot(alpha, X, axes=1)  # (T, D)


def moved(X, C):
    """C^T X."""
    return np.tensordot(C.T, X, axes=1)  # (R, T, D)


def step_arguments(rng):
    """Three streams of four tokens, and a sublayer that is not linear."""
    W = rng.standard_normal((5, 5))
    return (rng.standard_normal((3, 4, 5)), rng.standard_normal(3), rng.standard_normal((3, 3)), rng.standard_normal(3),
            lambda u: np.tanh(u @ W))


STEP = ByValue(step, step_arguments, {
    "hyper-connections-transposed": Wrong(lambda X, alpha, C, beta, f: step(X, alpha, C.T, beta, f)),
    "hyper-connections-read-after-mixing": Wrong(
        lambda X, alpha, C, beta, f: moved(X, C) + beta[:, None, None] * f(combined(alpha, moved(X, C)))),
    "written-before-mixing": Wrong(
        lambda X, alpha, C, beta, f: moved(X + beta[:, None, None] * f(combined(alpha, X)), C),
        "the output is written first and then mixed with the streams", "mix the old streams, then add beta_j y"),
    "write-weights-forgotten": Wrong(
        lambda X, alpha, C, beta, f: moved(X, C) + f(combined(alpha, X)), "each stream gets y itself",
        "stream j gets beta_j y"),
    "sum-read": Wrong(lambda X, alpha, C, beta, f: step(X, np.ones(3), C, beta, f),
                      "the sublayer reads the sum of the streams", "it reads sum_i alpha_i x_i"),
    "streams-not-mixed": Wrong(lambda X, alpha, C, beta, f: step(X, alpha, np.eye(3), beta, f), "the streams are not mixed",
                               "x'_j = sum_i C[i, j] x_i + beta_j y")})


# ---- attention over depth --------------------------------------------------------------------------------------------

def blocks(outputs, w, gain, size):
    """sum_i alpha_i s_i over x_0 and the sums of blocks of `size` outputs, the last perhaps unfinished; (m, T, D) -> (T, D)."""
    return attended(block_sums(outputs, size), w, gain)


def attended(sources, w, gain, averaged=lambda sources, normed: sources):
    """The sum of averaged(sources), weighted by the softmax over the sources of w . rms(s_i) gain."""
    normed = rms_norm(sources, gain, epsilon=1e-5)  # (R, T, D)
    alpha = softmax(np.sum(w * normed, axis=-1).T).T[..., None]  # (R, T, 1)
    return np.sum(alpha * averaged(sources, normed), axis=0)


def block_sums(outputs, size):
    """x_0, then the sum of each block: (1 + blocks, T, D)."""
    return np.stack([outputs[0], *(outputs[i:i + size].sum(axis=0) for i in range(1, len(outputs), size))])


def with_sources(change):
    """`blocks` with change(the sources, outputs, size) for sources."""
    return lambda outputs, w, gain, size: attended(change(block_sums(outputs, size), outputs, size), w, gain)


def with_empty(sources, outputs, size):
    """A source of zeros where a block is to begin."""
    return np.concatenate([sources, 0 * sources[:1]]) if (len(outputs) - 1) % size == 0 else sources


BLOCKS = ByValue(
    blocks, lambda rng: (rng.standard_normal((int(rng.integers(5, 8)), 3, 5)), 2 * rng.standard_normal(5),
                         rng.uniform(0.5, 2, 5), int(rng.integers(2, 4))), {
        "attn-res-empty-partial-sum": Wrong(with_sources(with_empty)),
        "attn-res-embedding-in-block": Wrong(with_sources(
            lambda sources, outputs, size: np.concatenate([sources[:1] + sources[1:2], sources[2:]]))),
        "depth-sources-cumulative": Wrong(with_sources(lambda sources, outputs, size: np.cumsum(sources, axis=0))),
        "attn-res-of-normed": Wrong(lambda outputs, w, gain, size: attended(
            block_sums(outputs, size), w, gain, lambda sources, normed: normed)),
        "attn-res-scaled": Wrong(lambda outputs, w, gain, size: blocks(outputs, w / np.sqrt(len(w)), gain, size)),
        "each-output-a-source": Wrong(with_sources(lambda sources, outputs, size: outputs), "each output is a source",
                                      "sum the outputs of each block first"),
        "unfinished-block-forgotten": Wrong(
            with_sources(lambda sources, outputs, size: sources[:1 + (len(outputs) - 1) // size]),
            "the unfinished block is left out", "its partial sum is a source too")})


EXERCISES = {
    "step": Exercise("one step of the streams", 1, 10, STEP),
    "blocks": Exercise("attention over blocks of depth", 3, 15, BLOCKS),
}
