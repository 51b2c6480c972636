"""What an exercise is, and how its answer is judged."""

from collections.abc import Callable
from typing import NamedTuple


class Exercise(NamedTuple):
    """One exercise. The student writes the function that `judged.reference` is; its signature is the one expected."""

    title: str       # what to do, in a few words
    level: int       # 1 easy, 2, 3, 4 open-ended
    minutes: int
    judged: "InModel | ByValue | ByLaws"


class Wrong(NamedTuple):
    """A known wrong form. Where its name is one of minires.oracle.mistakes, its texts come from there."""

    function: Callable
    does: str = ""   # completes "this equals the variant in which .."
    fix: str = ""    # what to do instead


class InModel(NamedTuple):
    """The function is put at its place in the program of a golden case; the oracle judges every tensor of the run.

    plant(function) -> {place: what stands there}: the name of a field of `minires.record.Residual`, or the full name of a
    function of the model's modules, e.g. "minires.attention.softmax".
    """

    case: str            # id: of the core pack (exact truth), or else of minires.oracle.cases
    reference: Callable  # the right function
    plant: Callable
    wrong: dict          # name in minires.oracle.mistakes -> a function that is this mistake; the tests hold us to these


class ByValue(NamedTuple):
    """The function's results are compared with the reference's, at 1e-10 relative, then with those of the wrong forms."""

    reference: Callable
    arguments: Callable  # (rng) -> tuple of arguments: asymmetric, so that no two mistakes agree
    wrong: dict          # name -> Wrong
    draws: int = 3       # how many times arguments are drawn, with the seeds 0, 1, ..
    exact: bool = False  # the reference runs in ball arithmetic where that is installed: only operations of the model code
    tolerance: float = 1e-10


class Law(NamedTuple):
    """What an answer must fulfil."""

    holds: Callable  # (function, *arguments) -> bool
    does: str        # completes "this is a variant in which ..", where it does not hold
    fix: str


class ByLaws(NamedTuple):
    """Many answers are right: each law must hold for all arguments, and the first that does not is named."""

    reference: Callable  # an answer that fulfils them
    arguments: Callable  # (rng) -> tuple of arguments
    laws: dict           # name -> Law
    wrong: dict          # name of a law -> Wrong, or a function, that breaks this law first
    draws: int = 3
    shaped: bool = True  # whether results have the shape of the reference's, and no NaN
