"""MELD: conversations of several speakers in Friends, each utterance with one of seven emotions (CSV).

Files train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv with the columns Utterance, Speaker, Emotion, Dialogue_ID,
Utterance_ID (others are not read). Dialogue_ID counts anew in each file; utterances are ordered by Utterance_ID, in which the
published files have gaps, and no training dialogue has the number 60: 1038 / 114 / 280 dialogues, not the 1039 / 114 / 280 of
the paper. Conversations are called "train_0" and so on.
Older copies of the files have Windows-1252 punctuation, as bytes or as control characters; both are read as what they mean.
Source: Poria et al. 2019, arXiv 1810.02508; github.com/declare-lab/MELD, data/MELD; its issue 25 (dialogue 60) and pull request
28 (the punctuation).
"""

import re

from minires.errors import one_of
from minires.tasks.conversations.conversation import Conversation, make_corpus
from minires.tasks.conversations.reading import gather, read_rows, split_files, utterance, whole

FILES = {"train": "train_sent_emo.csv", "dev": "dev_sent_emo.csv", "test": "test_sent_emo.csv"}
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")  # in the order of the authors' code


def read(path):
    """The Corpus of the folder that holds the published files, or of one of them."""
    return make_corpus("MELD", {split: read_split(file, split) for split, file in split_files(path, FILES).items()}, EMOTIONS)


def read_split(path, split):
    """The conversations of one file."""
    dialogues = gather(read_row(row, where) for where, row in read_rows(path, COLUMNS, ("utf-8", "windows-1252")))
    return tuple(Conversation(f"{split}_{dialogue}", said) for dialogue, said in dialogues.items())


def read_row(row, where):
    """(dialogue, position, Utterance, where) of one row."""
    emotion = row["Emotion"].strip()
    one_of(f"Emotion in {where},", emotion, dict.fromkeys(EMOTIONS))
    said = utterance(punctuation(row["Utterance"]), emotion, punctuation(row["Speaker"]).strip() or None, "Utterance", where)
    return whole(row["Dialogue_ID"], "Dialogue_ID", where), whole(row["Utterance_ID"], "Utterance_ID", where), said, where


def punctuation(text):
    """The text with the control characters U+0080 to U+009F read as the bytes of Windows-1252 that they come from.

    >>> punctuation("I don\\x92t")
    'I don\u2019t'
    """
    return re.sub("[\x80-\x9f]", lambda found: found[0].encode("latin-1").decode("windows-1252", "replace"), text)
