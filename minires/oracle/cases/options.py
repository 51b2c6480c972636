"""Cases of options and sizes that show what defaults hide: unequal weights, 1 < G < H, square projections, windows."""

from minires.oracle.cases.transformers import transformer_case
from minires.oracle.cases.variants import GROUPED, SMALL

FOUR = {**SMALL, "layers": 4}
SQUARE = {**SMALL, "layers": 3, "width": 8, "heads": 4, "kv_heads": 2, "head_width": 2}  # H K = D
MADE = {
    "option/resformer-weights": ("resformer", {**SQUARE, "options": {"lambda_1": 0.3, "lambda_2": 0.8}}),
    "option/neutreno-grouped": ("neutreno", {**GROUPED, "layers": 2}),
    "option/neutreno-square": ("neutreno", SQUARE),
    "option/kv_shifting-grouped": ("kv_shifting", {**GROUPED, "layers": 2, "decode": 2}),
    "option/value_embeddings-gated": ("value_embeddings", {**SMALL, "layers": 3, "options": {"form": "sigma3"}}),
    "option/gemma_sharing-windows": ("gemma_sharing", {**SMALL, "layers": 5, "window": (2, None, 3, None, 2)}),
    "option/revit-weight": ("revit", {**SMALL, "layers": 3, "options": {"alpha": 0.3}}),
    "option/evolving_attention-decoder": ("evolving_attention", {**FOUR, "layers": 3, "decode": 2}),
    "option/token_mix-grouped": ("token_mix", {**GROUPED, "layers": 2}),
}
TWO = {**SMALL, "layers": 2}
MORE = {  # id -> variant, kind, changes
    "option/normformer-square": ("normformer", "decoder", {**SQUARE, "layers": 2}),
    "option/siamese_norm-depth": ("siamese_norm", "decoder", {**TWO, "options": {"depth_scale": True}}),
    "option/parallel-two_norms": ("parallel", "decoder", {**TWO, "options": {"norms": "two"}}),
    "option/unet_skips-concatenate": ("unet_skips", "decoder", {**FOUR, "options": {"form": "concatenate"}}),
    "option/denseformer-dilation": ("denseformer", "decoder", {**SMALL, "layers": 3, "options": {"dilation": 2}}),
    "option/realformer-one_length": ("realformer", "encoder_decoder", {**TWO, "T": 2, "S": 2}),
    "option/realformer_mean-encoder_decoder": ("realformer_mean", "encoder_decoder", {**TWO, "T": 2, "S": 4}),
}
CASES = {id: (lambda id=id, variant=variant, changes=changes: transformer_case(variant, "decoder", id=id, **changes))
         for id, (variant, changes) in MADE.items()}
CASES.update({id: (lambda id=id, variant=variant, kind=kind, changes=changes: transformer_case(variant, kind, id=id, **changes))
              for id, (variant, kind, changes) in MORE.items()})
