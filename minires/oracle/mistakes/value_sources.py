"""Mistakes in what takes the place of V_1 in the value residual (Zhou et al. 2024, 2410.17897)."""

import autograd.numpy as np

from minires.attention import project
from minires.forward import forward
from minires.model import Transformer
from minires.oracle.mistakes.mistake import Mistake, stopped
from minires.oracle.mistakes.mixing import MIXING, by_first, flat, of, remixed, sourced, with_first
from minires.oracle.systems.transformer import arguments

FIX = "use V_1, the value projection of the first layer after its norm, raw, live, of the same call, row and token"


def first_of(name):
    """V of the layer below, by the name of the record."""
    return lambda first, past, here: past[-1][name]


def mean_of_all(a, b, first, fresh, past, here):
    """The mean of V_1 .. V_n."""
    return (sum(layer["fresh_values"] for layer in past) + fresh) / (len(past) + 1)


def slice_of_embedding(first, past, here):
    """The first G K channels of x_0."""
    return here.context.embedding[..., : first.shape[-1]]


def attended_first(first, past, here):
    """U_1, the mean over the heads of a group."""
    heads = past[0]["heads"]  # (B, H, T, K)
    B, H, T, K = heads.shape
    G = here.context.model.kv_heads_
    return flat(np.sum(np.reshape(heads, (B, G, -1, T, K)), axis=2) * G / H)


def one_late(first, past, here):
    """V_1 of the token before, 0 at the beginning."""
    return np.concatenate([0 * first[:, :1], first[:, :-1]], axis=1)


def mistaken_layout(first, past, here):
    """V_1 (B, S, G K) read as (B, G, S, K) without a transposition."""
    B, S, C = first.shape
    G = here.context.model.kv_heads_
    return flat(np.reshape(first, (B, G, S, C // G)))


def neighbour(first, past, here):
    """V_1 of the row of the batch before."""
    return np.concatenate([first[-1:], first[:-1]], axis=0)


def last_token(first, past, here):
    """V_1 of the last token at every position."""
    return first[:, -1:] + 0 * first


KEPT = {}  # what the wrong program keeps from one call to the next


def calls(run):
    """The run of a case, after the call that its inputs `earlier.` describe."""
    def wrong(config, params, inputs):
        KEPT.clear()
        earlier = {name[8:]: value for name, value in inputs.items() if name.startswith("earlier.")}
        if earlier:
            forward(Transformer(**config["model"]), params, **arguments(earlier))
        return run(config, params, inputs)
    return wrong


def kept(record):
    """A change of the record: V_1 of the call before, in as many rows as it had."""
    def stale(first, past, here):
        used = KEPT["used"]  # (B, rows, G*K)
        return first if used is None else np.concatenate([used[:, : first.shape[1]], first[:, used.shape[1]:]], axis=1)

    sources = sourced(stale)(record)

    def values(fresh, past, here):
        if not past and here.sublayer == "attention":
            KEPT.update(used=KEPT.get("first"), first=stopped(fresh))
        return sources.values(fresh, past, here)
    return sources._replace(values=values)


def made(does, record, names=MIXING, where=lambda model: True, fix=FIX, **more):
    """A mistake in the source."""
    return Mistake("values", does, fix, of(*names, where=where), record=record, **more)


def narrow(model):
    """Whether G K <= D."""
    return model.kv_heads_ * model.head_width_ <= model.width


MISTAKES = {
    "mixed-value-for-first": made(
        "V'_(n-1), the mixed value of the layer below, stands for V_1", sourced(first_of("values")),
        listed=("value_residual F8", "value_residual F48", "residual_catalogue 5 RWKV-7")),
    "value-below-for-first": made(
        "V_(n-1), the own value of the layer below, stands for V_1", sourced(first_of("fresh_values")),
        seen=("lucidrains/transfusion-pytorch issue 28: users expect it",),
        listed=("value_residual F9", "value_residual 11.1.7")),
    "mean-of-values": made(
        "the mean of V_1 .. V_n stands for the mix", remixed(mean_of_all, crossing=False), listed=("value_residual F10",)),
    "own-projection-of-first-input": made(
        "V_1 is made with W_v of layer n", sourced(lambda first, past, here: project(past[0]["x"], here, "v")),
        listed=("value_residual F13",)),
    "first-projection-of-own-input": made(
        "V_1 is made of the input of layer n with W_v of layer 1: the weight is shared, not the activation",
        sourced(lambda first, past, here: by_first("v", here.now.get("x_v", here.now["x"]), here)), patches=with_first("v"),
        listed=("value_residual F14",)),
    "first-value-without-norm": made(
        "V_1 is made of the embedding x_0 without the norm of layer 1",
        sourced(lambda first, past, here: by_first("v", here.context.embedding, here)), patches=with_first("v"),
        listed=("value_residual F15",)),
    "embedding-for-first-value": made(
        "the first channels of the embedding x_0 stand for V_1", sourced(slice_of_embedding), where=narrow,
        listed=("value_residual F16",)),
    "attention-output-for-first-value": made(
        "U_1, what the first layer's attention gives (the mean of each group's heads), stands for V_1", sourced(attended_first),
        listed=("value_residual F17",)),
    "first-value-one-late": made(
        "V_1 of the token before stands for V_1", sourced(one_late), listed=("value_residual F22",)),
    "first-value-layout": made(
        "V_1 (B, S, G, K) is read as (B, G, S, K) without a transposition", sourced(mistaken_layout),
        listed=("value_residual F23",)),
    "first-value-of-other-row": made(
        "V_1 of another row of the batch stands for V_1", sourced(neighbour), listed=("value_residual F24",)),
    "first-value-of-earlier-call": Mistake(
        "state", "V_1 of the call before is used, detached, in as many rows as it had", FIX,
        lambda case: of(*MIXING)(case) and case.config["model"]["kind"] != "encoder_decoder" and any(
            name.startswith("earlier.") for name in case.inputs), record=kept,
        patches={"minires.oracle.systems.transformer.run": calls}, listed=("value_residual F24",)),
    "first-value-of-last-token": made(
        "V_1 of the last token stands at every position", sourced(last_token), listed=("value_residual F25",)),
}
