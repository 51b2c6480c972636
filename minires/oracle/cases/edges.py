"""Cases at the edges: where a mistake that ordinary numbers hide must show, and every part that a model can be made of.

Small models, two layers, the norms' own houses: a post-norm encoder as BERT, a pre-norm decoder as Llama.
"""

import numpy as np

from minires.oracle.cases.transformers import (transformer_case, with_earlier, with_inputs, with_left_padding, with_masks,
                                               with_values)
from minires.oracle.cases.variants import GROUPED, SMALL

TWO = {**SMALL, "layers": 2}
SQUARE = {**TWO, "width": 12, "heads": 3, "kv_heads": 3, "head_width": 4, "T": 5, "feed_forward": 12, "vocabulary": 12,
          "maximum_length": 12}


def case(id, variant="pre_norm", kind="decoder", **changes):
    """A case of two layers."""
    return transformer_case(variant, kind, id=id, **{**TWO, **changes})


def nearly_constant(case):
    """One token whose vector has a variance near epsilon, at a place that adds nothing."""
    token, place = case.values["inputs.tokens"][0, 1], 1
    still = lambda W, row, factor: np.where(np.arange(len(W))[:, None] == row, W * factor, W)
    return with_values(case, "variance near epsilon", W_token=lambda W: still(W, token, 2.0 ** -8),
                       W_position=lambda W: still(W, place, 0.0))


def large_mean(case):
    """Token vectors far from zero, so that a variance by mean x^2 - (mean x)^2 cancels."""
    return with_values(case, "large mean", W_token=lambda W: W + 96)


def hidden_row(case):
    """A query that may attend to nothing: its probabilities are 0, not NaN and not uniform."""
    mask = np.where(np.arange(case.values["inputs.mask.0"].shape[0])[:, None] == 2, -np.inf, case.values["inputs.mask.0"])
    return with_inputs(case, {"mask.0": mask}, "fully masked row")


def huge_scores(case):
    """Scores of more than 100: exp without the shift by the maximum overflows in float32."""
    return with_values(case, "huge scores", W_q=lambda W: 8 * W, W_k=lambda W: 8 * W)


def tails(case):
    """Inner units far from zero on both sides: the ends of GELU, SiLU and their tanh, exp or erf."""
    return with_values(case, "activation tails", W_1=lambda W: 5 * W, W_gate=lambda W: 5 * W)


def repeated(case):
    """The same token all along one row, twice in the other: its embedding's gradient is a sum."""
    along = lambda ids: np.where(np.arange(len(ids))[:, None], ids[:, :1], ids)
    return with_values(case, "repeated tokens", **{"inputs.tokens": along})


def segmented(case):
    """Two segments in each row."""
    return with_inputs(case, {"segments": (np.arange(4)[None] >= np.array([[2], [3]])).astype(int)}, "segments")


MADE = {
    "edge/epsilon-layer": lambda id: nearly_constant(case(id, "vanilla", "encoder", placement="pre", epsilon=1e-5)),
    "edge/epsilon-rms": lambda id: nearly_constant(case(id)),
    "edge/large-mean": lambda id: large_mean(case(id, "vanilla", "encoder", placement="pre", positions="none", layers=1)),
    "edge/one-token": lambda id: case(id, "vanilla", T=1, S=1),
    "edge/fully-masked-row": lambda id: hidden_row(with_masks(case(id, "vanilla", "encoder"))),
    "edge/fully-masked-row-carried": lambda id: hidden_row(with_masks(case(id, "realformer", "encoder"))),
    "edge/huge-scores": lambda id: huge_scores(case(id)),
    "edge/gelu-tanh-tails": lambda id: tails(case(id, "vanilla", "encoder", layers=1)),
    "edge/gelu-erf-tails": lambda id: tails(case(id, "vanilla", "encoder", layers=1, activation="gelu_erf")),
    "edge/silu-tails": lambda id: tails(case(id, layers=1)),
    "edge/repeated-tokens": lambda id: repeated(case(id, "vanilla", "decoder", layers=1)),
    "edge/square-encoder": lambda id: case(id, "vanilla", "encoder", **{**SQUARE, "layers": 1}),
    "edge/square-decoder": lambda id: case(id, **{**SQUARE, "layers": 1}),
    "part/grouped-heads": lambda id: with_earlier(case(id, **{**GROUPED, "layers": 1, "decode": 3, "head": "tied"})),
    "part/cross-attention": lambda id: case(id, "vanilla", "encoder_decoder", layers=1, decode=2),
    "part/left-padding": lambda id: with_left_padding(case(id, decode=2)),
    "part/window": lambda id: case(id, decode=2, window=[2, 3], layers=2),
    "part/global-tokens": lambda id: case(
        id, "vanilla", "encoder", window=2, global_tokens=1, layers=1, T=5, width=7, head_width=4),
    "part/alibi": lambda id: case(id, positions="alibi", decode=2),
    "part/sinusoidal": lambda id: case(id, "vanilla", "decoder", positions="sinusoidal", width=6, T=5, head_width=4, layers=1),
    "part/no-positions": lambda id: case(id, "vanilla", "decoder", positions="none", layers=1),
    "part/relu": lambda id: case(id, activation="relu", biases=True, norm="layer", layers=1),
    "part/segments": lambda id: segmented(case(id, "vanilla", "encoder", segments=3, layers=1)),
}
CASES = {id: (lambda id=id, make=make: make(id)) for id, make in MADE.items()}
