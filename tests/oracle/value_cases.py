"""Cases of the variants of values and scores on which every mistake of theirs shows."""

from functools import cache

from core_cases import farthest

from minires import VARIANTS
from minires.oracle.cases.transformers import transformer_case, with_earlier, with_masks
from minires.oracle.mistakes import (planted, scores_variants, value_decode, value_layers, value_places, value_sharing,
                                     value_sources, value_tables, value_tokens, value_weights)
from minires.oracle.tape import differentiate, record
from minires.residual.scores.realformer import VARIANTS as REALFORMER

FAMILIES = (value_weights, value_layers, value_sources, value_places, value_decode, value_sharing, value_tokens, value_tables,
            scores_variants)
MISTAKES = {name: mistake for family in FAMILIES for name, mistake in family.MISTAKES.items()}
NAMES = [name for name, variant in VARIANTS.items() if variant.stream != "hidden" and name not in REALFORMER]
KINDS = "decoder", "encoder", "encoder_decoder"
SQUARE = {"head_width": 2}
WITH = {  # beside each variant in each kind of model
    "resformer .3 .8": ("resformer", {"options": {"lambda_1": 0.3, "lambda_2": 0.8}}),
    "resformer square": ("resformer", SQUARE), "learnable square": ("resformer_learnable", SQUARE),
    "neutreno square": ("neutreno", SQUARE), "neutreno raw": ("resformer_neutreno", {"options": {"difference": "raw"}}),
    "sparse 2 4": ("resformer_sparse", {"options": {"layers": [2, 4]}}),
    "plus 1..L": ("resformer_plus", {"options": {"span": "1..L"}}),
    "dense mixed": ("resformer_dense", {"options": {"source": "mixed"}}),
    "anchors": ("svformer", {"options": {"anchors": [1, 3]}}),
    "sigma3": ("value_embeddings", {"options": {"form": "sigma3"}}),
    "sigma2": ("value_embeddings", {"options": {"form": "sigma2"}}),
    "mix own": ("token_mix", {"options": {"weight": "own"}}), "three owners": ("mlkv", {"options": {"owners": 3}}),
    "gemma windows": ("gemma_sharing", {"window": (2, None, 2, None)}), "gemma five": (
        "gemma_sharing", {"layers": 5, "window": (2, None, 3, None, 2)}),
    "temperature alibi": ("temperature", {"positions": "alibi"}), "revit windows": ("revit", {"window": (2, None, 3, None)}),
    "revit learned": ("revit", {"options": {"learned": True}}), "revit .3": ("revit", {"options": {"alpha": 0.3}}),
    "evolving relu": ("evolving_attention", {"options": {"alpha": 1.0, "beta": 0.5, "activation": "relu"}}),
    "yoco biases": ("yoco", {"norm": "layer", "biases": True}),
    "together": ("realformer + resformer", {"options": {"resformer": {"lambda_1": 0.25, "lambda_2": 0.75}}}),
}
ALL = {**{name: (name, {}) for name in NAMES}, **WITH}
CASES = {f"{kind} {name}": (variant, kind, changes) for kind in KINDS for name, (variant, changes) in ALL.items()
         if kind == "decoder" or name in NAMES}
MORE = {
    "two calls": lambda: with_earlier(transformer_case("resformer_learnable", decode=3)),
    "two calls mixed": lambda: with_earlier(transformer_case("token_mix", "encoder")),
    "temperature masks": lambda: with_masks(transformer_case("temperature", "encoder")),
    "revit masks": lambda: with_masks(transformer_case("revit", "encoder")),
}


@cache
def case(name):
    """One of CASES and MORE."""
    if name in MORE:
        return MORE[name]()
    variant, kind, changes = CASES[name]
    return transformer_case(variant, kind, id=name, **changes)


def values(case):
    """Every tensor and gradient of the library's float64 run; a name of the same tensor as an earlier one is left out."""
    return differentiate(record(case), case.values)


@cache
def right(name):
    """Every tensor and gradient of a case."""
    return values(case(name))


@cache
def wrong(name, mistake):
    """The same with a mistake of MISTAKES planted."""
    with planted(case(name), MISTAKES[mistake]) as changed:
        return values(changed)


@cache
def applicable(mistake):
    """The names of the cases that have the thing that the mistake spoils."""
    return [name for name in [*CASES, *MORE] if MISTAKES[mistake].applies(case(name))]


@cache
def change(name, mistake):
    """By how much a mistake changes a case, and where most."""
    return farthest(right(name), wrong(name, mistake))
