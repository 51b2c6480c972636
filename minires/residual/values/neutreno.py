"""NeuTRENO: the difference to the first layer's values is added to each head's output.

    U_n = P_n V'_n + lambda (V_1 - V'_n),  n >= 2

symbols: P_n `probabilities` (B, H, T, S), V'_n `values` and V_1 `fresh_values` of layer 1 (B, S, G K), U_n `heads`
    (B, H, T, K), before W_o; lambda = 0.4 for language models (0.6 for DeiT, 0.2 with ResFormer).
With G < H the difference serves all heads of its group. Row t of the values belongs to query t, so the term exists in
self-attention only.
mistakes: the sign of the difference; adding it after W_o; V'_n for V_n in the combination (or the reverse); lambda in layer
    1 (adds 0, invisible); the flat form, which adds G K to H K channels and fails where G < H; heads of a group tiled, not
    repeated.
source: Nguyen, Nguyen, Baraniuk 2023 (2312.00751); tamnguyen9520/NeuTRENO_NeurIPS2024. Combined with ResFormer the official
    Zcchill/Value-Residual-Learning takes the difference from the mixed value V'_n ("raw" here: from V_n).
"""

from minires.heads import repeat_heads, split_heads
from minires.errors import number, one_of
from minires.residual.values.resformer import ZHOU, resformer
from minires.residual.variant import Variant
from minires.transformer import after_first


def add_difference(lambda_, name):
    """U_n = P_n V'_n + lambda (V_1 - own), own = the used or the fresh values."""
    lambda_ = number("lambda_", lambda_)

    def change(heads, past, here):
        if here.sublayer != "attention":
            return heads
        difference = past[0]["fresh_values"] - here.now[name]  # (B, S, G*K)
        model = here.context.model
        return heads + lambda_ * repeat_heads(split_heads(difference, model.kv_heads_), model.heads)  # (B, H, T, K)
    return after_first(change)


def neutreno(lambda_=0.4):
    """NeuTRENO alone."""
    return {"heads": add_difference(lambda_, "values")}


def resformer_neutreno(lambda_=0.2, lambda_1=0.5, lambda_2=0.5, difference="mixed"):
    """Identity-ResFormer and NeuTRENO together."""
    name = one_of("difference", difference, {"mixed": "values", "raw": "fresh_values"})
    return {**resformer(lambda_1, lambda_2), "heads": add_difference(lambda_, name)}


VARIANTS = {
    "neutreno": Variant(neutreno, "pre", "U_n = P_n V_n + 0.4 (V_1 - V_n)", "Nguyen et al. 2023, 2312.00751"),
    "resformer_neutreno": Variant(
        resformer_neutreno, "pre", "V'_n = (V_1 + V_n)/2; U_n = P_n V'_n + 0.2 (V_1 - V'_n)", ZHOU),
}
