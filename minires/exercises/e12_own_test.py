"""The open exercise of tutorial 12, verify your port: a small test in which five known mistakes can be seen."""

import numpy as np

from minires.exercises.in_model import golden
from minires.exercises.records import ByLaws, Exercise, Law
from minires.gradients import random_parameters
from minires.model import LLAMA, Transformer
from minires.oracle.mistakes import MISTAKES, planted
from minires.parameters import count

CASE, VOCABULARY, MOST = "transformer/resformer_learnable-decoder", 5, 1000
GOOD = {"layers": 3, "width": 3, "heads": 4, "kv_heads": 2, "head_width": 4, "feed_forward": 2}
TOKENS = np.array([[0, 3, 1, 4]])


def own_test():
    """(sizes, tokens) of a test that sees all of the five."""
    return GOOD, TOKENS


def with_sizes(tokens=TOKENS, **changes):
    """A function that returns the good sizes with some of them changed."""
    return lambda: ({**GOOD, **changes}, tokens)


def logits(sizes, tokens):
    """The logits of the library at random parameters, large enough for attention to choose."""
    model = Transformer(variant="resformer_learnable", kind="decoder", vocabulary=VOCABULARY, **LLAMA, **sizes)
    return model.apply(random_parameters(model, np.random.default_rng(0)), tokens)[0]


def a_test(make):
    """Whether this is a dict of sizes and tokens that the library takes; ValueError says why not."""
    made = make()
    return isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], dict) and np.all(np.isfinite(logits(*made)))


def small(make):
    """Whether there are at most a thousand parameters."""
    model = Transformer(variant="resformer_learnable", kind="decoder", vocabulary=VOCABULARY, **LLAMA, **make()[0])
    return count(model.init(np.random.default_rng(0))) <= MOST


def sees(name):
    """The law that a planted mistake changes a logit."""
    def holds(make):
        right = logits(*make())
        with planted(golden(CASE).case, MISTAKES[name]):
            wrong = logits(*make())
        return np.max(abs(wrong - right)) > 1e-6 * np.max(abs(right))
    return holds


def law(name, does, fix):
    """The Law of one mistake."""
    return Law(sees(name), f"this mistake changes nothing: {does}", fix)


OWN_TEST = ByLaws(own_test, lambda rng: (), {
    "a-test": Law(a_test, "no sizes and tokens are returned", "return sizes, np.array([[0, 1, ..]])"),
    "small": Law(small, f"there are more than {MOST} parameters", "fewer layers and channels show as much"),
    "mask-one-ahead": law("mask-one-ahead", "a query sees the next token",
                          "there must be a next token: T of 2 or more, not all alike"),
    "rotary-of-neighbours": law("rotary-of-neighbours", "neighbours are turned for halves",
                                "with K = 2 the two are the same: head_width of 4 or more"),
    "groups-tiled": law("groups-tiled", "query head h reads key/value head h mod G",
                        "with one key/value head, or one for each query head, h mod G is h // r: take 1 < kv_heads < heads"),
    "value-below-for-first": law("value-below-for-first", "V of the layer below stands for V_1",
                                 "in layer 2 the layer below is layer 1: three layers or more"),
    "scale-by-width": law("scale-by-width", "the scores are divided by sqrt(D)", "take a head_width that is not the width"),
}, {
    "a-test": lambda: GOOD,
    "small": with_sizes(width=16, feed_forward=16),
    "mask-one-ahead": with_sizes(TOKENS[:, :1]),
    "rotary-of-neighbours": with_sizes(head_width=2),
    "groups-tiled": with_sizes(kv_heads=4),
    "value-below-for-first": with_sizes(layers=2),
    "scale-by-width": with_sizes(width=4),
}, draws=1, shaped=False)

EXERCISES = {"own_test": Exercise("a test that is not blind", 4, 25, OWN_TEST)}
