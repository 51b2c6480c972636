"""Every exercise by its name: "04.scores" is the entry "scores" of EXERCISES in a file e04_*.py."""

import pkgutil
import re
from importlib import import_module
from pathlib import Path

from minires.errors import one_of

FILES = sorted(name for _, name, _ in pkgutil.iter_modules([str(Path(__file__).parent)]) if re.match(r"e\d\d_", name))
FOUND = {f"{file[1:3]}.{name}": own for file in FILES
         for name, own in import_module(f"minires.exercises.{file}").EXERCISES.items()}
EXERCISES = dict(sorted(FOUND.items(), key=lambda item: (item[0][:2], item[1].level)))  # easy ones first


def exercise(name):
    """The Exercise, or a ValueError that names the nearest.

    >>> exercise("04.scores").level
    1
    """
    return one_of("exercise", name, EXERCISES)


def of_tutorial(number):
    """{name: Exercise} of one tutorial, "04"."""
    return {name: own for name, own in EXERCISES.items() if name.startswith(f"{number}.")}
