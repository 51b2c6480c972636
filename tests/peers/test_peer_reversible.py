"""The same weights through reformer-pytorch 1.4.4, reversible.py: values, the inverse and the gradients of revnet.

All agree to 12 digits (gradients: 11). Its backward pass keeps no activation of a layer: it rebuilds them by the inverse.
"""

import autograd.numpy as np
import pytest
import torch
from reformer_pytorch.reversible import ReversibleBlock, ReversibleSequence
from torch_sublayers import B, D, TOKENS, Sublayer, T, assert_differs, assert_same, embedded, example, gain, normed, traced

from minires.forward import forward, self_attending
from minires.differentiation import value_and_gradient
from minires.record import Context
from minires.residual.hidden.revnet import inverse

pytestmark = pytest.mark.peers


def blocks(model, params):
    return [tuple(Sublayer(model, layer[name]) for name in ("attention", "feed_forward")) for layer in params["layers"]]


def finished(model, params, x):
    """The mean of the two streams, as in reformer_pytorch.Reformer, and our final norm."""
    return normed(torch.stack(x.chunk(2, dim=-1)).mean(dim=0), gain(params["final_norm"]), model)


def paired(streams):
    """Ours (2, B, T, D) as theirs (B, T, 2 D)."""
    return np.concatenate([streams[0], streams[1]], axis=-1)


def test_values_after_every_layer_agree_to_twelve_digits():
    model, params = example("revnet")
    trace, x = traced(model, params), embedded(params).repeat(1, 1, 2)
    for record, (f, g) in zip(trace, blocks(model, params)):
        x = ReversibleBlock(f, g)(x)
        assert_same(paired(record["output"]), x)
    assert_same(trace[-1]["final"], finished(model, params, x))


def test_gradients_through_their_recomputing_backward_pass_agree():
    model, params = example("revnet")
    probe = np.random.default_rng(2).standard_normal((B, T, D))
    pairs, x = blocks(model, params), embedded(params).repeat(1, 1, 2).requires_grad_()
    (finished(model, params, ReversibleSequence(pairs)(x)) * torch.tensor(probe)).sum().backward()
    _, gradient = value_and_gradient(lambda tree: np.sum(forward(model, tree, TOKENS)[1][-1]["final"] * probe), params)
    compared = 0
    for n, pair in enumerate(pairs):
        for name, sublayer in zip(("attention", "feed_forward"), pair):
            for key, leaf in sublayer.p.items():
                assert_same(gradient[f"layers.{n}.{name}.{key}"], leaf.grad, 11)
                compared += 1
            assert_same(gradient[f"layers.{n}.{name}.norm.gain"], sublayer.norms["norm"]["gain"].grad, 11)
    assert compared == 6 * len(pairs)


def test_the_inverse_agrees_and_ends_at_the_embedding():
    model, params = example("revnet")
    trace = traced(model, params)
    context = self_attending(Context(model, model.residual, TOKENS, np.arange(T)), params, None, None, None, None, causal=True)
    before = inverse(trace[-1]["output"], params, context)
    y = torch.tensor(paired(trace[-1]["output"]))
    for ours, (f, g) in reversed(list(zip(before, blocks(model, params)))):
        block = ReversibleBlock(f, g)
        block(y)  # it wants to have recorded the random numbers of a forward pass, of which there are none
        y, _ = block.backward_pass(y, torch.zeros_like(y))
        assert_same(paired(ours), y)
    assert_same(paired(np.stack([trace[0]["input"][0]] * 2)), y)


def test_another_order_of_the_streams_is_another_function():
    """That the second sublayer reads what the first has just written, and not the stream before, makes a difference."""
    model, params = example("revnet")
    x_1, x_2 = embedded(params), embedded(params)
    for f, g in blocks(model, params):
        x_1, x_2 = x_1 + f(x_2), x_2 + g(x_1)
    assert_differs(paired(traced(model, params)[-1]["output"]), torch.cat([x_1, x_2], dim=-1))
