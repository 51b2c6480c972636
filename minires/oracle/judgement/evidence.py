"""An answer beside the local replay of a program: the specification's, or one with mistakes planted in it."""

from typing import NamedTuple

import numpy as np

from minires.oracle.judgement.answer import canonical
from minires.oracle.judgement.local import complete, local, local_tolerances
from minires.oracle.judgement.planting import visible, wrong_program
from minires.oracle.judgement.rows import error_of, root_mean_square, z_of
from minires.oracle.judgement.tolerance import limits
from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.tape import differentiate


class Evidence(NamedTuple):
    """An answer beside the specification's local replay of it."""

    case: object
    profile: object
    given: dict      # name -> array, of the answer
    expected: dict   # name -> array, by the specification
    sigma: dict      # name -> array
    misshapen: dict  # name -> array of a shape that the specification does not give
    infinite: dict   # name -> array whose infinities or NaNs are not those of the truth


def vector(evidence, arrays):
    """(arrays - expected) / sigma of every tensor of the answer, one after another; 0 where arrays has none."""
    parts = [np.ravel(z_of(error_of(arrays[name], x), evidence.sigma[name]) if name in arrays else np.zeros(np.shape(x)))
             for name, x in evidence.expected.items()]
    return np.concatenate([*parts, np.zeros(0)])


def errors(evidence):
    """e of the answer."""
    return vector(evidence, evidence.given)


def with_mistakes(evidence, names, then=local):
    """then(tape, values, given) under planted mistakes; None where their program fails or cannot have given such arrays."""
    try:
        program = wrong_program(evidence.case, names)
        with planted(evidence.case, *(MISTAKES[name] for name in names)), np.errstate(all="ignore"):
            if program and possible(*program, evidence):
                return then(*program, {**evidence.given, **evidence.misshapen})
    except Exception:  # a program with a mistake may fail in any way: then it gave no answer
        pass
    return None


def shown(evidence, name, wanted):
    """The sum of `wanted` {tensor or gradient: number} over those that have a step that a mistake touches."""
    right = wrong_program(evidence.case, ())[0]
    given = complete(right, evidence.given)
    slopes = any(name.startswith("grad/") for name in wanted)
    cut = frozenset(name for name in given if not slopes or name == "loss" or f"grad/{name}" in given)
    seen = visible(evidence.case, name, cut)
    return sum(number for each, number in wanted.items() if each in seen or canonical(right, each) in seen)


def possible(tape, values, evidence):
    """Whether a program gives the answer's shapes, and its infinities and NaNs where those are not the truth's."""
    if any(shape_of(tape, name) != x.shape for name, x in evidence.misshapen.items()):
        return False
    if any(shape_of(tape, name) not in (None, np.shape(x)) for name, x in evidence.given.items()):
        return False
    own = differentiate(tape, values) if evidence.infinite else {}
    return all(same_pattern(own.get(name, 0.0), x) for name, x in evidence.infinite.items())


def same_pattern(a, b):
    """Whether infinities and NaNs stand at the same places."""
    return np.array_equal(np.where(np.isfinite(a), 0, a), np.where(np.isfinite(b), 0, b), equal_nan=True)


def shape_of(tape, name):
    """The shape of a tensor or gradient on a tape, or None where it has no such tensor."""
    own = name.removeprefix("grad/")
    own = tape.aliases.get(own, own)
    step = tape.tensors.get(own, tape.roots.get(own))
    return None if step is None else np.shape(step.value)


def under(evidence, names):
    """The answer beside the program with the mistakes, in that program's own tolerance; None where it cannot be that."""
    def against(tape, values, given):
        expected = local(tape, values, given)
        return expected, local_tolerances(tape, values, given, expected, evidence.profile)

    found = with_mistakes(evidence, names, against)
    if found is None:
        return None
    given = {**evidence.given, **evidence.misshapen}
    return evidence._replace(given=given, expected=found[0], sigma=found[1], misshapen={}, infinite={})


def deviations(evidence):
    """{name: |z|} of every tensor of the answer."""
    return {name: np.abs(z_of(error_of(evidence.given[name], x), evidence.sigma[name]))
            for name, x in evidence.expected.items()}


def residual(evidence):
    """rms z over all tensors, infinite without evidence."""
    return np.inf if evidence is None else root_mean_square(
        np.concatenate([np.zeros(0), *map(np.ravel, deviations(evidence).values())]))


def diverging(evidence):
    """The names of the tensors whose deviations the tolerance does not allow."""
    return {name for name, z in deviations(evidence).items() if not allowed(evidence.profile, z)}


def allowed(profile, z):
    """Whether the tolerance allows the deviations z >= 0 of one tensor."""
    rms, most = limits(profile, z.size)
    return root_mean_square(z) <= rms and np.max(z, initial=0.0) <= most
