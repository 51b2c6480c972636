"""The reservoir of random sentence encoders (`random_sentence`): its weights, and its states in both directions.

Letters of the shapes: B batch, T words, d width, N units.
"""

import autograd.numpy as np
import numpy

from minires.reservoir.echo_state import run
from minires.reservoir.scaling import rescale


def both_ways(memory, e, real, late, f):
    """[forward h_t; backward h_s] (B, T, 2 N), each in the order it was read: a pool over the words does not mind.

    What comes after a sentence, in its padding, is worked out too and left out by the pool.
    """
    backward = states(memory["backward"], turned(e, real), late, f)
    return np.concatenate([states(memory["forward"], e, late, f), backward], axis=-1)


def states(reservoir, e, late, f):
    """h_t (B, T, N) from e (B, T, d); in the first `late` steps the old state has no share."""
    parts, last = [], None
    for kernel, words in (({"K": 0.0, "g": 1.0}, e[:, :late]), ({}, e[:, late:])):
        if words.shape[1]:
            h, last = run({**reservoir, **kernel}, words, last, f=f)
            parts.append(h)
    return np.concatenate(parts, axis=1)


def turned(z, real):
    """Each sentence's words in reverse, its padding where it was, in new arrays: its own inverse."""
    length, t = numpy.sum(real, axis=1, keepdims=True), numpy.arange(real.shape[1])
    place = numpy.where(t < length, length - 1 - t, t)  # (B, T)
    return z[numpy.arange(len(z))[:, None], place]


def scaled_then_sparse(rng, N, radius, sparsity):
    """Published: W (N, N) of that radius, then made sparse, which leaves a radius of about sqrt(1 - sparsity) times that."""
    return sparse(rng, rescale(rng.uniform(-0.5, 0.5, (N, N)), "spectral_radius", radius), sparsity)


def sparse_then_scaled(rng, N, radius, sparsity):
    """Corrected: the same draws, the scaling last."""
    return rescale(sparse(rng, rng.uniform(-0.5, 0.5, (N, N)), sparsity), "spectral_radius", radius)


def sparse(rng, W, sparsity):
    """W with int(sparsity N) entries of each column set to zero, in a new array."""
    N = len(W)
    order = rng.permuted(numpy.tile(numpy.arange(N)[:, None], N), axis=0)  # (N, N): a permutation of each column
    return numpy.where(order < int(sparsity * N), 0.0, W)
