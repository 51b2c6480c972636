"""Three toy conversations in which the present sentence does not tell the answer: what was said before decides.

Each sentence has `shortest` to `longest` tokens, all fillers but one at most, which may stand anywhere in it. The one label
stands at the last utterance. Classes are equally frequent: their numbers differ by one at most.
Ids: 0 padding, 1 unknown (never used), then the tokens that matter, then the fillers.
Source: the tasks A, B and C that this reference's reservoir ResFormer (after Liu & Xu 2025, arXiv 2509.24074) is shown on.
Letters of the shapes: C conversations, U utterances, T = `longest` tokens.
"""

import numpy as np

from minires.checks import check_generator
from minires.errors import number, require, whole_number
from minires.tasks.conversations.conversation import Conversations
from minires.tasks.conversations.vocabulary import SPECIAL


def cue_recall(rng, count, distance=10, cues=4, vocabulary=24, shortest=3, longest=6):
    """A. The first sentence hides one of `cues` cues, `distance` filler sentences follow, the last one asks: which cue?

    U = distance + 2. The query is the same token for every cue. Chance 1/cues, also from the last sentence alone.

    >>> made = cue_recall(np.random.default_rng(0), 8, distance=3)
    >>> made.labels[:, -1].tolist().count(2), " ".join(made.symbols[:7])
    (2, '[PAD] [UNK] cue_1 cue_2 cue_3 cue_4 query')
    """
    cues, distance = whole_number("cues", cues, lowest=2), whole_number("distance", distance, lowest=0)
    cue = balanced(rng, count, cues)  # (C,)
    names = [f"cue_{k + 1}" for k in range(cues)]
    ids = first_ids(names + ["query"])
    matters = np.zeros((len(cue), distance + 2), dtype=np.int64)  # (C, U)
    matters[:, 0], matters[:, -1] = ids["cue_1"] + cue, ids["query"]
    return conversations_of(rng, matters, cue, ids, names, vocabulary, shortest, longest)


def mood_flip(rng, count, distance=10, moods=0.2, vocabulary=24, shortest=3, longest=6):
    """B. The last sentence has a polarity token, and flips the latest of several moods of the history or keeps it.

        label = mood XOR polarity      bad is 0, good is 1; keep is 0, flip is 1

    U = distance + 3. From the latest mood to the last sentence there are 0 to `distance` sentences without one, uniformly; the
    first sentence has a mood too, each sentence between the two has one with chance `moods`: fair coins, which do not matter.
    Chance 1/2, also from the last sentence alone and from the history alone, as the four pairs (mood, polarity) are equally
    frequent.
    """
    distance, moods = whole_number("distance", distance, lowest=0), number("moods", moods, 0.0, expected="a chance from 0 to 1")
    require(moods <= 1, f"moods={moods}: expected a chance from 0 to 1")
    pair = balanced(rng, count, 4)  # (C,)
    mood, polarity = pair % 2, pair // 2  # (C,), (C,)
    ids = first_ids(["bad", "good", "keep", "flip"])
    at = np.arange(distance + 3)  # (U,)
    latest = (distance + 1 - rng.integers(distance + 1, size=len(pair)))[:, None]  # (C, 1)
    earlier = (at < latest) & ((at == 0) | (rng.random((len(pair), len(at))) < moods))  # (C, U)
    matters = np.where(earlier, ids["bad"] + rng.integers(2, size=earlier.shape), 0)  # (C, U)
    matters = np.where(at == latest, ids["bad"] + mood[:, None], matters)  # (C, U)
    matters[:, -1] = ids["keep"] + polarity
    return conversations_of(rng, matters, mood ^ polarity, ids, ["bad", "good"], vocabulary, shortest, longest)


def evidence_count(rng, count, distance=20, vocabulary=24, shortest=3, longest=6):
    """C. Each sentence has a token +1 or -1, fair coins: is the sum of all of them negative (0) or positive (1)?

    U = distance + 1; `distance` is even, so that there is no tie. Chance 1/2; the last sentence alone reaches
    1/2 + binomial(D, D/2) / 2^(D+1), .588 at D = 20.
    """
    distance = whole_number("distance", distance, lowest=0)
    require(distance % 2 == 0, f"distance={distance}: expected an even number, such as {distance + 1}, so that no sum is 0")
    positive = balanced(rng, count, 2)  # (C,)
    ids = first_ids(["minus", "plus"])
    coins = rng.integers(2, size=(len(positive), distance + 1))  # (C, U)
    found = (2 * coins.sum(axis=1) > distance + 1).astype(np.int64)  # (C,)
    coins = coins ^ (found ^ positive)[:, None]  # (C, U); turning all coins over turns the sum's sign over
    return conversations_of(rng, ids["minus"] + coins, positive, ids, ["negative", "positive"], vocabulary, shortest, longest)


# ---- what they share -------------------------------------------------------------------------------------------------

def balanced(rng, count, classes):
    """`count` classes (C,) in random order, each of them equally often, to within one."""
    check_generator(rng)
    return rng.permutation(whole_number("count", count)) % classes


def first_ids(names):
    """The ids of the tokens that matter, after padding and unknown."""
    return {name: len(SPECIAL) + i for i, name in enumerate(names)}


def conversations_of(rng, matters, answer, ids, label_names, vocabulary, shortest, longest):
    """Sentences of fillers that hide the tokens `matters` (C, U), 0 for none; answer (C,) is the label of the last."""
    vocabulary = whole_number("vocabulary", vocabulary)
    shortest, longest = whole_number("shortest", shortest), whole_number("longest", longest)
    fillers = vocabulary - len(SPECIAL) - len(ids)
    require(fillers > 0, f"vocabulary={vocabulary}: expected {vocabulary - fillers + 1} or more, to have fillers")
    require(shortest <= longest, f"shortest={shortest}: expected longest={longest} or less")
    length = rng.integers(shortest, longest + 1, size=matters.shape)[..., None]  # (C, U, 1)
    at = np.arange(longest)  # (T,)
    hidden = (at == rng.integers(length)) & (matters[..., None] > 0)  # (C, U, T)
    words = rng.integers(vocabulary - fillers, vocabulary, size=hidden.shape)  # (C, U, T)
    real = at < length  # (C, U, T)
    tokens = np.where(real, np.where(hidden, matters[..., None], words), 0)  # (C, U, T)
    labels = np.full(matters.shape, -1)  # (C, U)
    labels[:, -1] = answer
    symbols = SPECIAL + tuple(ids) + tuple(f"word_{i + 1}" for i in range(fillers))
    return Conversations(tokens, real, labels, vocabulary, tuple(label_names), symbols)
