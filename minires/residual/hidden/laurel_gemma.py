"""LAuReL as in Gemma 3n: the low-rank map reads the normed stream, has a norm of its own, and the sum is divided by sqrt(2).

    self-attention   z = norm_1(x),    x' = (x + norm_2(f(z)) + z + norm_3(W_r W_l z)) / sqrt(2)
    the others       x' = x + norm_2(f(norm_1(x)))

symbols: x the stream, z what the sublayer read, (B, T, D); W_l <-> W_left (D, r), W_r <-> W_right (r, D), as z W_l W_r (rows);
    norm_3 <-> laurel_norm. Initially as all weights, gains 1. r `rank` (64 in Gemma 3n).
Sandwich-LN with a final norm; cross-attention, which Gemma lacks, is as the feed-forward. The map mixes the channels: no
weighing of sources. Alternating updates (AltUp) and the per-layer inputs of Gemma 3n are left out.
mistakes: the paper's form (raw x in the map, no norm on it, no sqrt(2)); the map in the feed-forward too; the gain as 1 + w.
source: Hugging Face transformers, models/gemma3n/modular_gemma3n.py (Gemma3nTextLaurelBlock, Gemma3nTextDecoderLayer), after
    Menghani et al. 2024 (2411.07501).
"""

from minires.arithmetic import sqrt
from minires.errors import whole_number
from minires.layers import linear
from minires.parameters import weights
from minires.residual.hidden.norm_placement import unit_norm
from minires.residual.variant import Variant
from minires.transformer import each_sublayer


def add_normed(x, y, here):
    """Self-attention: (x + y + z + norm(W_r W_l z)) / sqrt(2), where y is normed already; else x + y."""
    if here.sublayer != "attention":
        return x + y
    z = here.now["x"]  # (B, T, D)
    mapped = here.norm(linear(linear(z, here.params["W_left"]), here.params["W_right"]), "laurel_norm")  # (B, T, D)
    return (x + y + z + mapped) / sqrt(2, x)


def laurel_gemma(rank=4):
    """rank: of the map."""
    rank = whole_number("rank", rank)

    def added(rng, model, stack):
        D = model.width
        return each_sublayer(stack, lambda n, sublayer, p: {
            **p, "W_left": weights(model, rng, D, rank), "W_right": weights(model, rng, rank, D),
            "laurel_norm": unit_norm(model)} if sublayer == "attention" else p)

    return {"write": add_normed, "parameters": (added,)}


VARIANTS = {"laurel_gemma": Variant(laurel_gemma, "sandwich", "x' = (x + norm(attn(z)) + z + norm(W_r W_l z)) / sqrt(2)",
                                    "Gemma 3n 2025, after Menghani et al. 2024, 2411.07501")}
