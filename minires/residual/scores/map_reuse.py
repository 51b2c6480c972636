"""Map reuse (LazyFormer, Reuse Transformer, all heads): chosen layers take the attention map of the layer below.

    P_n = P_{n-1}    in the chosen layers        U_n = P_n V_n,  V_n = x_n W_v as ever

symbols: P_n `probabilities` (B, H, T, S); V_n `values`. layers: the chosen ones (1-based, from 2 on), by default every
    second.
A layer that reuses has no W_q and W_k (nor b_q, b_k) and keeps no keys in decoding. Its `scores` and `logits` are those of
the layer below, under its own mask: the map is the same array of numbers wherever the masks of the two layers are the same,
and where they differ (windows per layer) its rows still sum to one over what the layer may see. Self- and cross-attention
alike. No layer reusing is vanilla.
mistakes: reusing the map after dropout; reusing the values or the heads P_{n-1} V_{n-1} too; gradients in unused W_q and
    W_k.
source: Ying et al. 2021, LazyFormer (2102.12702), and Bhojanapalli et al. 2021, Reuse Transformer (2110.06821): known to us
    from secondary sources (abstracts) only, the sharing of all heads in pairs of layers is the limit that both describe.
"""

from minires.attention import masked_softmax
from minires.errors import require
from minires.residual.variant import Variant
from minires.transformer import each_sublayer

QUERY_AND_KEY = ("W_q", "b_q", "W_k", "b_k")


def reuse(fresh, past, here):
    """P_n = P_{n-1} where the layer cannot make its own."""
    if fresh is not None:
        return fresh
    here.now.update({name: past[-1][name] for name in ("scores", "logits")})
    return masked_softmax(here.now["logits"], here)  # (B, H, T, S)


def map_reuse(layers=None):
    """`layers` take the map of the layer below: [2, 4, 6, ...] where none are named."""
    require(layers is None or isinstance(layers, (list, tuple, set)) and all(type(n) is int and n >= 2 for n in layers),
            f"layers={layers!r} of map_reuse: expected a list of layer numbers from 2 on (layer 1 has nothing to reuse)")

    def reuses(n):
        return n % 2 == 0 if layers is None else n in layers

    def within(model):
        require(all(n <= model.layers for n in layers or ()),
                f"layers={layers} of map_reuse: the model has {model.layers} layers, expected none beyond")

    def without_queries_and_keys(rng, model, params):
        return each_sublayer(params, lambda n, sublayer, p: {
            name: value for name, value in p.items() if name not in QUERY_AND_KEY} if reuses(n) else p)

    return {"probabilities": reuse, "parameters": (without_queries_and_keys,), "check": (within,)}


VARIANTS = {"map_reuse": Variant(map_reuse, "post", "P_n = P_{n-1} in every second layer", "Ying et al. 2021, 2102.12702")}
