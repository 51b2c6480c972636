"""The cases of the reservoir ResFormer: every readout, group and fusion, on conversations in which no mistake can hide.

Two conversations of 3 and 2 utterances; one utterance longer than the Transformer reads, one of a single token, one full.
Sizes that stand together are distinct; leaks are not 1/2, biases not zero, W is asymmetric, padding has a row of its own.
"""

import numpy as np

from minires.model import plain
from minires.oracle.case import Case, on_grid
from minires.parameters import flatten
from minires.reservoir_resformer.model import ReservoirResFormer

SIZES = {"vocabulary": 9, "classes": 3, "width": 4, "heads": 2, "layers": 1, "feed_forward": 6, "maximum_length": 3,
         "units": (7, 5), "leak": (0.375, 0.75), "radius": (0.9, 0.7), "density": 1.0, "input_width": 8, "hidden": 6,
         "memory_tokens": 5, "table": "normal"}
LENGTHS = np.array([[2, 4, 1], [3, 2, 0]])  # of the utterances; the second conversation has ended before the third
T = 4


def conversation_case(id, seed=1, earlier=False, **changes):
    """A case of one description."""
    rng, model = np.random.default_rng(seed), ReservoirResFormer(**{**SIZES, **changes})
    params = {name: on_grid(designed(name, array, rng)) for name, array in flatten(model.init(rng)).items()}
    inputs = talk(rng, model)
    if earlier:
        inputs.update({f"earlier.{name}": value[:, :2] for name, value in talk(rng, model).items() if name != "labels"})
    return Case(id, "reservoir_resformer", {"model": plain(model.as_dict())},
                {**params, **{f"inputs.{name}": value for name, value in inputs.items()}},
                {"logits": on_grid(rng.standard_normal((np.sum(LENGTHS > 0), model.classes)))}, tuple(params))


def talk(rng, model):
    """Tokens, which of them are real, and a label for each utterance; padding is token 1, whose rows are not zero."""
    real = np.arange(T) < LENGTHS[..., None]
    tokens = np.where(real, rng.integers(0, model.vocabulary, real.shape), 1)
    return {"tokens": tokens, "real": real, "labels": rng.integers(0, model.classes, LENGTHS.shape)}


def designed(name, array, rng):
    """The reservoirs as they are drawn, but for a bias that counts; the rest of unit size by fan-in, nothing zero or one."""
    last, z = name.split(".")[-1], rng.standard_normal(array.shape)
    if last in ("K", "g"):
        return array
    if name.startswith("memory."):
        return {"b": 0.4 * z, "E_r": z}.get(last, array * (2 if last == "W_in" else 1))
    if "embedding" in name:
        return z * (0.7 if last == "W_position" else 1.0)
    if last.startswith(("W", "A", "P")):
        return z / np.sqrt(array.shape[0]) * {"W_q": 1.6, "W_k": 1.6}.get(last, 1.0)
    return (0.0 if last.startswith(("b", "c", "v", "e")) else 0.8) + 0.4 * z


KINDS = {
    "default": {},
    "earlier": {"earlier": True},
    "equal-group": {"units": (7, 7), "seed": 2},
    "end_to_end": {"gradient": "end_to_end"},
    "inclusive": {"memory": "inclusive"},
    "masked": {"first": "masked"},
    "sentence_mean": {"step": "sentence_mean"},
    **{group: {"group": group, **({"memory_tokens": 2} if group == "concatenate" else {})}
       for group in ("sum", "concatenate", "learned")},
    **{readout: {"readout": readout, "units": 7, "leak": 0.375, "radius": 0.9, "memory_tokens": tokens}
       for readout, tokens in (("relu", 5), ("linear", 5), ("quadratic", 2), ("neuron_attention", 5))},
    **{fusion: {"fusion": fusion} for fusion in ("gate", "addition", "every_layer")},
    "prefix": {"fusion": "prefix", "memory_tokens": 2, "first": "masked"},
    "suffix": {"fusion": "suffix", "memory_tokens": 2},
}
CASES = {f"reservoir_resformer/{kind}": (lambda kind=kind, options=options:
                                         conversation_case(f"reservoir_resformer/{kind}", **options))
         for kind, options in KINDS.items()}
