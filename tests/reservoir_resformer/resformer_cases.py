"""The fixture: what the spec's section 7 asks for, so that no mistake can hide."""

import numpy as np

from minires.parameters import flatten, unflatten
from minires.reservoir_resformer.model import ReservoirResFormer

B, U, T, L, V = 3, 5, 6, 4, 11
SIZES = {"vocabulary": V, "classes": 3, "width": 8, "heads": 2, "layers": 2, "feed_forward": 10, "maximum_length": L,
         "units": (9, 7), "leak": (0.3, 0.7), "radius": (0.95, 0.6), "density": 0.6, "input_width": 13, "hidden": 5,
         "memory_tokens": 3, "bias_scale": 0.4}


def make(seed=0, **changes):
    """A model and parameters of which none is zero, one or equal to another."""
    model = ReservoirResFormer(**{**SIZES, **changes})
    rng = np.random.default_rng(seed)
    params = model.init(rng)
    moved = {name: leaf if name.startswith("memory") else leaf + 0.3 * rng.standard_normal(leaf.shape)
             for name, leaf in flatten(params).items()}
    return model, unflatten(moved)


def conversations(seed=1):
    """Different lengths: an utterance longer than L, one of one token, a full one; conversations of 5, 3 and 4 utterances."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, T + 1, (B, U))
    lengths[0, 1], lengths[0, 2], lengths[1, 0], lengths[2, 1] = 1, T, L, T
    lengths[1, 3:] = lengths[2, 4:] = 0
    real = np.arange(T) < lengths[..., None]
    return np.where(real, rng.integers(1, V, (B, U, T)), 0), real
