"""Exercises of tutorial 06, SVFormer and the cache: what is kept, who sees it, one step, the table of values."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, Wrong
from minires.layers import rms_norm, softmax
from minires.masks import additive


def numbers(layers, heads, groups, width):
    """(L + 1) G K: the keys of each layer, the values of the first."""
    return (layers + 1) * groups * width


NUMBERS = ByValue(
    numbers, lambda rng: (int(rng.integers(3, 9)), 12, int(rng.integers(2, 5)), int(rng.integers(5, 9))), {
        "values-not-counted": Wrong(lambda L, H, G, K: L * G * K, "only keys are counted, exactly half of the plain cache",
                                    "layer 1's values are kept too: L + 1 arrays of 2 L"),
        "copies-counted": Wrong(lambda L, H, G, K: 2 * L * G * K, "each layer keeps a copy of the shared values",
                                "the values of layer 1 are kept once for all layers"),
        "query-heads-counted": Wrong(lambda L, H, G, K: (L + 1) * H * K, "the query heads are counted",
                                     "G key/value heads are kept; each serves H / G query heads"),
        "svformer-keys-shared": Wrong(lambda L, H, G, K: 2 * G * K)})


# ---- who sees what ---------------------------------------------------------------------------------------------------

def visible(T, S):
    """The additive mask (T, S) of T new tokens after S - T kept ones."""
    return ahead(T, S, 0)


def ahead(T, S, steps):
    """Each query sees `steps` keys beyond its own place."""
    return additive(np.arange(S) <= np.arange(S - T, S)[:, None] + steps)


VISIBLE = ByValue(
    visible, lambda rng: (T := int(rng.integers(3, 6)), T + int(rng.integers(2, 5))), {
        "mask-from-the-first-key": Wrong(
            lambda T, S: ahead(T, S, T - S), "the new tokens are taken for the first T of the sequence",
            "query i stands at place S - T + i: the kept tokens come before it"),
        "mask-one-ahead": Wrong(lambda T, S: ahead(T, S, 1)),
        "mask-own-hidden": Wrong(lambda T, S: ahead(T, S, -1)),
        "mask-causal-missing": Wrong(lambda T, S: np.zeros((T, S))),
        "mask-inverted": Wrong(lambda T, S: additive(ahead(T, S, 0) < 0))})


# ---- one token -------------------------------------------------------------------------------------------------------

def step(q, k, v, keys, values):
    """The output (K,), keys (S + 1, K), values (S + 1, K); v is None where the values are shared."""
    keys, values = added(keys, k), added(values, v)
    return attended(q, keys, values), keys, values


def added(rows, row):
    """rows (S, K) and row (K,), if any."""
    return rows if row is None else np.concatenate([rows, row[None]])


def attended(q, keys, values):
    """softmax(keys q / sqrt(K)) values."""
    return softmax(keys @ q / np.sqrt(len(q))) @ values


def stepped(output=attended, kept=lambda keys, values, old: (keys, values)):
    """`step` with another output, or something else kept; old are the keys and values before the step."""
    def wrong(q, k, v, keys, values):
        now = added(keys, k), added(values, v)
        return (output(q, *now), *kept(*now, (keys, values)))
    return wrong


def newest_first(q, k, v, keys, values):
    """The new key is put before the kept ones, the new value behind them."""
    keys, values = np.concatenate([k[None], keys]), added(values, v)
    return attended(q, keys, values), keys, values


def step_arguments(rng):
    """A step of an owner, or of a layer that shares: by the first draw, so that seeds 0 and 1 give both."""
    shares, S, K = rng.random() < 0.6, int(rng.integers(3, 6)), int(rng.integers(6, 9))
    rows = lambda count: rng.standard_normal((count, K))
    return (*rows(2), None if shares else rows(1)[0], rows(S), rows(S + shares))


STEP = ByValue(step, step_arguments, {
    "newest-unseen": Wrong(
        stepped(lambda q, keys, values: attended(q, keys[:-1], values[:-1])), "the newest token does not see itself",
        "append its key and value first, then attend"),
    "decode-newest-shared-value": Wrong(stepped(lambda q, keys, values: values[-1])),
    "nothing-kept": Wrong(
        stepped(kept=lambda keys, values, old: old), "the output is right, but the new key and value are not kept",
        "return the longer arrays: the next step needs them"),
    "new-key-in-front": Wrong(
        newest_first, "the new key stands before the kept ones, so that each value gets its neighbour's weight",
        "append the key behind, as the value"),
    "scale-missing": Wrong(stepped(lambda q, keys, values: attended(q * np.sqrt(len(q)), keys, values)))})


# ---- the table -------------------------------------------------------------------------------------------------------

def table(W_token, gain, W_v, tokens):
    """V_1 (T, G K) = rms(x_0) gain W_v."""
    return rms_norm(W_token[tokens], gain, epsilon=1e-5) @ W_v


def centred(x):
    """LayerNorm without gain."""
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)


TABLE = ByValue(
    table, lambda rng: (
        rng.standard_normal((9, 6)), rng.uniform(0.5, 2, 6), rng.standard_normal((6, 4)), rng.integers(9, size=7)), {
        "first-value-without-norm": Wrong(lambda W_token, gain, W_v, tokens: W_token[tokens] @ W_v),
        "embedding-for-first-value": Wrong(lambda W_token, gain, W_v, tokens: W_token[tokens][:, :W_v.shape[1]]),
        "norm-after-projection": Wrong(
            lambda W_token, gain, W_v, tokens: rms_norm(W_token[tokens] @ W_v, 1, epsilon=1e-5),
            "the norm comes after W_v", "norm the embedding (D,), then project"),
        "gain-forgotten": Wrong(lambda W_token, gain, W_v, tokens: table(W_token, 1, W_v, tokens), "the norm has no gain",
                                "multiply by the gain of layer 1's norm"),
        "layer-norm-for-rms": Wrong(
            lambda W_token, gain, W_v, tokens: gain * centred(W_token[tokens]) @ W_v, "the mean is taken off, as in LayerNorm",
            "RMSNorm divides by the root mean square and leaves the mean"),
        "whole-vocabulary": Wrong(lambda W_token, gain, W_v, tokens: table(W_token, gain, W_v, slice(None)),
                                  "there is a row for each word of the vocabulary", "one row for each token: [tokens]")})


EXERCISES = {
    "numbers": Exercise("count the cache", 1, 5, NUMBERS),
    "visible": Exercise("who sees what in a step", 2, 10, VISIBLE),
    "step": Exercise("one token, one head", 2, 15, STEP),
    "table": Exercise("the value cache out of the ids", 3, 15, TABLE),
}
