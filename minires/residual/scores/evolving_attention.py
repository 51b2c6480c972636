"""Evolving Attention: the scores of the layer below are mixed in and a convolution develops the map further.

    M_n = (1 - beta) Z_n + beta Z'_{n-1}
    Z'_n = alpha act(conv(M_n)) + (1 - alpha) M_n        n >= 2;  Z'_1 = Z_1

    conv(M)_h[t, s] = b_h + sum_{i, j, g} W_conv[i, j, g, h] M_g[t - 1 + i, s - 1 + j],  i, j = 0, 1, 2
                                                                                         row t - 2 + i in a decoder

symbols: Z_n own scores (`fresh_scores`), Z'_n used scores (`scores`), (B, H, T, S); M_n their mix; W_conv (3, 3, H, H),
    heads as channels; b_conv (H); act LeakyReLU (slope 0.01) or ReLU. W_conv and b_conv start uniform in +- 1 / sqrt(9 H).
The convolution of layer n sees zeros where that layer's mask hides the entry, in the rows of padded queries, and beyond the
edges. In a decoder (in its cross-attention too) its rows are t - 2 .. t: with s <= t in each row nothing of the future gets
in. The carry is Z'_n, before bias and mask. Decoding keeps the last two rows of what the convolution saw. alpha = beta = 0
is vanilla; alpha = 0 alone a moving average (ReViT with 1 - beta).
mistakes: carrying M_n or Z_n; centred rows in a decoder, or rows whose hidden entries are not zeroed: the future is seen.
source: Wang et al. 2021 (2102.12895); official pkuyym/EvolvingAttention, EA_DC_Transformer/src/models/ea_dc_transformer.py
    (alpha 0.3, beta 0.7, LeakyReLU, the default here) and EAResnet50/official/resnet/resnet_model.py (alpha 1, beta 0.5,
    ReLU). Both convolve with zeros at the edges but no mask, also in the causal block; the shifted rows are ours. Both
    carry their relative logits, which are a part of the scores there; a shared bias is not carried here.
"""

import autograd.numpy as np

from minires.activations import relu
from minires.arithmetic import written
from minires.errors import number, one_of
from minires.layers import linear
from minires.residual.variant import Variant
from minires.transformer import after_first, each_sublayer


def convolve(scores, here):
    """3 x 3 over queries and keys, H -> H channels. (B, H, T, S)."""
    seen = scores if here.mask() is None else scores * (here.mask() > -np.inf).astype(scores.dtype)  # (B, H, T, S)
    x = here.unpadded(np.transpose(seen, (0, 2, 3, 1)))  # (B, T, S, H)
    B, T, S, H = x.shape
    row = np.zeros((B, 1, S, H), dtype=x.dtype)
    x = with_earlier_rows(x, here) if causal(here) else np.concatenate([row, x, row], axis=1)
    column = np.zeros((B, T + 2, 1, H), dtype=x.dtype)
    x = np.concatenate([column, x, column], axis=2)
    W, b = here.params["W_conv"], here.params["b_conv"]
    y = sum(linear(x[:, i: i + T, j: j + S], W[i, j]) for i in range(3) for j in range(3)) + b  # (B, T, S, H)
    return np.transpose(y, (0, 3, 1, 2))


def causal(here):
    """Whether this stack reads from left to right: a decoder, or the stack of an encoder_decoder with three sublayers."""
    return here.context.model.kind == "decoder" or here.per_layer == 3


def with_earlier_rows(x, here):
    """x (B, T, S, H) after the two rows before it; rows of earlier steps of decoding are zero at the keys that are new."""
    B, _, S, H = x.shape
    kept = here.kept().get("last_rows", np.zeros((B, 2, 0, H), dtype=x.dtype))
    new = np.zeros((B, 2, S - kept.shape[2], H), dtype=x.dtype)
    longer = np.concatenate([np.concatenate([kept, new], axis=2), x], axis=1)
    here.now["last_rows"] = longer[:, -2:]
    return longer


def evolving_attention(alpha=0.3, beta=0.7, activation="leaky_relu"):
    """alpha weighs the convolution, beta the layer below; activation "leaky_relu" or "relu"."""
    alpha, beta = number("alpha", alpha), number("beta", beta)
    slope = one_of("activation of evolving_attention", activation, {"leaky_relu": 0.01, "relu": 0.0})

    def change(fresh, past, here):
        alpha_, beta_ = written(alpha, fresh), written(beta, fresh)
        mixed = (1 - beta_) * fresh + beta_ * past[-1]["scores"]  # (B, H, T, S)
        y = convolve(mixed, here)  # (B, H, T, S)
        return alpha_ * (relu(y) - slope * relu(-y)) + (1 - alpha_) * mixed  # (B, H, T, S)

    def kernels(rng, model, params):
        H, bound = model.heads, (9 * model.heads) ** -0.5
        draw = lambda *shape: rng.uniform(-bound, bound, shape)
        return each_sublayer(params, lambda n, sublayer, p: {**p, "W_conv": draw(3, 3, H, H), "b_conv": draw(H)}
                             if n >= 2 and sublayer != "feed_forward" else p)

    return {"scores": after_first(change), "parameters": (kernels,)}


VARIANTS = {"evolving_attention": Variant(
    evolving_attention, "post", "Z'_n = alpha act(conv3x3(M_n)) + (1 - alpha) M_n; M_n = (1 - beta) Z_n + beta Z'_{n-1}",
    "Wang et al. 2021, 2102.12895")}
