"""What a conversation is: in words, as it is read from files, and in numbers, as a model reads it.

Letters of the shapes: C conversations, U utterances of a conversation, T tokens of an utterance.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from minires.errors import one_of, require, whole_number


class Utterance(NamedTuple):
    """What one speaker says in one turn; `label` is None where nobody labelled it."""

    text: str
    label: str | None
    speaker: str | None = None


class Conversation(NamedTuple):
    """Utterances in the order in which they were said."""

    name: str
    utterances: tuple  # of Utterance


class Corpus(NamedTuple):
    """A collection of conversations as published: whole conversations belong to a split, never single utterances."""

    name: str
    splits: dict  # "train", "dev", "test", those that exist: {name: (Conversation, ...)}
    labels: tuple  # the names of the classes


class Conversations(NamedTuple):
    """Conversations in numbers, padded on the right in both directions; `real.any(-1)` (C, U) tells which utterances exist."""

    tokens: np.ndarray  # int64 (C, U, T), 0 where there is no token
    real: np.ndarray  # bool (C, U, T): True where there is one
    labels: np.ndarray  # int64 (C, U): a class, or -1 where there is no label or no utterance
    vocabulary: int  # V, how many ids there are, padding and unknown included
    label_names: tuple  # of the classes 0, 1, ...
    symbols: tuple  # V strings, how each token prints


def make_corpus(name, splits, labels=None):
    """A Corpus whose parts fit together, its splits in the order train, dev, test, others.

    splits {"train": conversations, ...}; labels: the published classes in their published order, or None for those of the
    training split in alphabetical order (of all splits where there is none for training).
    ValueError in one line: a split, a conversation or an utterance without content; a name that two conversations share; no
    label at all; a label that the training split lacks, as nothing could learn it.

    >>> said = Conversation("a", (Utterance("Yes!", "joy"), Utterance("No.", "anger")))
    >>> make_corpus("two words", {"train": [said]}).labels
    ('anger', 'joy')
    """
    usual = {split: splits[split] for split in ("train", "dev", "test") if split in splits}
    splits = {split: tuple(conversations) for split, conversations in {**usual, **splits}.items()}
    require(len(splits) > 0, f"{name} has no splits: expected one at least, such as 'train'")
    for split, conversations in splits.items():
        require(len(conversations) > 0, f"split {split!r} of {name} is empty: expected one conversation at least")
        for conversation in conversations:
            check_conversation(conversation)
    check_names(splits)
    seen = {split: labels_of(conversations) for split, conversations in splits.items()}
    taught = seen.get("train", set().union(*seen.values()))
    require(len(taught) > 0, f"{name} has no label in {'its training split' if 'train' in splits else 'any split'}: "
                             "expected some utterances to be labelled")
    classes = tuple(sorted(taught)) if labels is None else tuple(labels)
    for split in seen:
        for label in sorted(seen[split]):
            one_of(f"label in split {split!r} of {name}", label, dict.fromkeys(classes))
            require(label in taught, f"label {label!r} in split {split!r} of {name} never occurs in the training split: "
                                     f"expected one of {', '.join(sorted(taught))}")
    return Corpus(name, splits, classes)


def labels_of(conversations):
    """The set of labels that occur in the conversations."""
    return {utterance.label for conversation in conversations for utterance in conversation.utterances} - {None}


def check_conversation(conversation):
    """One utterance at least, each with words and with a label that is a string or None."""
    name = f"conversation {conversation.name!r}"
    require(len(conversation.utterances) > 0, f"{name} is empty: expected one utterance at least")
    for i, utterance in enumerate(conversation.utterances, 1):
        require(isinstance(utterance.text, str) and utterance.text.strip() != "",
                f"utterance {i} of {name} is {utterance.text!r}: expected words")
        require(utterance.label is None or isinstance(utterance.label, str) and utterance.label.strip() != "",
                f"the label of utterance {i} of {name} is {utterance.label!r}: expected the name of a class, or None")


def check_names(splits):
    """Each conversation has a name of its own, in all splits together: one that stood in two would leak."""
    names = Counter(conversation.name for conversations in splits.values() for conversation in conversations)
    name, times = names.most_common(1)[0]
    require(times == 1, f"{times} conversations are called {name!r}: expected a name of its own for each, over all splits")


def cut(conversations, longest):
    """The conversations with those of more than `longest` utterances cut into pieces; none is lost, and their order is kept.

    A piece is a conversation of its own, called "name, part 2": what was said before is not remembered across a cut.

    >>> said = tuple(Utterance(word, None) for word in ("one", "two", "three"))
    >>> [(piece.name, len(piece.utterances)) for piece in cut([Conversation("a", said)], 2)]
    [('a, part 1', 2), ('a, part 2', 1)]
    """
    longest = whole_number("longest", longest)
    pieces = []
    for conversation in conversations:
        name, said = conversation
        starts = range(0, len(said), longest)
        pieces += [conversation] if len(starts) == 1 else [
            Conversation(f"{name}, part {i}", said[start:start + longest]) for i, start in enumerate(starts, 1)]
    return tuple(pieces)
