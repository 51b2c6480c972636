"""The independent ports in JAX agree with the library on every name, in every precision and style, and carry its mistakes."""

from functools import cache

import numpy as np
import pytest
from core_cases import far, farthest

from minires.oracle.cases.reservoirs import CASES as RESERVOIRS
from minires.oracle.cases.transformers import transformer_case, with_left_padding
from minires.oracle.cases.variants import variant_case
from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.tape import differentiate, record

pytest.importorskip("jax", reason="these ports are in JAX (pip install 'minires[peers]')")
from ports import jax_reservoir, jax_transformer, jax_wrong  # noqa: E402

SAME = 1e-10  # of the larger tensor; gradients that are zero by an identity are measured against 1e-3
SMALL = {"layers": 1, "B": 2, "T": 3, "S": 4, "decode": 0}


def chief(variant, kind):
    """A variant in three layers, four where its case chooses among them."""
    return variant_case(variant, kind, 4 if variant == "resformer_sparse" else 3)


FAST = {
    "decoder": lambda: transformer_case("pre_norm", "decoder", **SMALL),
    "reservoir": RESERVOIRS["echo_state/ragged"],
}
TRANSFORMERS = {
    **{f"{variant}-{kind}": (lambda variant=variant, kind=kind: chief(variant, kind)) for variant, kind in (
        ("vanilla", "encoder"), ("vanilla", "decoder"), ("vanilla", "encoder_decoder"), ("realformer", "encoder"),
        ("realformer_mean", "decoder"), ("realformer_mean", "encoder_decoder"), ("resformer", "decoder"),
        ("resformer_constant", "encoder"), ("resformer_sparse", "decoder"), ("resformer_learnable", "encoder_decoder"),
        ("resformer_plus", "decoder"), ("svformer", "decoder"), ("hyper_connections", "decoder"),
        ("hyper_connections_static", "encoder"), ("denseformer", "decoder"))},
    "streams": lambda: transformer_case("hyper_connections", "encoder", **SMALL),
    "steps": lambda: with_left_padding(transformer_case("realformer", "decoder", layers=2)),
    "exact-gelu": lambda: transformer_case("pre_norm", "decoder", layers=1, activation="gelu_erf", head="tied", kv_heads=None,
                                           head_width=None, positions="learned", norm="layer", biases=True),
}
NETWORKS = ("leaky", "jaeger_leaky", "additive", "euler", "edge_of_stability", "residual", "feedback", "generation", "ragged",
            "leak-per-unit", "logistic", "relu", "identity", "radius", "earlier")
STYLES = ({"fused": True}, {"upcast": True}, {"mask_value": -1e4}, {"product": "split"}, {"product": "vmap"}, {"jit": False})
SHOWN = {  # mistake -> the case it shows on, where it is not the first that has the thing it spoils
    **dict.fromkeys(("value", "first"), "resformer_learnable-encoder_decoder"), "carry": "realformer-encoder",
    "epsilon": "resformer-decoder", "hyper": "hyper_connections-decoder", "denseformer": "denseformer-decoder",
}


@cache
def case(name):
    """A case by its name here, or a reservoir's kind."""
    return (FAST.get(name) or TRANSFORMERS.get(name) or RESERVOIRS.get(f"echo_state/{name}"))()


def port(name, **options):
    """The answer of the port in JAX."""
    return (jax_transformer if case(name).system == "transformer" else jax_reservoir).run(case(name), **options)


@cache
def right(name, *wrong):
    """The library's numbers, also under second names."""
    with planted(case(name), *(MISTAKES[each] for each in wrong)) as other:
        tape = record(other)
        found = differentiate(tape, other.values)
    for alias, first in tape.aliases.items():
        if first in tape.tensors:
            found.update({alias: found[first], f"grad/{alias}": found[f"grad/{first}"]})
    return found


def agrees(name, answer, *wrong):
    """The answer has every name of the library and the same numbers."""
    expected = right(name, *wrong)
    assert wrong or set(answer) == set(expected)
    difference, where = farthest(expected, answer)
    assert difference < SAME, where


@pytest.mark.parametrize("name", FAST)
def test_the_port_names_what_the_library_names_and_agrees_on_it(name):
    agrees(name, port(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TRANSFORMERS, *NETWORKS])
def test_every_variant_and_family_agrees(name):
    agrees(name, port(name))


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("name", ["vanilla-encoder", "svformer-decoder"])
def test_every_style_is_correct(name, style):
    agrees(name, port(name, **style))


@pytest.mark.slow
def test_products_from_the_left_are_correct():
    agrees("feedback", port("feedback", row=True))


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "unit"), [("float32", 2.0 ** -24), ("float16", 2.0 ** -11), ("bfloat16", 2.0 ** -8)])
@pytest.mark.parametrize("name", ["decoder", "reservoir"])
def test_a_shorter_precision_errs_by_its_own_rounding(name, dtype, unit):
    answer = port(name, dtype=dtype)
    names = ("logits", "outputs", "loss", "grad/layers.0.attention.W_q", "grad/reservoir.W")
    errors = [far(right(name)[each], answer[each]) for each in names if each in answer]
    assert all(unit / 50 < error < 50 * unit for error in errors if error) and any(errors)
    assert all(np.asarray(value).dtype == np.float32 for value in answer.values())


def shown(mistake):
    """The case on which a mistake is looked at."""
    if mistake in jax_wrong.RESERVOIR:
        return "feedback"
    preferred = SHOWN.get(mistake.split("-")[0])
    return preferred or next(name for name in TRANSFORMERS if MISTAKES[mistake].applies(case(name)))


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [*jax_wrong.WRONG, *jax_wrong.RESERVOIR])
def test_the_port_carries_the_mistake_as_the_library_plants_it(mistake):
    name = shown(mistake)
    answer = port(name, wrong=(mistake,))
    agrees(name, answer, mistake)
    assert farthest(right(name), answer)[0] > 1e-6


def test_what_the_port_lacks_is_refused():
    with pytest.raises(ValueError, match="scale-mising.*scale-missing"):
        port("decoder", wrong=("scale-mising",))
    with pytest.raises(ValueError, match="sandwich"):
        jax_transformer.run(transformer_case("pre_norm", "decoder", **SMALL, placement="sandwich"))
    with pytest.raises(ValueError, match="in one direction"):
        port("bidirectional")
