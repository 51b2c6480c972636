"""SubLN (Magneto): Pre-LN with a second norm inside each sublayer, right before its last matrix, and larger weights.

    attention       x' = x + norm_inner(concat_h U_h) W_o,               U from norm(x)
    feed-forward    x' = x + norm_inner(f(norm(x) W_1)) W_2              a norm at the end
    initial W_v, W_o, W_1, W_2 times
        encoder-only, decoder-only      sqrt(ln 2L)
        encoder of an encoder-decoder   sqrt(ln(3L) ln(2L) / 3)
        decoder of an encoder-decoder   sqrt(ln 3L), self-attention and feed-forward network

symbols: x the stream (B, T, D); U_h the output of head h (B, T, K); norm_inner <-> norm_inner (H K) and (F), gain 1;
    f the activation (for SwiGLU what W_2 gets); L layers of each stack. Biases, W_q, W_k, W_gate keep their scale.
Cross-attention has neither the inner norm nor larger weights. With one layer the scales are below 1 (ln 2 = 0.69).
Where the epsilon of the norms is 0 it is undefined on a zero vector (a query that may see nothing).
mistakes: W_q, W_k rescaled; cross-attention rescaled; the inner norm per head instead of over all heads together.
source: Wang et al. 2022, "Foundation Transformers" (2210.06423); microsoft/torchscale,
    torchscale/architecture/{encoder,decoder}.py, torchscale/component/multihead_attention.py.
"""

import math

from minires.heads import merge_heads, split_heads
from minires.residual.hidden.deepnorm import rescaled
from minires.residual.hidden.norm_placement import unit_norm
from minires.residual.variant import Variant
from minires.transformer import each_sublayer


def norm_heads(heads, past, here):
    """One norm over the channels of all heads, before W_o."""
    if "norm_inner" not in here.params:
        return heads  # (B, H, T, K)
    return split_heads(here.norm(merge_heads(heads), "norm_inner"), heads.shape[1])  # (B, H, T, K)


def inner_norms(rng, model, stack):
    """norm_inner of self-attention (H K) and of the feed-forward network (F)."""
    last = {"attention": "W_o", "feed_forward": "W_2"}
    return each_sublayer(stack, lambda n, sublayer, p: {
        **p, "norm_inner": unit_norm(model, p[last[sublayer]].shape[0])} if sublayer in last else p)


def scale(model, stack):
    """The factor of the initial weights of this stack."""
    L = model.layers
    if model.kind != "encoder_decoder":
        return math.sqrt(math.log(2 * L))
    if "cross_attention" in stack["layers"][0]:
        return math.sqrt(math.log(3 * L))
    return math.sqrt(math.log(3 * L) * math.log(2 * L) / 3)


def larger(rng, model, stack):
    """W_v, W_o, W_1, W_2 times the factor; cross-attention keeps its weights."""
    return rescaled(stack, scale(model, stack), ("attention", "feed_forward"))


def subln():
    """The inner norms, and the initial weights of the published recipe."""
    return {"heads": norm_heads, "active": lambda a, here: here.norm(a, "norm_inner"), "parameters": (inner_norms, larger)}


VARIANTS = {"subln": Variant(subln, "pre", "x' = x + norm_inner(g(norm(x))) W_o or W_2", "Wang et al. 2022, 2210.06423")}
