"""The catalogue of cases: every variant, numbers on the grid, sizes apart, and edges that are where they are said to be."""

import hashlib
import json
from itertools import combinations

import numpy as np
import pytest

from minires import VARIANTS
from minires.oracle.case import objective, on_grid, program
from minires.oracle.cases import CASES, CORE, chosen, edges, variants
from minires.oracle.cases.transformers import with_earlier
from minires.oracle.packs.clauses import axes_of
from minires.oracle.packs.decoys import numbers
from minires.oracle.packs.halves import fp16_safe

TRANSFORMERS = [*variants.CASES, *edges.CASES]
SHAPED = [id for id in TRANSFORMERS if not id.startswith(("edge/square", "edge/one-token"))]


@pytest.fixture(scope="module")
def made():
    """Every case, made once."""
    return {id: make() for id, make in CASES.items()}


def test_every_id_stands_for_a_case_of_that_id(made):
    assert all(case.id == id for id, case in made.items())
    assert all(json.loads(json.dumps(case.config)) == case.config for case in made.values())
    assert set(CORE) <= set(CASES) and len(set(CORE)) == len(CORE)


def test_every_variant_has_a_case_in_its_natural_kind_and_the_chief_ones_in_all_kinds(made):
    kinds = {}
    for case in made.values():
        if case.id.startswith("transformer/"):
            kinds.setdefault(case.config["model"]["variant"], set()).add(case.config["model"]["kind"])
    assert all(variants.natural(name) in kinds[name] for name in VARIANTS)
    for name in ("vanilla", "realformer", "resformer_learnable", "svformer"):
        assert kinds[name] == {"encoder", "decoder", "encoder_decoder"}


def test_every_number_that_is_given_lies_on_the_grid_of_bfloat16_and_float16(made):
    for case in made.values():
        for name, value in [*case.values.items(), *case.cotangents.items()]:
            value = np.asarray(value)
            if value.dtype.kind == "f":
                finite = value[np.isfinite(value)]
                assert np.array_equal(on_grid(finite), finite) and np.max(abs(finite), initial=0) < 65504, (case.id, name)
                assert not np.any(np.isnan(value)) and not np.any(np.isposinf(value)), (case.id, name)


def test_a_case_is_the_same_whenever_it_is_made():
    for id in ("transformer/realformer-encoder", "transformer/resformer_learnable-decoder", "echo_state/feedback"):
        once, again = CASES[id](), CASES[id]()
        assert list(once.values) == list(again.values)
        assert all(np.array_equal(once.values[name], again.values[name]) for name in once.values)


def test_released_numbers_stay():
    case = CASES["transformer/vanilla-encoder"]()
    data = b"".join(np.asarray(value, dtype="<f8").tobytes() for value in (*case.values.values(), *case.cotangents.values()))
    assert hashlib.sha256(data).hexdigest()[:16] == "f60151f55ad44ea9"


def test_no_two_parameters_hold_the_same_numbers(made):
    for id in TRANSFORMERS:
        seen = {}
        for name, value in made[id].params.items():
            if value.size > 1:
                assert seen.setdefault((value.shape, value.tobytes()), name) == name, (id, name)


def test_sizes_that_stand_together_in_a_tensor_differ(made):
    """A transposition changes the shape. The two axes of self-attention are alike by nature, an axis of one is no size."""
    for id in SHAPED:
        case = made[id]
        for name, value in program(case, case.values).items():
            shape = np.shape(value)
            for (a, n), (b, m) in combinations(zip(axes_of(name, shape) or (), shape), 2):
                assert n != m or 1 in (n, m) or {a, b} == {"T", "S"}, (id, name, shape)


def test_queries_and_their_output_are_no_squares_but_in_the_square_cases(made):
    for id in TRANSFORMERS:
        W_q = next((value for name, value in made[id].values.items() if name.endswith(".W_q")), np.ones((1, 2)))
        assert (W_q.shape[0] == W_q.shape[1]) == id.startswith("edge/square"), id
    for id in ("edge/square-encoder", "edge/square-decoder"):
        weights = {name: value.shape for name, value in made[id].params.items() if name.split(".")[-1].startswith("W")}
        assert all(rows == columns for rows, columns in weights.values()), weights


CONTROLS = {"temperature", "kv_shifting"}  # they act within a layer


def test_carried_streams_have_three_layers_the_chief_ones_four_and_a_call_before_this_one(made):
    for name, variant in VARIANTS.items():
        case = made[f"transformer/{name}-{variants.natural(name)}"]
        if variant.stream != "hidden":
            least = 4 if name in ("realformer", "realformer_mean", "resformer_learnable", "svformer") else 3
            assert case.config["model"]["layers"] >= least or name in CONTROLS
            assert "inputs.earlier.tokens" in case.values
            assert case.values["inputs.earlier.tokens"].shape != case.values["inputs.tokens"].shape


def test_masks_differ_from_layer_to_layer_are_soft_and_hard_and_hide_no_query_from_all_keys(made):
    for case in made.values():
        masks = [value for name, value in case.values.items() if name.startswith("inputs.mask.")]
        if "masks" in case.tags and "fully masked row" not in case.tags:
            assert len(masks) == case.config["model"]["layers"]
            assert all(not np.array_equal(a, b) for a, b in combinations(masks, 2))
            assert any(not np.array_equal(np.isneginf(a), np.isneginf(b)) for a, b in combinations(masks, 2))
            for mask in masks:
                assert np.any(np.isneginf(mask)) and np.any(np.isfinite(mask) & (mask != 0))
                assert np.all(np.any(np.isfinite(mask), axis=-1))


def test_rows_of_a_batch_differ_and_are_of_different_length(made):
    for id in TRANSFORMERS:
        case = made[id]
        tokens, padding = case.values["inputs.tokens"], case.values.get("inputs.padding")
        assert len(tokens) >= 2 and (not np.array_equal(tokens[0], tokens[1]) or tokens.shape[1] == 1)
        if case.config["model"]["kind"] == "encoder" and tokens.shape[1] > 1:
            assert len(set(padding.sum(axis=1))) > 1


def test_an_earlier_call_leaves_no_trace():
    case = CASES["transformer/resformer_learnable-decoder"]()
    without = case._replace(values={name: value for name, value in case.values.items() if "earlier" not in name})
    assert np.array_equal(numbers(case)["logits"], numbers(without)["logits"])
    assert "inputs.earlier.source" in with_earlier(CASES["part/cross-attention"]()).values


def test_decoding_gives_the_logits_of_the_whole_pass_but_for_rounding(made):
    for id in ("transformer/resformer_learnable-decoder", "part/left-padding", "part/window", "part/cross-attention"):
        found, steps = numbers(made[id]), made[id].config["decode"]
        assert steps >= 2
        for i in range(steps):
            T = found["logits"].shape[1]
            assert np.allclose(found[f"decode.{i}"][:, 0], found["logits"][:, T - steps + i], rtol=0, atol=1e-12)


def test_the_bias_gets_a_gradient(made):
    assert np.all(abs(numbers(made["transformer/realformer-encoder"])["grad/inputs.bias"]).sum(axis=(1, 2)) > 0)


# ---- the edges are where they are said to be ---------------------------------------------------------------------------

def variances(case):
    x = case.values["embedding.W_token"][case.values["inputs.tokens"]]
    x = x + case.values["embedding.W_position"][:x.shape[1]] if "embedding.W_position" in case.values else x
    return np.var(x, axis=-1), np.mean(x * x, axis=-1)


def test_one_vector_has_a_variance_near_epsilon(made):
    for id, which in (("edge/epsilon-layer", 0), ("edge/epsilon-rms", 1)):
        size = variances(made[id])[which].min()
        assert 0.1 < size / made[id].config["model"]["epsilon"] < 30, (id, size)


def test_the_large_mean_cancels_three_digits(made):
    x = made["edge/large-mean"].values["embedding.W_token"]
    assert np.all(np.mean(x, axis=1) ** 2 / np.var(x, axis=1) > 1e3)


def test_the_fully_masked_query_has_no_probabilities(made):
    for id in ("edge/fully-masked-row", "edge/fully-masked-row-carried"):
        assert not np.any(numbers(made[id])["layers.0.attention.probabilities"][:, :, 2])
    assert not np.any(numbers(made["part/left-padding"])["layers.0.attention.probabilities"][1, :, 0])


def test_huge_scores_overflow_an_exp_of_float32_that_is_not_shifted(made):
    assert np.max(numbers(made["edge/huge-scores"])["layers.0.attention.fresh_scores"]) > 89


@pytest.mark.parametrize("id", ["edge/gelu-tanh-tails", "edge/gelu-erf-tails", "edge/silu-tails"])
def test_the_tails_reach_both_ends_of_the_activation(id, made):
    found = numbers(made[id])
    inner = found["layers.0.feed_forward.gate" if id == "edge/silu-tails" else "layers.0.feed_forward.inner"]
    assert inner.max() > 5 and inner.min() < -5


def test_one_row_repeats_one_token(made):
    tokens = made["edge/repeated-tokens"].values["inputs.tokens"]
    assert len(set(tokens[1])) == 1 and len(set(tokens[0])) > 1


def test_float16_is_said_to_be_safe_by_measurement(made):
    assert fp16_safe(made["transformer/vanilla-encoder"]) and fp16_safe(made["echo_state/leaky"])
    assert not fp16_safe(made["edge/epsilon-layer"])
    plain = made["part/no-positions"]
    huge = plain._replace(values={**plain.values, "head.b": plain.values["head.b"] + 7e4})
    assert not fp16_safe(huge)


# ---- names -----------------------------------------------------------------------------------------------------------

def test_a_pattern_stands_for_ids_and_an_unknown_one_names_the_nearest():
    assert chosen("part/alibi") == ["part/alibi"] and set(chosen("edge/*")) == {id for id in CASES if id.startswith("edge/")}
    with pytest.raises(ValueError, match="'transformer/vanila-encoder': did you mean 'transformer/vanilla-encoder'"):
        chosen("transformer/vanila-encoder")


def test_a_weight_that_the_trace_repeats_is_no_tensor():
    case = CASES["transformer/denseformer-decoder"]()
    named = program(case, case.values)
    assert not set(named) & set(case.values) and "layers.0.feed_forward.alpha" in case.values
    assert np.isfinite(objective(case, named))
