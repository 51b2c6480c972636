"""Decoys: what a program with a mistake gives for a case. A checker that accepts one is itself wrong.

A mistake that changes an output is shown by the outputs; one that changes gradients only by the smallest parameter gradient
that is wrong; one that leaves both by the first tensor that is.
"""

import warnings
from typing import NamedTuple

import numpy as np

from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.tape import differentiate, record

SEEN = 1e-9     # a smaller change, relative to the largest number of the tensor, is no change
PLAIN = 1e-2    # a change that no precision hides
SHOWN = 1e-4    # a smaller change makes no decoy: float32 may hide it
FLOOR = 1e-6    # of the largest number of all gradients (or of all tensors): what is smaller is rounding


class Sight(NamedTuple):
    """What a case sees of a mistake."""

    change: float   # the largest, relative to the largest number of the tensor; infinite where shapes differ or the run fails
    decoy: dict     # "MISTAKE/NAME" -> float32 array; empty where the run fails


def sights(case, mistakes=MISTAKES):
    """{mistake: Sight} of those that the case can see, in float64."""
    right = numbers(case)
    found = {}
    for name, mistake in mistakes.items():
        if mistake.applies(case):
            with planted(case, mistake) as wrong:
                try:
                    given = numbers(wrong)
                except Exception:  # a program that fails is a program that is wrong
                    given = None
            sight = compared(case, name, right, given)
            found.update({name: sight} if sight.change > SEEN else {})
    return found


def numbers(case):
    """Every tensor and gradient in float64."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return {name: np.asarray(value) for name, value in differentiate(record(case), case.values).items()}


def compared(case, mistake, right, given):
    """The Sight of one mistake."""
    if given is None:
        return Sight(np.inf, {})
    largest = {slope: FLOOR * max(size(value) for name, value in right.items() if name.startswith("grad/") == slope)
               for slope in (False, True)}
    change = {name: distance(value, given.get(name), largest[name.startswith("grad/")]) for name, value in right.items()}
    wrong = [name for name in right if change[name] > SEEN]
    outputs = [name for name in wrong if name in case.cotangents and name in given]
    slopes = sorted((name for name in wrong if name.removeprefix("grad/") in case.values and name in given),
                    key=lambda name: (change[name] < PLAIN, right[name].size))
    shown = outputs or slopes[:1] or [name for name in wrong if name in given][:1]
    decoy = {f"{mistake}/{name}": given[name].astype(np.float32) for name in shown}
    plain = max((change[name] for name in shown), default=0.0) > SHOWN
    return Sight(max(change.values(), default=0.0), decoy if plain else {})


def size(value):
    """The largest finite number."""
    return np.max(abs(value[np.isfinite(value)]), initial=0.0)


def distance(right, given, floor=0.0):
    """The largest difference, relative to the largest number or `floor`; infinite where shape or non-finite pattern differ."""
    if given is None or given.shape != right.shape or not np.array_equal(np.isfinite(right), np.isfinite(given)):
        return np.inf
    finite = np.isfinite(right)
    scale = max(size(right), floor)
    return float(size(given[finite] - right[finite]) / (scale or 1.0))


def shared_out(seen, first=()):
    """{case id: {name: array}}: each mistake's decoy in one case. seen: {case id: {mistake: Sight}}.

    Cases of `first` come first, so that what they hold does not depend on the others.
    """
    holders, given = {}, {id: {} for id in seen}
    for group in ([id for id in seen if id in first], [id for id in seen if id not in first]):
        for mistake in dict.fromkeys(name for id in group for name in seen[id]):
            able = [id for id in group if seen[id].get(mistake, Sight(0.0, {})).decoy]
            if able and mistake not in holders:
                plain = [id for id in able if seen[id][mistake].change > PLAIN]
                holders[mistake] = id = (plain or sorted(able, key=lambda id: -seen[id][mistake].change))[0]
                given[id].update(seen[id][mistake].decoy)
    return given
