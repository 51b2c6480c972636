"""Mistakes in what RealFormer carries: the wrong quantity."""

import autograd.numpy as np

from minires.activations import tanh
from minires.layers import softmax
from minires.oracle.mistakes.mistake import Mistake, stopped
from minires.oracle.mistakes.places import both, changed, deep, from_second, variant
from minires.residual.scores.realformer import divide_by_depth


def carried(change):
    """A change of `scores` from the second layer on: change(fresh, past, here)."""
    return changed(scores=from_second(change))


def of_carry(change):
    """The carry of the layer below is taken to be change(S_{n-1}, here)."""
    def scores(right):
        def wrong(fresh, past, here):
            return right(fresh, [*past[:-1], {**past[-1], "scores": change(past[-1]["scores"], here)}] if past else past, here)
        return wrong
    return changed(scores=scores)


def stale(fresh, past, here):
    """Even layers leave the carry as it is: S_n = A_n + S_m, m the nearest odd layer below."""
    return fresh + past[-1 if here.n % 2 == 0 else -2]["scores"]


def clipped(cap):
    """S_n = cap(A_n + S_{n-1}), in the first layer too."""
    return changed(scores=lambda right: lambda fresh, past, here: cap(right(fresh, past, here)))


def between(x, low, high):
    """x, clipped."""
    return np.maximum(np.minimum(x, high), low)


def attention_output(residual):
    """The heads' outputs are added to those of the layer below instead of the scores."""
    heads = lambda fresh, past, here: fresh + past[-1]["heads"] if past else fresh
    return residual._replace(scores=lambda fresh, past, here: fresh, heads=heads)


def of_probabilities(change):
    """The scores are plain; P_n = change(softmax, P_{n-1}) from the second layer on."""
    return changed(scores=lambda right: lambda fresh, past, here: fresh,
                   probabilities=lambda right: lambda fresh, past, here: change(fresh,
                                                                                past[-1]["probabilities"]) if past else fresh)


def log_softmax(z):
    """z - log sum exp z over the keys."""
    shifted = z - stopped(np.max(z, axis=-1, keepdims=True))
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


realformer = variant("realformer", "realformer_mean")
running_sum, running_mean = variant("realformer"), variant("realformer_mean")
SUM = "S_n = A_n + S_{n-1}: carry the running sum of scaled scores, before mask and softmax"
MEAN = "carry the undivided sum S_n, use S_n / n"


def one(does, record, applies, *numbers, seen=(), fix=SUM, gradient=False):
    """A mistake of the carry, with the numbers of the specification."""
    return Mistake("carry", does, fix, both(realformer, deep(2), applies), {}, record, seen=seen, gradient=gradient,
                   listed=tuple(f"realformer {number}" for number in numbers))


MISTAKES = {
    "carry-ignored": one(
        "the scores of the layer below are not added: plain attention", carried(lambda fresh, past, here: fresh), running_sum,
        "F1", "F57",
        seen=("lucidrains/x-transformers v0.4.0", "Tencent/TencentPretrain layers/transformer.py", "dbiir/UER-py decoder")),
    "carry-own-scores-only": one(
        "a layer carries its own scores only: S_n = A_n + A_{n-1}",
        carried(lambda fresh, past, here: fresh + past[-1]["fresh_scores"]), deep(3), "F2", "F16",
        seen=("bojone/bert4keras since 20a4694",)),
    "carry-first-scores-only": one(
        "every layer adds the first layer's scores: S_n = A_n + A_1",
        carried(lambda fresh, past, here: fresh + past[0]["fresh_scores"]), deep(3), "F3"),
    "carry-probabilities": one(
        "the probabilities of the layer below are added to the scores",
        carried(lambda fresh, past, here: fresh + past[-1]["probabilities"]), realformer, "F4"),
    "carry-stale-in-even-layers": one("even layers do not update the carry", carried(stale), deep(3), "F5"),
    "probabilities-added": one(
        "the probabilities of the layer below are added behind the softmax: rows sum to n",
        of_probabilities(lambda p, below: p + below), running_sum, "F6"),
    "probabilities-averaged": one(
        "the probabilities are averaged with those of the layer below", of_probabilities(lambda p, below: (p + below) / 2),
        running_sum, "F7"),
    "probabilities-softmaxed-again": one(
        "the probabilities of two layers are added and go through a softmax again",
        of_probabilities(lambda p, below: softmax(p + below)), running_sum, "F7"),
    "carry-log-softmax": one(
        "log-softmax of the scores is carried: the output is the same, the carry is not",
        of_carry(lambda s, here: log_softmax(s)), realformer, "F8"),
    "carry-attention-output": one(
        "the outputs of the heads are carried instead of the scores", attention_output, running_sum, "F9",
        seen=("lucidrains/recurrent-memory-transformer-pytorch issue 18",)),
    "carry-clipped": one("the sum is clipped to [-1, 1]", clipped(lambda x: between(x, -1.0, 1.0)), realformer, "F10"),
    "carry-soft-capped": one(
        "the sum is capped by 50 tanh(S / 50) before it is carried", clipped(lambda x: 50 * tanh(x / 50)), realformer, "F10",
        seen=("lucidrains/x-transformers, softclamp before the carry",)),
    "carry-detached": one(
        "no gradient flows through the carry", of_carry(lambda s, here: stopped(s)),
        realformer,
        "F52", gradient=True),
    "carry-doubled": one(
        "the carry is added twice", of_carry(lambda s, here: 2 * s), realformer, "F14"),
    "carry-averaged": one(
        "scores and carry are averaged: (A_n + S_{n-1}) / 2",
        carried(lambda fresh, past, here: (fresh + past[-1]["scores"]) / 2),
        realformer, "F14"),
    "carry-subtracted": one(
        "the carry is subtracted", of_carry(lambda s, here: -s), realformer, "F14"),
    "mean-divided-carry": one(
        "the divided scores are carried and divided again", carried(lambda fresh, past, here: fresh + past[-1]["logits"]),
        running_mean, "F15", fix=MEAN),
    "mean-for-sum": one(
        "the running mean where the sum is asked for", changed(logits=lambda right: divide_by_depth), running_sum, "F18",
        fix="Z_n = S_n"),
    "sum-for-mean": one(
        "the running sum where the mean is asked for", changed(logits=lambda right: lambda scores, here: scores), running_mean,
        "F18",
        fix="Z_n = S_n / n"),
}
