"""Associative recall: read key-value pairs, then say the value of one key."""

import math
from functools import partial

import numpy as np

from minires.errors import whole_number
from minires.tasks.task import Batch, Task, uniform_guess


def recall_batch(rng, size, pairs, keys, values):
    """Rows k1 v1 ... kP vP and a query key; the answer is the target of the last position."""
    size = whole_number("size", size, lowest=1)
    shuffled = rng.permuted(np.tile(np.arange(keys), (size, 1)), axis=1)  # (B, keys)
    key = shuffled[:, :pairs]  # (B, P)
    value = keys + rng.integers(values, size=(size, pairs))  # (B, P)
    asked = rng.integers(pairs, size=(size, 1))  # (B, 1)
    context = np.stack([key, value], axis=2).reshape(size, 2 * pairs)  # (B, 2P)
    question = np.take_along_axis(key, asked, axis=1)  # (B, 1)
    answer = np.take_along_axis(value, asked, axis=1)  # (B, 1)
    sequence = np.concatenate([context, question, answer], axis=1)  # (B, T+1)
    weights = np.zeros((size, 2 * pairs + 1))  # (B, T)
    weights[:, -1] = 1
    return Batch({"tokens": sequence[:, :-1]}, sequence[:, 1:], weights)


def loss_among_shown(pairs, values):
    """Loss (nats) of answering with one of the shown values at random: E[-ln(n/P)], n-1 ~ Binomial(P-1, 1/values).

    >>> loss_among_shown(pairs=1, values=16)
    0.0
    """
    others = pairs - 1
    loss = 0.0
    for n in range(1, pairs + 1):  # n pairs hold the right value
        # whole numbers until the division: it then neither overflows nor cancels
        ways = math.comb(others, n - 1) * (values - 1) ** (others - (n - 1))
        loss += ways / values ** others * math.log(pairs / n)
    return loss


def recall(pairs=4, keys=16, values=16):
    """Predict the value of a key that was seen earlier in the same sequence.

    Yields tokens, targets and weights (B, T), T = 2 `pairs` + 1; keys are ids 0 to `keys` - 1, distinct in a
    sequence; values are the ids after them, V = `keys` + `values`. Only the last position, the query, counts.
    Chance, among all values: loss ln(values), accuracy 1/values. Bayes: loss 0, accuracy 1.
    The reference is the first thing that a model learns: the answer is one of the values shown.
    Caution: in the 1,500 steps of the default recipe, pre-norm and ResFormer came as far as this reference and no further.

    >>> recall().vocabulary, recall().length
    (32, 9)
    """
    pairs, keys = whole_number("pairs", pairs, lowest=1), whole_number("keys", keys, lowest=1)
    values = whole_number("values", values, lowest=2)
    if pairs > keys:
        raise ValueError(f"pairs is {pairs}: expected at most keys = {keys}, because the keys of a sequence differ")
    draw = partial(recall_batch, pairs=pairs, keys=keys, values=values)
    return Task(name="recall", kind="decoder", vocabulary=keys + values, length=2 * pairs + 1,
                batch=draw, validation=draw, chance=uniform_guess(values), bayes={"loss": 0.0, "accuracy": 1.0},
                references={"one of the values shown": loss_among_shown(pairs, values)},
                symbols=tuple(f"k{i}" for i in range(keys)) + tuple(f"v{i}" for i in range(values)),
                options={"pairs": pairs, "keys": keys, "values": values})
