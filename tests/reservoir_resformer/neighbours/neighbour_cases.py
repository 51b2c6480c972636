"""One small asymmetric case for each neighbour: no two sizes alike, no zero bias, no gain of one."""

from typing import NamedTuple

import numpy as np

from minires.reservoir_resformer.neighbours import NEIGHBOURS, join, split

V, B = 11, 3


class Case(NamedTuple):
    sizes: dict
    inputs: object         # rng -> a dict of named arrays, batch first
    output: object         # what apply returns -> logits, batch first
    time: object = None    # the axis of the output along which there is no look-ahead, and which input changes there


def conversations(rng):
    lengths = np.array([[2, 5, 1, 3], [4, 1, 0, 0], [1, 3, 2, 0]])
    real = np.arange(5) < lengths[..., None]
    return {"tokens": np.where(real, rng.integers(1, V, real.shape), 0), "real": real}


def sentences(rng):
    real = np.arange(6) < np.array([4, 1, 6])[:, None]
    return {"tokens": np.where(real, rng.integers(1, V, real.shape), 0), "real": real}


def series(rng):
    return {"u": rng.standard_normal((B, 6, 2))}


def tokens(rng):
    return {"tokens": rng.integers(0, V, (B, 5))}


same = lambda y: y
RESFORMER = {"vocabulary": V, "classes": 3, "width": 4, "heads": 2, "layers": 1, "feed_forward": 6, "maximum_length": 4,
             "memory_tokens": 3, "hidden": 5, "initial_std": 0.4, "input_width": 13}
GROUP = {**RESFORMER, "units": (9, 7), "leak": (0.3, 0.7), "radius": (0.9, 0.6), "sparsity": (0.5, 0.2)}
SENTENCES = {"vocabulary": V, "classes": 3, "width": 4}
AERC = {"inputs": 2, "outputs": 3, "units": 9, "density": 0.6}
EST = {"inputs": 2, "outputs": 5, "width": 3, "units": 4, "neurons": 7, "layers": 2, "connectivity": 0.5}
FROZEN = {"vocabulary": V, "width": 4, "heads": 2, "layers": 4, "feed_forward": 6, "maximum_length": 6, "initial_std": 0.5,
          "epsilon": 1e-5}

CASES = {
    "group_reservoir": Case(GROUP, conversations, same, "tokens"),
    "group_reservoir_published": Case(GROUP, conversations, same, "tokens"),
    "ran": Case({**RESFORMER, "units": 9, "density": 0.6}, conversations, same, "tokens"),
    "laerc": Case({**RESFORMER, "units": 9}, conversations, same, "tokens"),
    "frozen_layers": Case(FROZEN, tokens, same, "tokens"),
    "echo_state_transformer": Case(EST, series, lambda out: out[0], "u"),
    "attention_enhanced": Case(AERC, series, same, "u"),
    "attention_enhanced_deep": Case(AERC, series, same, "u"),
    "bag_of_embeddings": Case(SENTENCES, sentences, same),
    "borep": Case({**SENTENCES, "features": 7}, sentences, same),
    "random_sentence": Case({**SENTENCES, "units": 9, "old": 0.3}, sentences, same),
    "random_sentence_published": Case({**SENTENCES, "units": 9, "old": 0.3}, sentences, same),
}


def moved(network, seed=0):
    """Parameters of which none is zero or one, the frozen arrays as they were drawn."""
    rng = np.random.default_rng(seed)
    frozen, trained = split(network, network.init(rng))
    return join(frozen, {name: leaf + 0.3 * rng.standard_normal(leaf.shape) for name, leaf in trained.items()})


def make(name, seed=0, **changes):
    """network, parameters, inputs, and the function (params, inputs) -> logits."""
    case = CASES[name]
    network = NEIGHBOURS[name].build(**{**case.sizes, **changes})
    apply = lambda params, inputs: case.output(network.apply(params, **inputs))
    return network, moved(network, seed), case.inputs(np.random.default_rng(seed + 1)), apply
