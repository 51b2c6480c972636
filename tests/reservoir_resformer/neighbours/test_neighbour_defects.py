"""What the published forms do, and what their corrections change: what is forgotten, which setting has no effect."""

import autograd.numpy as anp
import neighbour_transcriptions as by_loops
import numpy as np
import pytest
from autograd import grad
from neighbour_cases import GROUP, conversations, make

from minires.parameters import flatten
from minires.reservoir.echo_state import run
from minires.reservoir.readouts.ridge import predict, ridge
from minires.reservoir.spectra import effective_radius, spectral_radius
from minires.reservoir_resformer import streaming
from minires.reservoir_resformer.neighbours import NEIGHBOURS
from minires.reservoir_resformer.neighbours import attention_enhanced as aerc
from minires.reservoir_resformer.neighbours import echo_state_transformer as est
from minires.reservoir_resformer.neighbours import group_reservoir, random_sentence_reservoir


# ---- group reservoir: what the division forgets ----------------------------------------------------------------------

def slowest_modes(form, seed):
    """The effective radius of each of the ten default reservoirs: what a step leaves of the slowest linear mode."""
    params = form(vocabulary=11).init(np.random.default_rng(seed))
    return np.array([effective_radius(r["W"], r["K"], r["g"]) for r in params["memory"]["reservoirs"]])


@pytest.mark.parametrize("seed", range(3))
def test_the_published_form_keeps_a_seventh_to_a_third_of_the_slowest_mode_at_each_step(seed):
    published, corrected = slowest_modes(group_reservoir.published, seed), slowest_modes(group_reservoir.corrected, seed)
    assert len(published) == 10 and np.all((0.12 < published) & (published < 0.40))
    assert 0.14 < np.median(published) < 0.35
    assert np.all(corrected > 0.6) and np.median(corrected) > 0.75


def test_two_histories_are_one_after_four_published_steps_and_two_after_corrected_ones():
    rng = np.random.default_rng(0)
    u, x_0 = 0.1 * rng.standard_normal((4, 11)), rng.standard_normal((2, 30))
    left = {}
    for form in (group_reservoir.published, group_reservoir.corrected):
        r = form(vocabulary=11).init(np.random.default_rng(1))["memory"]["reservoirs"][0]
        one, two = (run(r, u, x)[1] for x in x_0)
        left[form.__name__] = np.linalg.norm(one - two) / np.linalg.norm(x_0[0] - x_0[1])
    assert left["published"] < 0.01 < 0.08 < left["corrected"]


def test_the_published_list_of_radii_has_no_effect_and_the_corrected_one_has():
    for form, same in ((group_reservoir.published, True), (group_reservoir.corrected, False)):
        one, two = (flatten(form(**{**GROUP, "radius": radius}).init(np.random.default_rng(2)))
                    for radius in ((0.9, 0.6), (0.2, 0.4)))
        assert all(np.array_equal(one[key], two[key]) for key in one) is same


def test_the_corrected_radius_is_the_one_that_was_asked_for_and_the_zeros_are_counted():
    for form in (group_reservoir.published, group_reservoir.corrected):
        params = form(vocabulary=11).init(np.random.default_rng(4))
        for q, r in enumerate(params["memory"]["reservoirs"]):
            radius = group_reservoir.DEFAULTS["radius"][q] if form is group_reservoir.corrected else 1.0
            N, leak = group_reservoir.DEFAULTS["units"][q], group_reservoir.DEFAULTS["leak"][q]
            assert abs(spectral_radius(r["W"]) - radius) < 1e-10 and len(r["W"]) == N and not np.any(r["b"])
            assert np.sum(r["W"] == 0) == int(group_reservoir.SPARSITY[q] * N * N)
            assert abs(r["g"] / (r["K"] + r["g"]) - leak) < 1e-12
            assert (abs(r["K"] + r["g"] - 1) < 1e-12) == (form is group_reservoir.corrected)
            assert np.max(abs(r["W_in"])) <= 11 ** -0.5 and np.max(abs(r["W_in"])) > 0.9 * 11 ** -0.5


def hear_all(network, params, inputs, hear):
    state, logits = streaming.begin(network.model, params, 3), []
    for i in range(4):
        one, state = hear(network.model if hear is streaming.hear else network, params, state,
                          inputs["tokens"][:, i], inputs["real"][:, i])
        logits.append(one)
    return np.stack(logits, axis=1)


def test_the_corrected_form_carries_its_state_from_call_to_call_and_the_published_one_begins_anew():
    inputs = conversations(np.random.default_rng(6))
    there = inputs["real"].any(-1)
    network, params, _, apply = make("group_reservoir")
    np.testing.assert_allclose(hear_all(network, params, inputs, streaming.hear)[there], apply(params, inputs)[there],
                               rtol=0, atol=1e-12)
    network, params, _, apply = make("group_reservoir_published")
    heard = hear_all(network, params, inputs, group_reservoir.hear_published)
    whole = apply(params, inputs)
    np.testing.assert_array_equal(heard[:, 0], whole[:, 0])
    assert np.max(abs(heard - whole)[:, 1:][there[:, 1:]]) > 1e-4
    first = {key: value[:, 1:2] for key, value in inputs.items()}
    np.testing.assert_allclose(heard[:1, 1:2], apply(params, {key: value[:1] for key, value in first.items()}), atol=1e-13)


# ---- random sentence encoders ----------------------------------------------------------------------------------------

def test_sparse_after_scaling_multiplies_the_radius_by_the_root_of_the_density():
    radii = {sparsity: np.mean([spectral_radius(random_sentence_reservoir.scaled_then_sparse(
        np.random.default_rng(seed), 300, 0.9, sparsity)) for seed in range(3)]) for sparsity in (0.5, 0.8)}
    assert abs(radii[0.5] / 0.9 - 0.5 ** 0.5) < 0.03 and abs(radii[0.8] / 0.9 - 0.2 ** 0.5) < 0.03
    for seed in range(3):
        W = random_sentence_reservoir.sparse_then_scaled(np.random.default_rng(seed), 40, 0.9, 0.5)
        assert abs(spectral_radius(W) - 0.9) < 1e-12


@pytest.mark.parametrize("form", ["scaled_then_sparse", "sparse_then_scaled"])
def test_every_column_has_its_share_of_zeros_and_each_its_own(form):
    W = getattr(random_sentence_reservoir, form)(np.random.default_rng(0), 40, 0.9, 0.3)
    assert np.all(np.sum(W == 0, axis=0) == 12) and len(np.unique(W == 0, axis=1).T) == 40
    assert len(np.unique(np.sum(W == 0, axis=1))) > 1


def test_lambda_is_the_share_of_the_old_state_and_published_it_waits_for_the_third_word():
    _, params, inputs, _ = make("random_sentence")
    forward, e = params["memory"]["forward"], params["memory"]["E"][inputs["tokens"]]
    assert forward["K"] == 0.3 and forward["g"] == 0.7
    published, corrected = (random_sentence_reservoir.states(forward, e, late, "identity") for late in (2, 0))
    np.testing.assert_allclose(corrected[:, 0], 0.7 * published[:, 0], rtol=0, atol=1e-13)
    new = e[:, 2] @ forward["W_in"].T + published[:, 1] @ forward["W"].T
    np.testing.assert_allclose(published[:, 2], 0.7 * new + 0.3 * published[:, 1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(corrected, run(forward, e, f="identity")[0], rtol=0, atol=1e-13)


def test_backwards_means_the_same_words_in_reverse():
    rng = np.random.default_rng(1)
    z, real = rng.standard_normal((3, 5, 2)), np.arange(5) < np.array([3, 5, 1])[:, None]
    turned = random_sentence_reservoir.turned(z, real)
    np.testing.assert_array_equal(turned[0], z[0][[2, 1, 0, 3, 4]])
    np.testing.assert_array_equal(turned[2], z[2])
    np.testing.assert_array_equal(random_sentence_reservoir.turned(turned, real), z)


def test_a_sentence_of_one_or_two_words_has_states():
    _, params, _, apply = make("random_sentence_published")
    for T in (1, 2):
        tokens = np.arange(1, 1 + 2 * T).reshape(2, T)
        y = apply(params, {"tokens": tokens, "real": np.ones((2, T), dtype=bool)})
        np.testing.assert_allclose(y[1], by_loops.sentence_logits(params, tokens[1], 2, "max"), rtol=0, atol=1e-13)


def test_the_built_encoders_have_the_radius_that_their_form_gives_and_two_reservoirs():
    for name, whole in (("random_sentence", True), ("random_sentence_published", False)):
        memory = make(name, units=60)[1]["memory"]
        for r in (memory["forward"], memory["backward"]):
            assert (abs(spectral_radius(r["W"]) - 0.9) < 1e-12) is whole and spectral_radius(r["W"]) > 0.5
            assert 0.45 < np.max(abs(r["W_in"])) <= 0.5
        assert not np.array_equal(memory["forward"]["W"], memory["backward"]["W"])
        assert not np.array_equal(memory["forward"]["W_in"], memory["backward"]["W_in"])
    P = make("borep", features=50)[1]["memory"]["P"]
    assert 0.45 < np.max(abs(P)) <= 4 ** -0.5


# ---- attention-enhanced ----------------------------------------------------------------------------------------------

def test_the_states_are_those_of_the_echo_state_network_without_leak_and_standardised_on_the_training_series_only():
    _, params, inputs, apply = make("attention_enhanced")
    reservoir, u, later = params["memory"]["reservoir"], inputs["u"], 3 * inputs["u"] + 1
    assert reservoir["K"] == 0 and reservoir["g"] == 1
    trained = aerc.standardised_on(params, u)
    s = aerc.standardised_states(trained["memory"], u).reshape(-1, 9)
    np.testing.assert_allclose(np.mean(s, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.std(s, axis=0), 1, atol=1e-12)
    mean, deviation = trained["memory"]["mean"].copy(), trained["memory"]["deviation"].copy()
    np.testing.assert_allclose(aerc.standardised_states(trained["memory"], later),
                               (run(reservoir, later)[0] - mean) / deviation, rtol=0, atol=1e-13)
    apply(trained, {"u": later})
    assert np.array_equal(trained["memory"]["mean"], mean) and np.any(params["memory"]["mean"] != mean)


def test_the_reservoir_has_its_radius_its_share_of_weights_and_a_normal_bias():
    r = make("attention_enhanced", units=80, inputs=3, density=0.3, input_density=0.5)[1]["memory"]["reservoir"]
    assert abs(spectral_radius(r["W"]) - 0.95) < 1e-12 and 0.27 < np.mean(r["W"] != 0) < 0.33
    assert 0.4 < np.mean(r["W_in"] != 0) < 0.6 and 0.7 < np.std(r["b"]) < 1.3
    assert 0.8 < np.mean(np.sum(r["W_in"] ** 2, axis=1)) < 1.25


def test_a_unit_that_never_moves_is_divided_by_one():
    _, params, inputs, apply = make("attention_enhanced")
    r = params["memory"]["reservoir"]
    r["W"][2], r["W_in"][2] = 0, 0
    trained = aerc.standardised_on(params, inputs["u"])
    assert trained["memory"]["deviation"][2] == 1 and np.isfinite(apply(trained, inputs)).all()


def test_the_first_form_is_linear_in_its_parameters_so_that_ridge_regression_finds_them():
    rng = np.random.default_rng(2)
    _, params, _, apply = make("attention_enhanced", units=5)
    u = rng.standard_normal((200, 2))
    params = aerc.standardised_on(params, u)
    s, y = aerc.standardised_states(params["memory"], u), apply(params, {"u": u})
    pairs = [s[:, i] * s[:, j] for i in range(5) for j in range(i + 1)]
    F = np.concatenate([np.stack(pairs, axis=1), s], axis=1)
    np.testing.assert_allclose(predict(ridge(F, y, 1e-12), F), y, rtol=0, atol=1e-6)


# ---- echo state transformer ------------------------------------------------------------------------------------------

def test_the_leaks_of_the_units_sum_to_one_and_a_low_temperature_picks_one():
    rng = np.random.default_rng(3)
    v, a = rng.standard_normal((2, 4, 3)), rng.standard_normal((4, 3))
    leak = est.leaks(v, a, np.ones(1))
    assert leak.shape == (2, 4, 1)
    np.testing.assert_allclose(np.sum(leak, axis=1), 1, atol=1e-14)
    assert np.max(abs(leak - 0.25)) > 0.1
    picked = est.leaks(v, a, np.full(1, 1e-3))[..., 0]
    np.testing.assert_array_equal(np.argmax(picked, axis=1), np.argmax(np.sum(v * a, axis=-1), axis=1))
    assert np.all(np.max(picked, axis=1) > 0.999)


def test_chunks_with_the_state_handed_on_are_the_whole_series_and_without_it_they_are_not():
    network, params, inputs, apply = make("echo_state_transformer")
    u, whole = inputs["u"], apply(params, inputs)
    first, state = network.apply(params, u[:, :2])
    rest, _ = network.apply(params, u[:, 2:], state)
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), whole, rtol=0, atol=1e-13)
    assert np.max(abs(network.apply(params, u[:, 2:])[0] - whole[:, 2:])) > 1e-3


def test_the_memory_is_drawn_as_its_authors_draw_it():
    network = NEIGHBOURS["echo_state_transformer"].build(inputs=2, outputs=3, width=11, units=3, neurons=20, connectivity=0.2)
    params = network.init(np.random.default_rng(0))
    layer, = params["layers"]
    m = layer["memory"]
    assert np.all(np.sum(m["W"] != 0, axis=2) == 4) and np.all(np.sum(m["W_in"], axis=2) == 2)
    assert set(np.unique(m["b"])) == set(np.unique(m["W_in"])) == {0.0, 1.0}
    for W in m["W"]:
        assert abs(spectral_radius(W) - 1) < 1e-10
    assert np.all((0 < layer["sr"]) & (layer["sr"] < 1)) and layer["tau"] == 1
    assert np.max(abs(layer["hear"]["W_q"])) <= 1 / 11 < np.max(abs(layer["mix"]["W_q"])) <= 11 ** -0.5
    assert 0.2 < np.max(abs(layer["out"]["W_1"])) <= 11 ** -0.5 and np.max(abs(layer["out"]["W_2"])) <= 44 ** -0.5
    assert np.max(abs(layer["out"]["W_r"])) <= 33 ** -0.5


def test_the_trained_radius_reaches_the_past_through_the_state():
    """d y_2 / d sr is zero from a silent memory at the first step, and not after it."""
    network, params, inputs, _ = make("echo_state_transformer", layers=1)
    layer, = params["layers"]
    at = lambda T: grad(lambda sr: anp.sum(network.apply(
        {**params, "layers": [{**layer, "sr": sr}]}, inputs["u"][:, :T])[0][:, -1]))(layer["sr"])
    assert np.all(at(1) == 0) and np.all(at(2) != 0)


def test_clamp_returns_the_radii_to_their_range_and_changes_nothing_else():
    _, params, _, _ = make("echo_state_transformer")
    params["layers"][0]["sr"] = np.array([-3.0, 0.5, 12.0, 1e-7], dtype=np.float32)
    after = est.clamp(params)
    np.testing.assert_array_equal(after["layers"][0]["sr"], np.array([1e-5, 0.5, 10.0, 1e-5], dtype=np.float32))
    one, two = flatten(params), flatten(after)
    assert all(one[key] is two[key] for key in one if not key.endswith("sr")) and params["layers"][0]["sr"][0] == -3


def test_a_state_of_another_batch_is_refused():
    network, params, inputs, _ = make("echo_state_transformer")
    _, state = network.apply(params, inputs["u"][:2])
    with pytest.raises(ValueError, match=r"state has shape \(2, 4, 7\): expected \(3, 4, 7\)"):
        network.apply(params, inputs["u"], state)
