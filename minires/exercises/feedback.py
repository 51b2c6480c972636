"""What a check says: one line."""

from typing import NamedTuple

from minires.oracle.mistakes import MISTAKES


class Feedback(NamedTuple):
    """The result of one check."""

    exercise: str                # "04.scores"
    passed: bool
    line: str                    # what was printed
    mistake: str | None = None   # the name of the mistake that the answer is: of minires.oracle.mistakes, or of the exercise

    def _ipython_display_(self):
        """Nothing: the line has been printed."""


class Objection(Exception):
    """A reason why an answer does not pass: a line, and the mistake where it has a name."""

    def __init__(self, line, mistake=None):
        super().__init__(" ".join(str(line).split()))
        self.mistake = mistake


def named(name, does, fix):
    """The Objection to an answer that equals a known mistake."""
    where = f"mistake {name} of minires.oracle.mistakes" if name in MISTAKES else f"mistake {name}"
    return Objection(f"this equals the variant in which {does} ({where}): {fix}", name)
