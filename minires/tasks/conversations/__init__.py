"""Conversations: toy tasks whose answer lies in the history, readers of published collections, scores and a baseline.

    corpus = read("path/to/MELD", "meld")               words: splits of conversations of utterances
    vocabulary = make_vocabulary(corpus)                of the training split
    data = encode_corpus(corpus, vocabulary)            numbers: {"train": Conversations, "dev": ..., "test": ...}
"""

from minires.errors import check_options, one_of
from minires.tasks.conversations import naive_bayes, scores, toy
from minires.tasks.conversations.conversation import Conversation, Conversations, Corpus, Utterance, cut, make_corpus
from minires.tasks.conversations.encoding import batches, encode, encode_corpus, longest_first, put_back, select, trim
from minires.tasks.conversations.formats import FORMATS, read
from minires.tasks.conversations.splitting import hold_out, joined, split_conversations
from minires.tasks.conversations.vocabulary import Vocabulary, make_vocabulary, word_ids, words

__all__ = ["CONVERSATION_TASKS", "Conversation", "Conversations", "Corpus", "FORMATS", "Utterance", "Vocabulary", "batches",
           "cut", "encode", "encode_corpus", "hold_out", "joined", "longest_first", "make_conversations", "make_corpus",
           "make_vocabulary", "naive_bayes", "put_back", "read", "scores", "select", "split_conversations", "trim", "word_ids",
           "words"]

CONVERSATION_TASKS = {
    "cue_recall": toy.cue_recall,
    "mood_flip": toy.mood_flip,
    "evidence_count": toy.evidence_count,
}


def make_conversations(name, /, rng, count, **options):
    """`count` conversations of the toy task of that name; ValueError where the name, an option or a value does not exist.

    >>> import numpy as np
    >>> made = make_conversations("cue_recall", np.random.default_rng(0), 5, distance=2)
    >>> made.tokens.shape, made.label_names[made.labels[0, -1]]
    ((5, 4, 6), 'cue_3')
    """
    task = one_of("conversation task", name, CONVERSATION_TASKS)
    check_options(f"conversation task {name}", task, options, ("rng", "count"))
    return task(rng, count, **options)
