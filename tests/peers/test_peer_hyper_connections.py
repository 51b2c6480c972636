"""The same weights through lucidrains' hyper-connections 0.4.11: HC, Frac-connections, mHC, the orthogonal update.

HC            agrees to 12 digits once the peer's RMSNorm of the streams is LayerNorm (static HC: as it is)
Frac          the peer writes the sum of all slices of y to each slice, and lays its initial weights out otherwise than it
              reads them: from three fractions on slices are lost
mHC           it starts as minires' init="hc"; its logits are per stream, its Sinkhorn has another order
orthogonal    agrees to 12 digits (epsilon = 0)
"""

import warnings

import autograd.numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch_sublayers import (
    TOKENS, B, D, F, L, Sublayer, T, assert_differs, assert_same, describe, embedded, example, gain, noise, normed, sublayers,
    tensor, traced)

from minires.forward import forward
from minires.differentiation import value_and_gradient

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the peer's own imports
    from hyper_connections import HyperConnections, mHC
    from hyper_connections.residuals import OrthogonalResidualUpdate
    from hyper_connections.manifold_constrained_hyper_connections import sinkhorn_knopps
    from hyper_connections.hyper_connections import get_expand_reduce_stream_functions

pytestmark = pytest.mark.peers
R = 4


class PlainLayerNorm(torch.nn.Module):
    """What the paper norms the streams with, in the place of the peer's RMSNorm."""

    def forward(self, x):
        return F.layer_norm(x, (x.shape[-1],), eps=1e-5)


# ---- HC --------------------------------------------------------------------------------------------------------------

def connected(model, params, layer_norm):
    """The peer's modules around our sublayers, and the whole stack as one function of x_0."""
    modules = []
    for n, m, name, p in sublayers(params):
        module = HyperConnections(R, dim=D, branch=Sublayer(model, p), layer_index=m - 1).double()
        weights = {"static_alpha": np.concatenate([p["A_m"][:, None], p["A_r"]], axis=1), "static_beta": p["B"]}
        dynamic = "W_alpha" in p
        weights["dynamic_alpha_fn"] = p["W_alpha"] if dynamic else np.zeros((D, 1 + R))
        weights["dynamic_beta_fn"] = p["W_beta"][:, 0] if dynamic else np.zeros(D)
        weights["dynamic_alpha_scale"] = p["s_alpha"] if dynamic else 0.0
        weights["dynamic_beta_scale"] = p["s_beta"] if dynamic else 0.0
        for key, array in weights.items():
            setattr(module, key, tensor(array))
        module.norm = PlainLayerNorm() if layer_norm else module.norm
        modules.append(module)
    expand, reduce = get_expand_reduce_stream_functions(R)

    def stack(x):
        x = expand(x)
        for module in modules:
            x = module(x)
        return normed(reduce(x), gain(params["final_norm"]), model)
    return modules, stack


@pytest.mark.parametrize("variant", ["hyper_connections", "hyper_connections_static"])
def test_values_and_gradients_agree_to_twelve_digits(variant):
    model, params = example(variant)
    modules, stack = connected(model, params, layer_norm=True)
    probe = np.random.default_rng(2).standard_normal((B, T, D))
    found = stack(embedded(params))
    assert_same(traced(model, params)[-1]["final"], found)
    (found * torch.tensor(probe)).sum().backward()
    ours = lambda tree: np.sum(forward(model, tree, TOKENS)[1][-1]["final"] * probe)
    _, gradient = value_and_gradient(ours, params)
    for (n, m, name, p), module in zip(sublayers(params), modules):
        prefix = f"layers.{n - 1}.{name}."
        expected = np.concatenate([gradient[prefix + "A_m"][:, None], gradient[prefix + "A_r"]], axis=1)
        assert_same(expected, module.static_alpha.grad, 11)
        assert_same(gradient[prefix + "B"], module.static_beta.grad, 11)
        if "W_alpha" in p:
            assert_same(gradient[prefix + "W_alpha"], module.dynamic_alpha_fn.grad, 11)
            assert_same(gradient[prefix + "W_beta"][:, 0], module.dynamic_beta_fn.grad, 11)


def test_static_agrees_as_the_peer_is_and_dynamic_differs_by_its_rms_norm_only():
    model, params = example("hyper_connections_static")
    assert_same(traced(model, params)[-1]["final"], connected(model, params, layer_norm=False)[1](embedded(params)))
    model, params = example("hyper_connections")
    assert_differs(traced(model, params)[-1]["final"], connected(model, params, layer_norm=False)[1](embedded(params)))


def test_the_peer_starts_as_ours_with_layer_index_and_reads_a_random_stream_without():
    params = describe("hyper_connections", layers=L).init(np.random.default_rng(0))
    for n, m, name, p in sublayers(params):
        started = HyperConnections(R, dim=D, layer_index=m - 1)
        assert_same(np.concatenate([p["A_m"][:, None], p["A_r"]], axis=1), started.static_alpha)
        assert_same(p["B"], started.static_beta)
    read = {int(HyperConnections(R, dim=D).static_alpha[:, 0].argmax()) for _ in range(40)}
    assert len(read) > 1


# ---- Frac-connections ------------------------------------------------------------------------------------------------

def interleaved(Y, A):
    """The columns as the peer reads them: for each target slice the weights of the read, then those of the stream."""
    return np.reshape(np.stack([Y, A], axis=-1), (len(Y), -1))


def slices_of_their_own(self, y, h, *, beta):
    """The peer's depth_connection with slice j of y written to slice j only: the diagonal of its beta (f1, 1, f2)."""
    own = torch.diagonal(beta[..., 0, :], dim1=-2, dim2=-1)[..., None]
    return h + self.merge_fracs(self.split_fracs(y) * own)


def fractional(model, params, fractions):
    modules = []
    for n, m, name, p in sublayers(params):
        module = HyperConnections(1, num_fracs=fractions, dim=D, branch=Sublayer(model, p), layer_index=0).double()
        W = p["W_alpha"]
        for key, array in {"static_alpha": interleaved(p["Y"], p["A_r"]), "static_beta": p["B"],
                           "dynamic_alpha_fn": interleaved(W[:, :fractions], W[:, fractions:]),
                           "dynamic_beta_fn": np.repeat(p["W_beta"], fractions, axis=1),
                           "dynamic_alpha_scale": p["s_alpha"], "dynamic_beta_scale": p["s_beta"]}.items():
            setattr(module, key, tensor(array))
        module.norm = PlainLayerNorm()
        modules.append(module)

    def stack(x):
        for module in modules:
            x = module(x)
        return normed(x, gain(params["final_norm"]), model)
    return stack


@pytest.mark.parametrize("fractions", [2, 4])
def test_frac_agrees_once_each_slice_is_written_to_its_own_place(fractions, monkeypatch):
    model, params = example("frac_connections", options={"fractions": fractions})
    ours, stack = traced(model, params)[-1]["final"], fractional(model, params, fractions)
    assert_differs(ours, stack(embedded(params)), least=0.1)
    monkeypatch.setattr(HyperConnections, "depth_connection", slices_of_their_own)
    assert_same(ours, stack(embedded(params)))


@pytest.mark.parametrize("fractions, kept", [(2, [0, 1]), (4, [0, 0, 1, 3])])
def test_the_peers_initial_fractions_lose_slices(fractions, kept):
    """With a sublayer that gives 0 the stream should stay: target slice j keeps source slice kept[j]."""
    silent = HyperConnections(1, num_fracs=fractions, dim=D, branch=torch.zeros_like, layer_index=0).double()
    x = torch.arange(1.0, D + 1, dtype=torch.float64).reshape(1, 1, D)
    sliced = x.reshape(fractions, -1)
    assert_same(sliced[kept].numpy(), silent(x).reshape(fractions, -1))
    silent.static_alpha = tensor(interleaved(np.eye(fractions), np.eye(fractions)))
    assert_same(x.numpy(), silent(x))


# ---- mHC -------------------------------------------------------------------------------------------------------------

class NormOfAllStreams(torch.nn.Module):
    """vec(X) / rms(vec X) for X (b, .., f = 1, s, d), in the place of each stream's own rms."""

    def forward(self, x):
        return x / (x.square().mean((-2, -1), keepdim=True) + 1e-5).sqrt()


def softmax_of_rows_first(Z, iterations=20):
    """Z (p = 1, .., source, target): softmax over the targets, then the sources; rows and columns after that."""
    C = Z.softmax(-1)
    for i in range(iterations):
        C = C / C.sum(-1, keepdim=True) if i else C
        C = C / C.sum(-2, keepdim=True)
    return C


def manifold(model, params, norm=None, **options):
    """The streams after the peer's stack: as it starts, or with our weights and this norm of the streams."""
    modules = []
    for n, m, name, p in sublayers(params):
        module = mHC(R, dim=D, branch=Sublayer(model, p), layer_index=m - 1, **options).double()
        if norm is not None:
            module.norm = norm
            W, b = per_stream(p), p["b"]
            for key, array in {"static_alpha": np.concatenate([b[:R, None], b[2 * R:].reshape(R, R)], axis=1),
                               "static_beta": b[R: 2 * R], "dynamic_alpha_fn": W[None, :, :-1], "dynamic_beta_fn": W[:, -1],
                               "pre_branch_scale": p["s"][:1], "residual_scale": p["s"][2:], "h_post_scale": p["s"][1]}.items():
                setattr(module, key, tensor(array))
        modules.append(module)
    x = embedded(params).repeat_interleave(R, dim=0)
    for module in modules:
        x = module(x)
    return x.reshape(B, R, T, D).transpose(0, 1)


def per_stream(p):
    """The weights (D, 1 + R + 1) of read, mixing and write that every stream uses for its own logits."""
    return np.concatenate([p["W_mix"][:D, :1], p["W_mix"][:D, 2 * R: 3 * R], p["W_mix"][:D, R: R + 1]], axis=1)


def with_logits_per_stream(params):
    """The parameters with W_mix made of blocks: the logits of stream i see stream i only, and by the same weights."""
    def blocks(p):
        W, own = np.zeros_like(p["W_mix"]), per_stream(p)
        for i in range(R):
            rows = slice(i * D, (i + 1) * D)
            W[rows, i], W[rows, R + i] = own[:, 0], own[:, -1]
            W[rows, 2 * R + i * R: 2 * R + (i + 1) * R] = own[:, 1: -1]
        return {**p, "W_mix": W}
    return {**params, "layers": [{name: blocks(p) for name, p in layer.items()} for layer in params["layers"]]}


@pytest.fixture
def float64(monkeypatch):
    """The peer computes mHC in float32 whatever its input is; to compare more than 7 digits it computes in float64."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def test_mhc_agrees_once_logits_norm_and_sinkhorn_are_those_of_the_paper(float64):
    model, params = example("mhc", options={"streams": R, "epsilon": 0.0})
    blocks = with_logits_per_stream(params)
    ours = traced(model, blocks)[-1]["output"]
    ordered = {"residual_mix_constraint_fn": softmax_of_rows_first}
    assert_same(ours, manifold(model, blocks, NormOfAllStreams(), **ordered))
    own_norm = mHC(R, dim=D, branch=None).norm.double()
    assert_differs(ours, manifold(model, blocks, own_norm, **ordered))  # each stream by its own rms
    assert_differs(traced(model, params)[-1]["output"], manifold(model, params, NormOfAllStreams(), **ordered), least=0.1)


def test_mhc_sinkhorn_ends_on_the_other_axis():
    """Of scattered logits 20 iterations leave 1e-3 of it, of narrow ones nothing: the peer's rows sum to 1, our columns."""
    Z = noise(1, R, R)
    ours, theirs = softmax_of_rows_first(4 * Z), sinkhorn_knopps(4 * Z, iters=20)
    assert_differs(ours.numpy(), theirs, least=1e-4)
    assert_same(ours.numpy(), theirs, digits=2)
    assert_same(np.ones((1, R)), ours.sum(-2))
    assert_same(np.ones((1, R)), theirs.sum(-1), digits=6)  # float32
    assert_same(softmax_of_rows_first(0.1 * Z).numpy(), sinkhorn_knopps(0.1 * Z, iters=20), digits=6)


def test_mhc_starts_as_ours_with_the_raw_values_of_hyper_connections(float64):
    """So neither is Pre-LN at the start: diagonal .475, off it .175, the read's sum 2.23, the write 1.46."""
    model = describe("mhc", options={"streams": R, "init": "hc", "epsilon": 0.0})
    params = model.init(np.random.default_rng(0))
    trace = traced(model, params)
    assert_same(trace[-1]["output"], manifold(model, params))
    first = trace[0]["attention"]
    C, alpha, beta = (np.reshape(first[name], (*first[name].shape[:-3], -1))[..., 0] for name in ("C", "alpha", "beta"))
    assert_allclose([C[0, 0], C[0, 1], alpha.sum(), beta[0]], [0.475, 0.175, 2.23, 1.46], atol=5e-3)


# ---- the orthogonal update -------------------------------------------------------------------------------------------

def test_orthogonal_update_agrees_to_twelve_digits():
    model, params = example("orthogonal", options={"epsilon": 0.0})
    x, update = embedded(params), OrthogonalResidualUpdate()
    for n, m, name, p in sublayers(params):
        x = update(Sublayer(model, p)(x), x)
    assert_same(traced(model, params)[-1]["final"], normed(x, gain(params["final_norm"]), model))
