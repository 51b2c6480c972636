"""MultiWOZ: a user and a system talk about hotels, trains, restaurants ...; the class of an utterance is its domain.

A turn is annotated with dialogue acts such as "Hotel-Inform" and "general-bye", often several. Its label is the domain of the
first act that is about a service, in lower case; where none is, "booking" (a booking whose service only the history tells),
then "general" (greetings, thanks). So an utterance has one class, which its own words do not always tell. A turn without acts
has no label and stays in the history.

2.1    a folder with data.json, {name: {"log": [{"text", "dialog_act"}]}}: the user begins, turns alternate. valListFile.txt and
       testListFile.txt (or .json) beside it hold names, one per line; all others are for training.
2.2    a folder with dialog_acts.json, {name: {turn_id: {"dialog_act"}}}, and the folders train, dev and test of
       dialogues_001.json ...: [{"dialogue_id", "turns": [{"turn_id", "speaker", "utterance"}]}].

Source: Budzianowski et al. 2018, arXiv 1810.00278; Eric et al. 2019, arXiv 1907.01669 (2.1); Zang et al. 2020, arXiv 2007.12720
(2.2); github.com/budzianowski/multiwoz.
"""

import glob
import os

from minires.errors import require
from minires.tasks.conversations.conversation import Conversation, make_corpus
from minires.tasks.conversations.reading import field, read_json, read_text, utterance

LISTS = {"dev": "valListFile", "test": "testListFile"}
ACTS = "dialog_acts.json"
RANK = {"booking": 1, "general": 2}  # of a domain that is no service; services come first


def read(path):
    """The Corpus of a folder of version 2.1 or 2.2, or of one data.json with the lists beside it."""
    if not os.path.isdir(path):
        require(os.path.basename(path) != ACTS and not os.path.basename(path).startswith("dialogues_"),
                f"{path!r} is a part of MultiWOZ 2.2: expected the folder that holds {ACTS} and train, dev, test")
        return read_21(path)
    if os.path.isfile(os.path.join(path, ACTS)):
        return read_22(path)
    require(os.path.isfile(os.path.join(path, "data.json")), f"folder {path!r}: expected data.json (2.1) or {ACTS} (2.2) in it")
    return read_21(os.path.join(path, "data.json"))


def domain(acts):
    """The label of a turn with these dialogue acts, or None; acts {"Hotel-Inform": ...}, or a text where none was annotated.

    >>> domain({"general-thank": [], "Booking-Book": [], "Train-Request": []}), domain("No Annotation")
    ('train', None)
    """
    domains = [act.split("-")[0].lower() for act in acts] if isinstance(acts, dict) else []
    return min(domains, key=lambda name: RANK.get(name, 0), default=None)  # min takes the first of equals


# ---- 2.1 -------------------------------------------------------------------------------------------------------------

def read_21(path):
    """The Corpus of one data.json."""
    dialogues = read_json(path)
    require(isinstance(dialogues, dict) and len(dialogues) > 0, f"{path!r}: expected an object of dialogues")
    split_of = dict.fromkeys(dialogues, "train")
    for split, names in read_lists(path).items():
        for name in names:
            require(name in dialogues, f"the list of {split} beside {path!r} names {name!r}: expected a dialogue of that file")
            require(split_of[name] == "train", f"dialogue {name!r} stands twice in the lists beside {path!r}: expected it once")
            split_of[name] = split
    splits = {}
    for name, dialogue in dialogues.items():
        where = f"{path!r} dialogue {name!r}"
        said = tuple(read_turn(turn, u, f"{where}, turn {u}") for u, turn in enumerate(field(dialogue, "log", list, where)))
        splits.setdefault(split_of[name], []).append(Conversation(name, said))
    return make_corpus("MultiWOZ", splits)


def read_lists(path):
    """{"dev": names, "test": names} of the files beside data.json, {} where there is neither."""
    files = {split: os.path.join(os.path.dirname(path), name) for split, name in LISTS.items()}
    files = {split: next(filter(os.path.isfile, (f"{name}.txt", f"{name}.json")), None) for split, name in files.items()}
    lacking = [LISTS[split] for split, file in files.items() if file is None]
    require(len(lacking) != 1, f"beside {path!r} there is no {lacking[0] if lacking else ''}.txt: expected both lists or none")
    return {} if lacking else {split: read_text(file).split() for split, file in files.items()}


def read_turn(turn, u, where):
    """An Utterance of version 2.1; the user says those with an even number."""
    text = field(turn, "text", str, where)
    acts = field(turn, "dialog_act", (str, dict), where) if "dialog_act" in turn else {}
    return utterance(text, domain(acts), "system" if u % 2 else "user", "text", where)


# ---- 2.2 -------------------------------------------------------------------------------------------------------------

def read_22(path):
    """The Corpus of a folder."""
    acts = read_json(os.path.join(path, ACTS))
    require(isinstance(acts, dict), f"{os.path.join(path, ACTS)!r}: expected an object of dialogues")
    files = {split: glob.glob(os.path.join(glob.escape(path), split, "dialogues_*.json")) for split in ("train", "dev", "test")}
    splits = {split: [one for file in sorted(found) for one in read_dialogues(file, acts)]
              for split, found in files.items() if found}
    require(len(splits) > 0, f"folder {path!r}: expected dialogues_001.json ... in the folders train, dev, test")
    return make_corpus("MultiWOZ", splits)


def read_dialogues(path, acts):
    """The conversations of one file; acts {dialogue: {turn: {"dialog_act"}}}."""
    dialogues, found = read_json(path), []
    require(isinstance(dialogues, list), f"{path!r}: expected a list of dialogues")
    for i, dialogue in enumerate(dialogues, 1):
        name = field(dialogue, "dialogue_id", str, f"{path!r} dialogue {i}")
        where = f"{path!r} dialogue {name!r}"
        own = field(acts, name, dict, ACTS) if name in acts else {}
        turns = enumerate(field(dialogue, "turns", list, where))
        found.append(Conversation(name, tuple(read_turn_22(turn, own, f"{where}, turn {u}") for u, turn in turns)))
    return found


def read_turn_22(turn, acts, where):
    """An Utterance of version 2.2; acts {turn: {"dialog_act"}} of its dialogue."""
    number = str(field(turn, "turn_id", (str, int), where))
    label = domain(field(acts[number], "dialog_act", (str, dict), f"{ACTS} of {where}")) if number in acts else None
    text, speaker = field(turn, "utterance", str, where), field(turn, "speaker", str, where)
    return utterance(text, label, speaker.lower(), "utterance", where)
