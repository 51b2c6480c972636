"""Exercises of tutorial 02, attention by hand: heads, a mask, groups of heads, attention backwards."""

import numpy as np

from minires.attention import split_heads
from minires.exercises.records import ByValue, Exercise, InModel, Wrong
from minires.layers import softmax
from minires.masks import additive, causal_mask


def split(x, heads):
    """(B, T, heads K) -> (B, heads, T, K)."""
    return split_heads(x, heads)


def from_batch(x, heads):
    """The heads are cut first, across sequences."""
    B, T, C = x.shape
    return np.swapaxes(np.reshape(x, (heads, B, T, C // heads)), 0, 1)


SPLIT = ByValue(split, lambda rng: (rng.standard_normal((2, 5, 12)), 3), {
    "heads-split-by-reshape": Wrong(lambda x, heads: np.reshape(x, (x.shape[0], heads, x.shape[1], -1))),
    "heads-split-interleaved": Wrong(lambda x, heads: np.transpose(np.reshape(x, (*x.shape[:2], -1, heads)), (0, 3, 1, 2))),
    "heads-cut-across-the-batch": Wrong(
        from_batch, "the first head is made of the first sequences", "the last axis holds the heads: reshape to (B, T, H, K)")})


# ---- a mask ---------------------------------------------------------------------------------------------------------

def causal(t, s):
    """0 where s <= t, -inf elsewhere; (T, S)."""
    return causal_mask(t, s)


def seen(visible):
    """The mask of a condition on t (T, 1) and s (1, S)."""
    return lambda t, s: additive(visible(t[:, None], s[None, :]))


CAUSAL = InModel("transformer/pre_norm-decoder", causal, lambda function: {
    "minires.forward.causal_mask": lambda t, s, dtype=float: function(t, s)}, {
        "mask-one-ahead": seen(lambda t, s: s <= t + 1),
        "mask-own-hidden": seen(lambda t, s: s < t),
        "mask-causal-missing": seen(lambda t, s: s > -1 + 0 * t),
        "mask-transposed": seen(lambda t, s: s >= t),
        "mask-inverted": seen(lambda t, s: s > t)})


# ---- groups of heads ------------------------------------------------------------------------------------------------

def groups(q, k):
    """q (H, T, K), k (G, S, K) -> A (H, T, S); head h reads group h // (H / G)."""
    return scores(q, np.repeat(k, len(q) // len(k), axis=0))


def scores(q, k):
    """q k^T / sqrt(K)."""
    return q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])


def tiled(q, k):
    """Head h reads group h mod G."""
    return scores(q, np.concatenate([k] * (len(q) // len(k))))


def times(factor):
    """The scores with another scale."""
    return lambda q, k: groups(q, k) * factor(q.shape[-1])


GROUPS = ByValue(groups, lambda rng: (rng.standard_normal((6, 4, 5)), rng.standard_normal((3, 7, 5))), {
    "groups-tiled": Wrong(tiled),
    "scale-missing": Wrong(times(np.sqrt)),
    "scale-by-head-width": Wrong(times(lambda K: K ** -0.5)),
    "scale-by-all-heads": Wrong(
        lambda q, k: groups(q, k) / np.sqrt(len(q)), "the scores are divided by sqrt(H K)",
        "divide by sqrt(K), K the width of one head"),
    "first-group-for-all": Wrong(
        lambda q, k: scores(q, k[:1]), "all heads read the first group", "head h reads group h // (H / G)"),
    "mean-of-the-groups": Wrong(
        lambda q, k: scores(q, np.mean(k, axis=0)), "all heads read the mean of the groups", "head h reads group h // (H / G)"),
    "groups-reversed": Wrong(
        lambda q, k: groups(q, k[::-1]), "the last heads read the first group", "head h reads group h // (H / G)")})


# ---- backwards ------------------------------------------------------------------------------------------------------

def rule(g, q, k, v):
    """The gradients of softmax(q k^T / sqrt(K)) v by q, k and v."""
    return rule_with(g, q, k, v)


def rule_with(g, q, k, v, query=1, key=1, inner=1, turned=False):
    """The same with factors of the gradients by q and k and of the softmax's sum; turned: P g in the place of P^T g."""
    P = softmax(scores(q, k))  # (T, S)
    g_P = g @ v.T
    g_A = P * (g_P - inner * np.sum(P * g_P, axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return query * (g_A @ k), key * (g_A.T @ q), P.T @ g if not turned else softmax(scores(q, k).T) @ g


def rule_arguments(rng):
    """T 4, S 6, K 3."""
    return tuple(rng.standard_normal(shape) for shape in ((4, 3), (4, 3), (6, 3), (6, 3)))


RULE = ByValue(rule, rule_arguments, {
    "query-gradient-unscaled": Wrong(lambda *given: rule_with(*given, query=np.sqrt(3))),
    "keys-detached": Wrong(lambda *given: rule_with(*given, key=0)),
    "softmax-denominator-constant": Wrong(lambda *given: rule_with(*given, inner=0)),
    "key-gradient-unscaled": Wrong(
        lambda *given: rule_with(*given, key=np.sqrt(3)), "the gradient of the keys lacks the factor 1/sqrt(K)",
        "dk = dA^T q / sqrt(K)"),
    "gradients-unscaled": Wrong(
        lambda *given: rule_with(*given, query=np.sqrt(3), key=np.sqrt(3)), "the gradients of q and k lack 1/sqrt(K)",
        "dq = dA k / sqrt(K), dk = dA^T q / sqrt(K)"),
    "queries-detached": Wrong(
        lambda *given: rule_with(*given, query=0), "no gradient flows to the queries", "dq = dA k / sqrt(K)"),
    "softmax-over-queries-for-values": Wrong(
        lambda *given: rule_with(*given, turned=True), "the gradient of the values has a softmax over the queries",
        "dv = P^T g, with the P of the forward pass")})


EXERCISES = {
    "split": Exercise("cut the heads", 1, 5, SPLIT),
    "causal": Exercise("what a query may see", 2, 10, CAUSAL),
    "groups": Exercise("scores with grouped queries", 2, 10, GROUPS),
    "rule": Exercise("attention backwards", 3, 20, RULE),
}
