"""The same weights through PyTorch's own modules: values and gradients agree to twelve digits in float64."""

import functools
import math

import autograd.numpy as np
import pytest
from numpy.testing import assert_allclose

from minires import Transformer, flatten, unflatten
from minires.activations import gelu_erf, gelu_tanh, relu, silu
from minires.heads import group_product
from minires.gradients import random_parameters, value_and_gradient
from minires.layers import cross_entropy, layer_norm, rms_norm, softmax
from minires.masks import additive
from minires.forward import forward

torch = pytest.importorskip("torch", reason="PyTorch is a peer to compare with: pip install minires[peers]")
F = torch.nn.functional

B, T, S, D, H, G, K, WIDE = 2, 5, 3, 8, 4, 2, 2, 11
DIGITS = 12
REAL = np.array([[True] * 5, [True, True, True, False, False]])


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def tensor(array):
    """A float64 leaf that wants a gradient, or whole numbers, or booleans."""
    made = torch.tensor(np.asarray(array))
    return made.requires_grad_() if made.is_floating_point() else made


def assert_same(ours, theirs, what=""):
    """Agreement to DIGITS digits of the largest entry."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert_allclose(ours, theirs, rtol=0, atol=10.0 ** -DIGITS * max(1, np.max(abs(theirs))), err_msg=what)


def assert_same_operation(ours, theirs, **arrays):
    """Values, and the gradients of a random combination of the outputs with respect to each array."""
    tensors = {name: tensor(array) for name, array in arrays.items()}
    y = theirs(**tensors)
    assert_same(ours(**arrays), y)
    probe = draw(*y.shape, seed=9)
    (y * torch.tensor(probe)).sum().backward()
    _, gradient = value_and_gradient(lambda p: np.sum(ours(**p) * probe), arrays)
    for name in arrays:
        assert_same(gradient[name], tensors[name].grad, name)


# ---- operations ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ours, theirs", [
    (gelu_tanh, functools.partial(F.gelu, approximate="tanh")), (gelu_erf, F.gelu), (relu, F.relu), (silu, F.silu),
    (softmax, functools.partial(F.softmax, dim=-1))], ids=["gelu_tanh", "gelu_erf", "relu", "silu", "softmax"])
def test_activations_and_softmax(ours, theirs):
    assert_same_operation(lambda x: ours(x), lambda x: theirs(x), x=3 * draw(B, T, D))


def test_layer_norm():
    assert_same_operation(lambda x, gain, bias: layer_norm(x, gain, bias, epsilon=0.01),
                          lambda x, gain, bias: F.layer_norm(x, (D,), gain, bias, eps=0.01),
                          x=3 * draw(B, T, D) + 1, gain=draw(D), bias=draw(D, seed=1))


def test_rms_norm():
    assert_same_operation(lambda x, gain: rms_norm(x, gain, epsilon=0.01),
                          lambda x, gain: F.rms_norm(x, (D,), gain, eps=0.01), x=3 * draw(B, T, D) + 1, gain=draw(D))


@pytest.mark.parametrize("norm, make", [("layer", torch.nn.LayerNorm), ("rms", torch.nn.RMSNorm)])
def test_norm_modules_start_as_ours_do(norm, make):
    model = Transformer("pre_norm", vocabulary=7, layers=1, width=D, heads=H, norm=norm, epsilon=1e-5)
    ours = model.init(np.random.default_rng(0))["final_norm"]
    theirs = make(D, eps=1e-5, dtype=torch.float64)
    assert_same(ours["gain"], theirs.weight)
    assert ("bias" in ours) == (getattr(theirs, "bias", None) is not None)


def test_cross_entropy_with_weights_of_tokens():
    targets, weights = np.random.default_rng(0).integers(0, D, (B, T)), draw(B, T, seed=2) ** 2

    def theirs(z):
        losses = F.cross_entropy(z.reshape(-1, D), torch.tensor(targets).reshape(-1), reduction="none")
        w = torch.tensor(weights).reshape(-1)
        return (losses * w).sum() / w.sum()
    assert_same_operation(lambda z: cross_entropy(z, targets, weights), theirs, z=3 * draw(B, T, D))


def test_cross_entropy_that_ignores_tokens():
    targets = np.random.default_rng(0).integers(0, D, (B, T))
    ignored = torch.tensor(np.where(REAL, targets, -100)).reshape(-1)
    assert_same_operation(lambda z: cross_entropy(z, targets, REAL.astype(float)),
                          lambda z: F.cross_entropy(z.reshape(-1, D), ignored), z=3 * draw(B, T, D))


@pytest.mark.parametrize("causal", [True, False])
def test_grouped_query_attention(causal):
    mask = additive(np.tril(np.ones((T, T), bool)) | (not causal))

    def ours(q, k, v):
        return group_product(softmax(group_product(q, np.swapaxes(k, -1, -2)) / math.sqrt(K) + mask), v)

    def theirs(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)
    assert_same_operation(ours, theirs, q=draw(B, H, T, K), k=draw(B, G, T, K, seed=1), v=draw(B, G, T, K, seed=2))


# ---- modules: our parameters by PyTorch's names ----------------------------------------------------------------------

def attention_names(p, prefix):
    """nn.MultiheadAttention stacks q, k, v and keeps matrices as (out, in)."""
    return {f"{prefix}.in_proj_weight": np.concatenate([p["W_q"], p["W_k"], p["W_v"]], axis=1).T,
            f"{prefix}.in_proj_bias": np.concatenate([p["b_q"], p["b_k"], p["b_v"]]),
            f"{prefix}.out_proj.weight": p["W_o"].T, f"{prefix}.out_proj.bias": p["b_o"]}


def layer_names(layer, prefix):
    """nn.TransformerEncoderLayer."""
    p = layer["feed_forward"]
    norms = {f"{prefix}.norm{i}.{theirs}": layer[sublayer]["norm"][ours]
             for i, sublayer in ((1, "attention"), (2, "feed_forward"))
             for theirs, ours in (("weight", "gain"), ("bias", "bias"))}
    return {**attention_names(layer["attention"], f"{prefix}.self_attn"), **norms,
            f"{prefix}.linear1.weight": p["W_1"].T, f"{prefix}.linear1.bias": p["b_1"],
            f"{prefix}.linear2.weight": p["W_2"].T, f"{prefix}.linear2.bias": p["b_2"]}


def stack_names(params):
    """nn.TransformerEncoder; works on parameters and on their gradients alike."""
    named = {}
    for i, layer in enumerate(params["layers"]):
        named.update(layer_names(layer, f"layers.{i}"))
    if "final_norm" in params:
        named.update({"norm.weight": params["final_norm"]["gain"], "norm.bias": params["final_norm"]["bias"]})
    return named


def load(module, named):
    """The module with these parameters, all of them and no others."""
    module.load_state_dict({name: torch.tensor(np.ascontiguousarray(array)) for name, array in named.items()})
    return module


def describe(variant="vanilla", kind="encoder", **changes):
    return Transformer(variant, kind, **{"vocabulary": 7, "layers": 3, "width": D, "heads": H, "feed_forward": WIDE,
                                         "epsilon": 1e-5, "maximum_length": 6, **changes})


ACTIVATIONS = {"gelu_erf": F.gelu, "gelu_tanh": functools.partial(F.gelu, approximate="tanh"), "relu": F.relu}
TOKENS = np.array([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])


@pytest.mark.parametrize("length", [T, S], ids=["self", "cross"])
def test_multi_head_attention(length):
    """One sublayer of a model, reading `length` tokens."""
    kind, sublayer = ("encoder", "attention") if length == T else ("encoder_decoder", "cross_attention")
    model = describe(kind=kind, layers=1)
    params = random_parameters(model, np.random.default_rng(0))
    inputs = {} if length == T else {"source": TOKENS[:, :S]}
    record, p = forward(model, params, TOKENS, **inputs)[1], params if length == T else params["decoder"]
    layer, p = (record if length == T else record["decoder"])[0], p["layers"][0][sublayer]
    x = layer[sublayer]["x"]
    memory = x if length == T else record["encoder"][-1]["final"]
    theirs = load(torch.nn.MultiheadAttention(D, H, batch_first=True, dtype=torch.float64), {
        name.removeprefix("."): array for name, array in attention_names(p, "").items()})
    output, probabilities = theirs(*map(torch.tensor, (x, memory, memory)), average_attn_weights=False)
    assert_same(layer[sublayer]["output"], output)
    assert_same(layer[sublayer]["probabilities"], probabilities)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm_first", [False, True], ids=["post", "pre"])
def test_encoder_stacks_with_padding(norm_first, activation):
    """Values after every layer and at the end, and the gradient of every parameter and of the stack's input."""
    model = describe("pre_norm" if norm_first else "vanilla", activation=activation)
    params = random_parameters(model, np.random.default_rng(0))
    probe = draw(B, T, D, seed=9) * REAL[..., None]  # PyTorch's padded queries do the same, but nobody reads them

    def ours(p):
        return np.sum(model.apply(p, TOKENS, padding=REAL)[1][-1]["final"] * probe)
    _, gradient = value_and_gradient(ours, params)
    trace = model.apply(params, TOKENS, padding=REAL)[1]

    make = functools.partial(torch.nn.TransformerEncoderLayer, D, H, WIDE, dropout=0.0, batch_first=True,
                             activation=ACTIVATIONS[activation], norm_first=norm_first, dtype=torch.float64)
    final = torch.nn.LayerNorm(D, dtype=torch.float64) if norm_first else None
    theirs = load(torch.nn.TransformerEncoder(make(), 3, norm=final, enable_nested_tensor=False), stack_names(params))
    x = tensor(trace[0]["input"])
    end = theirs(x, src_key_padding_mask=torch.tensor(~REAL))
    assert_same(trace[-1]["final"], end)
    stream = x
    for n, layer in enumerate(theirs.layers):
        stream = layer(stream, src_key_padding_mask=torch.tensor(~REAL))
        assert_same(trace[n]["output"], stream, f"layer {n + 1}")
    (end * torch.tensor(probe)).sum().backward()
    compared = stack_names(unflatten(gradient))
    assert set(compared) == {name for name, _ in theirs.named_parameters()}
    for name, parameter in theirs.named_parameters():
        assert_same(compared[name], parameter.grad, name)
    if norm_first:  # then the stack's input is the embedding itself
        assert_same(gradient["embedding.W_position"][:T], x.grad.sum(dim=0))


# ---- RealFormer with PyTorch's operations ----------------------------------------------------------------------------

def realformer_in_torch(params, tokens):
    """He et al. 2020: post-norm, scores of the layer below added before the mask and the softmax."""
    norm = lambda x, p: F.layer_norm(x, (D,), p["gain"], p["bias"], 1e-5)
    heads = lambda x: x.unflatten(-1, (H, D // H)).transpose(1, 2)
    table = params["embedding"]
    x = norm(table["W_token"][tokens] + table["W_position"][:tokens.shape[1]], params["start_norm"])
    carried, hidden = 0, torch.full((T, T), -math.inf, dtype=torch.float64).triu(1)
    for layer in params["layers"]:
        p = layer["attention"]
        q, k, v = (heads(x @ p["W_" + n] + p["b_" + n]) for n in "qkv")
        carried = q @ k.transpose(-1, -2) / math.sqrt(D // H) + carried
        u = (carried + hidden).softmax(-1) @ v
        x = norm(x + u.transpose(1, 2).flatten(2) @ p["W_o"] + p["b_o"], p["norm"])
        p = layer["feed_forward"]
        y = F.gelu(x @ p["W_1"] + p["b_1"], approximate="tanh") @ p["W_2"] + p["b_2"]
        x = norm(x + y, p["norm"])
    return x @ params["head"]["W"] + params["head"]["b"], carried


def test_realformer_and_its_gradient_through_the_carry():
    model = describe("realformer", "decoder")
    params = random_parameters(model, np.random.default_rng(0))
    leaves = {name: tensor(array) for name, array in flatten(params).items()}
    logits, carried = realformer_in_torch(unflatten(leaves), torch.tensor(TOKENS))
    ours, trace = model.apply(params, TOKENS)
    assert_same(ours, logits)
    assert_same(trace[-1]["attention"]["scores"], carried)
    probe = draw(*ours.shape, seed=9)
    (logits * torch.tensor(probe)).sum().backward()
    _, gradient = value_and_gradient(lambda p: np.sum(model.apply(p, TOKENS)[0] * probe), params)
    for name, leaf in leaves.items():
        assert_same(gradient[name], leaf.grad, name)
    without = describe("vanilla", "decoder").apply(params, TOKENS)[0]
    assert np.max(abs(without - ours)) > 1e-3  # the carry matters here
