"""EmoryNLP: scenes of Friends, each utterance with one of seven emotions; in its own JSON form and as CSV.

JSON   emotion-detection-trn.json, -dev.json, -tst.json: episodes > scenes > utterances (utterance_id, speakers, transcript,
       emotion). All utterances are there, in their order: 99 scenes and 1344 utterances for dev, 85 and 1328 for test.
CSV    emorynlp_train_final.csv, emorynlp_dev_final.csv, emorynlp_test_final.csv, as redistributed with MELD: some utterances
       are missing, 7551 / 954 / 984 in 659 / 89 / 79 scenes are there, so histories have holes. Scene_ID counts anew in each
       episode: a scene is (Season, Episode, Scene_ID), ordered by Utterance_ID.

Scenes are called as in the JSON form, "s01_e15_c01". Several speakers of one utterance are joined by commas.
Source: Zahiri & Choi 2018, arXiv 1708.04299; github.com/emorynlp/emotion-detection; github.com/declare-lab/MELD, data/emorynlp.
"""

import ast

from minires.errors import one_of, require
from minires.tasks.conversations.conversation import Conversation, make_corpus
from minires.tasks.conversations.reading import field, gather, read_json, read_rows, split_files, utterance, whole

JSON_FILES = {"train": "emotion-detection-trn.json", "dev": "emotion-detection-dev.json", "test": "emotion-detection-tst.json"}
CSV_FILES = {split: f"emorynlp_{split}_final.csv" for split in ("train", "dev", "test")}
EMOTIONS = ("Sad", "Mad", "Scared", "Powerful", "Peaceful", "Joyful", "Neutral")  # in the order of the paper
NUMBERS = ("Season", "Episode", "Scene_ID", "Utterance_ID")
COLUMNS = ("Utterance", "Speaker", "Emotion", *NUMBERS)


def read(path):
    """The Corpus of a folder with the JSON files, or of one of them."""
    return make_corpus("EmoryNLP", {split: read_json_split(file) for split, file in split_files(path, JSON_FILES).items()},
                       EMOTIONS)


def read_csv(path):
    """The Corpus of a folder with the CSV files, or of one of them."""
    return make_corpus("EmoryNLP", {split: read_csv_split(file) for split, file in split_files(path, CSV_FILES).items()},
                       EMOTIONS)


# ---- JSON ------------------------------------------------------------------------------------------------------------

def read_json_split(path):
    """The scenes of one JSON file."""
    where = repr(path)
    scenes = []
    for e, episode in enumerate(field(read_json(path), "episodes", list, where), 1):
        for s, scene in enumerate(field(episode, "scenes", list, f"{where} episode {e}"), 1):
            scenes.append(read_scene(scene, f"{where} episode {e}, scene {s}"))
    require(len(scenes) > 0, f"{where} has no scenes: expected one at least")
    return tuple(scenes)


def read_scene(scene, where):
    """A Conversation of one scene."""
    turns = field(scene, "utterances", list, where)
    require(len(turns) > 0, f"{where} has no utterances: expected one at least")
    return Conversation(field(scene, "scene_id", str, where),
                        tuple(read_turn(turn, f"{where}, utterance {u}") for u, turn in enumerate(turns, 1)))


def read_turn(turn, where):
    """An Utterance of one turn."""
    emotion = field(turn, "emotion", str, where)
    one_of(f"emotion in {where},", emotion, dict.fromkeys(EMOTIONS))
    speakers = field(turn, "speakers", list, where)
    return utterance(field(turn, "transcript", str, where), emotion, joined(speakers, where, "speakers"), "transcript", where)


# ---- CSV -------------------------------------------------------------------------------------------------------------

def read_csv_split(path):
    """The scenes of one CSV file."""
    scenes = gather(read_row(row, where) for where, row in read_rows(path, COLUMNS))
    return tuple(Conversation("s{:02d}_e{:02d}_c{:02d}".format(*scene), said) for scene, said in scenes.items())


def read_row(row, where):
    """((season, episode, scene), position, Utterance, where) of one row; speakers are written as a list: ['Ross Geller']."""
    emotion = row["Emotion"].strip()
    one_of(f"Emotion in {where},", emotion, dict.fromkeys(EMOTIONS))
    try:
        speakers = ast.literal_eval(row["Speaker"].strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        speakers = None
    said = utterance(row["Utterance"], emotion, joined(speakers, where, "Speaker"), "Utterance", where)
    *scene, position = (whole(row[name], name, where) for name in NUMBERS)
    return tuple(scene), position, said, where


def joined(speakers, where, name):
    """The speakers as one text, or None where there are none."""
    require(isinstance(speakers, list) and all(isinstance(speaker, str) for speaker in speakers),
            f"{where}, field {name!r}: expected a list of names, such as ['Ross Geller']")
    return ", ".join(speakers) or None
