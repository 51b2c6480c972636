"""Random sentence encoders: pooled word vectors, pooled random projections of them (BOREP), a pooled echo-state network.

    bag of embeddings   z = pool_t(e_t)
    BOREP               z = pool_t(P e_t),                       P uniform within 1 / sqrt(d)
    echo state          z = pool_t([forward h_t; backward h_t]),  logits = z W + b
        h_t = (1 - lambda) f(W_in e_t + W h_{t-1}) + lambda h_{t-1},  h_0 = 0

symbols: e_t (d,) the frozen vector of word t; h_t (N,) state; pool the maximum or the mean over the words, padding left out.
lambda is the share of the OLD state, unlike the leak elsewhere in minires: the kernel's K = lambda, g = 1 - lambda. There is no
f by default: a linear reservoir. W, W_in uniform on (-.5, .5). The reservoir itself: `random_sentence_reservoir`.

What the authors' code (facebookresearch/randsent) does beside these equations, kept in `published`:
    lambda acts from the third step on only: h_t = f(...) for t = 1, 2
    W is scaled to its radius and then made sparse by columns: its true radius is about radius sqrt(1 - sparsity)
Also there, kept nowhere: lists of sentences are reversed in place, in the caller's own data; e_t can stand beside h_t.
Corrected: lambda from the first step on; W is made sparse and then scaled. The licence of that code forbids copying: this is
written from the equations.
source: Wieting & Kiela 2019, "No Training Required" (1901.10444, ICLR 2019).
"""

import autograd.numpy as np
import numpy

from minires.errors import number, one_of, positive, whole_number
from minires.layers import embedding, linear
from minires.reservoir.rollout import ACTIVATIONS
from minires.reservoir_resformer.neighbours.random_sentence_reservoir import both_ways, scaled_then_sparse, sparse_then_scaled
from minires.reservoir_resformer.neighbours.record import check_sentences, network


def maximum(z, real):
    """max over the words (B, F)."""
    return np.max(np.where(real[..., None], z, -numpy.inf), axis=1)


def mean(z, real):
    """mean over the words (B, F)."""
    weight = real.astype(z.dtype) / numpy.sum(real, axis=1, keepdims=True).astype(z.dtype)  # (B, T)
    return np.sum(z * weight[..., None], axis=1)


POOLS = {"max": maximum, "mean": mean}


def bag_of_embeddings(vocabulary, classes, width=8, pool="max"):
    """The baseline: z = pool_t(e_t)."""
    return classifier(vocabulary, classes, width, width, pool, lambda rng: {}, lambda memory, e, real: e)


def borep(vocabulary, classes, width=8, features=16, pool="max"):
    """Bag of random embedding projections: z = pool_t(P e_t)."""
    draw = lambda rng: {"P": rng.uniform(-1, 1, (width, features)) / width ** 0.5}
    return classifier(vocabulary, classes, width, features, pool, draw, lambda memory, e, real: linear(e, memory["P"]))


def published(vocabulary, classes, width=8, units=16, radius=0.9, sparsity=0.5, old=0.5, f="identity", pool="max"):
    """The echo-state encoder as the authors' code runs; `old` is lambda, `sparsity` the share of zeros."""
    return bidirectional(scaled_then_sparse, 2, vocabulary, classes, width, units, radius, sparsity, old, f, pool)


def corrected(vocabulary, classes, width=8, units=16, radius=0.9, sparsity=0.5, old=0.5, f="identity", pool="max"):
    """The same with lambda in every step and the radius that was asked for."""
    return bidirectional(sparse_then_scaled, 0, vocabulary, classes, width, units, radius, sparsity, old, f, pool)


def classifier(vocabulary, classes, width, features, pool, draw_memory, encode):
    """The Network of a frozen encoder under a linear head: apply(params, tokens (B, T), real (B, T)) -> logits (B, classes).

    E (V, d), the frozen table, is drawn here; the paper's is pre-trained (set params["memory"]["E"]).
    encode(memory, e (B, T, d), real) -> (B, T, F), pooled over the words
    """
    given = {"vocabulary": vocabulary, "width": width, "features": features}
    V, d, F = (whole_number(name, value) for name, value in given.items())
    C, pooled = whole_number("classes", classes, 2), one_of("pool", pool, POOLS)

    def draw(rng):
        memory = {"E": rng.standard_normal((V, d)), **draw_memory(rng)}
        return {"memory": memory, "head": {"W": rng.standard_normal((F, C)) / F ** 0.5, "b": np.zeros(C)}}

    def apply(params, tokens, real):
        tokens, real = check_sentences(tokens, real, V)
        e = embedding(params["memory"]["E"], tokens)  # (B, T, d)
        return linear(pooled(encode(params["memory"], e, real), real), **params["head"])  # (B, classes)

    return network(draw, apply)


def bidirectional(recurrent, late, vocabulary, classes, width, units, radius, sparsity, old, f, pool):
    """The classifier on two reservoirs, one of them reading backwards; recurrent(rng, N, radius, sparsity) -> W."""
    d, N = whole_number("width", width), whole_number("units", units)
    for name, share in (("old", old), ("sparsity", sparsity)):
        number(name, share, 0.0, 1.0, "a share of at least 0 and below 1")
    positive("radius", radius)
    one_of("activation", f, ACTIVATIONS)
    one = lambda rng: {"W": recurrent(rng, N, radius, sparsity), "W_in": rng.uniform(-0.5, 0.5, (N, d)), "K": old, "g": 1 - old}
    draw = lambda rng: {"forward": one(rng), "backward": one(rng)}
    encode = lambda memory, e, real: both_ways(memory, e, real, late, f)
    return classifier(vocabulary, classes, d, 2 * N, pool, draw, encode)
