"""Real text, character by character: predict the next one, or the masked ones."""

import hashlib
import os
from functools import partial

import numpy as np

from minires.errors import whole_number
from minires.tasks.task import Batch, Task, encode, uniform_guess


def read_text(path=None):
    """The text of a UTF-8 file, without byte order mark and with newlines \\n; by default Python's own help topics."""
    if path is None:
        from pydoc_data.topics import topics  # imported here: it is large, and rarely wanted
        return "\n\n".join(topics[name] for name in sorted(topics))
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8")
    except OSError as error:
        raise ValueError(f"text {path!r} cannot be read ({error.strerror}): expected a UTF-8 text file") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"text {path!r} is not UTF-8 at byte {error.start}: expected a UTF-8 text file") from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def unigram_entropy(ids):
    """H(X) in nats of the tokens (N,): the loss of always predicting the tokens' frequencies.

    >>> unigram_entropy([0, 0, 1, 1]) == float(np.log(2))
    True
    """
    if len(ids) == 0:
        raise ValueError("0 tokens: expected 1 or more")
    counts = np.unique(ids, return_counts=True)[1]  # (V,)
    return float(np.sum(counts / counts.sum() * np.log(counts.sum() / counts)))


def bigram_entropy(ids):
    """H(X2|X1) in nats of neighbouring tokens in (N,): the loss of predicting by the frequencies after each token.

    >>> bigram_entropy([0, 1, 0, 1, 0])
    0.0
    """
    ids = np.asarray(ids, dtype=np.int64)  # (N,)
    if ids.size < 2:
        raise ValueError(f"{ids.size} tokens: expected 2 or more, to have a pair")
    pairs = ids[:-1] * (ids.max() + 1) + ids[1:]  # (N-1,)
    # H(X2|X1) = H(X1, X2) - H(X1), where X1 is never the last token
    return unigram_entropy(pairs) - unigram_entropy(ids[:-1])


def load(text, length, sha256):
    """The text that the options name, checked, as (ids (N,), alphabet, options)."""
    if text is not None and not isinstance(text, (str, os.PathLike)):
        raise ValueError(f"text is {text!r}: expected the path of a UTF-8 text file, or None for Python's help topics")
    length = whole_number("length", length, lowest=1)
    path = None if text is None else os.fsdecode(text)
    name = "Python's help topics" if path is None else repr(path)
    content = read_text(path)
    if not content:
        raise ValueError(f"text {name} is empty: expected {10 * (length + 1)} characters or more")
    if len(content) < 10 * (length + 1):
        raise ValueError(f"text {name} has {len(content)} characters: expected {10 * (length + 1)} or more for "
                         f"length {length}, because a tenth is held out")
    found = hashlib.sha256(content.encode("utf-8")).hexdigest()
    if sha256 is not None and sha256 != found:
        raise ValueError(f"the text has changed: text {name} has sha256 {found}, expected {sha256}")
    alphabet = tuple(sorted(set(content)))
    return encode(alphabet, content), alphabet, {"text": path, "length": length, "sha256": found}


def split(ids):
    """(training, held out): the first nine tenths of the tokens (N,) and the last tenth."""
    held_out = len(ids) // 10
    return ids[:-held_out], ids[-held_out:]


def windows(rng, size, ids, length):
    """`size` stretches (B, length) of the tokens (N,), from random starts."""
    size = whole_number("size", size, lowest=1)
    starts = rng.integers(len(ids) - length + 1, size=(size, 1))  # (B, 1)
    return ids[starts + np.arange(length)]  # (B, length)


def next_character_batch(rng, size, ids, length):
    """Stretches of text, and the same one character later as targets."""
    sequence = windows(rng, size, ids, length + 1)  # (B, T+1)
    return Batch({"tokens": sequence[:, :-1]}, sequence[:, 1:], np.ones((size, length)))


def masked_batch(rng, size, ids, length, mask):
    """Stretches of text with 15 % of the positions to predict, of which 80 % read `mask` and 10 % any id below it."""
    targets = windows(rng, size, ids, length)  # (B, T)
    draw = rng.random(targets.shape)  # (B, T)
    # the smallest draw of a row is always taken: a sequence without anything to predict would be wasted
    chosen = (draw < 0.15) | (draw == draw.min(axis=1, keepdims=True))  # (B, T)
    fate = rng.random(targets.shape)  # (B, T)
    anything = rng.integers(mask, size=targets.shape)  # (B, T)
    shown = np.where(fate < 0.8, mask, np.where(fate < 0.9, anything, targets))  # (B, T)
    tokens = np.where(chosen, shown, targets)  # (B, T)
    return Batch({"tokens": tokens}, targets, chosen.astype(np.float64))


def text_task(name, kind, draw, special, ids, alphabet, options):
    """A task on the tokens (N,) of a text, whose last tenth is held out for validation; `draw` makes a batch."""
    training, held_out = split(ids)
    length = options["length"]
    return Task(name=name, kind=kind, vocabulary=len(alphabet) + len(special), length=length,
                batch=partial(draw, ids=training, length=length),
                validation=partial(draw, ids=held_out, length=length),
                chance=uniform_guess(len(alphabet)), bayes={"loss": None, "accuracy": None},
                references={"unigram entropy": unigram_entropy(ids), "bigram entropy": bigram_entropy(ids)},
                symbols=alphabet + special, options=options)


def characters(text=None, length=64, sha256=None):
    """Predict the next character of a text: a language model in small.

    `text` is the path of a UTF-8 file, by default the English help topics that come with Python; the last tenth is
    held out. `sha256` is that of the text as read (no byte order mark, newlines \\n): a changed text is an error.
    Yields tokens, targets and weights (B, T), T = `length`; V is the number of characters that occur.
    Chance: loss ln(V), accuracy 1/V. Bayes: unknown; the references are the entropies of the whole text, that of
    pairs being too low a mark for a text of a few thousand characters.
    """
    ids, alphabet, options = load(text, length, sha256)
    return text_task("characters", "decoder", next_character_batch, (), ids, alphabet, options)


def masked_characters(text=None, length=64, sha256=None):
    """Predict masked characters of a text from both sides (Devlin et al. 2019, BERT, arXiv 1810.04805, section 3.1).

    Options and held-out tenth as in `characters`. 15 % of the positions count, at least one per sequence; of these
    80 % read MASK, 10 % a uniformly random character, 10 % stay.
    Yields tokens, targets and weights (B, T), T = `length`; V counts the characters that occur, and MASK, the last id.
    Chance: loss ln(V-1), accuracy 1/(V-1). Bayes: unknown; the references are those of `characters`, and the bigram
    entropy knows only the left neighbour (and knows it intact), while a model here sees both sides.
    """
    ids, alphabet, options = load(text, length, sha256)
    draw = partial(masked_batch, mask=len(alphabet))
    return text_task("masked_characters", "encoder", draw, ("[MASK]",), ids, alphabet, options)
