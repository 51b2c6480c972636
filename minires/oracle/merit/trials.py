"""One trial each: what a case sees of every mistake, the verdict on a wrong program, the verdict on a correct one."""

import numpy as np

from minires.oracle.judgement.evidence import Evidence, diverging, vector, with_mistakes
from minires.oracle.judgement.judge import judge
from minires.oracle.judgement.local import local, local_tolerances
from minires.oracle.judgement.planting import visible, wrong_program
from minires.oracle.judgement.profiles import PROFILES
from minires.oracle.judgement.tolerance import limits
from minires.oracle.merit.carriers import golden, identical, port, right_answers, rounded_program, wrong_answer
from minires.oracle.mistakes import MISTAKES
from minires.oracle.packs.halves import fp16_safe

NAMED_IN = ("float32", "bfloat16")  # the precisions in which causes are looked for
ALIKE = 0.5                         # |difference| of two mistakes, in units of sigma in float32: one function


def sights(id, names, precisions=("float32", "bfloat16")):
    """{mistake: {"power": {precision: |d|}, "touches": names}} of one case, replayed from the truth; |d| may be infinite."""
    case, truth, _ = golden(id)
    tape, _ = wrong_program(case, ())
    given = {name: np.asarray(value, dtype=float) for name, value in truth.values.items()}
    expected = local(tape, case.values, given)
    evidence = {name: Evidence(case, PROFILES[name], given, expected,
                               local_tolerances(tape, case.values, given, expected, PROFILES[name]), {}, {})
                for name in precisions}
    return {name: sight(case, name, evidence) for name in names}


def sight(case, name, evidence):
    """What one case sees of one mistake."""
    first = next(iter(evidence.values()))
    replayed = with_mistakes(first, (name,))
    cut = frozenset(name for name in first.given if not name.startswith("grad/"))
    if replayed is None:
        return {"power": dict.fromkeys(evidence, np.inf), "touches": sorted(visible(case, name, cut))}
    power = {precision: float(np.linalg.norm(vector(own, replayed))) for precision, own in evidence.items()}
    tape, other = wrong_program(case, ())[0], wrong_program(case, (name,))[0]
    renamed = {alias for alias, own in tape.aliases.items() if other.aliases.get(alias) != own}
    touches = {*diverging(first._replace(expected=replayed)), *renamed, *(f"grad/{alias}" for alias in renamed)}
    return {"power": power, "touches": sorted(touches)}


def wrong(id, ports, name, precision, touches):
    """The verdict on a program with a mistake, as a row of the tables; None where float16 cannot run the case."""
    case = golden(id).case
    if precision == "float16" and not fp16_safe(case):
        return None
    row = {"mistake": name, "family": MISTAKES[name].family, "case": id, "precision": precision}
    try:
        who, answer = wrong_answer(ports, case, precision, name)
    except Exception as error:  # a wrong program may fail in any way
        return {**row, "who": "port", "killed": True, "by": f"fails: {type(error).__name__}"}
    verdict = judge(golden(id), answer, precision, diagnose=precision in NAMED_IN)
    if verdict.passed and precision not in NAMED_IN:  # a mistake may hide in the noise of a coarse precision
        verdict = judge(golden(id), answer, precision)
    first = verdict.first.get("forward", {}).get("local") or verdict.first.get("backward", {}).get("local")
    row.update(who=who, killed=not verdict.passed, by=reason(verdict), first=first, seconds=verdict.seconds,
               located=None if first is None else first in touches)
    if verdict.passed:
        same = port(ports, case, precision) if who == "port" else rounded_program(case, precision)
        row["identical"] = identical(answer, same)
    if precision in NAMED_IN and row["killed"]:
        best = verdict.causes[0] if verdict.causes else None
        row.update(named=bool(best) and best.explains and (best.names == (name,) or len(best.names) == 1 and name in best.same),
                   cause=" + ".join(best.names) if best else "", amplitude=best and best.amplitude,
                   residual=best and best.residual)
    return row


def reason(verdict):
    """What rejects an answer."""
    if verdict.passed:
        return ""
    scopes = {scope for names in verdict.first.values() for scope in names}
    return "local" if "local" in scopes else "global" if scopes else "problem" if verdict.problems else "likelihood"


def right(id, ports, precision, chosen):
    """Rows of the verdicts on correct programs; chosen(number of the program) -> whether it is judged."""
    case, rows = golden(id).case, []
    if precision == "float16" and not fp16_safe(case):
        return rows
    for i, (who, run) in enumerate(right_answers(ports, case, precision).items()):
        answer = run() if chosen(i) else None
        if answer is not None:
            rows.append({"who": who, "case": id, "precision": precision, **calm(judge(golden(id), answer, precision))})
    return rows


def calm(verdict):
    """How far a correct program is from its limits."""
    profile, numbers = PROFILES[verdict.profile], golden(verdict.case).truth.values
    limit = lambda row: limits(profile, np.size(numbers.get(row.name, 0.0)))
    share = [max(row.rms_z / limit(row)[0], row.max_z / limit(row)[1]) for row in verdict.rows]
    return {"passed": verdict.passed, "rms": max((row.rms_z for row in verdict.rows), default=0.0),
            "max": max((row.max_z for row in verdict.rows), default=0.0), "share": max(share, default=0.0),
            "seconds": verdict.seconds, "where": [f"{row.scope} {row.name}" for row in verdict.rows if not row.passed][:3]
            + verdict.problems[:2] + [f"{cause.names} {cause.likelihood:.0f}" for cause in verdict.causes]}


def one_port(id, ports, precision):
    """The verdict on the port in its plain style, on one case."""
    case = golden(id).case
    answer = port(ports, case, precision)
    return judge(golden(id), rounded_program(case, precision) if answer is None else answer, precision).passed
