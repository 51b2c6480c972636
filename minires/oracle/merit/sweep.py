"""The whole measurement: which case sees which mistake, then every mistake in every precision, and the correct programs.

A mistake is judged on the case that sees it best in bfloat16 (a case of the core pack where that sees it well), and on the
next ones while it survives, unless the port with it gives the very numbers of the port without it. What the first cases see
faintly is shown to more, those of the edges first. Cases are shared out to processes; what belongs to one case stays together.
"""

import sys
from functools import partial
from time import perf_counter
from typing import NamedTuple

from minires.experiments import side_by_side
from minires.oracle.cases import CASES, CORE
from minires.oracle.merit.trials import one_port, right, sights, wrong
from minires.oracle.mistakes import MISTAKES

PRECISIONS = ("float64", "float32", "tf32", "bfloat16", "float16")
FIRST = ("edge/", "part/", "option/")  # behind the core
ORDER = (*CORE, *sorted((id for id in CASES if id not in CORE), key=lambda id: not id.startswith(FIRST)))
SIGHTED, MORE = 3, 12  # cases that are asked what they see of a mistake; how many more where they see it faintly
WELL = 30.0   # power in bfloat16 from which on a case of the core pack is as good as any other


class Plan(NamedTuple):
    """What is measured."""

    ports: str | None = None                  # a folder
    names: tuple = tuple(MISTAKES)
    ids: tuple = ORDER
    precisions: tuple = PRECISIONS
    tries: int = 3                            # cases on which a mistake is judged while it survives
    core: tuple = CORE                        # cases of the correct programs
    share: int = 3                            # one correct program of so many in each case and precision


def quick(ports=None):
    """One mistake of 16 on one case, float32 and bfloat16."""
    return Plan(ports, tuple(MISTAKES)[::16], CORE, ("float32", "bfloat16"), 1, CORE[::4], 6)


def measure(plan, jobs=-1, told=lambda found: None):
    """{"power", "wrong", "right", "seconds", "unseen"}. told(what there is so far): called after each part."""
    work = partial(calls, jobs)
    seen = sighted(plan, work)
    found = {"power": powers(plan.names, seen), "wrong": [], "right": [], "seconds": {}}
    found["unseen"] = [name for name in plan.names if name not in found["power"]]
    for attempt in range(plan.tries):
        found["wrong"] += work(judged, tasks(plan, seen, found["wrong"], attempt), f"mistakes, attempt {attempt + 1}", True)
        told(found)
    arguments = [(plan, id, i) for i, id in enumerate(plan.core)]
    found["right"] = work(correct, arguments, "correct programs", True)
    for precision in {"float32", "bfloat16"} & set(plan.precisions):
        start = perf_counter()
        work(one_port, [(id, plan.ports, precision) for id in CORE], "one port on the core pack")
        found["seconds"][precision] = perf_counter() - start
    return found


def calls(jobs, function, arguments, label, joined=False):
    """The results of function(*each) for each of the arguments, side by side, with a bar on a terminal."""
    results = side_by_side([(function, *each) for each in arguments], jobs, label, sys.stderr.isatty())
    return [row for rows in results for row in rows] if joined else results


def sighted(plan, work):
    """{case: {mistake: what `sights` says}}."""
    shared = needed(plan.names, plan.ids, SIGHTED)
    seen = dict(zip(shared, work(sights, list(shared.items()), "sights")))
    best = powers(plan.names, seen)
    faint = [name for name in best if best[name]["bfloat16"] < WELL]
    shared = needed(faint, [id for id in plan.ids if not any(name in seen.get(id, ()) for name in faint)], MORE)
    for id, more in zip(shared, work(sights, list(shared.items()), "further sights")):
        seen[id] = {**seen.get(id, {}), **more}
    return seen


def needed(names, ids, most):
    """{case: mistakes}: so many cases for each mistake, or all that there are."""
    count, chosen = dict.fromkeys(names, 0), {}
    for id in ids:
        case = CASES[id]()
        own = [name for name in names if count[name] < most and MISTAKES[name].applies(case)]
        count.update({name: count[name] + 1 for name in own})
        chosen.update({id: own} if own else {})
    return chosen


def powers(names, seen):
    """{mistake: {precision: the largest power of a case}} of the mistakes that a case can have."""
    found = {name: [case[name]["power"] for case in seen.values() if name in case] for name in names}
    return {name: {precision: max(power[precision] for power in own) for precision in own[0]}
            for name, own in found.items() if own}


def ranking(name, seen):
    """The cases that a mistake is judged on, best first."""
    power = {id: case[name]["power"].get("bfloat16", 0.0) for id, case in seen.items() if name in case}
    return sorted(power, key=lambda id: (not (id in CORE and power[id] > WELL), -power[id]))


def tasks(plan, seen, rows, attempt):
    """The arguments of `judged`: each mistake that survives, on its next case; the longest lists first."""
    settled = {(row["mistake"], row["precision"]) for row in rows if row["killed"] or row.get("identical")}
    groups = {}
    for name in plan.names:
        for id in ranking(name, seen)[attempt:attempt + 1]:
            groups.setdefault(id, []).extend((name, precision, seen[id][name]["touches"]) for precision in plan.precisions
                                             if (name, precision) not in settled)
    return [(id, plan.ports, own) for id, own in sorted(groups.items(), key=lambda item: -len(item[1]))]


def judged(id, ports, own):
    """Mistakes on one case: [(mistake, precision, names that it touches)]."""
    rows = [wrong(id, ports, *each) for each in own]
    return [row for row in rows if row]


def correct(plan, id, number):
    """Correct programs on one case: one of `share` in each precision, other ones in the next."""
    rows = [right(id, plan.ports, precision, lambda i, j=j: (i + j + number) % plan.share == 0)
            for j, precision in enumerate(plan.precisions)]
    return [row for part in rows for row in part]
