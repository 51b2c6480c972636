"""The verdict on a port's answer to a case: end to end, step by step, and why."""

from time import perf_counter

import numpy as np

from minires.errors import require
from minires.oracle.judgement.answer import canonical, read, true_value
from minires.oracle.judgement.causes import DETECTED, causes
from minires.oracle.judgement.closed_forms import closed_forms
from minires.oracle.judgement.evidence import Evidence, same_pattern
from minires.oracle.judgement.local import local, local_tolerances
from minires.oracle.judgement.rows import error_of, row
from minires.oracle.judgement.tolerance import coarse, profile_of, tolerances
from minires.oracle.judgement.verdict import Verdict
from minires.oracle.tape import record


def judge(golden, answer, profile="float32", rtol=None, atol=None, diagnose=True):
    """The Verdict on answer = {name: array} to the case of a Golden, for a port of the precision `profile`.

    The derived tolerance is replaced where rtol and atol are given, both or neither: |error| <= atol + rtol |truth|, end to
    end. A gradient that is None, or of a parameter and absent beside other gradients, counts as zero. Every tensor is
    compared with the truth ("global") and with its own step taken again from the port's own tensors ("local").
    diagnose=False: no causes are looked for. Raises ValueError for an unknown profile or half a pair of limits.
    """
    start, precision = perf_counter(), profile_of(profile)
    require((rtol is None) == (atol is None), f"rtol={rtol!r}, atol={atol!r}: expected both or neither")
    allowed = None if rtol is None else (float(rtol), float(atol))
    tape = record(golden.case)
    port = read(golden, tape, answer)
    with np.errstate(all="ignore"):
        whole = global_rows(golden, tape, port, profile, allowed)
        evidence = evidence_of(golden, tape, port, precision)
        steps = local_rows(tape, port, evidence)
        problems = port.problems + patterns(evidence)
        passed = not problems and all(each.passed for each in (whole if allowed else whole + steps))
        looked = diagnose and (port.given or port.misshapen) and not (allowed and passed)
        found = why(evidence, steps, passed, precision) if looked else []
    return Verdict(
        golden.case.id, profile, passed and not found, whole + steps, problems, [*port.given, *port.misshapen], port.absent,
        first_of(whole + steps), behaves_like(steps or whole), found, perf_counter() - start)


def global_rows(golden, tape, port, profile, allowed):
    """A Row of each tensor against the truth."""
    sigma, rows = tolerances(golden.case, profile, tape), []
    for name in in_order(tape, port.given):
        value, remainder = true_value(golden, tape, name)
        given = port.given[name]
        own = sigma.get(canonical(tape, name), profile_of(profile).store * np.abs(value))
        units = port.units[name], profile_of(profile)
        rows.append(row(name, "global", given, value, error_of(given, value, remainder), own, units, allowed))
    return rows


def evidence_of(golden, tape, port, precision):
    """The answer beside its local replay."""
    values = golden.case.values
    expected = local(tape, values, port.given)
    sigma = local_tolerances(tape, values, port.given, expected, precision)
    infinite = {name: x for name, x in port.given.items() if not same_pattern(x, true_value(golden, tape, name)[0])}
    return Evidence(golden.case, precision, port.given, expected, sigma, port.misshapen, infinite)


def local_rows(tape, port, evidence):
    """A Row of each tensor against its step, taken again from the port's own tensors."""
    return [row(name, "local", evidence.given[name], evidence.expected[name],
                error_of(evidence.given[name], evidence.expected[name]), evidence.sigma[name],
                (port.units[name], evidence.profile)) for name in in_order(tape, evidence.expected)]


def patterns(evidence):
    """A line for each tensor whose infinities and NaNs are not those of the truth."""
    return [f"{name}: {np.sum(~np.isfinite(x))} of {np.size(x)} entries are infinite or NaN, unlike the truth's"
            for name, x in evidence.infinite.items()]


def in_order(tape, names):
    """The names in order of computation: tensors, then gradients, which are complete once their first consumer's step is."""
    steps = {**tape.roots, **tape.tensors}
    used = {}
    for step in reversed(tape.steps):
        for parent in step.parents:
            used[parent] = step.number  # at last the number of the first consumer

    def place(name):
        own = canonical(tape, name)
        step, alias = steps.get(own.removeprefix("grad/")), own != name
        if name.startswith("grad/"):
            return 1, -used.get(step, step.number), alias
        return 0, step.number, alias
    return sorted(names, key=place)


def first_of(rows):
    """{"forward" or "backward": {"global" or "local": name of the first row that did not pass}}."""
    found = {"forward": {}, "backward": {}}
    for each in rows:
        if not each.passed:
            found["backward" if each.name.startswith("grad/") else "forward"].setdefault(each.scope, each.name)
    return {direction: names for direction, names in found.items() if names}


def behaves_like(rows):
    """The unit roundoff that would explain the errors of all rows."""
    return float(np.sqrt(np.mean([np.square(each.behaves_like) for each in rows]))) if rows else 0.0


def why(evidence, steps, passed, precision):
    """The causes of what did not pass; of an answer that passed, only a mistake that hides in the noise of its precision."""
    if passed:
        return [each for each in causes(evidence)[0] if each.likelihood > DETECTED] if coarse(precision) else []
    found, left = causes(evidence)
    return sorted(found + closed_forms(left, [each.name for each in steps]), key=lambda each: not each.explains)
