"""Laws of the additive masks: each against its definition, and what a query that sees nothing gets."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minires import Transformer, additive, causal_mask, global_local_mask, padding_mask, sliding_window_mask
from minires.differentiation import value_and_gradient

QUERIES, KEYS = np.arange(2, 7), np.arange(7)  # five queries at positions 2 .. 6 of seven keys, as in decoding
REAL = np.array([[True, True, False, True, False, False, True], [False, True, True, True, True, True, False]])
INF = np.inf


def by_loop(visible):
    """0 where visible(t, s), -inf elsewhere, entry by entry."""
    return np.array([[0.0 if visible(t, s) else -INF for s in KEYS] for t in QUERIES])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_additive_is_zero_where_visible_and_minus_infinity_elsewhere(dtype):
    mask = additive(np.array([[True, False], [False, True]]), dtype)
    assert_array_equal(mask, [[0, -INF], [-INF, 0]])
    assert mask.dtype == dtype


def test_a_causal_mask_shows_the_own_position_and_those_before():
    assert_array_equal(causal_mask(QUERIES, KEYS), by_loop(lambda t, s: s <= t))
    assert_array_equal(causal_mask(np.arange(3), np.arange(3)), [[0, -INF, -INF], [0, 0, -INF], [0, 0, 0]])


@pytest.mark.parametrize("window", [1, 2, 3, 100])
def test_a_sliding_window_shows_the_keys_nearer_than_the_window(window):
    assert_array_equal(sliding_window_mask(QUERIES, KEYS, window), by_loop(lambda t, s: abs(t - s) < window))


@pytest.mark.parametrize("window, global_tokens", [(1, 1), (2, 0), (2, 3), (3, 7)])
def test_global_tokens_see_all_and_are_seen_by_all(window, global_tokens):
    expected = by_loop(lambda t, s: abs(t - s) < window or t < global_tokens or s < global_tokens)
    assert_array_equal(global_local_mask(QUERIES, KEYS, window, global_tokens), expected)


def test_without_global_tokens_only_the_window_is_left():
    assert_array_equal(global_local_mask(QUERIES, KEYS, 2, 0), sliding_window_mask(QUERIES, KEYS, 2))


def test_padding_hides_keys_of_each_sequence_from_every_head_and_query():
    mask = padding_mask(REAL)
    assert mask.shape == (2, 1, 1, 7)
    for b in range(2):
        assert_array_equal(mask[b, 0, 0], [0.0 if real else -INF for real in REAL[b]])


def test_the_sum_of_masks_is_their_intersection():
    for window in (1, 2, 4):
        both = causal_mask(QUERIES, KEYS) + sliding_window_mask(QUERIES, KEYS, window)
        assert_array_equal(both, by_loop(lambda t, s: t - window < s <= t))
    padded = padding_mask(REAL) + causal_mask(QUERIES, KEYS)
    assert padded.shape == (2, 1, 5, 7)
    for b in range(2):
        assert_array_equal(padded[b, 0], by_loop(lambda t, s: s <= t and REAL[b, s]))
    thrice = padded + sliding_window_mask(QUERIES, KEYS, 3) + padding_mask(REAL)
    assert_array_equal(thrice[1, 0], by_loop(lambda t, s: t - 3 < s <= t and REAL[1, s]))


@pytest.mark.parametrize("make", [
    lambda dtype: padding_mask(REAL, dtype), lambda dtype: causal_mask(QUERIES, KEYS, dtype),
    lambda dtype: sliding_window_mask(QUERIES, KEYS, 2, dtype),
    lambda dtype: global_local_mask(QUERIES, KEYS, 2, 1, dtype)],
    ids=["padding", "causal", "sliding_window", "global_local"])
def test_a_mask_has_the_dtype_asked_for(make):
    assert make("float32").dtype == "float32" and make("float64").dtype == "float64"


# ---- in a model ------------------------------------------------------------------------------------------------------

SIZES = {"vocabulary": 7, "layers": 2, "width": 8, "heads": 4, "kv_heads": 2, "feed_forward": 5, "maximum_length": 6}
TOKENS = np.array([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])


@pytest.mark.parametrize("variant", ["vanilla", "realformer", "resformer"])
def test_a_query_that_sees_nothing_gets_probabilities_and_context_zero_and_gradients_stay_finite(variant):
    model = Transformer(variant, "encoder", **SIZES)
    params = model.init(np.random.default_rng(0))
    mask = np.zeros((2, 1, 5, 5))
    mask[1, 0, 3] = -INF  # query 3 of sequence 1
    _, trace = model.apply(params, TOKENS, mask=mask)
    for layer in trace:
        record = layer["attention"]
        assert not record["probabilities"][1, :, 3].any() and not record["heads"][1, :, 3].any()
        assert_array_equal(record["output"][1, 3], np.zeros(8))  # W_o of nothing, plus the initial b_o
        sums = np.sum(record["probabilities"], axis=-1)
        assert np.all(abs(np.delete(sums[1], 3, axis=-1) - 1) < 1e-15) and np.all(abs(sums[0] - 1) < 1e-15)
    value, gradient = value_and_gradient(
        lambda p: np.sum(np.square(model.apply(p, TOKENS, mask=mask)[0])), params)
    assert np.isfinite(value) and all(np.all(np.isfinite(g)) for g in gradient.values())


def test_a_sequence_of_padding_only_stays_finite():
    model = Transformer(kind="encoder", **SIZES)
    params, padding = model.init(np.random.default_rng(0)), np.array([[True] * 5, [False] * 5])
    logits, trace = model.apply(params, TOKENS, padding=padding)
    assert np.all(np.isfinite(logits)) and not trace[1]["attention"]["probabilities"][1].any()
    assert_array_equal(logits[0], model.apply(params, TOKENS[:1])[0][0])


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_what_padded_tokens_are_does_not_reach_the_others(kind):
    model = Transformer(kind=kind, **SIZES)
    params, padding = model.init(np.random.default_rng(0)), np.arange(5)[None] != np.array([[1], [3]])
    before, trace = model.apply(params, TOKENS, padding=padding)
    after, _ = model.apply(params, np.where(padding, TOKENS, 0), padding=padding)
    assert_array_equal(after[padding], before[padding])
    assert np.any(after != before)
    for layer in trace:
        assert not layer["attention"]["probabilities"][0, :, :, 1].any()
        assert not layer["attention"]["probabilities"][1, :, :, 3].any()


def test_the_model_adds_its_own_masks_and_the_one_given():
    given = np.where(np.arange(5) == 0, -INF, 0.0) * np.ones((5, 1))
    given[0, 0] = 0.0
    model = Transformer(kind="decoder", window=3, global_tokens=1, **SIZES)
    _, trace = model.apply(model.init(np.random.default_rng(0)), TOKENS, mask=given,
                           padding=np.arange(5)[None] != np.array([[1], [4]]))
    for b, padded in enumerate((1, 4)):
        visible = [[s <= t and s != padded and (abs(t - s) < 3 or min(t, s) < 1) and (s > 0 or t == 0)
                    for s in range(5)] for t in range(5)]
        assert_array_equal(trace[0]["attention"]["probabilities"][b] > 0, [visible] * 4)


@pytest.mark.parametrize("windows", [(None, 2), (3, 1), [2, None]])
def test_each_layer_has_its_own_window(windows):
    model = Transformer(kind="encoder", window=windows, **SIZES)
    _, trace = model.apply(model.init(np.random.default_rng(0)), TOKENS)
    for window, layer in zip(windows, trace):
        near = [[window is None or abs(t - s) < window for s in range(5)] for t in range(5)]
        assert_array_equal(layer["attention"]["probabilities"] > 0, np.broadcast_to(near, (2, 4, 5, 5)))


def test_each_layer_may_get_its_own_mask():
    masks = [None, sliding_window_mask(np.arange(5), np.arange(5), 1)]
    model = Transformer(kind="encoder", **SIZES)
    _, trace = model.apply(model.init(np.random.default_rng(0)), TOKENS, mask=masks)
    assert np.all(trace[0]["attention"]["probabilities"] > 0)
    assert_array_equal(trace[1]["attention"]["probabilities"], np.broadcast_to(np.eye(5), (2, 4, 5, 5)))


def test_a_soft_mask_is_added_to_the_logits():
    soft = np.random.default_rng(1).standard_normal((2, 1, 5, 5))
    model = Transformer(kind="encoder", **SIZES)
    _, trace = model.apply(model.init(np.random.default_rng(0)), TOKENS, mask=soft)
    weights = np.exp(trace[0]["attention"]["logits"] + soft)
    np.testing.assert_allclose(trace[0]["attention"]["probabilities"], weights / weights.sum(axis=-1, keepdims=True),
                               rtol=1e-13)


@pytest.mark.parametrize("name", ["mask", "bias"])
def test_a_double_mask_or_bias_leaves_a_single_precision_model_single(name):
    model = Transformer(kind="decoder", **SIZES)
    params = model.init(np.random.default_rng(0), "float32")
    logits, trace = model.apply(params, TOKENS, **{name: np.zeros((5, 5))})  # float64, the default of every mask here
    assert trace[0]["attention"]["probabilities"].dtype == logits.dtype == "float32"
