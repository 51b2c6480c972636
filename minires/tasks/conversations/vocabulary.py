"""From words to ids: a tokenizer of one regular expression, and the vocabulary of the training split."""

import re
from collections import Counter
from typing import NamedTuple

from minires.errors import one_of, require, whole_number
from minires.tasks.conversations.conversation import Corpus

PADDING, UNKNOWN = 0, 1  # the two ids that are no words, in every vocabulary
SPECIAL = ("[PAD]", "[UNK]")
# a word with its apostrophes ("don't"), or a single character that is neither a letter, a digit, an underscore nor a space
WORD = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


class Vocabulary(NamedTuple):
    """The known words: the id of symbols[i] is i; ids 0 and 1 are padding and unknown."""

    symbols: tuple  # V strings, "[PAD]" and "[UNK]" first, then the words, the most frequent ones first
    ids: dict  # {word: id}


def words(text):
    """The words of a text in lower case, each punctuation mark a word; curly apostrophes are made straight.

    >>> words("Well, don\u2019t!")
    ['well', ',', "don't", '!']
    """
    return WORD.findall(text.lower().replace("\u2019", "'"))


def make_vocabulary(corpus, minimum_count=1):
    """The words that occur `minimum_count` times or more in the TRAINING split, by frequency, then by alphabet.

    What only the other splits say stays unknown, as it would be in use.
    """
    require(isinstance(corpus, Corpus), f"corpus is a {type(corpus).__name__}: expected a Corpus")
    minimum_count = whole_number("minimum_count", minimum_count)
    training = one_of(f"split of {corpus.name}", "train", corpus.splits)
    texts = [utterance.text for conversation in training for utterance in conversation.utterances]
    counts = Counter(word for text in texts for word in words(text))
    known = sorted((word for word in counts if counts[word] >= minimum_count), key=lambda word: (-counts[word], word))
    require(len(known) > 0, f"minimum_count={minimum_count}: no word of {corpus.name} is said so often, "
                            f"expected {max(counts.values())} or fewer")
    symbols = SPECIAL + tuple(known)
    return Vocabulary(symbols, {word: i for i, word in enumerate(symbols) if i >= len(SPECIAL)})


def word_ids(vocabulary, text):
    """The ids of all words of a text, however long it is; 1 where a word is unknown.

    >>> word_ids(Vocabulary(SPECIAL + ("yes", "!"), {"yes": 2, "!": 3}), "Yes yes, sir!")
    [2, 2, 1, 1, 3]
    """
    return [vocabulary.ids.get(word, UNKNOWN) for word in words(text)]
