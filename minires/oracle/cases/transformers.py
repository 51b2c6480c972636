"""The cases of the Transformers, their numbers designed so that no mistake can hide (see `designed`)."""

import numpy as np

from minires.gradients import tiny_model
from minires.model import Transformer
from minires.oracle.case import Case, on_grid
from minires.parameters import flatten

SIZES = {"vocabulary": 11, "width": 8, "heads": 4, "kv_heads": 2, "head_width": 6, "feed_forward": 7, "maximum_length": 9}


def transformer_case(variant, kind="decoder", layers=4, B=3, T=5, S=9, seed=1, decode=2, id=None, **changes):
    """A case of one variant with random numbers on the grid."""
    rng = np.random.default_rng(seed)
    model = tiny_model(variant, kind, layers, **{**SIZES, **changes})
    params = {name: on_grid(designed(name, array, rng)) for name, array in flatten(model.init(rng)).items()}
    inputs = tokens_of(model, rng, B, T, S)
    decode = decode if kind != "encoder" else 0
    config = {"model": model.as_dict(), "decode": decode}
    return Case(id or f"transformer/{variant}-{kind}", "transformer", config,
                {**params, **{f"inputs.{name}": value for name, value in inputs.items()}},
                {"logits": on_grid(rng.standard_normal((B, T, model.vocabulary)))}, tuple(params))


def designed(name, array, rng):
    """Numbers for a parameter: weights by their fan-in, queries and keys 1.6 times that; gains about 1, biases about 0."""
    last, z = name.split(".")[-1], rng.standard_normal(array.shape)
    if last == "W" or last.startswith("W_"):
        fan_in = 1 if "embedding" in name else array.shape[0]
        return z / np.sqrt(fan_in) * {"W_q": 1.6, "W_k": 1.6, "W_1": 1.3, "W_position": 0.7}.get(last, 1.0)
    return (0.0 if last.startswith("b") else 0.8) + 0.3 * z


def tokens_of(model, rng, B, T, S):
    """Tokens, targets, unequal weights; a source of another length; rows of different lengths."""
    ids = lambda *shape: rng.integers(0, model.vocabulary, shape)
    inputs = {"tokens": ids(B, T), "targets": ids(B, T), "weights": on_grid(rng.uniform(0.5, 1.5, (B, T)))}
    if model.kind == "encoder":
        inputs["padding"] = np.arange(T)[None] < np.array([T] * (B - 1) + [T - 2])[:, None]
    if model.kind == "encoder_decoder":
        inputs.update(source=ids(B, S), source_padding=np.arange(S)[None] < np.array([S] * (B - 1) + [S - 3])[:, None])
    return inputs


__all__ = ["Transformer", "transformer_case"]
