"""Copying: the smallest task that attention solves and a feed-forward network cannot."""

from functools import partial

import numpy as np

from minires.errors import require, whole_number
from minires.tasks.task import Batch, Task, plain_symbols, uniform_guess


def copy_batch(rng, size, alphabet, copied, masked):
    """Two copies of a random word, its positions masked by a coin of chance `masked`, in either copy by a fair coin."""
    size = whole_number("size", size, lowest=1)
    word = rng.integers(alphabet, size=(size, copied))  # (B, T/2)
    draw = rng.random((size, copied))  # (B, T/2)
    # the smallest draw of a row is always taken: a sequence without anything to predict would be wasted
    hidden = (draw < masked) | (draw == draw.min(axis=1, keepdims=True))  # (B, T/2)
    in_first = rng.random((size, copied)) < 0.5  # (B, T/2)
    targets = np.concatenate([word, word], axis=1)  # (B, T)
    where = np.concatenate([hidden & in_first, hidden & ~in_first], axis=1)  # (B, T)
    tokens = np.where(where, alphabet, targets)  # (B, T)
    return Batch({"tokens": tokens}, targets, where.astype(np.float64))


def copy(alphabet=32, copied=8, masked=0.5):
    """Fill in the masked tokens of a word that is written twice, x = [w, w].

    Yields tokens, targets and weights (B, T), T = 2 `copied`; V = `alphabet` + 1, the last id being MASK.
    Each position of w is masked with probability `masked` (one at least per word), in one of its two copies, which one
    is a fair coin: so each answer stands in the other copy. Only masked positions count.
    With masked=1 there is twice as much to learn from in each step, and the task is easier: the post-norm Transformer,
    which is near chance after the recipe's 300 steps at 0.5, then has learnt it with most seeds.
    Chance: loss ln(alphabet), accuracy 1/alphabet. Bayes: loss 0, accuracy 1.

    >>> copy().vocabulary, copy().length
    (33, 16)
    """
    alphabet = whole_number("alphabet", alphabet, lowest=2)
    copied = whole_number("copied", copied, lowest=1)
    require(isinstance(masked, (int, float)) and 0 <= masked <= 1,
            f"masked is {masked!r}: expected a probability, 0 to 1")
    draw = partial(copy_batch, alphabet=alphabet, copied=copied, masked=masked)
    return Task(name="copy", kind="encoder", vocabulary=alphabet + 1, length=2 * copied, batch=draw, validation=draw,
                chance=uniform_guess(alphabet), bayes={"loss": 0.0, "accuracy": 1.0}, references={},
                symbols=plain_symbols(alphabet) + ("[MASK]",),
                options={"alphabet": alphabet, "copied": copied, "masked": masked})
