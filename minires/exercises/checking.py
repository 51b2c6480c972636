"""The check of one answer: prints one line, and never raises for what a student's function does."""

from minires.exercises.by_laws import judged_by_laws
from minires.exercises.by_value import judged_by_value
from minires.exercises.catalogue import exercise
from minires.exercises.feedback import Feedback, Objection
from minires.exercises.in_model import judged_in_model
from minires.exercises.records import ByLaws, ByValue, InModel

JUDGES = {InModel: judged_in_model, ByValue: judged_by_value, ByLaws: judged_by_laws}


def check(name, function):
    """Print "04.scores: passed", or one line that says what is wrong and names the mistake; returns the Feedback.

    name: tutorial and exercise, "04.scores". function: the student's, of the arguments that the exercise names.
    """
    feedback = judged(name, function)
    print(feedback.line)
    return feedback


def judged(name, function):
    """The Feedback, nothing printed."""
    try:
        own = exercise(name).judged
        JUDGES[type(own)](own, function)
    except Objection as reason:
        return Feedback(name, False, f"{name}: {reason}", reason.mistake)
    except ValueError as error:
        return Feedback(str(name), False, " ".join(str(error).split()))
    return Feedback(name, True, f"{name}: passed")
