"""Exercises with feedback that names the mistake.

    from minires.exercises import check
    check("04.scores", scores)               # prints one line; .passed, .line, .mistake

    records     what an exercise is: `Exercise`, and how it is judged: `InModel`, `ByValue`, `ByLaws`
    student     a student's function, watched: what it raises, changes or returns instead of an array
    in_model, by_value, by_laws              the three judges
    catalogue   every exercise by name: the files eNN_title.py, one for each tutorial
    solutions   stubs and solutions of a tutorial's own text
"""

from minires.exercises.catalogue import EXERCISES, exercise
from minires.exercises.checking import check
from minires.exercises.feedback import Feedback
from minires.exercises.records import ByLaws, ByValue, Exercise, InModel, Law, Wrong
from minires.exercises.solutions import solutions

__all__ = ["EXERCISES", "ByLaws", "ByValue", "Exercise", "Feedback", "InModel", "Law", "Wrong", "check", "exercise",
           "solutions"]
