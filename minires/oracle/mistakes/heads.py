"""Mistakes in heads and projections: how heads are cut and joined, which weights make what."""

import autograd.numpy as np

from minires.layers import linear
from minires.oracle.mistakes.mistake import Mistake, transformer
from minires.oracle.mistakes.places import grouped, model_of, square


def plainly_split(x, heads):
    """(B, T, heads K) -> (B, heads, T, K) by a reshape alone."""
    return np.reshape(x, (x.shape[0], heads, x.shape[1], -1))


def interleaved(x, heads):
    """(B, T, K heads) -> (B, heads, T, K): a head has every heads-th channel."""
    return np.transpose(np.reshape(x, (*x.shape[:2], -1, heads)), (0, 3, 1, 2))


def tiled_product(right):
    """Query head h reads key/value head h mod G."""
    return lambda x, y: x @ np.concatenate([y] * (x.shape[1] // y.shape[1]), axis=1)


def renamed(names):
    """Projections with each other's weights: {"q": "k", "k": "q"}."""
    return {"minires.attention.project": lambda project: lambda x, here, name: project(x, here, names.get(name, name))}


def transposed_output(project):
    """W_o^T in place of W_o."""
    def wrong(x, here, name):
        return linear(x, here.params["W_o"].T, here.params.get("b_o")) if name == "o" else project(x, here, name)
    return wrong


def without_bias(project):
    """No b_o."""
    return lambda x, here, name: linear(x, here.params["W_o"]) if name == "o" else project(x, here, name)


def one_kernel(project):
    """All heads have the projection of the first: K columns of W and b, again and again."""
    def wrong(x, here, name):
        K = here.context.model.head_width_
        first = lambda a: None if a is None else np.concatenate([a[..., :K]] * (a.shape[-1] // K), axis=-1)
        if name == "o":
            return project(x, here, name)
        return linear(x, first(here.params["W_" + name]), first(here.params.get("b_" + name)))
    return wrong


def alike(case):
    """Cases with as many key/value heads as heads, so that W_q and W_k have one shape."""
    return transformer(case) and not grouped(case)


def several(case):
    """Cases with more than one head."""
    return transformer(case) and model_of(case).heads > 1


def biased(case):
    """Cases with biases."""
    return transformer(case) and model_of(case).biases


SPLIT = "reshape (B, T, H K) to (B, T, H, K), then move the heads in front of the time"
MISTAKES = {
    "heads-split-by-reshape": Mistake(
        "heads", "heads are split by a plain reshape to (B, H, T, K), which mixes time and channels", SPLIT, several,
        {"minires.attention.split_heads": lambda right: plainly_split}, listed=("oracle 12.1",)),
    "heads-split-interleaved": Mistake(
        "heads", "a head is made of every H-th channel", SPLIT, several,
        {"minires.attention.split_heads": lambda right: interleaved}, listed=("oracle 12.1",)),
    "heads-merged-untransposed": Mistake(
        "heads", "heads are merged by a plain reshape of (B, H, T, K)",
        "move the heads behind the time, then reshape to (B, T, H K)",
        several, {"minires.attention.merge_heads": lambda right: lambda x: np.reshape(x, (x.shape[0], x.shape[2], -1))},
        listed=("oracle 12.1",)),
    "groups-tiled": Mistake(
        "heads", "query head h reads key/value head h mod G", "query head h reads key/value head h // (H/G): neighbours share",
        lambda case: grouped(case) and model_of(case).kv_heads_ > 1, {"minires.attention.group_product": tiled_product},
        seen=("lucidrains/x-transformers, 'b (r kvh)'",), listed=("realformer F40",)),
    "one-kernel-for-all-heads": Mistake(
        "heads", "the heads share the projection of the first one", "each head has its own columns of W_q, W_k, W_v", several,
        {"minires.attention.project": one_kernel}, seen=("cloneofsimo/realformer-pytorch models.py",),
        listed=("realformer F41",)),
    "queries-and-keys-swapped": Mistake(
        "heads", "queries are made with W_k and keys with W_q", "q = x W_q + b_q, k = x W_k + b_k", alike,
        renamed({"q": "k", "k": "q"}), listed=("oracle 12.1",)),
    "keys-and-values-swapped": Mistake(
        "heads", "keys are made with W_v and values with W_k", "k = x W_k + b_k, v = x W_v + b_v", transformer,
        renamed({"k": "v", "v": "k"}), listed=("oracle 12.1",)),
    "output-projection-transposed": Mistake(
        "projection", "W_o is transposed, which a square matrix does not show", "the output is U W_o, W_o (H K, D)", square,
        {"minires.attention.project": transposed_output},
        seen=("AutoGPTQ issue 139", "nntile issues 370, 402"), listed=("oracle 12.1",)),
    "output-bias-missing": Mistake(
        "projection", "b_o is left out", "the output is U W_o + b_o", biased, {"minires.attention.project": without_bias},
        listed=("oracle 12.1",)),
}
