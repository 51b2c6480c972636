"""Mistakes in further norms and in scales of norms: NormFormer, SubLN, LayerNorm scaling."""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.layers import normalize
from minires.oracle.mistakes.hidden_tools import fields, knowing, of, where
from minires.oracle.mistakes.mistake import Mistake


def gated_name(here):
    """The inner map that the activation gets."""
    return "gate" if "W_gate" in here.params else "1"


def scaled_after(residual):
    """The scales of the heads on slices of what W_o makes."""
    def branch_output(y, here):
        if "gamma" in here.params:
            y = np.repeat(here.params["gamma"], y.shape[-1] // len(here.params["gamma"])) * y  # (B, T, D)
        return residual.branch_output(y, here)
    return residual._replace(heads=lambda heads, past, here: heads, branch_output=branch_output)


def skip_weighted_everywhere(residual, stack):
    """The weight of the feed-forward's skip on that of attention too."""
    return residual._replace(write=lambda x, y, here: stack["layers"][here.n - 1]["feed_forward"]["w"] * x + y)


def norm_each_head(heads, past, here):
    """A norm over the channels of each head."""
    if "norm_inner" not in here.params:
        return heads
    model = here.context.model
    own = {name: np.reshape(array, (model.heads, 1, -1)) for name, array in here.params["norm_inner"].items()}  # (H, 1, K)
    return normalize(model.norm, heads, own, model.epsilon)


def scaled_input(index):
    """The normed input over sqrt(index)."""
    return fields(branch_input=lambda x, here: x / sqrt(index(here), x))


MISTAKES = {
    "normformer-weight-on-attention-too": Mistake(
        "scale", "w scales the skip of attention too", "w is on the skip of the feed-forward sublayer only", of("normformer"),
        record=knowing(skip_weighted_everywhere), listed=("hidden/normformer 1", "catalogue normformer 1")),
    "normformer-weight-on-branch": Mistake(
        "scale", "x + w f(x) in the feed-forward sublayer", "w is on the skip: w x + f(x)", of("normformer"),
        record=fields(write=lambda x, y, here: x + here.params["w"] * y if "w" in here.params else x + y),
        listed=("hidden/normformer 1",)),
    "normformer-head-scale-after-projection": Mistake(
        "scale", "gamma scales slices of the output of W_o", "scale each head's output before W_o",
        where("normformer", lambda own, model: model["width"] % model["heads"] == 0), record=scaled_after,
        seen=("facebookresearch/fairseq fairseq/modules/transformer_layer.py",),
        listed=("hidden/normformer 2", "catalogue normformer 2")),
    "normformer-norm-before-activation": Mistake(
        "norm", "the inner norm stands before the activation", "norm what the activation returns, before W_2", of("normformer"),
        record=fields(active=lambda a, here: a, inner=lambda u, name, here: (
            here.norm(u, "norm_inner") if name == gated_name(here) else u)), listed=("hidden/normformer 3",)),
    "subln-norm-per-head": Mistake(
        "norm", "the inner norm runs over each head's channels", "norm over all heads together (H K), before W_o", of("subln"),
        record=fields(heads=norm_each_head), listed=("hidden/subln 3",)),
    "layernorm-scaling-by-sublayer": Mistake(
        "scale", "the normed input is divided by the root of the sublayer's number", "divide by sqrt(n), n the layer",
        of("layernorm_scaling"), record=scaled_input(lambda here: here.m),
        listed=("hidden/layernorm_scaling 1", "catalogue layernorm_scaling 1")),
    "layernorm-scaling-from-zero": Mistake(
        "scale", "layers are counted from 0 (and the first two not scaled)", "the first layer is n = 1",
        of("layernorm_scaling"), record=scaled_input(lambda here: max(here.n - 1, 1)), listed=("hidden/layernorm_scaling 2",)),
    "layernorm-scaling-of-output": Mistake(
        "scale", "what the sublayer made is divided by sqrt(n)", "divide its normed input", of("layernorm_scaling"),
        record=fields(branch_input=lambda x, here: x, branch_output=lambda y, here: y / sqrt(here.n, y)),
        listed=("hidden/layernorm_scaling 3", "catalogue layernorm_scaling 2")),
    "layernorm-scaling-of-final-norm": Mistake(
        "scale", "the final norm is divided by sqrt(L)", "the final norm is not scaled", of("layernorm_scaling"),
        record=lambda residual: residual._replace(
            finish=lambda x, here: residual.finish(x, here) / sqrt(here.context.model.layers, x)),
        listed=("hidden/layernorm_scaling 4",)),
}
