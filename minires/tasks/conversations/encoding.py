"""From a corpus to arrays, and some of the arrays at a time without losing the order.

Letters of the shapes: C conversations, U utterances, T tokens; n chosen conversations.
"""

import numpy as np

from minires.errors import one_of, require, whole_number
from minires.tasks.conversations.conversation import Conversations, check_conversation
from minires.tasks.conversations.vocabulary import word_ids


def encode(conversations, vocabulary, label_names, longest_conversation=None):
    """Conversations in numbers; U and T are those of the longest conversation and of the longest utterance.

    No utterance is shortened: a reservoir hears every token, and a Transformer that takes fewer truncates by itself.
    longest_conversation: how many utterances are allowed (see `cut`), None for any number.
    ValueError: no conversation, an empty one, one that is too long, an utterance without words, a label not in `label_names`.
    """
    conversations = tuple(conversations)
    require(len(conversations) > 0, "no conversations: expected one at least")
    for conversation in conversations:
        check_length(conversation, longest_conversation)
    said = [[word_ids(vocabulary, utterance.text) for utterance in one.utterances] for one in conversations]
    shape = len(said), max(map(len, said)), max(len(ids) for one in said for ids in one)
    tokens, real = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)  # (C, U, T), (C, U, T)
    labels = np.full(shape[:2], -1)  # (C, U)
    classes = {label: k for k, label in enumerate(label_names)}
    for c, conversation in enumerate(conversations):
        for u, utterance in enumerate(conversation.utterances):
            length = len(said[c][u])
            tokens[c, u, :length], real[c, u, :length] = said[c][u], True
            if utterance.label is not None:
                labels[c, u] = one_of(f"label in conversation {conversation.name!r}", utterance.label, classes)
    return Conversations(tokens, real, labels, len(vocabulary.symbols), tuple(label_names), vocabulary.symbols)


def encode_corpus(corpus, vocabulary, longest_conversation=None):
    """Every split of a corpus in numbers: {"train": Conversations, ...}."""
    return {split: encode(conversations, vocabulary, corpus.labels, longest_conversation)
            for split, conversations in corpus.splits.items()}


def check_length(conversation, longest):
    """A conversation with words in every utterance, and not too many of these."""
    check_conversation(conversation)
    if longest is not None:
        longest, have = whole_number("longest_conversation", longest), len(conversation.utterances)
        require(have <= longest, f"conversation {conversation.name!r} has {have} utterances: expected {longest} or fewer; "
                                 f"cut(conversations, {longest}) makes pieces of it")


# ---- some of them ----------------------------------------------------------------------------------------------------

def select(conversations, indices):
    """The conversations of these indices (n,), in this order, with the same padding."""
    indices, C = np.asarray(indices), len(conversations.tokens)
    require(indices.ndim == 1 and indices.size > 0 and np.issubdtype(indices.dtype, np.integer),
            f"indices of shape {indices.shape} and type {indices.dtype}: expected whole numbers (n,), one at least")
    require(0 <= indices.min() and indices.max() < C, f"indices from {indices.min()} to {indices.max()}: expected 0 to {C - 1}")
    arrays = {name: getattr(conversations, name)[indices] for name in ("tokens", "real", "labels")}
    return conversations._replace(**arrays)


def trim(conversations):
    """The conversations without the padding that all of them share."""
    U = conversations.real.any(axis=(0, 2)).sum()
    T = conversations.real.any(axis=(0, 1)).sum()
    return conversations._replace(tokens=conversations.tokens[:, :U, :T], real=conversations.real[:, :U, :T],
                                  labels=conversations.labels[:, :U])


def longest_first(conversations):
    """The order (C,) from the longest conversation to the shortest, equal ones as they stand: little padding in a batch."""
    return np.argsort(-conversations.real.any(axis=2).sum(axis=1), kind="stable")  # (C,)


def batches(conversations, size, order=None):
    """Pairs of indices (n,) and the trimmed conversations that they select, n <= `size`, each conversation once.

    order (C,), such as longest_first(conversations) or rng.permutation(C); as they stand where it is None. Utterances keep
    their order. What a model answers goes back into place by `put_back`.
    """
    size, C = whole_number("size", size), len(conversations.tokens)
    order = np.arange(C) if order is None else check_order(order, C)  # (C,)
    chosen = [order[start:start + size] for start in range(0, C, size)]
    return [(indices, trim(select(conversations, indices))) for indices in chosen]


def put_back(order, rows):
    """The rows (C, ...) that belong to the conversations `order` (C,), in the conversations' own order.

    >>> put_back([2, 0, 1], np.array(["c", "a", "b"])).tolist()
    ['a', 'b', 'c']
    """
    rows = np.asarray(rows)
    require(rows.ndim > 0, "rows is a number: expected a row for each conversation")
    return rows[np.argsort(check_order(order, len(rows)))]


def check_order(order, count):
    """`order` as an array (C,), which has each of 0 to C - 1 once."""
    order = np.asarray(order)
    require(order.ndim == 1 and np.issubdtype(order.dtype, np.integer) and np.array_equal(np.sort(order), np.arange(count)),
            f"order of shape {order.shape} and type {order.dtype}: expected each of 0 to {count - 1} once")
    return order
