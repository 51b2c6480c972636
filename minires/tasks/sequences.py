"""Sequence to sequence: sort or reverse a list of digits."""

from functools import partial

import numpy as np

from minires.errors import whole_number
from minires.tasks.task import Batch, Task, plain_symbols, uniform_guess


def ascending(source):
    """Each row sorted: (B, S) to (B, T), T = S."""
    return np.sort(source, axis=1)  # (B, T)


def backwards(source):
    """Each row from its last token to its first: (B, S) to (B, T), T = S."""
    return source[:, ::-1].copy()  # (B, T)


def sequence_batch(rng, size, rearrange, alphabet, length):
    """Random sources, rearranged into targets; the decoder reads BEGIN and the targets before (teacher forcing)."""
    size = whole_number("size", size, lowest=1)
    source = rng.integers(alphabet, size=(size, length))  # (B, S)
    targets = rearrange(source)  # (B, T)
    begin = np.full((size, 1), alphabet)  # (B, 1)
    tokens = np.concatenate([begin, targets[:, :-1]], axis=1)  # (B, T)
    return Batch({"tokens": tokens, "source": source}, targets, np.ones(targets.shape))


def sequence_task(name, rearrange, alphabet, length):
    """The task of writing `rearrange(source)`; see `sort`."""
    alphabet = whole_number("alphabet", alphabet, lowest=2)
    length = whole_number("length", length, lowest=1)
    draw = partial(sequence_batch, rearrange=rearrange, alphabet=alphabet, length=length)
    return Task(name=name, kind="encoder_decoder", vocabulary=alphabet + 1, length=length, batch=draw, validation=draw,
                chance=uniform_guess(alphabet), bayes={"loss": 0.0, "accuracy": 1.0}, references={},
                symbols=plain_symbols(alphabet) + ("[BEGIN]",), options={"alphabet": alphabet, "length": length})


def sort(alphabet=16, length=8):
    """Write the source's tokens in ascending order, repetitions kept.

    Yields source (B, S); tokens, targets and weights (B, T); S = T = `length`; V = `alphabet` + 1, the last id being
    BEGIN, which opens the decoder's input. Every position counts.
    Chance: loss ln(alphabet), accuracy 1/alphabet. Bayes: loss 0, accuracy 1.

    >>> ascending(np.array([[3, 1, 2, 1]]))
    array([[1, 1, 2, 3]])
    """
    return sequence_task("sort", ascending, alphabet, length)


def reverse(alphabet=16, length=8):
    """Write the source's tokens from the last to the first.

    Yields source (B, S); tokens, targets and weights (B, T); S = T = `length`; V = `alphabet` + 1, the last id being
    BEGIN, which opens the decoder's input. Every position counts.
    Chance: loss ln(alphabet), accuracy 1/alphabet. Bayes: loss 0, accuracy 1.

    >>> backwards(np.array([[3, 1, 2, 1]]))
    array([[1, 2, 1, 3]])
    """
    return sequence_task("reverse", backwards, alphabet, length)
