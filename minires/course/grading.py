"""The grading of what a student has written, in a notebook or in the .py beside it."""

import re
from pathlib import Path

from minires.course.notebooks import read
from minires.exercises.catalogue import EXERCISES
from minires.exercises.checking import judged
from minires.exercises.feedback import Feedback
from minires.exercises.solutions import functions
from minires.exercises.student import UNDONE


def exercises(folder):
    """The names of the exercises of the tutorials in a folder."""
    numbers = {path.stem[:2] for path in files(folder)}
    return [name for name in EXERCISES if name[:2] in numbers]


def files(folder, number="[0-9][0-9]"):
    """The notebooks, then the .py files, of a tutorial or of all."""
    return [path for suffix in ("ipynb", "py") for path in sorted(Path(folder).glob(f"{number}_*.{suffix}"))]


def grade(folder, name):
    """The Feedback on one exercise: of the file where it passes, else of the first in which it was begun; notebook first."""
    found = [in_file(path, name) for path in files(folder, name[:2])]
    begun = [each for each in found if not each.line.endswith(UNDONE)]
    return next((each for each in found if each.passed), (begun or found)[0])


def in_file(path, name):
    """The Feedback on the function that one file checks for the exercise."""
    try:
        found = functions(source(path), str(path))
    except ValueError as error:
        return Feedback(name, False, f"{name}: {error}")
    if name not in found:
        return Feedback(name, False, f"{name}: no function of {path.name} is given to check({name!r}, ..)")
    return judged(name, found[name])


def source(path):
    """The Python of a tutorial's file; lines of a notebook that are commands of Jupyter are left out."""
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    return re.sub(r"^[ \t]*[%!].*$", "", "\n\n".join(cells), flags=re.MULTILINE) + "\n"
