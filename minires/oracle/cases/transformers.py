"""How a case of a Transformer is made, its numbers designed so that no mistake can hide (see `designed`).

The numbers come from NumPy's frozen generator and are rounded to the grid: no version of NumPy changes them. Sizes that
stand together in a tensor differ: B, H, T, K; B, G, S, K; B, T, D; D, H K; only the axes of self-attention are alike.
"""

from zlib import crc32

import numpy as np

from minires.gradients import tiny_model
from minires.model import plain
from minires.oracle.case import Case, on_grid
from minires.parameters import flatten

SIZES = {"vocabulary": 11, "width": 8, "heads": 4, "kv_heads": 2, "head_width": 6, "feed_forward": 7, "maximum_length": 9}
SCALES = {"W_q": 1.6, "W_k": 1.6, "W_1": 1.3, "W_position": 0.7}


def transformer_case(variant, kind="decoder", layers=4, B=3, T=5, S=9, seed=None, decode=2, id=None, **changes):
    """A case of one variant with random numbers on the grid, other ones for each id; changes: of the description."""
    id = id or f"transformer/{variant}-{kind}"
    numbers = generator(id, seed)
    model = tiny_model(variant, kind, layers, **{**SIZES, **changes})
    shapes = flatten(model.init(np.random.default_rng(0)))
    params = {name: on_grid(designed(name, array, numbers)) for name, array in shapes.items()}
    inputs = tokens_of(model, numbers, B, T, S)
    config = {"model": plain(model.as_dict()), "decode": 0 if kind == "encoder" else decode}
    return Case(id, "transformer", config, {**params, **{f"inputs.{name}": value for name, value in inputs.items()}},
                {"logits": on_grid(numbers.standard_normal((B, T, model.vocabulary)))}, tuple(params))


def generator(id, seed=None):
    """Numbers of an id's own, the same for ever: RandomState's streams are frozen by NumPy's policy."""
    return np.random.RandomState(crc32(id.encode()) if seed is None else seed)


def designed(name, array, numbers):
    """Numbers for a parameter: weights by their fan-in, queries and keys 1.6 times that; gains about 1, biases about 0."""
    last, z = name.split(".")[-1], numbers.standard_normal(array.shape)
    if last == "W" or last.startswith("W_"):
        fan_in = 1 if "embedding" in name else array.shape[0]
        return z / np.sqrt(fan_in) * SCALES.get(last, 1.0)
    return (0.0 if last.startswith("b") else 0.8) + 0.3 * z


def tokens_of(model, numbers, B, T, S):
    """Tokens, targets, unequal weights; a source of another length; rows of different lengths; a token that comes twice."""
    ids = lambda *shape: numbers.randint(0, model.vocabulary, shape)
    inputs = {"tokens": ids(B, T), "targets": ids(B, T), "weights": on_grid(numbers.uniform(0.5, 1.5, (B, T)))}
    first, second = inputs["tokens"][:, :1], inputs["tokens"][:, 1:2]
    again = first[:, :second.shape[1]] == second  # of equal values the mean is their own: without norms a tie of float64
    second[...] = np.where(again, (second + 1) % model.vocabulary, second)
    inputs["tokens"][0, T // 2] = inputs["tokens"][0, 0]
    if model.kind == "encoder":
        inputs["padding"] = shorter(B, T, 2)
    if model.kind == "encoder_decoder":
        inputs.update(source=ids(B, S), source_padding=shorter(B, S, 3))
    return inputs


def shorter(B, T, missing):
    """Padding (B, T), True at real tokens: the last row lacks the last `missing`, where so many are there."""
    return np.arange(T)[None] < np.array([T] * (B - 1) + [max(1, T - missing)])[:, None]


# ---- more inputs -----------------------------------------------------------------------------------------------------

def sizes_of(case):
    """B, T, H, L."""
    model = case.config["model"]
    return *case.values["inputs.tokens"].shape, model["heads"], model["layers"]


def with_inputs(case, inputs, *tags):
    """The case with these inputs too, or instead."""
    return case._replace(values={**case.values, **{f"inputs.{name}": value for name, value in inputs.items()}},
                         tags=(*case.tags, *tags))


def with_masks(case):
    """Another mask for each layer: soft, and -inf at a third of the pairs. Each query sees itself and the first key."""
    _, T, _, L = sizes_of(case)
    numbers = generator(case.id + " masks")
    seen = lambda: (numbers.uniform(size=(T, T)) < 0.67) | np.eye(T, dtype=bool) | (np.arange(T) == 0)
    masks = {f"mask.{n}": np.where(seen(), on_grid(numbers.uniform(-2, 0, (T, T))), -np.inf) for n in range(L)}
    return with_inputs(case._replace(config={**case.config, "decode": 0}), masks, "masks")


def with_bias(case):
    """A bias of its own for each head, which gets a gradient."""
    _, T, H, _ = sizes_of(case)
    case = case._replace(config={**case.config, "decode": 0}, differentiated=(*case.differentiated, "inputs.bias"))
    return with_inputs(case, {"bias": on_grid(generator(case.id + " bias").standard_normal((H, T, T)))}, "bias")


def with_earlier(case):
    """A call of the same port before this one, with other and fewer tokens, that must leave no trace."""
    B, T, _, _ = sizes_of(case)
    ids = lambda *shape: generator(case.id + " earlier").randint(0, case.config["model"]["vocabulary"], shape)
    earlier = {"earlier.tokens": ids(B, T - 1)}
    if "inputs.source" in case.values:
        earlier["earlier.source"] = ids(B, T + 1)
    return with_inputs(case, earlier, "two calls")


def with_left_padding(case):
    """The last row begins one token later."""
    B, T, _, _ = sizes_of(case)
    return with_inputs(case, {"padding": np.arange(T)[None] >= np.array([0] * (B - 1) + [1])[:, None]}, "padding")


def with_values(case, *tags, **changes):
    """The case with values changed: {last part of the name, or all of it: function(array) -> array}, on the grid again."""
    of = lambda name: changes.get(name, changes.get(name.split(".")[-1]))
    values = {name: on_grid(of(name)(value)) if of(name) and value.dtype == float else of(name)(value) if of(name) else value
              for name, value in case.values.items()}
    return case._replace(values=values, tags=(*case.tags, *tags))


__all__ = ["designed", "transformer_case", "with_bias", "with_earlier", "with_left_padding", "with_masks", "with_values"]
