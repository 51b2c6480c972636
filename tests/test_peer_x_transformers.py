"""The same weights through lucidrains/x-transformers: RealFormer (residual_attn), ResFormer (add_value_residual), plain."""

import warnings
from functools import partial

import numpy as np
import pytest
from autograd.numpy import sum as total

from minires import Transformer
from minires.decoding import decode
from minires.gradients import random_parameters, value_and_gradient
from minires.forward import forward
from minires.parameters import flatten, unflatten

torch = pytest.importorskip("torch", reason="install the peers: pip install '.[peers]'")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the peer's own imports
    peer = pytest.importorskip("x_transformers.x_transformers", reason="install the peers: pip install '.[peers]'")

B, T, D, H, K, L = 2, 7, 8, 4, 3, 4
THEIRS = {  # variant, placement -> their options
    ("vanilla", "post"): {"pre_norm": False},
    ("vanilla", "pre"): {"pre_norm": True},
    ("realformer", "post"): {"pre_norm": False, "residual_attn": True},
    ("realformer", "pre"): {"pre_norm": True, "residual_attn": True},
    ("resformer", "pre"): {"pre_norm": True, "add_value_residual": True, "learned_value_residual_mix": False},
}


def ours(variant, placement, kind, G):
    """Our model and random parameters without what the peer has not: biases in attention and in the norms."""
    model = Transformer(variant=variant, placement=placement, kind=kind, vocabulary=11, layers=L, width=D, heads=H,
                        kv_heads=G, head_width=K, feed_forward=10, positions="none", epsilon=1e-5, activation="gelu_erf")
    flat = flatten(random_parameters(model, np.random.default_rng(0)))
    dropped = [name for name in flat if "layers" in name and ("norm.bias" in name or "attention.b_" in name)]
    return model, unflatten({**flat, **{name: 0 * flat[name] for name in [*dropped, *ends(flat)]}})


def ends(flat):
    """The bias of the final norm, which the peer has not."""
    return [name for name in flat if name == "final_norm.bias"]


def theirs(params, options, kind, G, order):
    """Their stack with our weights (their gain is 1 + gamma); `order`: our query heads in the order of theirs."""
    make = peer.Decoder if kind == "decoder" else peer.Encoder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stack = make(dim=D, depth=L, heads=H, attn_dim_head=K, attn_kv_heads=G, ff_mult=10 / D, **options).double()
    columns = np.concatenate([np.arange(h * K, (h + 1) * K) for h in order])
    weights = {"final_norm.gamma": params["final_norm"]["gain"] - 1} if options["pre_norm"] else {}
    for n, layer in enumerate(params["layers"]):
        attention, network, norm = layer["attention"], layer["feed_forward"], 0 if options["pre_norm"] else 2
        weights |= {f"layers.{2 * n}.0.{norm}.gamma": attention["norm"]["gain"] - 1,
                    f"layers.{2 * n + 1}.0.{norm}.gamma": network["norm"]["gain"] - 1,
                    f"layers.{2 * n}.1.to_q.weight": attention["W_q"][:, columns].T,
                    f"layers.{2 * n}.1.to_k.weight": attention["W_k"].T,
                    f"layers.{2 * n}.1.to_v.weight": attention["W_v"].T,
                    f"layers.{2 * n}.1.to_out.weight": attention["W_o"][columns].T,
                    f"layers.{2 * n + 1}.1.ff.0.0.weight": network["W_1"].T,
                    f"layers.{2 * n + 1}.1.ff.0.0.bias": network["b_1"],
                    f"layers.{2 * n + 1}.1.ff.2.weight": network["W_2"].T,
                    f"layers.{2 * n + 1}.1.ff.2.bias": network["b_2"]}
        # their softmax works in float32 whatever the model's dtype is: to compare more than 7 digits it works in float64
        stack.layers[2 * n][1].attend.attn_fn = partial(torch.nn.functional.softmax, dim=-1)
    stack.load_state_dict({name: torch.tensor(np.ascontiguousarray(array)) for name, array in weights.items()})
    return stack


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
@pytest.mark.parametrize("G", [H, 2])
@pytest.mark.parametrize("variant, placement", THEIRS)
def test_outputs_and_gradients_agree_to_twelve_digits(variant, placement, kind, G):
    model, params = ours(variant, placement, kind, G)
    # they group query head h with key/value head h mod G, we (as the papers' own codes) with h // (H / G)
    order = [j * (H // G) + i for i in range(H // G) for j in range(G)]
    stack = theirs(params, THEIRS[variant, placement], kind, G, order)
    tokens = np.random.default_rng(1).integers(0, 11, (B, T))
    weights = np.random.default_rng(2).standard_normal((B, T, D))
    _, trace = model.apply(params, tokens)
    x = torch.tensor(trace[0]["input"])
    mask = torch.ones(B, T, dtype=torch.bool)
    found = stack(x, mask=mask)
    np.testing.assert_allclose(found.detach().numpy(), trace[-1]["final"], rtol=0, atol=1e-12)
    (found * torch.tensor(weights)).sum().backward()
    _, gradient = value_and_gradient(lambda tree: total(forward(model, tree, tokens)[1][-1]["final"] * weights), params)
    for n in range(L):
        for ours_, theirs_ in (("attention.W_k", f"{2 * n}.1.to_k"), ("attention.W_v", f"{2 * n}.1.to_v"),
                               ("feed_forward.W_1", f"{2 * n + 1}.1.ff.0.0")):
            np.testing.assert_allclose(stack.get_parameter(f"layers.{theirs_}.weight").grad.numpy().T,
                                       gradient[f"layers.{n}.{ours_}"], rtol=0, atol=1e-11)


def test_without_the_edge_the_peer_differs_from_realformer():
    model, params = ours("realformer", "post", "encoder", H)
    _, trace = model.apply(params, np.random.default_rng(1).integers(0, 11, (B, T)))
    plain = theirs(params, THEIRS["vanilla", "post"], "encoder", H, range(H))
    assert abs(plain(torch.tensor(trace[0]["input"])).detach().numpy() - trace[-1]["final"]).max() > 0.1


def test_our_cached_decoding_of_realformer_is_the_peers_full_forward():
    model, params = ours("realformer", "pre", "decoder", H)
    tokens = np.random.default_rng(1).integers(0, 11, (B, T))
    full, trace = model.apply(params, tokens)
    state = theirs(params, THEIRS["realformer", "pre"], "decoder", H, range(H))(torch.tensor(trace[0]["input"]))
    expected = state.detach().numpy() @ params["head"]["W"] + params["head"]["b"]
    cache, steps = None, []
    for t in range(T):
        logits, cache = decode(model, params, tokens[:, t:t + 1], cache)
        steps.append(logits)
    np.testing.assert_allclose(np.concatenate(steps, axis=1), expected, rtol=0, atol=1e-12)
