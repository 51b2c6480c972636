"""Names and layouts of other libraries: the way there and back changes nothing, and each layout is what it says."""

import numpy as np
import pytest
from port_cases import golden

from minires.oracle.adapters.aliases import back, table, to
from minires.oracle.adapters.ask import head_width
from minires.oracle.adapters.tables import TABLES

GPT2 = dict(norm="layer", placement="pre", positions="learned", activation="gelu_tanh", biases=True)
ONES = np.ones((2, 3))
CASES = {
    "gpt2": lambda: golden(id="gpt2", **GPT2, kv_heads=None),
    "llama": lambda: golden(id="llama"),
    "bert": lambda: golden("vanilla", "encoder", id="bert"),
}


def arrays_of(case):
    """All parameters, their gradients, and the tensors of attention."""
    golden_ = CASES[case]()
    return golden_.case, {**golden_.case.params, **golden_.truth.values}


def returned(theirs, rules, shapes, K):
    """All arrays of a port back under the library's names."""
    found = {}
    for name, array in theirs.items():
        parts = back(name, array, rules, shapes, K)
        assert not set(parts) & set(found)
        found.update(parts)
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("layout", [None, "out,in"])
def test_there_and_back_is_the_identity_for_every_table_and_every_gradient(case, name, layout):
    case, arrays = arrays_of(case)
    shapes, K = {n: np.shape(x) for n, x in arrays.items()}, head_width(case.config)
    rules = table(name, layout)
    theirs = to(arrays, rules, K)
    again = returned(theirs, rules, shapes, K)
    assert set(again) == set(arrays)
    assert all(np.array_equal(again[n], arrays[n]) for n in arrays)
    assert len(set(theirs) - set(arrays)) > 10


@pytest.mark.parametrize("layout", ["fused in,out", "fused out,in", "fused by group in,out", "fused by group out,in"])
def test_fused_projections_come_apart_again(layout):
    case, arrays = arrays_of("bert")
    rules = table({"l.{n}.qkv": [f"layers.{{n}}.attention.W_{letter}" for letter in "qkv"],
                   "l.{n}.bias": [f"layers.{{n}}.attention.b_{letter}" for letter in "qkv"]},
                  {"layers.{n}.attention.W_q": layout, "layers.{n}.attention.b_q": layout})
    shapes, K = {n: np.shape(x) for n, x in arrays.items()}, head_width(case.config)
    theirs = to(arrays, rules, K)
    assert theirs["l.0.qkv"].shape == ((8, 48) if layout.endswith("in,out") else (48, 8))
    again = returned(theirs, rules, shapes, K)
    assert set(again) == set(arrays) and all(np.array_equal(again[n], arrays[n]) for n in arrays)


def test_what_is_fused_by_group_has_the_queries_of_a_group_then_its_key_then_its_value():
    q, k, v = (np.arange(n)[None] + start for n, start in ((8, 0), (4, 100), (4, 200)))  # H = 4, G = 2, K = 2
    rules = table({"qkv": ["W_q", "W_k", "W_v"]}, {"W_q": "fused by group in,out"})
    fused = to({"W_q": q, "W_k": k, "W_v": v}, rules, K=2)["qkv"]
    assert fused.tolist() == [[0, 1, 2, 3, 100, 101, 200, 201, 4, 5, 6, 7, 102, 103, 202, 203]]


def test_the_tables_write_the_layouts_that_the_libraries_have():
    case, arrays = arrays_of("gpt2")
    K, D, H = 6, 8, 4
    Wq, Wo, bq = (arrays[f"layers.0.attention.{name}"] for name in ("W_q", "W_o", "b_q"))
    torch_style = to(arrays, table("state_dict"), K)
    assert np.array_equal(torch_style["blocks.0.attn.wq.weight"], Wq.T)
    assert np.array_equal(torch_style["grad/blocks.0.attn.wq.weight"], arrays["grad/layers.0.attention.W_q"].T)
    assert np.array_equal(torch_style["blocks.0.attn.probs"], arrays["layers.0.attention.probabilities"])
    assert np.array_equal(torch_style["head.weight"], arrays["head.W"].T)
    gpt2 = to(arrays, table("gpt2"), K)
    assert gpt2["transformer.h.0.attn.c_attn.weight"].shape == (D, 3 * H * K)
    assert np.array_equal(gpt2["transformer.h.0.attn.c_attn.weight"][:, :H * K], Wq)
    lens = to(arrays, table("transformer_lens"), K)
    assert np.array_equal(lens["blocks.0.attn.W_Q"][1], Wq[:, K:2 * K])
    assert np.array_equal(lens["blocks.0.attn.W_O"][1], Wo[K:2 * K])
    assert np.array_equal(lens["blocks.0.attn.b_Q"][1], bq[K:2 * K])
    assert np.array_equal(lens["blocks.0.attn.hook_q"], np.swapaxes(arrays["layers.0.attention.query_heads"], 1, 2))
    flax = to(arrays, table("flax"), K)
    assert np.array_equal(flax["layers_0/attention/query/kernel"][:, 1], Wq[:, K:2 * K])
    assert np.array_equal(flax["layers_0/attention/out/kernel"][1], Wo[K:2 * K])


def test_one_layout_for_all_projections_leaves_tables_of_embeddings_alone():
    _, arrays = arrays_of("llama")
    theirs = to(arrays, table(layout="out,in"))
    assert np.array_equal(theirs["head.W"], arrays["head.W"].T)
    assert np.array_equal(theirs["layers.0.feed_forward.W_gate"], arrays["layers.0.feed_forward.W_gate"].T)
    assert np.array_equal(theirs["embedding.W_token"], arrays["embedding.W_token"])


def test_a_layout_holds_for_the_names_that_a_dict_of_aliases_gives():
    _, arrays = arrays_of("llama")
    rules = table({"their.name.{n}.attn.wq.weight": "layers.{n}.attention.W_q"}, "out,in")
    assert np.array_equal(to(arrays, rules)["their.name.0.attn.wq.weight"], arrays["layers.0.attention.W_q"].T)


@pytest.mark.parametrize("call, message", [
    (lambda: table("stat_dict"), "unknown table of aliases 'stat_dict': did you mean 'state_dict'?"),
    (lambda: table(3), "aliases=3: expected a dict of patterns or one of state_dict"),
    (lambda: table({"a.{n}.b": "layers.{m}.b"}), "expected the same words in braces on both sides"),
    (lambda: table({"a": "W_q"}, {"W_q": "out,inn"}), "unknown layout 'out,inn': did you mean 'out,in'?"),
    (lambda: to({"W_q": ONES}, table({"qk": ["W_q", "W_k"]})), "qk holds W_q, W_k: expected all of them, W_k is missing"),
    (lambda: to({"a": ONES, "b": ONES}, table({"a": "b"})), "two arrays have the port's name 'a': expected one"),
    (lambda: back("w", ONES, table({"w": "W_q"}, {"W_q": "out,in"}), {"W_q": (2, 3)}), r"shape \(2, 3\), expected \(3, 2\)"),
    (lambda: back("qk", ONES, table({"qk": ["W_q", "W_k"]}), {"W_q": (2, 3)}), "holds W_k, which the case does not have"),
])
def test_a_table_that_cannot_hold_says_so_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
