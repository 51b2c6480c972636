"""A case of every variant of the Transformer in its natural kind, and of the chief ones in every kind.

Four layers where scores, values or keys are carried: what a mistake takes from the layer below instead of the first shows
from the third layer on. Three where layers differ by rule, two where each sublayer does the same.
"""

from functools import partial

from minires.oracle.cases.transformers import transformer_case, with_bias, with_earlier, with_masks
from minires.residual import VARIANTS, members, placement_of

SMALL = {"B": 2, "T": 4, "S": 7, "decode": 0, "vocabulary": 7, "width": 5, "heads": 3, "kv_heads": 1, "head_width": 6,
         "feed_forward": 3, "maximum_length": 8}
ALIKE = {"layers": 2}  # each sublayer does the same, whichever it is
GROUPED = {**SMALL, "T": 5, "width": 7, "heads": 6, "kv_heads": 3, "head_width": 4}  # 1 < G < H
OWN = {  # what a variant needs beside or instead
    "unet_skips": {"layers": 4}, "yoco": {"layers": 4}, "revnet": {**ALIKE, "width": 6},
    "frac_connections": {**ALIKE, "width": 6},
    "mhc": {"options": {"streams": 3}, "layers": 2}, "mhc_lite": {"options": {"streams": 3}, "layers": 2},
    "hyper_connections": {"options": {"streams": 3}}, "hyper_connections_static": {**ALIKE, "options": {"streams": 3}},
    "gated_residual": {**ALIKE, "options": {"streams": 3}}, "altup": {"options": {"streams": 3}},
    "resformer_sparse": {"options": {"layers": [2, 4]}}, "resformer_plus": {"layers": 3},
    "resformer": {**GROUPED, "layers": 3, "decode": 3},
    "hyper_connections + realformer + resformer_learnable": {"layers": 3, "options": {"hyper_connections": {"streams": 3}}},
    **dict.fromkeys(("neutreno", "value_embeddings", "lime", "rwkv7_v_first", "token_mix", "resformer_constant", "revit",
                     "evolving_attention"), {"layers": 3}),
    **dict.fromkeys(("temperature", "kv_shifting", "deep_cross_attention"), ALIKE),
    "canon": {**ALIKE, "decode": 2}, "pre_norm": {"decode": 2},
    **dict.fromkeys(("sandwich_norm", "output_norm", "normformer", "subln", "gpt2_init", "zero_init", "rezero", "skip_init",
                     "layer_scale", "fixup", "t_fixup", "stochastic_depth", "layer_drop", "highway", "gtrxl", "laurel_rw",
                     "laurel_lr", "laurel_gemma", "deep_delta", "parallel", "orthogonal", "ngpt", "admin", "b2t"), ALIKE),
}
CHIEF = {  # variant -> the kinds beside its natural one, with their layers
    "vanilla": {"decoder": 2, "encoder_decoder": 2}, "pre_norm": {"encoder": 2},
    "realformer": {"decoder": 4, "encoder_decoder": 2},
    "resformer_learnable": {"encoder": 4, "encoder_decoder": 2},
    "svformer": {"encoder": 4, "encoder_decoder": 2}, "hyper_connections": {"encoder": 2},
}
TOGETHER = ("realformer + resformer", "hyper_connections + realformer + resformer_learnable")


def natural(variant):
    """The kind of model that the variant's authors build: encoders with post norms, as BERT; decoders, as Llama."""
    return "encoder" if placement_of(variant) == "post" else "decoder"


def variant_case(variant, kind, layers=None):
    """The case of a variant in a kind of model; the carried streams with masks, a bias or an earlier call."""
    carried = any(VARIANTS[name].stream != "hidden" for name in members(variant))
    own = OWN.get(variant, {})
    scores = any(VARIANTS[name].stream == "scores" for name in members(variant))
    sizes = {"layers": 4 if carried else 3, **SMALL, **({"decode": 3} if carried else {}), **own}
    sizes["layers"] = layers or sizes["layers"]
    case = transformer_case(variant, kind, id=f"transformer/{variant.replace(' ', '')}-{kind}", **sizes)
    if carried:
        case = with_earlier(case)
    return with_bias(with_masks(case)) if scores and kind == "encoder" else case


CASES = {f"transformer/{variant}-{natural(variant)}": partial(variant_case, variant, natural(variant))
         for variant in VARIANTS}
CASES.update({f"transformer/{variant}-{kind}": partial(variant_case, variant, kind, layers)
              for variant, kinds in CHIEF.items() for kind, layers in kinds.items()})
CASES.update({f"transformer/{variant.replace(' ', '')}-decoder": partial(variant_case, variant, "decoder")
              for variant in TOGETHER})
