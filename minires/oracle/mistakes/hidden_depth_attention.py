"""Mistakes of attention residuals: the softmax over depth."""

import autograd.numpy as np

from minires.layers import rms_norm
from minires.oracle.mistakes.hidden_tools import fields, of, where
from minires.oracle.mistakes.mistake import Mistake

KIMI = ("attn_res", "attn_res_block", "attn_res_multi_head")
AVERAGES = (*KIMI, "attn_res_delta")
BLOCKS = where("attn_res_block", lambda own, model: model["variant"] == "attn_res_block")


def averaged(change):
    """A patch of the softmax over depth: change(average, sources, here, groups)."""
    return {"minires.residual.hidden.attention_residuals.average": lambda average: (
        lambda sources, here, groups=1: change(average, sources, here, groups))}


def of_normed(average, sources, here, groups):
    """sum_i alpha_i rms(s_i) gain."""
    average(sources, here, groups)
    normed = rms_norm(sources, here.params["depth"]["gain"], epsilon=here.context.model.epsilon)
    return np.sum(here.now["alpha"] * normed, axis=0)  # (B, T, D)


def scaled(average, sources, here, groups):
    """Logits over sqrt(D)."""
    depth = here.params["depth"]
    smaller = {**depth, "w": depth["w"] / here.context.model.width ** 0.5}
    return average(sources, here._replace(params={**here.params, "depth": smaller}), groups)


def with_empty_sum(average, sources, here, groups):
    """A source of zeros, the partial sum of a block that has not begun."""
    model = here.context.model
    size = model.options.get("block_size") or -(-model.layers * here.per_layer // 8)
    empty = here.sublayer != "stack" and (here.m - 1) % size == 0
    return average(np.concatenate([sources, 0 * sources[:1]]) if empty else sources, here, groups)


def folded(average, sources, here, groups):
    """The embedding belongs to the first block."""
    first = np.sum(sources[:2], axis=0)[None]  # (1, B, T, D)
    return average(np.concatenate([first, sources[2:]]), here, groups)


MISTAKES = {
    "attn-res-added": Mistake(
        "depth", "the average is added to the stream", "the average replaces the stream", of(*KIMI),
        averaged(lambda average, sources, here, groups: np.sum(sources, axis=0) + average(sources, here, groups)),
        listed=("hidden/attention_residuals 2", "catalogue attn_res 2")),
    "attn-res-of-normed": Mistake(
        "depth", "the normed sources are averaged", "rms stands in the logits only, the sources are averaged as they are",
        of(*AVERAGES), averaged(of_normed), listed=("hidden/attention_residuals 3", "catalogue attn_res 3")),
    "attn-res-not-before-the-head": Mistake(
        "depth", "the head gets the running sum", "average once more before the head, with a query of its own", of(*KIMI),
        record=fields(finish=lambda stream, here: here.norm(stream, "final_norm")),
        listed=("hidden/attention_residuals 4", "catalogue attn_res 4")),
    "attn-res-scaled": Mistake(
        "scale", "the logits over depth are divided by sqrt(D)", "there is no scale", of(*AVERAGES), averaged(scaled),
        listed=("hidden/attention_residuals 5", "catalogue attn_res 5")),
    "attn-res-empty-partial-sum": Mistake(
        "depth", "at a block's first sublayer the empty partial sum is a source", "a block that has not begun is no source",
        BLOCKS, averaged(with_empty_sum), listed=("hidden/attention_residuals 6", "catalogue attn_res_block 1")),
    "attn-res-embedding-in-block": Mistake(
        "depth", "the embedding is counted into the first block", "x_0 is a source of its own", BLOCKS, averaged(folded),
        listed=("hidden/attention_residuals 7", "catalogue attn_res_block 2")),
}
