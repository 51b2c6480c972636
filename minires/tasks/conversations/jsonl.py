"""Conversations of your own: one utterance per line, a JSON object each.

    {"conversation": "a", "text": "Hello!", "label": "greeting", "speaker": "Ann", "split": "train"}

conversation  a name or a whole number; the lines of one conversation stand in the order in which it was said
text          what is said; label: its class, or null
speaker       optional; split: optional, "train", "dev" or "test", the same in all lines of a conversation
Other fields are not read, blank lines neither. Without "split", the files train.jsonl, dev.jsonl and test.jsonl are what their
names say, and any other file is for training: take splits out of it by `hold_out`. Classes are in alphabetical order.
"""

import os

from minires.errors import one_of, require
from minires.tasks.conversations.conversation import Conversation, make_corpus
from minires.tasks.conversations.reading import field, parse_json, read_text, split_files, utterance

FILES = {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"}


def read(path):
    """The Corpus of a file, or of a folder with some of the files train.jsonl, dev.jsonl, test.jsonl."""
    said = {}
    for split, file in split_files(path, FILES).items():
        for number, line in enumerate(read_text(file).split("\n"), 1):
            if line.strip():
                key, turn = read_line(parse_json(line, file, number), split, f"{file!r} line {number}")
                said.setdefault(key, []).append(turn)
    splits = {}
    for (split, name), turns in said.items():
        splits.setdefault(split, []).append(Conversation(name, tuple(turns)))
    return make_corpus(os.path.basename(os.path.normpath(path)), splits)


def read_line(record, split, where):
    """((split, conversation), Utterance) of one line."""
    name = str(field(record, "conversation", (str, int), where))
    text, label = field(record, "text", str, where), field(record, "label", (str, type(None)), where)
    require(label is None or label.strip() != "", f"{where}, field 'label' is {label!r}: expected the name of a class, or null")
    speaker = field(record, "speaker", (str, type(None)), where) if "speaker" in record else None
    if "split" in record:
        split = field(record, "split", str, where)
        one_of(f"split in {where},", split, FILES)
    return (split, name), utterance(text, label, speaker, "text", where)
