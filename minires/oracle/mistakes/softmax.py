"""Mistakes in softmax and in the scale of the scores."""

import autograd.numpy as np

from minires.oracle.mistakes.mistake import Mistake, transformer

MISTAKES = {
    "softmax-over-queries": Mistake(
        "softmax", "the softmax runs over the axis of the queries", "take the softmax over the keys, the last axis (S) of (B, H, T, S)",
        transformer, {"minires.attention.softmax": lambda softmax: lambda z: np.swapaxes(softmax(np.swapaxes(z, -1, -2)), -1, -2)},
        listed=("realformer F36", "oracle 12.1")),
}
