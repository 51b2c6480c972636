"""Mistakes planted in a case's program: their tapes, kept for the case that was asked for last, and which steps they touch."""

import numpy as np

from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.tape import record

KEPT = {"values": None, "tapes": {}, "seen": {}}  # of one case: its values; what the two functions below gave


def wrong_program(case, names):
    """(Tape, values) of the case's program with the named mistakes; None where it fails. Inside `planted`, if it matters."""
    if KEPT["values"] is not case.values:
        KEPT.update(values=case.values, tapes={}, seen={})
    key = case.id, tuple(id(MISTAKES[name]) for name in names)
    if key not in KEPT["tapes"]:
        KEPT["tapes"][key] = fresh(case, names)
    return KEPT["tapes"][key]


def fresh(case, names):
    """The program, recorded."""
    try:
        with planted(case, *(MISTAKES[name] for name in names)) as wrong, np.errstate(all="ignore"):
            return record(wrong), wrong.values
    except Exception:  # a program with a mistake may fail in any way
        return None


def visible(case, name, cut):
    """The tensors, and gradients as grad/<name>, at which a mistake may show where those of `cut` are given: see `touched`.

    A name that the mistake makes the name of another tensor is one of them.
    """
    (right, values), program = wrong_program(case, ()), wrong_program(case, (name,))
    key = case.id, id(MISTAKES[name]), cut
    if key not in KEPT["seen"]:
        differing, read = touched(right, program[0], values, program[1], cut) if program else (set(), set())
        other = {name for name in right.aliases if program and right.aliases[name] != program[0].aliases.get(name)}
        KEPT["seen"][key] = differing | other | {f"grad/{name}" for name in read | other}
    return KEPT["seen"][key]


def touched(right, wrong, right_values, wrong_values, cut=None):
    """(tensors whose own step differs on two tapes, tensors and roots that these steps read).

    A step reaches up to the tensors above it that are in `cut` (default: all). What is computed alike is computed by the same
    calls with the same constants; what differs so may still give the same numbers. The objective is the tensor "objective".
    """
    cut = {*right.tensors} if cut is None else cut
    names = named(right, cut), named(wrong, cut)
    same = Alike(names, {name for name in right.roots if name not in wrong.roots
                         or not equal(right_values[name], wrong_values[name])})
    ends = {**right.tensors, "objective": right.end}
    others = {**wrong.tensors, "objective": wrong.end}
    differing = {name for name, step in ends.items() if name not in others or not same.own(step, others[name])}
    read = set()
    for name in differing:
        read |= above(ends[name], names[0]) | (above(others[name], names[1]) if name in others else set())
    return differing, read


def above(step, names):
    """The names nearest above a step."""
    found, seen, waiting = set(), set(), list(step.parents)
    while waiting:
        parent = waiting.pop()
        if parent in names:
            found.add(names[parent])
        elif parent not in seen:
            seen.add(parent)
            waiting.extend(parent.parents)
    return found


def named(tape, cut):
    """{step: its name} of the roots and of the tensors in `cut`."""
    tensors = {step: name for name, step in tape.tensors.items() if name in cut}
    return {**{step: name for name, step in tape.roots.items()}, **tensors}


class Alike:
    """Which steps of two tapes are computed alike."""

    def __init__(self, names, moved):
        self.names, self.moved, self.known = names, moved, {}  # moved: names of roots whose numbers differ

    def own(self, a, b):
        """Whether two steps make the same call of steps that are computed alike."""
        if (a, b) not in self.known:
            free = set(range(len(a.arguments))) - set(a.places)
            self.known[a, b] = (
                a.call is b.call and len(a.arguments) == len(b.arguments) and tuple(a.places) == tuple(b.places)
                and equal(a.options, b.options) and all(equal(a.arguments[i], b.arguments[i]) for i in free)
                and all(self.alike(x, y) for x, y in zip(a.parents, b.parents)))
        return self.known[a, b]

    def alike(self, a, b):
        """The same, for steps that something is computed from: a named one is what its name says."""
        x, y = self.names[0].get(a), self.names[1].get(b)
        return x == y and x not in self.moved if x or y else self.own(a, b)


def equal(x, y):
    """Whether two arguments of a call are the same; False where that cannot be told."""
    if x is y:
        return True
    if isinstance(x, dict) and isinstance(y, dict):
        return x.keys() == y.keys() and all(equal(x[key], y[key]) for key in x)
    if isinstance(x, (list, tuple)) and isinstance(y, (list, tuple)):
        return len(x) == len(y) and all(map(equal, x, y))
    try:
        return np.shape(x) == np.shape(y) and bool(np.all(np.asarray(x) == np.asarray(y)))
    except (TypeError, ValueError):
        return False
