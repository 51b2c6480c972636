"""The same weights through Hugging Face transformers 5.23: reversible layers, convolutions over time.

Reformer    agrees to 12 digits, with the gradients of its own backward pass, which inverts the layers; but at the end it norms
            both streams as one of width 2 D, where we norm their mean
Inkling     its short convolution is Canon's, but stands after the sublayers, where Canon's stand before and inside them
"""

import autograd.numpy as np
import pytest
import torch
from hugging_face import around, float64, linears, load, modeling, norm, without_attention_biases
from torch_sublayers import (
    TOKENS, B, D, H, L, Sublayer, T, assert_differs, assert_same, describe, embedded, example, traced)

from minires.forward import forward
from minires.differentiation import value_and_gradient
from minires.parameters import unflatten

pytestmark = pytest.mark.peers
WIDE = 10


# ---- Reformer --------------------------------------------------------------------------------------------------------

def reformer(params):
    """Their encoder; sequences shorter than a chunk of its local attention have full causal attention."""
    peer = modeling("reformer")
    encoder = peer.ReformerEncoder(peer.ReformerConfig(
        hidden_size=D, num_attention_heads=H, attention_head_size=D // H, attn_layers=["local"] * L, num_hidden_layers=L,
        local_attn_chunk_length=2 * T, is_decoder=True, feed_forward_size=WIDE, hidden_act="gelu", layer_norm_eps=1e-5,
        hidden_dropout_prob=0.0, local_attention_probs_dropout_prob=0.0))
    return load(encoder, reformer_names(params), left=("layer_norm.weight", "layer_norm.bias")).train()


def reformer_names(params):
    """Our parameters under their names; in attention they have no biases."""
    named = {}
    for n, layer in enumerate(params["layers"]):
        prefix, attention, network = f"layers.{n}", layer["attention"], layer["feed_forward"]
        weights = {name: array for name, array in attention.items() if not name.startswith("b_")}
        named |= {**linears(weights, prefix + ".attention.self_attention", query="q", key="k", value="v"),
                  **linears(weights, prefix + ".attention.output", dense="o"),
                  **norm(attention["norm"], prefix + ".attention.layer_norm"),
                  **linears(network, prefix + ".feed_forward.dense", dense="1"),
                  **linears(network, prefix + ".feed_forward.output", dense="2"),
                  **norm(network["norm"], prefix + ".feed_forward.layer_norm")}
    return named


def test_reformers_layers_and_their_inverting_backward_pass_agree_to_12_digits():
    model, params = example("revnet", biases=True)
    params = without_attention_biases(params)
    trace, probe = traced(model, params), np.random.default_rng(9).standard_normal((2, B, T, D))
    with float64(), torch.random.fork_rng():
        encoder, x = reformer(params), embedded(params).requires_grad_()
        torch.manual_seed(0)
        encoder.layer_norm = torch.nn.Identity()  # of both streams as one
        y = encoder(x).hidden_states  # (B, T, 2 D)
        (torch.stack(y.chunk(2, dim=-1)) * torch.tensor(probe)).sum().backward()
    assert_same(trace[-1]["output"], torch.stack(y.chunk(2, dim=-1)))
    _, flat = value_and_gradient(lambda p: np.sum(forward(model, p, TOKENS)[1][-1]["output"] * probe), params)
    for name, expected in reformer_names(unflatten(flat)).items():
        assert_same(expected, encoder.get_parameter(name).grad)


def test_reformer_norms_both_streams_as_one():
    model, params = example("revnet", biases=True)
    params = without_attention_biases(params)
    trace = traced(model, params)
    with float64():
        y = reformer(params).eval()(embedded(params)).hidden_states
    x_1, x_2 = trace[-1]["output"]
    both = np.concatenate([x_1, x_2], axis=-1)  # (B, T, 2 D); their gain is 1 here
    assert_same((both - both.mean(-1, keepdims=True)) / np.sqrt(both.var(-1, keepdims=True) + 1e-5), y)
    plain = torch.nn.functional.layer_norm(torch.tensor((x_1 + x_2) / 2), (D,), eps=1e-5).numpy()
    assert_differs(np.concatenate([plain, plain], axis=-1), y, least=0.1)


# ---- Inkling ---------------------------------------------------------------------------------------------------------

def inkling(model, params):
    """The streams after their layers around our sublayers, with our convolutions of the sites A and C."""
    peer, X = modeling("inkling"), [embedded(params)]
    for n, p in enumerate(params["layers"]):
        weights = {"A": p["attention"]["W_A"], "C": p["feed_forward"]["W_C"]}  # (4, D)
        conv = {site: load(peer.InklingShortConvolution(D, 4, n, 0).double(), {"conv1d.weight": W.T[:, None]})
                for site, W in weights.items()}
        attention = Sublayer(model, p["attention"])
        layer = around(
            peer.InklingDecoderLayer, input_layernorm=torch.nn.Identity(), post_attention_layernorm=torch.nn.Identity(),
            self_attn=lambda hidden_states, attention=attention, **_: (attention(hidden_states), None),
            mlp=Sublayer(model, p["feed_forward"]), attn_sconv=conv["A"], mlp_sconv=conv["C"])
        with float64():
            X.append(layer(X[-1]))
    return X[1:], conv


def test_inklings_short_convolution_is_canons_after_the_sublayer():
    model, params = example("canon", options={"sites": "AC"})
    X, conv = inkling(model, params)
    own, trace = model.residual, traced(model, params)
    with float64():  # the operator, at the last site C
        z = Sublayer(model, params["layers"][-1]["feed_forward"]).normed(
            torch.tensor(trace[-1]["output"] - trace[-1]["feed_forward"]["y"]))
        assert_same(trace[-1]["feed_forward"]["x"], conv["C"](z))
    assert_differs(trace[-1]["output"], X[-1], least=0.1)
    after = describe(own._replace(branch_input=lambda x, here: x, branch_output=own.branch_input))
    for record, theirs in zip(traced(after, params), X):
        assert_same(record["output"], theirs)
