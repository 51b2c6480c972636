"""Exercises of tutorial 04, RealFormer: the scores, their sum, their mean, their temperature."""

import numpy as np

from minires.arithmetic import sqrt
from minires.exercises.records import ByValue, Exercise, InModel, Wrong
from minires.layers import softmax

CASE = "transformer/realformer-encoder"


def scores(fresh, previous):
    """S_n = A_n + S_{n-1}."""
    return fresh if previous is None else fresh + previous


def in_scores(function):
    """Places: the record's field, told the carried scores of the layer below or None."""
    return {"scores": lambda fresh, past, here: function(fresh, past[-1]["scores"] if past else None)}


def after_first(change):
    """A form of `scores` that leaves the first layer as it is."""
    return lambda fresh, previous: fresh if previous is None else change(fresh, previous)


SCORES = InModel(CASE, scores, in_scores, {
    "carry-ignored": lambda fresh, previous: fresh,
    "carry-doubled": after_first(lambda fresh, previous: fresh + 2 * previous),
    "carry-subtracted": after_first(lambda fresh, previous: fresh - previous),
    "carry-averaged": after_first(lambda fresh, previous: (fresh + previous) / 2)})


# ---- the probabilities of all layers ---------------------------------------------------------------------------------

def probabilities(fresh):
    """fresh (L, T, S), the own scores of L layers -> P (L, T, S) of the running sum."""
    return softmax(np.cumsum(fresh, axis=0))


def own_only(fresh):
    """S_n = A_n + A_{n-1}."""
    return softmax(np.concatenate([fresh[:1], fresh[1:] + fresh[:-1]]))


def first_only(fresh):
    """S_n = A_n + A_1."""
    return softmax(np.concatenate([fresh[:1], fresh[1:] + fresh[:1]]))


def of_probabilities(fresh):
    """S_n = A_n + P_{n-1}."""
    found = [softmax(fresh[0])]
    for own in fresh[1:]:
        found.append(softmax(own + found[-1]))
    return np.array(found)


PROBABILITIES = ByValue(
    probabilities, lambda rng: (rng.standard_normal((4, 3, 5)),), {
        "carry-ignored": Wrong(softmax),
        "carry-own-scores-only": Wrong(own_only),
        "carry-first-scores-only": Wrong(first_only),
        "carry-probabilities": Wrong(of_probabilities),
        "probabilities-added": Wrong(lambda fresh: np.cumsum(softmax(fresh), axis=0)),
        "softmax-over-queries": Wrong(
            lambda fresh: np.swapaxes(softmax(np.swapaxes(np.cumsum(fresh, 0), -1, -2)), -1, -2),
            "the softmax runs over the queries", "the softmax runs over the keys, the last axis: each row sums to 1"),
        "summed-over-keys": Wrong(
            lambda fresh: softmax(np.cumsum(fresh, axis=-1)), "the running sum runs over the keys",
            "the running sum runs over the layers, the first axis")})


# ---- the running mean ------------------------------------------------------------------------------------------------

def mean(fresh, previous, n):
    """(the carry S_n, the logits S_n / n)."""
    total = fresh if previous is None else fresh + previous
    return total, total / n


def divided_carry(fresh, previous, n):
    """The divided scores are carried."""
    total = mean(fresh, previous, n)[1]
    return total, total


def with_divisor(divisor):
    """The mean with another divisor."""
    def wrong(fresh, previous, n):
        total = mean(fresh, previous, n)[0]
        return total, total / divisor(n)
    return wrong


MEAN = ByValue(
    mean, lambda rng: (rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4)), int(rng.integers(3, 7))), {
        "mean-divided-carry": Wrong(divided_carry),
        "mean-divisor-root": Wrong(with_divisor(np.sqrt)),
        "mean-divisor-sublayers": Wrong(with_divisor(lambda n: 2 * n - 1)),
        "mean-undivided": Wrong(
            with_divisor(lambda n: 1), "the logits are the sum, not the mean", "the logits are S_n / n, the carry stays S_n")})


# ---- how sharp ------------------------------------------------------------------------------------------------------

def temperature(fresh, n):
    """The control: P = softmax(sqrt(n) A_n)."""
    return softmax(sqrt(n, fresh) * fresh)


TEMPERATURE = ByValue(
    temperature, lambda rng: (rng.standard_normal((2, 3, 5)), int(rng.integers(2, 7))), {
        "no-temperature": Wrong(lambda fresh, n: softmax(fresh), "the factor is 1: plain attention",
                                "multiply the scores by sqrt(n) before the softmax"),
        "factor-n": Wrong(lambda fresh, n: softmax(n * fresh), "the factor is n",
                          "n independent scores add up to a standard deviation sqrt(n) times as large, not n times"),
        "factor-below": Wrong(lambda fresh, n: softmax(fresh / np.sqrt(n)), "the scores are divided by sqrt(n)",
                              "a sum grows: multiply"),
        "factor-after-softmax": Wrong(lambda fresh, n: np.sqrt(n) * softmax(fresh), "the factor comes after the softmax",
                                      "multiply before: each row of P sums to 1")})


EXERCISES = {
    "scores": Exercise("carry the scores", 1, 5, SCORES),
    "probabilities": Exercise("attention of all layers at once", 2, 10, PROBABILITIES),
    "mean": Exercise("the running mean", 2, 10, MEAN),
    "temperature": Exercise("the control: a temperature", 3, 10, TEMPERATURE),
}
