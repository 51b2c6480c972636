"""What a task is: where its batches come from, and the losses to compare with."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

CODE_POINTS = 0x110000  # of Unicode


class Batch(NamedTuple):
    """Sequences to learn from, drawn at once; letters: B batch, T time, S source length."""

    inputs: dict  # keyword arguments of the model: {"tokens": int64 (B, T)}, with an encoder "source": int64 (B, S) too
    targets: np.ndarray  # int64 (B, T): the token to be predicted at each position
    weights: np.ndarray  # float64 (B, T): 1 where the prediction counts, 0 elsewhere


class Task(NamedTuple):
    """A source of batches and the levels that a model's loss is read against; V is the size of the vocabulary."""

    name: str
    kind: str  # "encoder", "decoder" or "encoder_decoder": the kind of model that it needs
    vocabulary: int  # V, number of token ids, special tokens included
    length: int  # T, tokens per sequence at the model's (decoder's) input
    batch: Callable  # (rng, size) -> Batch, for training
    validation: Callable  # (rng, size) -> Batch, held out where the data are finite, else the same distribution
    chance: dict  # {"loss": nats per counted token, "accuracy": ...} of guessing uniformly among the possible answers
    bayes: dict  # the same of the best possible predictor; None where unknown
    references: dict  # name -> loss in nats of simple predictors
    symbols: tuple  # V strings, how each token prints
    options: dict  # what rebuilds the task: make_task(name, **options)


def uniform_guess(answers):
    """Loss (nats) and accuracy of guessing uniformly among `answers` answers.

    >>> uniform_guess(4)
    {'loss': 1.3862943611198906, 'accuracy': 0.25}
    """
    return {"loss": math.log(answers), "accuracy": 1 / answers}


def plain_symbols(count):
    """`count` strings to print tokens with: one character each while the digits and letters last, then [62], [63], ...

    >>> "".join(plain_symbols(16))
    '0123456789abcdef'
    """
    characters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return tuple(characters[:count]) + tuple(f"[{i}]" for i in range(len(characters), count))


def encode(symbols, text):
    """The ids (T,) of the T characters of `text`; ValueError names the first character that has no symbol.

    >>> encode(("a", "b", "[MASK]"), "abba")
    array([0, 1, 1, 0])
    """
    id_of = np.full(CODE_POINTS, -1)  # (all code points,)
    for i, symbol in enumerate(symbols):
        if len(symbol) == 1:  # special tokens print as several characters and are never read
            id_of[ord(symbol)] = i
    # a stray surrogate (an undecodable byte of the command line) passes here, and is then reported like any other
    code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")  # (T,)
    ids = id_of[code_points]  # (T,)
    if np.any(ids < 0):
        position = int(np.argmax(ids < 0))
        known = "".join(symbol for symbol in symbols if len(symbol) == 1)
        known = known if len(known) <= 40 else known[:20] + "..." + known[-20:]
        raise ValueError(f"character {text[position]!r} at position {position} is not in the alphabet: "
                         f"expected those of {known!r}")
    return ids


def decode(symbols, ids):
    """The text of the ids (T,), special tokens in their brackets.

    >>> decode(("a", "b", "[MASK]"), [0, 2, 1])
    'a[MASK]b'
    """
    ids = np.asarray(ids)  # (T,)
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise ValueError(f"ids of shape {ids.shape} and type {ids.dtype}: expected one sequence (T,) of integers")
    if ids.size and not 0 <= ids.min() <= ids.max() < len(symbols):
        raise ValueError(f"ids from {ids.min()} to {ids.max()}: expected 0 to {len(symbols) - 1}")
    return "".join(symbols[i] for i in ids)
