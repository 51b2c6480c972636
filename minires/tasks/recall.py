"""Associative recall: read key-value pairs, then say the values of the keys that are asked."""

import math
from functools import partial

import numpy as np

from minires.errors import require, whole_number
from minires.tasks.task import Batch, Task, uniform_guess


def recall_batch(rng, size, pairs, keys, values, queries):
    """Rows k1 v1 ... kP vP, then key, value of `queries` of these pairs in another order; the answers are to be predicted."""
    size = whole_number("size", size, lowest=1)
    shuffled = rng.permuted(np.tile(np.arange(keys), (size, 1)), axis=1)  # (B, keys)
    value = keys + rng.integers(values, size=(size, pairs))  # (B, P)
    pair = np.stack([shuffled[:, :pairs], value], axis=2)  # (B, P, 2)
    asked = rng.permuted(np.tile(np.arange(pairs), (size, 1)), axis=1)[:, :queries]  # (B, queries)
    again = np.take_along_axis(pair, asked[:, :, None], axis=1)  # (B, queries, 2)
    sequence = np.concatenate([pair, again], axis=1).reshape(size, -1)  # (B, T+1)
    weights = np.zeros((size, sequence.shape[1] - 1))  # (B, T)
    weights[:, 2 * pairs::2] = 1
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


def recall(pairs=4, keys=16, values=16, queries=None):
    """Predict the values of keys that were seen earlier in the same sequence.

    Yields tokens, targets and weights (B, T), T = 2 `pairs` + 2 `queries` - 1; keys are ids 0 to `keys` - 1, distinct in a
    sequence; values are the ids after them, V = `keys` + `values`. After the pairs, `queries` of them (all, if None) are
    asked in another order, each key followed by its value; only the predictions of these values count.
    Chance, among all values: loss ln(values), accuracy 1/values. Bayes: loss 0, accuracy 1.
    The reference is the first thing that a model learns: the answer is one of the values shown.
    Several queries (Arora et al. 2023, arXiv 2312.04927) help: with queries=1, pre-norm and ResFormer do not get past the
    reference in the steps in which they learn the task with four.

    >>> recall().vocabulary, recall().length
    (32, 15)
    """
    pairs, keys = whole_number("pairs", pairs, lowest=1), whole_number("keys", keys, lowest=1)
    values, queries = whole_number("values", values, lowest=2), pairs if queries is None else queries
    queries = whole_number("queries", queries, lowest=1)
    require(pairs <= keys, f"pairs={pairs}: expected at most keys={keys}, because the keys of a sequence differ")
    require(queries <= pairs, f"queries={queries}: expected at most pairs={pairs}, because each pair is asked once")
    options = {"pairs": pairs, "keys": keys, "values": values, "queries": queries}
    draw = partial(recall_batch, **options)
    return Task(name="recall", kind="decoder", vocabulary=keys + values, length=2 * pairs + 2 * queries - 1,
                batch=draw, validation=draw, chance=uniform_guess(values), bayes={"loss": 0.0, "accuracy": 1.0},
                references={"one of the values shown": loss_among_shown(pairs, values)},
                symbols=tuple(f"k{i}" for i in range(keys)) + tuple(f"v{i}" for i in range(values)), options=options)
