"""A student's function at its place in the program of a golden case: the oracle judges the run."""

from functools import lru_cache

import numpy as np

from minires.exercises.feedback import Objection, named
from minires.exercises.student import Watched
from minires.exercises.values import close
from minires.oracle.case import program
from minires.oracle.cases import CASES
from minires.oracle.judgement.judge import judge
from minires.oracle.mistakes import MISTAKES, Mistake, planted
from minires.oracle.packs.golden import Golden, Truth
from minires.oracle.packs.pack import core_goldens
from minires.oracle.tape import differentiate, record

SAME = 1e-10  # relative to the largest entry of a tensor


@lru_cache(maxsize=8)
def golden(id):
    """The golden of the core pack; of another case the truth is the library's own float64."""
    found = [each for each in core_goldens() if each.case.id == id]
    if found:
        return found[0]
    case = CASES[id]()
    values = differentiate(record(case), case.values)
    return Golden(case, Truth(values, {name: np.zeros(np.shape(value)) for name, value in values.items()}, {}), {})


def answer(judged, function):
    """{name: array} of the case's program with the function at its place."""
    case = golden(judged.case).case
    with planted(case, mistake_of(judged.plant(function))) as wrong, np.errstate(all="ignore"):
        return program(wrong, wrong.values)


def mistake_of(places):
    """The Mistake that puts these functions at these places."""
    fields = {name: function for name, function in places.items() if "." not in name}
    patches = {name: lambda original, own=function: own for name, function in places.items() if "." in name}
    change = (lambda residual: residual._replace(**fields)) if fields else None
    return Mistake("exercise", "", "", lambda case: True, patches, change)


def judged_in_model(judged, function):
    """None where every tensor of the run is right, else raises an Objection."""
    watched = Watched(function, judged.reference, judged.reference)
    given, right = answer(judged, watched), golden(judged.case)
    if all(close(value, right.truth.values[name], SAME) for name, value in given.items() if name in right.truth.values):
        return
    verdict = judge(right, given, "float64")
    for cause in verdict.causes:
        if cause.explains and all(name in MISTAKES for name in cause.names):
            names = [name for name in judged.wrong if name in cause.same] if cause.names[0] not in judged.wrong else []
            name = names[0] if names and len(cause.names) == 1 else None
            raise named(name, MISTAKES[name].does, MISTAKES[name].fix) if name else named(
                " and ".join(cause.names), cause.does, cause.fix)
    raise unexplained(verdict)


def unexplained(verdict):
    """The Objection to an answer that is no mistake of the catalogue: the first wrong tensor, and a closed form of it."""
    scopes = verdict.first.get("forward", {})
    name = scopes.get("local") or scopes.get("global")
    row = next((row for row in verdict.rows if row.name == name), None)
    forms = [cause for cause in verdict.causes if cause.names[0] not in MISTAKES]
    if forms:
        return Objection(f"{forms[0].does}: {forms[0].fix}", forms[0].names[0])
    if row is None:
        return Objection("; ".join(verdict.problems[:1]) or "the run differs from the truth")
    return Objection(f"the first tensor that is wrong is {name}, at {list(row.worst)} by {row.absolute:.3g}; "
                     "no mistake of the catalogue gives this")
