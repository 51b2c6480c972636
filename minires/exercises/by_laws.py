"""A student's function that may be right in many ways: the laws it must fulfil."""

import numpy as np

from minires.exercises.feedback import Objection
from minires.exercises.student import Watched, where


def judged_by_laws(judged, function):
    """None where every law holds for all arguments, else raises an Objection that names the first that does not."""
    watched = Watched(function, judged.reference, judged.reference if judged.shaped else None)
    draws = [judged.arguments(np.random.default_rng(seed)) for seed in range(judged.draws)]
    for arguments in draws:
        watched(*arguments)
    for name, law in judged.laws.items():
        if not all(holds(law, watched, arguments) for arguments in draws):
            raise Objection(f"this is a variant in which {law.does} (law {name}): {law.fix}", name)


def holds(law, watched, arguments):
    """Whether a law holds. What fails in the library's run of what the student made is an Objection too."""
    try:
        with np.errstate(all="ignore"):
            return bool(law.holds(watched, *arguments))
    except Objection:
        raise
    except ValueError as error:  # the library refuses it in one line
        raise Objection(f"{where(watched.function, error)}: {error}") from None
    except Exception as error:  # of the student's code, run later
        raise Objection(f"{where(watched.function, error)} raises {type(error).__name__}: {error}") from None
