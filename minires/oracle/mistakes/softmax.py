"""Mistakes in softmax and in the scale of the scores."""

from unittest.mock import patch

import autograd.numpy as np

from minires import attention
from minires.oracle.mistakes.mistake import Mistake, transformer
from minires.oracle.mistakes.places import model_of


def divided_by(root):
    """q k^T divided by root(right, model, scores), right(number, scores) the square root of a number."""
    def places(attended):
        def wrong(q, k, past, here):
            right = attention.sqrt
            with patch.object(attention, "sqrt", lambda number, like: root(right, here.context.model, like)):
                return attended(q, k, past, here)
        return wrong
    return {"minires.attention.attended": places}


SCALE = "divide q k^T by sqrt(K), K the width of one head"
MISTAKES = {
    "softmax-over-queries": Mistake(
        "softmax", "the softmax runs over the axis of the queries",
        "take the softmax over the keys, the last axis (S) of (B, H, T, S)",
        transformer,
        {"minires.attention.softmax": lambda softmax: lambda z: np.swapaxes(softmax(np.swapaxes(z, -1, -2)), -1, -2)},
        listed=("realformer F36", "oracle 12.1")),
    "scale-missing": Mistake(
        "scale", "the scores are not divided by sqrt(K)", SCALE, transformer, divided_by(lambda sqrt, model, like: 1),
        seen=("NVIDIA/Megatron-LM issue 848", "huggingface/optimum-intel issue 1877"),
        listed=("realformer F11", "oracle 12.1")),
    "scale-by-width": Mistake(
        "scale", "the scores are divided by sqrt(D), the width of the model", SCALE,
        lambda case: transformer(case) and model_of(case).width != model_of(case).head_width_,
        divided_by(lambda sqrt, model, like: sqrt(model.width, like)), listed=("realformer F12", "oracle 12.1")),
    "scale-by-head-width": Mistake(
        "scale", "the scores are divided by K", SCALE, transformer, divided_by(lambda sqrt, model, like: model.head_width_),
        listed=("oracle 12.1",)),
}
