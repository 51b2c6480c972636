"""The table of all variants and their options, each with its paper's equations, and the tiny models of the tests."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from transcriptions import (Paper, anchored, dense, difference, learnable, plus, running_mean, running_sum,
                            running_sum_with_bias, sharpened, sparse, weighted, without_bias)

from minires import BERT, LLAMA, Transformer, flatten, unflatten
from minires.gradients import random_parameters, tiny_example


class Case(NamedTuple):
    """A variant with its options, where its authors put the norms, and its equations."""

    variant: str
    placement: str
    paper: Paper
    options: dict = {}


IDENTITY = weighted(0.5, 0.5)

CASES = {
    "vanilla": Case("vanilla", "post", Paper()),
    "pre_norm": Case("pre_norm", "pre", Paper()),
    "sandwich_norm": Case("sandwich_norm", "sandwich", Paper()),
    "output_norm": Case("output_norm", "output", Paper()),
    "realformer": Case("realformer", "post", Paper(score=running_sum)),
    "realformer carry_bias": Case(
        "realformer", "post", Paper(score=running_sum_with_bias, logit=without_bias(Paper().logit)),
        {"carry_bias": True}),
    "realformer_mean": Case("realformer_mean", "post", Paper(score=running_sum, logit=running_mean)),
    "realformer_mean carry_bias": Case(
        "realformer_mean", "post", Paper(score=running_sum_with_bias, logit=without_bias(running_mean)),
        {"carry_bias": True}),
    "temperature": Case("temperature", "post", Paper(logit=sharpened)),
    "resformer": Case("resformer", "pre", Paper(value=IDENTITY)),
    "resformer weights": Case(
        "resformer", "pre", Paper(value=weighted(0.3, 0.8)), {"lambda_1": 0.3, "lambda_2": 0.8}),
    "resformer_constant": Case("resformer_constant", "pre", Paper(value=weighted(2.0, 1.0))),
    "resformer_constant weights": Case(
        "resformer_constant", "pre", Paper(value=weighted(0.2, 0.9)), {"lambda_1": 0.2, "lambda_2": 0.9}),
    "resformer_sparse": Case("resformer_sparse", "pre", Paper(value=sparse({3, 4}, 5.0, 1.0))),
    "resformer_sparse layers": Case(
        "resformer_sparse", "pre", Paper(value=sparse({2, 4}, 1.7, 0.6)),
        {"layers": [2, 4], "lambda_1": 1.7, "lambda_2": 0.6}),
    "resformer_learnable": Case("resformer_learnable", "pre", Paper(value=learnable)),
    "resformer_learnable weights": Case(
        "resformer_learnable", "pre", Paper(value=learnable), {"lambda_1": 0.9, "lambda_2": 0.4}),
    "resformer_plus": Case("resformer_plus", "pre", Paper(value=plus(first=2))),
    "resformer_plus start": Case(
        "resformer_plus", "pre", Paper(value=plus(first=2)), {"theta": [0.1, -0.4, 0.8], "lambda_2": 0.7}),
    "resformer_plus span": Case("resformer_plus", "pre", Paper(value=plus(first=1)), {"span": "1..L"}),
    "resformer_dense": Case("resformer_dense", "pre", Paper(value=dense(mixed=False))),
    "resformer_dense mixed": Case("resformer_dense", "pre", Paper(value=dense(mixed=True)), {"source": "mixed"}),
    "svformer": Case("svformer", "pre", Paper(value=anchored((1,)))),
    "svformer anchors": Case("svformer", "pre", Paper(value=anchored((1, 3))), {"anchors": [1, 3]}),
    "neutreno": Case("neutreno", "pre", Paper(head=difference(0.4))),
    "neutreno deit": Case("neutreno", "pre", Paper(head=difference(0.6)), {"lambda_": 0.6}),
    "resformer_neutreno": Case(
        "resformer_neutreno", "pre", Paper(value=IDENTITY, head=difference(0.2, mixed=True))),
    "resformer_neutreno weights": Case(
        "resformer_neutreno", "pre", Paper(value=weighted(0.3, 0.8), head=difference(0.7, mixed=True)),
        {"lambda_": 0.7, "lambda_1": 0.3, "lambda_2": 0.8}),
    "resformer_neutreno raw": Case(
        "resformer_neutreno", "pre", Paper(value=IDENTITY, head=difference(0.2)), {"difference": "raw"}),
}

VARIANT_CASES = [name for name, case in CASES.items() if not case.options]  # each variant once, as its paper has it

# No two sizes alike, 1 < G < H, several pairs of channels for the rotation, width not heads times head width.
SIZES = {"vocabulary": 11, "layers": 4, "width": 10, "heads": 6, "kv_heads": 3, "head_width": 4, "feed_forward": 7,
         "maximum_length": 9}
GROUP_OF = [0, 0, 1, 1, 2, 2]  # the key/value head that each query head reads, h // r


def house_of(case):
    """The surroundings that the variant's paper builds in."""
    return BERT if case.placement == "post" else LLAMA


def model_of(name, kind="decoder", **changes):
    """The tiny model of a case; the house is its paper's unless the changes name another."""
    case = CASES[name]
    return Transformer(**{"variant": case.variant, "options": case.options, "kind": kind, **house_of(case), **SIZES,
                          **changes})


def model_and_parameters(name, rng, kind="decoder", **changes):
    """The tiny model of a case and random parameters, no two alike."""
    model = model_of(name, kind, **changes)
    return model, random_parameters(model, rng)


def with_fields(model, **fields):
    """The model with fields of its residual record replaced."""
    return replace(model, variant=model.residual._replace(**fields), options={}, placement=None)


def vanilla_of(model, **changes):
    """The plain Transformer with the same sizes and norm placement."""
    placement = next(case.placement for case in CASES.values() if case.variant == model.variant)
    return Transformer(**{**model.as_dict(), "variant": "vanilla", "options": {},
                          "placement": model.placement or placement, **changes})


def same_weights(model, params, rng):
    """Random parameters of the model, equal to `params` wherever the names agree."""
    given = flatten(params)
    return unflatten({name: given.get(name, array) for name, array in flatten(random_parameters(model, rng)).items()})


def with_own(params, **own):
    """The parameters with lambda_1=, lambda_2= or lambda_= given per layer 2 .. L, and s=, theta= of the stack."""
    flat = flatten(params)
    for path in flat:
        name = path.split(".")[-1]
        if name in own:
            shared = ".shared." in "." + path
            n = None if shared else int(path.split("layers.")[1].split(".")[0]) + 1
            flat[path] = np.array(own[name] if shared else own[name][n - 2], dtype=float)
    return unflatten(flat)


def example(model, rng, B=2, T=5, S=3):
    """Random inputs: an encoder's are padded in the last row, an encoder_decoder's source (B, S) is padded too."""
    return tiny_example(model, rng, B, T, S).inputs


def stacks(trace):
    """The layers of a run by stack: {"stack": layers}, or encoder and decoder."""
    return trace if isinstance(trace, dict) else {"stack": trace}


def named_arrays(trace):
    """Every array of a trace by name, e.g. "stack 1 attention scores" (layers from 1)."""
    found = {}
    for stack, layers in stacks(trace).items():
        for n, record in enumerate(layers, start=1):
            for name, entry in record.items():
                inner = entry if isinstance(entry, dict) else {"": entry}
                found.update({f"{stack} {n} {name} {key}".strip(): array for key, array in inner.items()})
    return found


def attentions(trace):
    """The self-attention records of a stack; layer n is entry n - 1."""
    return [layer["attention"] for layer in trace]


def chains(trace):
    """Each chain of attention records, layers in order: "stack attention", "decoder cross_attention", ..."""
    return {f"{stack} {sublayer}": [layer[sublayer] for layer in layers] for stack, layers in stacks(trace).items()
            for sublayer in ("attention", "cross_attention") if sublayer in layers[0]}


def per_head(values):
    """(B, S, G K) -> (B, H, S, K): what each query head reads."""
    K = SIZES["head_width"]
    return np.stack([values[:, :, g * K: (g + 1) * K] for g in GROUP_OF], axis=1)


def assert_close(actual, expected, tolerance=1e-12, what=""):
    """Equal within the tolerance, relative to the largest entry."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, what
    atol = tolerance * np.max(abs(expected), initial=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol, err_msg=what)


def assert_same_bits(actual, expected):
    """Two traces (or dicts of arrays) with the same names and exactly the same numbers."""
    assert actual.keys() == expected.keys()
    for name in actual:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)
