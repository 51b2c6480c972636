"""Splits for collections that were published without them, by conversation, never by utterance; and joined histories.

Utterances of one conversation resemble each other: a split inside would tell the test's answers in training.
"""

import numpy as np

from minires.checks import check_generator
from minires.errors import number, require
from minires.tasks.conversations.conversation import make_corpus


def split_conversations(conversations, rng, shares):
    """A random part of the conversations for each of `shares`, and all others as "train".

    shares {"dev": 0.1, "test": 0.2}: of the number of conversations, rounded, one at least. Each part keeps the order in
    which the conversations stand.

    >>> import numpy as np
    >>> {name: len(part) for name, part in split_conversations(range(20), np.random.default_rng(0), {"test": 0.3}).items()}
    {'train': 14, 'test': 6}
    """
    conversations = tuple(conversations)
    check_generator(rng)
    require(isinstance(shares, dict) and len(shares) > 0 and "train" not in shares,
            f"shares={shares!r}: expected the share of each split but 'train', such as {{'dev': 0.1}}")
    counts = {name: share_of(len(conversations), name, share) for name, share in shares.items()}
    kept = len(conversations) - sum(counts.values())
    require(kept > 0, f"{len(conversations)} conversations and shares={shares!r}: expected one or more to be left for training")
    order, start, parts = rng.permutation(len(conversations)), 0, {}
    for name, count in {"train": kept, **counts}.items():
        parts[name] = tuple(conversations[i] for i in sorted(order[start:start + count]))
        start += count
    return parts


def share_of(count, name, share):
    """How many of `count` conversations a share in (0, 1) is."""
    share = number(f"shares[{name!r}]", share, 0.0, 1.0, "a share between 0 and 1")
    require(share > 0, f"shares[{name!r}]={share!r}: expected a share between 0 and 1")
    return max(1, round(share * count))


def hold_out(corpus, rng, shares):
    """The corpus with new splits taken out of its training split, the classes as they were; the other splits stay.

    ValueError: a split that exists already; a part with a label that what is left for training lacks (try another seed).
    """
    require("train" in corpus.splits, f"{corpus.name} has no training split: expected one to take from")
    taken = [name for name in shares if name in corpus.splits and name != "train"] if isinstance(shares, dict) else []
    require(not taken, f"{corpus.name} has a split {taken[0] if taken else ''!r}: expected a name that it lacks")
    parts = split_conversations(corpus.splits["train"], rng, shares)
    return make_corpus(corpus.name, {**corpus.splits, **parts}, corpus.labels)


# ---- the whole history as one utterance ------------------------------------------------------------------------------

def joined(conversations):
    """Each labelled utterance with all that was said before it as one long utterance: a Transformer's own way to remember.

    Conversations (C, U, T) -> (R, 1, T'), a conversation of one utterance for each of the R labels, in their order; T' is the
    longest history in tokens. The control of every memory: nothing is forgotten, at a cost that grows with its square.
    """
    c, u = np.nonzero(conversations.labels >= 0)  # (R,), (R,)
    require(len(c) > 0, "no labelled utterance: expected at least one")
    said = [conversations.tokens[i, :j + 1][conversations.real[i, :j + 1]] for i, j in zip(c, u)]
    tokens = np.zeros((len(said), 1, max(map(len, said))), dtype=np.int64)  # (R, 1, T')
    real = np.zeros(tokens.shape, dtype=bool)
    for row, ids in enumerate(said):
        tokens[row, 0, :len(ids)], real[row, 0, :len(ids)] = ids, True
    return conversations._replace(tokens=tokens, real=real, labels=conversations.labels[c, u][:, None])
