"""What a port gave for a case: arrays under the library's names, and one line for each thing that is wrong with it."""

from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

SHOWN = 4  # names in a line


class Answer(NamedTuple):
    """The tensors and gradients of a port, as float64."""

    given: dict      # name as the port gave it -> float64 array of the right shape; gradients that count as zero included
    misshapen: dict  # name -> float64 array of a wrong shape
    units: dict      # name -> unit roundoff of the dtype in which it was given
    problems: list   # one line each
    absent: list     # names of the case that the port did not give


def read(golden, tape, answer):
    """The Answer of {name: array}. Nothing is raised for what the port did wrong: it is a problem, in one line."""
    given, misshapen, units, problems = {}, {}, {}, []
    for name, value in answer.items():
        array, problem = numbers(golden, tape, name, value)
        if problem:
            problems.append(problem)
        if array is None:
            continue
        units[name] = float(np.finfo(np.asarray(value).dtype).eps) / 2 if np.asarray(value).dtype.kind == "f" else 2.0 ** -53
        (misshapen if problem else given)[name] = array
    if not given and not misshapen:
        problems.append(f"case {golden.case.id}: the answer has none of its tensors, expected some of "
                        f"{', '.join(list(golden.truth.values)[-SHOWN:])}")
    if any(name.startswith("grad/") for name in answer):
        problems += missing(golden, tape, given, misshapen, units)
    have = {canonical(tape, name) for name in {**given, **misshapen}}
    return Answer(given, misshapen, units, problems, [name for name in golden.truth.values if name not in have])


def canonical(tape, name):
    """The name under which the tape knows a tensor or a gradient."""
    prefix, base = ("grad/", name[5:]) if name.startswith("grad/") else ("", name)
    return prefix + tape.aliases.get(base, base)


def true_value(golden, tape, name):
    """The truth of a name and its remainder in units in the last place, or None."""
    own = canonical(tape, name)
    if own in golden.truth.values:
        return np.asarray(golden.truth.values[own], dtype=float), golden.truth.remainders.get(own, 0.0)
    if name in tape.aliases and own in golden.case.values:  # a parameter itself
        return np.asarray(golden.case.values[own], dtype=float), 0.0
    return None


def numbers(golden, tape, name, value):
    """One tensor of an answer as float64, and what is wrong with it or None."""
    truth = true_value(golden, tape, name) if isinstance(name, str) else None
    if truth is None:
        near = get_close_matches(str(name), [*golden.truth.values, *tape.aliases], 1, 0.4)
        return None, f"{name}: no tensor of case {golden.case.id}" + (f", did you mean {near[0]}?" if near else "")
    if value is None:
        return (np.zeros_like(truth[0]), None) if name.startswith("grad/") else (None, None)
    try:
        array = np.asarray(value)
    except Exception as error:  # a port may return anything
        return None, f"{name}: {type(value).__name__}, expected an array ({type(error).__name__})"
    if array.dtype.kind not in "fiu":
        return None, f"{name}: {type(value).__name__} of dtype {array.dtype}, expected an array of floats"
    problem = None if array.shape == truth[0].shape else f"{name}: shape {array.shape}, expected {truth[0].shape}"
    return np.array(array, dtype=float), problem


def missing(golden, tape, given, misshapen, units):
    """The gradients of parameters that are absent, taken as zero; a line for each whose truth is not zero."""
    lines = []
    have = {canonical(tape, name) for name in {**given, **misshapen}}
    for name in (f"grad/{root}" for root in tape.roots if not root.startswith("inputs.")):
        if name not in have:
            given[name], units[name] = np.zeros_like(golden.truth.values[name]), 2.0 ** -53
            if np.any(golden.truth.values[name]):
                lines.append(f"{name}: absent, counts as zero, but the truth is not zero")
    return lines
