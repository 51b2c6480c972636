"""Each neighbour is its equations: a transcription by loops, with the same arrays."""

import neighbour_transcriptions as by_loops
import numpy as np
import pytest
from neighbour_cases import GROUP, make

from minires.activations import ACTIVATIONS
from minires.reservoir.spectra import spectral_norm, spectral_radius
from minires.reservoir_resformer.neighbours import group_reservoir
from minires.reservoir_resformer.readout import memory_tokens

CLOSE = {"rtol": 0, "atol": 1e-12}


def lists_of(inputs, b):
    """The utterances of conversation b as lists of ids."""
    return [ids[there] for ids, there in zip(inputs["tokens"][b], inputs["real"][b]) if there.any()]


# ---- group reservoir -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["group_reservoir", "group_reservoir_published"])
def test_the_group_reservoir_from_raw_weights_to_logits(name):
    network, params, inputs, apply = make(name)
    model, divide, memory = network.model, name.endswith("published"), params["memory"]
    rng = np.random.default_rng(3)
    for q, (N, leak, radius, share) in enumerate(zip(*(GROUP[key] for key in ("units", "leak", "radius", "sparsity")))):
        drawn = group_reservoir.draw(rng, 13, N, share)
        kernel = group_reservoir.divided if divide else group_reservoir.undivided
        made = {"W_in": drawn["W_in"], "b": np.zeros(N), **kernel(drawn["A"], leak, radius)}
        memory["reservoirs"][q] = {**{key: np.asarray(array) for key, array in made.items()}, "A": drawn["A"]}
    raw = [reservoir.pop("A") for reservoir in memory["reservoirs"]]
    logits, read = apply(params, inputs), by_loops.linear_tokens if divide else by_loops.attention_tokens
    for b in range(3):
        utterances = lists_of(inputs, b)
        states = [by_loops.group_states(A, r["W_in"], leak, radius, memory["E_r"], utterances, divide)
                  for A, r, leak, radius in zip(raw, memory["reservoirs"], GROUP["leak"], GROUP["radius"])]
        for i, ids in enumerate(utterances):
            tokens = [read(s[i], p, 3, 4) for s, p in zip(states, params["readouts"])]
            R = sum(tokens) / 2
            np.testing.assert_allclose(memory_tokens(model, params, [s[i:i + 1] for s in states])[0], R, **CLOSE)
            np.testing.assert_allclose(logits[b, i], by_loops.suffix_logits(params, ids, R, 2, 4), **CLOSE)


# ---- frozen layers ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["transformer", "feed_forward", "dense"])
@pytest.mark.parametrize("activation", ["gelu_tanh", "relu"])
def test_the_stack_with_frozen_layers(kind, activation):
    _, params, inputs, apply = make("frozen_layers", kind=kind, frozen=(1, 4), activation=activation)
    expected = [by_loops.frozen_logits(params, ids, 2, ACTIVATIONS[activation], 1e-5) for ids in inputs["tokens"]]
    np.testing.assert_allclose(apply(params, inputs), expected, **CLOSE)


def test_frozen_layers_of_the_kind_transformer_are_the_transformer_itself():
    network, params, inputs, apply = make("frozen_layers", kind="transformer")
    np.testing.assert_array_equal(apply(params, inputs), network.model.apply(params, inputs["tokens"])[0])


def test_a_window_of_its_own_stays_with_its_layer():
    network, params, inputs, apply = make("frozen_layers", kind="transformer", window=(None, 2, 1, 3))
    np.testing.assert_array_equal(apply(params, inputs), network.model.apply(params, inputs["tokens"])[0])


@pytest.mark.parametrize("variant", ["vanilla", "sandwich_norm", "output_norm"])
def test_every_plain_variant_can_have_frozen_layers_and_padding_is_not_attended(variant):
    network, params, inputs, _ = make("frozen_layers", kind="transformer", variant=variant)
    padding = np.arange(5) < np.array([3, 5, 2])[:, None]
    np.testing.assert_array_equal(network.apply(params, inputs["tokens"], padding=padding),
                                  network.model.apply(params, inputs["tokens"], padding=padding)[0])
    network, params, inputs, _ = make("frozen_layers", kind="feed_forward", variant=variant)
    changed = np.where(padding, inputs["tokens"], 7)
    np.testing.assert_allclose(network.apply(params, changed, padding)[padding],
                               network.apply(params, inputs["tokens"], padding)[padding], **CLOSE)


# ---- echo state transformer ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("norm", ["rms", "layer"])
def test_the_echo_state_transformer(norm):
    network, params, inputs, _ = make("echo_state_transformer", norm=norm)
    by_hand = by_loops.rms_norm if norm == "rms" else lambda x, p: by_loops.layer_norm(x, p, 1e-8)
    y, state = network.apply(params, inputs["u"])
    for b in range(3):
        expected, last = by_loops.est_series(params, inputs["u"][b], by_hand)
        np.testing.assert_allclose(y[b], expected, rtol=0, atol=1e-10)
        for S, own in zip(state, last):
            np.testing.assert_allclose(S[b], own, rtol=0, atol=1e-10)


# ---- attention-enhanced ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["attention_enhanced", "attention_enhanced_deep"])
def test_attention_enhanced_reservoir_computing(name):
    network, params, inputs, apply = make(name)
    rng = np.random.default_rng(4)
    params["memory"].update(mean=0.2 * rng.standard_normal(9), deviation=rng.uniform(0.5, 2, 9))
    x_0 = rng.standard_normal((3, 9))
    expected = [by_loops.aerc_series(params, u, x) for u, x in zip(inputs["u"], x_0)]
    np.testing.assert_allclose(network.apply(params, inputs["u"], x_0), expected, **CLOSE)
    np.testing.assert_allclose(network.apply(params, inputs["u"][1], x_0[1]), expected[1], **CLOSE)
    np.testing.assert_allclose(apply(params, inputs)[2], by_loops.aerc_series(params, inputs["u"][2]), **CLOSE)


# ---- random sentence encoders ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize("name", ["bag_of_embeddings", "borep", "random_sentence", "random_sentence_published"])
def test_random_sentence_encoders(name, pool):
    _, params, inputs, apply = make(name, pool=pool)
    late = 2 if name.endswith("published") else 0
    sentences = [ids[there] for ids, there in zip(inputs["tokens"], inputs["real"])]
    expected = [by_loops.sentence_logits(params, ids, late, pool) for ids in sentences]
    np.testing.assert_allclose(apply(params, inputs), expected, **CLOSE)


# ---- the nearest settings --------------------------------------------------------------------------------------------

def test_before_and_after_are_one_place_for_memory_tokens_without_positions():
    """So that only the description can tell the published suffix from a prefix."""
    _, params, inputs, apply = make("group_reservoir")
    _, _, _, before = make("group_reservoir", fusion="prefix")
    np.testing.assert_allclose(before(params, inputs), apply(params, inputs), **CLOSE)


def test_the_fusions_are_those_of_the_papers():
    fusions = {name: getattr(network := make(name)[0], "model", network).fusion
               for name in ("group_reservoir", "group_reservoir_published", "ran", "laerc")}
    assert list(fusions.values()) == ["suffix", "suffix", "prefix", "gate"]


def test_laerc_sets_the_norm_and_has_neither_leak_nor_bias():
    _, params, _, _ = make("laerc")
    r, = params["memory"]["reservoirs"]
    assert abs(spectral_norm(r["W"]) - 0.9) < 1e-12 and spectral_radius(r["W"]) < 0.85
    assert r["K"] == 0 and r["g"] == 1 and not np.any(r["b"]) and np.all(r["W"])


def test_ran_hides_the_memory_where_there_is_none_and_ticks_once_for_an_utterance():
    network, params, inputs, apply = make("ran")
    r, = params["memory"]["reservoirs"]
    assert abs(spectral_radius(r["W"]) - 0.9) < 1e-12 and r["K"] == 0 and not np.any(r["b"])
    logits = apply(params, inputs)
    other = {**params, "readouts": [{**p, "b_2": p["b_2"] ** 2} for p in params["readouts"]]}
    difference = abs(apply(other, inputs) - logits).max(-1)  # (B, U)
    there = inputs["real"].any(-1)
    assert np.all(difference[:, 0] == 0) and np.all(difference[:, 1:][there[:, 1:]] > 1e-4)
    (states,), _ = network.remember(params, **inputs)
    u = np.mean(params["memory"]["E_r"][inputs["tokens"][0, 1]], axis=0)
    np.testing.assert_allclose(states[0, 2], np.tanh(r["W"] @ states[0, 1] + r["W_in"] @ u), **CLOSE)
