"""IEMOCAP: pairs of actors in five sessions; the emotion of an utterance is what most of its judges chose.

A folder with Session1 ... Session5. SessionK/dialog/transcriptions/NAME.txt has the words, one turn per line:
    Ses01F_impro01_M000 [007.5712-010.4750]: ...
and SessionK/dialog/EmoEvaluation/NAME.txt the emotions, on lines that begin with a time:
    [7.5712 - 10.4750]<tab>Ses01F_impro01_M000<tab>fru<tab>[2.5000, 2.5000, 2.5000]
The turn's name tells who speaks: M or F before the last number. Turns keep the order of the transcription; those that were
judged to be in no class below, or not judged, have no label and stay in the history. Other lines are remarks.

iemocap    six classes: angry, excited, frustrated, happy, neutral, sad
iemocap_4  four classes: angry, happy (excited too), neutral, sad
xxx (no majority), other, surprised, fearful, disgusted have no label in either.

Splits: sessions 1 to 4 are for training and session 5 for the test, actors whom training never hears. This is the custom of
the literature; nothing is published with the data. Take "dev" out of training by `hold_out`.
Source: Busso et al. 2008, Language Resources and Evaluation 42, 335, doi 10.1007/s10579-008-9076-6; the split as in Majumder
et al. 2019, arXiv 1811.00405.
"""

import glob
import os
import re

from minires.errors import one_of, require
from minires.tasks.conversations.conversation import Conversation, make_corpus
from minires.tasks.conversations.reading import read_text, utterance

SPLIT = {1: "train", 2: "train", 3: "train", 4: "train", 5: "test"}
SIX = {"ang": "angry", "exc": "excited", "fru": "frustrated", "hap": "happy", "neu": "neutral", "sad": "sad"}
FOUR = {"ang": "angry", "exc": "happy", "hap": "happy", "neu": "neutral", "sad": "sad"}
CODES = dict.fromkeys((*SIX, "sur", "fea", "dis", "oth", "xxx"))
EXAMPLE = "Ses01F_impro01_M000 [007.5712-010.4750]: ..."
TURN = re.compile(r"(Ses\d\d[FM]_\w+_([FM])\w*)\s*\[[\d.\s-]*\]:?(.*)")
JUDGED = re.compile(r"\[[\d.]+ - [\d.]+\]\t(\w+)\t(\w+)\t")


def read(path, classes=None):
    """The Corpus of a folder; classes {"ang": name, ...}: the judges' codes and the class that each is, SIX by default."""
    classes = SIX if classes is None else classes
    require(os.path.isdir(path), f"{path!r} is no folder: expected the one that holds Session1 to Session5")
    splits = {}
    for session, split in SPLIT.items():
        found = os.path.join(glob.escape(path), f"Session{session}", "dialog", "transcriptions", "Ses*.txt")
        for file in sorted(glob.glob(found)):
            splits.setdefault(split, []).append(read_dialog(file, classes))
    require(len(splits) > 0, f"folder {path!r} has no Session1/dialog/transcriptions/Ses*.txt: expected sessions 1 to 5")
    return make_corpus("IEMOCAP", splits)


def read_dialog(path, classes):
    """The Conversation of one transcription and the emotions beside it."""
    name = os.path.basename(path)
    judged = read_emotions(os.path.join(os.path.dirname(os.path.dirname(path)), "EmoEvaluation", name))
    said = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        where = f"{path!r} line {number}"
        if not line.startswith("Ses"):
            continue
        turn = TURN.fullmatch(line)
        require(turn is not None, f"{where} is {line[:40]!r}: expected a turn, such as {EXAMPLE!r}")
        require(turn[1] not in said, f"{where} is turn {turn[1]}, which stands there already: expected each once")
        said[turn[1]] = utterance(turn[3].strip(), classes.get(judged.get(turn[1])), turn[2], "text", where)
    for turn in judged:
        require(turn in said, f"EmoEvaluation/{name} judges turn {turn!r}: expected a turn of {path!r}")
    require(len(said) > 0, f"{path!r} has no turns: expected lines such as {EXAMPLE!r}")
    return Conversation(name.removesuffix(".txt"), tuple(said.values()))


def read_emotions(path):
    """{turn: code of the emotion} of one file of EmoEvaluation."""
    judged = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.startswith("["):
            where, found = f"{path!r} line {number}", JUDGED.match(line)
            require(found is not None, f"{where} is {line[:40]!r}: expected [start - end], turn and emotion, with tabs between")
            require(found[1] not in judged, f"{where} is turn {found[1]}, which stands there already: expected each once")
            one_of(f"emotion in {where},", found[2], CODES)
            judged[found[1]] = found[2]
    return judged
