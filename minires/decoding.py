"""Decoding with a cache: prefill, then one token (or some) at a time, equal to the full forward pass.

Each layer keeps its keys and the heads of its used values. Both are already in the trace, so the cache is a part of it.
A row of scores is made anew within each step, so RealFormer keeps nothing more than vanilla. An array that several
layers share (SVFormer's values) is kept once.

Letters of the shapes: B batch, T time (new tokens), S all tokens so far, G key/value heads, K head width, V vocabulary.
"""

from typing import NamedTuple

import numpy as np

from minires import checks
from minires.layers import softmax
from minires.model import forward

KEPT = ("keys", "value_heads")


class Cache(NamedTuple):
    """What decoding keeps: `length` tokens so far, per layer {sublayer: {"keys", "value_heads"}} (B, G, S, K)."""

    length: int
    layers: list

    def bytes_per_token(self):
        """Bytes that self-attention keeps per sequence and token, arrays that layers share counted once.

        Cross-attention keeps the encoder's keys and values besides, whose number does not grow with the tokens.
        """
        arrays = {id(array): array for layer in self.layers for array in layer["attention"].values()}
        return sum(array.nbytes // (array.shape[0] * array.shape[2]) for array in arrays.values())


def decode(model, params, tokens, cache=None, **inputs):
    """Logits (B, T, V) of the new tokens (B, T), given those that the cache has seen, and the new cache.

    The first call may pass many tokens (prefill); an encoder_decoder gets source= there, and source_padding= at each call.
    Nothing is changed in place: an old cache stays valid, so that a beam may branch from it.
    ValueError: a bidirectional encoder, and whatever `Transformer.apply` refuses.
    """
    checks.require(model.kind != "encoder", "a bidirectional encoder cannot decode step by step: expected a decoder")
    checks.check_parameters(model, params)
    kept = 0 if cache is None else cache.length
    inputs = checks.check_inputs(model, tokens, inputs, kept)
    logits, trace = forward(model, params, **inputs, cache=cache)
    layers = trace["decoder"] if model.kind == "encoder_decoder" else trace
    kept_layers = [{sublayer: {name: record[name] for name in KEPT} for sublayer, record in layer.items()
                    if sublayer in ("attention", "cross_attention")} for layer in layers]
    return logits, Cache(kept + inputs["tokens"].shape[1], kept_layers)


def generate(model, params, tokens, steps, rng=None, temperature=1.0, **inputs):
    """Continue tokens (B, T) by `steps` sampled ones: (B, T + steps). Without a generator: the likeliest token.

    When learned positions end, the last maximum_length tokens are read anew for each further token.
    """
    checks.require(temperature > 0, f"temperature={temperature}: expected a positive number")
    tokens, cache, new = np.asarray(tokens), None, np.asarray(tokens)
    limit = model.maximum_length if model.positions == "learned" else np.inf
    for _ in range(steps):
        if tokens.shape[1] > limit:
            new, cache = tokens[:, -model.maximum_length:], None
        logits, cache = decode(model, params, new, cache, **inputs)
        inputs = {name: value for name, value in inputs.items() if name != "source"}
        new = choose(logits[:, -1], rng, temperature)[:, None]  # (B, 1)
        tokens = np.concatenate([tokens, new], axis=1)  # (B, T)
    return tokens


def choose(logits, rng, temperature):
    """One token per row of logits (B, V): sampled by inversion, or the likeliest."""
    if rng is None:
        return np.argmax(logits, axis=-1)
    total = np.cumsum(softmax(logits.astype("float64") / temperature), axis=-1)  # (B, V)
    return np.sum(total < rng.random((len(logits), 1)) * total[:, -1:], axis=-1)
