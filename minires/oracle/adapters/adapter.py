"""`verify`: a port as a Python function, run on the cases and judged.

    run(case) -> {name: array}    case.params, case.inputs, case.config, case.cotangents; the answer has any of the case's
                                  tensors, and of the gradients all of the parameters' or none
or an object (or its class) with
    load(config, params)          before each case
    forward(inputs) -> {name: array}
    backward(cotangents) -> {name: array}   optional: gradients of loss + sum <cotangent, output>

Every case is run twice, the second time in reverse order: a port that keeps something from an earlier call is found.
"""

import copy
import time

import numpy as np
from tqdm import tqdm

from minires.errors import one_of, require
from minires.oracle.adapters import aliases as names
from minires.oracle.adapters.ask import answered
from minires.oracle.adapters.expected import outcomes
from minires.oracle.adapters.report import Report, Result
from minires.oracle.adapters.selection import chosen, suite_hash
from minires.oracle.judgement.verdict import Verdict

SHOWN = 3  # tensors that are named where many differ


def verify(run, cases=None, profile="float32", aliases=None, layout=None, xfails=None, rtol=None, atol=None, progress=True,
           strict=False, reproduce=None, subject=None):
    """Run a port on the cases and judge its answers: a Report.

    cases: None for the core pack, a pattern of ids, a list of ids, or the goldens themselves; profile: the precision that
    the port declares; aliases, layout: tables (`minires.oracle.adapters.aliases.table`) with which the port also gets its
    parameters under its own names and in its layout; xfails: {pattern of ids: reason} or a file of such lines;
    strict: an expected failure that passes is a failure; rtol and atol, both or neither, instead of the derived tolerance;
    reproduce: a folder for the first diverging step of each failing case; subject: the port's name in the report.
    ValueError for a request that cannot be served; whatever the port does wrong is a line of the report.
    """
    from minires.oracle.judgement.profiles import PROFILES
    one_of("profile", profile, PROFILES)
    require((rtol is None) == (atol is None), f"rtol={rtol}, atol={atol}: expected both or neither")
    expected, limits = outcomes(xfails, strict), {} if rtol is None else {"rtol": rtol, "atol": atol}
    goldens, rules, function, start = chosen(cases), names.table(aliases, layout), callable_of(run), time.perf_counter()
    answers = [answered(function, golden, rules) for golden in tqdm(goldens, "run", disable=not progress)]
    again = [answered(function, golden, rules) for golden in tqdm(goldens[::-1], "again", disable=not progress)][::-1]
    results = []
    for golden, first, second in zip(tqdm(goldens, "judge", disable=not progress), answers, again):
        verdict = verdict_of(golden, first, second, profile, limits)
        if reproduce and not verdict.passed:
            from minires.oracle.adapters.reproduce import reproduced
            reproduced(golden, first.answer, verdict, reproduce)
        results.append(Result(verdict, *expected.of(verdict)))
    return Report(subject or name_of(run), profile, results, expected.unused(), time.perf_counter() - start,
                  suite_hash(goldens))


def callable_of(run):
    """The function of a case that a port's function, object or class stands for."""
    run = run() if isinstance(run, type) else run
    if not (hasattr(run, "load") and hasattr(run, "forward")):
        require(callable(run), f"run={run!r}: expected a function of a case, or an object with load and forward")
        return run

    def stepwise(case):
        """Load, forward and, where there is one, backward."""
        run.load(copy.deepcopy(case.config), case.params)
        answer = dict(run.forward(case.inputs))
        slopes = run.backward(dict(case.cotangents)) if hasattr(run, "backward") else {}
        return {**answer, **{name if str(name).startswith("grad/") else f"grad/{name}": x for name, x in slopes.items()}}
    return stepwise


def name_of(run):
    """A port's name: of its module and function, or of its class."""
    named = run if hasattr(run, "__qualname__") else type(run)
    return f"{named.__module__}.{named.__qualname__}"


def verdict_of(golden, first, second, profile, limits):
    """The verdict of a case that was run twice."""
    from minires.oracle.judgement.judge import judge
    problems = first.problems + [f"call 2: {line}" for line in second.problems if line not in first.problems]
    if first.answer is None:
        return unanswered(golden.case.id, profile, problems)
    verdict = judge(golden, first.answer, profile, **limits)
    if second.answer is not None and verdict.passed:
        problems += differences(golden, first.answer, second.answer, profile, limits)
    return verdict._replace(passed=verdict.passed and not problems, problems=problems + list(verdict.problems))


def differences(golden, first, second, profile, limits):
    """A line for each tensor that the second call has otherwise, unless both calls are right within tolerance."""
    from minires.oracle.judgement.judge import judge
    if sorted(first) != sorted(second):
        name = sorted(set(first) ^ set(second))[0]
        return [f"call 2 differs from call 1: {name} is in one answer only"]
    other = [name for name in first if not same(first[name], second[name])]
    if not other or judge(golden, second, profile, **limits, diagnose=False).passed:
        return []
    far = {name: difference(first[name], second[name]) for name in other}
    lines = [f"call 2 differs from call 1: {name}, by {far[name]}: nothing may be kept between calls" for name in far]
    return lines[:SHOWN] + [f"call 2 differs from call 1 in {len(lines) - SHOWN} more tensors"] * (len(lines) > SHOWN)


def same(x, y):
    """Whether two arrays agree bit for bit."""
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def difference(x, y):
    """The largest difference, or the two shapes."""
    return f"{np.max(np.abs(x.astype(float) - y), initial=0.0):.1e}" if x.shape == y.shape else f"{x.shape} and {y.shape}"


def unanswered(id, profile, problems):
    """The verdict of a case to which there is no answer at all."""
    return Verdict(id, profile, False, [], problems, [], [], {}, float("nan"), [], 0.0)
