"""Which known mistake an answer is: each is planted in the library's own program, and replayed from the port's own tensors.

    e = (port - specification) / sigma,  d = (program with the mistake - specification) / sigma, all tensors together
    likelihood ratio  2 <e, d> - |d|^2 = |e|^2 - |e - d|^2      evidence against "correct, plus noise"
    amplitude         <e, d> / |d|^2                            1 where the port is the mistake
    power             |d|                                       far below 1 the mistake cannot be seen at this precision

The likelihood chooses among listed mistakes only: the residual says whether the best of them explains the answer.
"""

from typing import NamedTuple

import numpy as np

from minires.oracle.judgement.evidence import Evidence, deviations, diverging, errors, shown, vector, with_mistakes
from minires.oracle.judgement.local import local, local_tolerances
from minires.oracle.judgement.tolerance import profile_of
from minires.oracle.mistakes import MISTAKES
from minires.oracle.tape import record

NAMED = 10.0  # a likelihood ratio above this names a mistake


class Fit(NamedTuple):
    """A mistake, or two, beside the answer."""

    names: tuple
    delta: np.ndarray  # d, all tensors one after another
    left: float        # |e - d|^2
    likelihood: float
    amplitude: float


def fit(evidence, error, names):
    """The Fit of mistakes planted together, or None where they are out of the question."""
    replayed = with_mistakes(evidence, names)
    if replayed is None:
        return None
    delta = vector(evidence, replayed)
    square, rest = delta @ delta, error - delta
    left, told = float(rest @ rest), evidence.misshapen or evidence.infinite
    likelihood = max(float(error @ error) - left, 2 * NAMED if told else -np.inf)
    return Fit(names, delta, left, likelihood, float(error @ delta / square) if square else 0.0)


def fits(evidence, error, whole=False):
    """The Fit of every mistake that the case's system can have and that makes a difference, likeliest first.

    Where tensors diverge, a mistake that touches none of their steps cannot be the reason and is left out; `whole`: also one
    that touches not all of them, which leaves something over. Where none does, those are that cannot reach NAMED.
    """
    told, wrong = evidence.misshapen or evidence.infinite, diverging(evidence)
    tried = [name for name, mistake in MISTAKES.items() if mistake.applies(evidence.case)]
    if wrong and not told:
        least, ones = len(wrong) if whole else 1, dict.fromkeys(wrong, 1)
        tried = [name for name in tried if shown(evidence, name, ones) >= least]
    elif not told:  # |e|^2 - |e - d|^2 is at most |e|^2 over the entries that d reaches
        squares = {name: float(np.sum(z ** 2)) for name, z in deviations(evidence).items()}
        tried = [name for name in tried if shown(evidence, name, squares) > NAMED]
    found = [fit(evidence, error, (name,)) for name in tried]
    return sorted((one for one in found if one and (told or np.any(one.delta))), key=lambda one: one.left)


def powers(golden, profile="float32"):
    """{mistake: |d|} of every mistake that the case's system can have, replayed from the truth's own tensors.

    Infinite where the mistake changes a shape or fails; below about 1 it cannot be seen on this case in this precision.
    """
    tape, values = record(golden.case), golden.truth.values
    given = {name: np.asarray(values[name], dtype=float) for name in values}
    expected = local(tape, golden.case.values, given)
    sigma = local_tolerances(tape, golden.case.values, given, expected, profile_of(profile))
    evidence = Evidence(golden.case, profile_of(profile), given, expected, sigma, {}, {})
    found = {name: fit(evidence, errors(evidence), (name,)) for name, mistake in MISTAKES.items()
             if mistake.applies(golden.case)}
    return {name: np.inf if one is None else float(np.sqrt(one.delta @ one.delta)) for name, one in found.items()}
