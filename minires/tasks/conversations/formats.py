"""The catalogue of file formats, and what a file looks like: a wrong format is told before anything is read."""

import glob
import os
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from minires.errors import one_of, require
from minires.tasks.conversations import emorynlp, iemocap, jsonl, meld, multiwoz

BEGINNING = 2000  # bytes of a file that tell its format


class Format(NamedTuple):
    """How conversations are published."""

    read: Callable  # (path of a file or a folder) -> Corpus
    names: tuple  # of files, patterns allowed, one of which a folder holds
    start: str  # regular expression that the beginning of a file matches


SESSIONS, TURN = ("Session[1-5]/dialog",), r"Ses\d\d[FM]_\w+\s*\["
FORMATS = {
    "emorynlp": Format(emorynlp.read, tuple(emorynlp.JSON_FILES.values()), r'\s*\{\s*"(season_id|episodes)"\s*:'),
    "emorynlp_csv": Format(emorynlp.read_csv, tuple(emorynlp.CSV_FILES.values()), r"(?=[^\n]*Utterance,)[^\n]*\bScene_ID\b"),
    "meld": Format(meld.read, tuple(meld.FILES.values()), r"(?=[^\n]*Utterance,)[^\n]*\bDialogue_ID\b"),
    "multiwoz": Format(multiwoz.read, ("data.json", multiwoz.ACTS),
                       r'\s*(\{\s*"[^"]*"\s*:\s*\{\s*"(goal|log|new_goal|0|1)"|\[\s*\{\s*"dialogue_id")'),
    "iemocap": Format(iemocap.read, SESSIONS, TURN),
    "iemocap_4": Format(partial(iemocap.read, classes=iemocap.FOUR), SESSIONS, TURN),
    "jsonl": Format(jsonl.read, tuple(jsonl.FILES.values()), r'\s*\{[^\n]*"conversation"\s*:'),
}


def read(path, format):
    """The Corpus of a file or a folder in one of FORMATS.

    ValueError in one line that names the file, the line and the field: an unknown format, or another one than the file has; a
    file that is missing, empty or cannot be decoded; a field that is missing; an empty conversation or utterance; a label that
    the training split lacks. See the module of the format for its files and what its labels are.
    """
    reader = one_of("format", format, FORMATS)
    require(isinstance(path, (str, os.PathLike)), f"path={path!r}: expected the path of a file or a folder")
    path = os.fsdecode(path)
    likely = looks_like(path)
    require(not likely or format in likely, f"{path!r} looks like {' or '.join(likely)}: given format={format!r}, expected "
                                            f"{likely[0] if likely else ''!r}")
    return reader.read(path)


def looks_like(path):
    """The names of the formats that a file or a folder may have; none where nothing is recognised."""
    if os.path.isdir(path):
        return [name for name, one in FORMATS.items()
                if any(glob.glob(os.path.join(glob.escape(path), pattern)) for pattern in one.names)]
    try:
        with open(path, "rb") as file:
            start = file.read(BEGINNING).decode("utf-8", "replace").removeprefix("\ufeff")
    except (OSError, ValueError):
        return []  # the reader says why it cannot be read
    return [name for name, one in FORMATS.items() if re.match(one.start, start)]
