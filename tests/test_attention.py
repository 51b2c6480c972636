"""Laws of multi-head and grouped-query attention, the whole sublayer against loops."""

import math

import autograd.numpy as np
import pytest
from autograd.test_util import check_grads
from numpy.testing import assert_allclose, assert_array_equal

from minires import Transformer, causal_mask, padding_mask
from minires.heads import group_product, merge_heads, repeat_heads, split_heads
from minires.gradients import random_parameters
from minires.masks import additive

B, T, S, H, G, K = 2, 5, 3, 6, 2, 4
SIZES = {"vocabulary": 7, "layers": 2, "width": 10, "heads": H, "kv_heads": G, "head_width": 3, "feed_forward": 5,
         "maximum_length": 6}  # head_width is not width / heads
TOKENS = np.array([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])
SOURCE = np.array([[1, 6, 2], [5, 5, 4]])
REAL = np.array([[True, True, True], [True, True, False]])


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# ---- heads -----------------------------------------------------------------------------------------------------------

def test_head_h_holds_the_channels_from_h_k_on():
    x = draw(B, T, H * K)
    split = split_heads(x, H)
    assert split.shape == (B, H, T, K)
    for b, h, t, k in np.ndindex(B, H, T, K):
        assert split[b, h, t, k] == x[b, t, h * K + k]


def test_merging_is_the_inverse_of_splitting():
    x, heads = draw(B, T, H * K), draw(B, H, T, K)
    assert_array_equal(merge_heads(split_heads(x, H)), x)
    assert_array_equal(split_heads(merge_heads(heads), H), heads)


def test_key_head_j_serves_the_query_heads_from_j_r_on():
    y = draw(B, G, S, K)
    repeated = repeat_heads(y, H)
    assert repeated.shape == (B, H, S, K)
    for h in range(H):
        assert_array_equal(repeated[:, h], y[:, h // (H // G)])


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_a_group_product_equals_the_product_with_repeated_heads(groups):
    x, y = draw(B, H, T, S), draw(B, groups, S, K, seed=1)
    assert_allclose(group_product(x, y), x @ repeat_heads(y, H), rtol=1e-14)
    for b, h, t, k in np.ndindex(B, H, T, K):
        expected = math.fsum(x[b, h, t, s] * y[b, h // (H // groups), s, k] for s in range(S))
        assert_allclose(group_product(x, y)[b, h, t, k], expected, rtol=1e-12)


def test_a_group_product_passes_autograds_check_and_keeps_the_dtype():
    np.random.seed(7)  # check_grads draws its directions from the global generator
    check_grads(group_product, modes=["fwd", "rev"], order=2)(draw(B, H, T, S), draw(B, G, S, K, seed=1))
    assert group_product(draw(B, H, T, S).astype("float32"), draw(B, G, S, K).astype("float32")).dtype == "float32"


# ---- the sublayer ----------------------------------------------------------------------------------------------------

def attention_loop(x, source, params, mask, heads, groups):
    """softmax(q k^T / sqrt(K) + mask) v W_o + b_o for one sequence x (T, D), source (S, D), mask (T, S)."""
    q, k, v = (a @ params["W_" + n] + params["b_" + n] for a, n in ((x, "q"), (source, "k"), (source, "v")))
    K = q.shape[1] // heads
    merged, scores = np.zeros_like(q), np.zeros((heads, len(x), len(source)))
    for h in range(heads):
        j = h // (heads // groups)
        own, shared = slice(h * K, h * K + K), slice(j * K, j * K + K)
        for t in range(len(x)):
            for s in range(len(source)):
                scores[h, t, s] = math.fsum(q[t, own] * k[s, shared]) / math.sqrt(K)
            e = [math.exp(scores[h, t, s]) if mask[t, s] == 0 else 0.0 for s in range(len(source))]
            merged[t, own] = sum(e[s] / math.fsum(e) * v[s, shared] for s in range(len(source)))
    return scores, merged @ params["W_o"] + params["b_o"]


def test_self_attention_equals_the_loop():
    model = Transformer("vanilla", "decoder", **SIZES)
    params = random_parameters(model, np.random.default_rng(0))
    _, trace = model.apply(params, TOKENS)
    for layer, weights in zip(trace, params["layers"]):
        record = layer["attention"]
        for b in range(B):
            x = record["x"][b]
            scores, output = attention_loop(x, x, weights["attention"], causal_mask(np.arange(T), np.arange(T)), H, G)
            assert_allclose(record["fresh_scores"][b], scores, rtol=1e-11, atol=1e-13)
            assert_allclose(record["output"][b], output, rtol=1e-11, atol=1e-13)


def test_cross_attention_equals_the_loop():
    model = Transformer("vanilla", "encoder_decoder", **SIZES)
    params = random_parameters(model, np.random.default_rng(0))
    _, trace = model.apply(params, TOKENS, source=SOURCE, source_padding=REAL)
    memory, mask = trace["encoder"][-1]["final"], padding_mask(REAL)
    for layer, weights in zip(trace["decoder"], params["decoder"]["layers"]):
        record = layer["cross_attention"]
        assert record["probabilities"].shape == (B, H, T, S)
        for b in range(B):
            scores, output = attention_loop(record["x"][b], memory[b], weights["cross_attention"],
                                            mask[b, 0] * np.ones((T, 1)), H, G)
            assert_allclose(record["fresh_scores"][b], scores, rtol=1e-11, atol=1e-13)
            assert_allclose(record["output"][b], output, rtol=1e-11, atol=1e-13)


def test_scores_are_divided_by_the_root_of_the_head_width_whatever_the_width():
    model = Transformer("vanilla", **SIZES)
    assert model.head_width_ == 3 != model.width / model.heads
    _, trace = model.apply(random_parameters(model, np.random.default_rng(0)), TOKENS)
    record = trace[0]["attention"]
    for b, h, t, s in np.ndindex(B, H, T, T):
        product = math.fsum(record["query_heads"][b, h, t] * record["key_heads"][b, h // 3, s])
        assert_allclose(record["fresh_scores"][b, h, t, s], product / math.sqrt(3), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("variant", ["vanilla", "realformer", "resformer", "svformer", "neutreno"])
def test_grouped_queries_equal_full_attention_with_the_groups_weights_repeated(variant):
    grouped = Transformer(variant, "decoder", **SIZES)
    full = Transformer(variant, "decoder", **{**SIZES, "kv_heads": None})
    params = random_parameters(grouped, np.random.default_rng(0))

    def repeated(name, W):
        if name[2:] not in ("k", "v") or name[1] != "_":
            return W
        return np.repeat(W.reshape(W.shape[:-1] + (G, 3)), H // G, axis=-2).reshape(W.shape[:-1] + (H * 3,))

    layers = [{**layer, "attention": {name: W if name == "norm" else repeated(name, W)
                                      for name, W in layer["attention"].items()}} for layer in params["layers"]]
    assert_allclose(full.apply({**params, "layers": layers}, TOKENS)[0], grouped.apply(params, TOKENS)[0], rtol=1e-11)


def test_queries_in_another_order_give_outputs_in_that_order():
    model = Transformer("vanilla", "encoder", positions="none", **SIZES)
    params = random_parameters(model, np.random.default_rng(0))
    order = np.array([4, 2, 0, 1, 3])
    mask = additive(np.random.default_rng(1).random((1, 1, T, T)) < 0.7)
    straight = model.apply(params, TOKENS, mask=mask)[0]
    shuffled = model.apply(params, TOKENS[:, order], mask=mask[:, :, order][:, :, :, order])[0]
    assert_allclose(shuffled, straight[:, order], rtol=1e-10, atol=1e-12)


def test_the_record_of_a_sublayer_names_everything_it_computes():
    model = Transformer("vanilla", "decoder", **SIZES)
    _, trace = model.apply(model.init(np.random.default_rng(0)), TOKENS)
    assert list(trace[0]["attention"]) == ["x", "query_heads", "fresh_keys", "keys", "key_heads", "fresh_scores", "scores",
                                           "logits", "probabilities", "fresh_values", "values", "value_heads", "heads",
                                           "output", "y"]
    assert list(trace[0]) == ["input", "attention", "feed_forward", "output"] and list(trace[1])[-1] == "final"
