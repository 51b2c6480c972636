"""The whole measurement: which case sees which mistake, then every mistake in every precision, and the correct programs.

A mistake is judged on the case that sees it best in bfloat16 (a case of the core pack where that sees it well), and on the
next ones, TRIES at most, while it survives. Cases are shared out to processes; what belongs to one case stays together.
"""

import sys

from minires.experiments import side_by_side
from minires.oracle.cases import CASES, CORE
from minires.oracle.merit.trials import right, sights, timed, wrong
from minires.oracle.mistakes import MISTAKES

PRECISIONS = ("float64", "float32", "tf32", "bfloat16", "float16")
TRIES, SIGHTED = 4, 3
WELL = 30.0     # power in bfloat16 from which on a case of the core pack is as good as any other
EVERY = 12      # of the quick sweep: one mistake of so many
SHARE = 3       # one correct program of so many in each case and precision


def measure(ports=None, quick=False, jobs=-1, mistakes=None, precisions=None, told=lambda found: None):
    """{"power", "wrong", "right", "seconds", "unseen"}. told(what there is so far): called after each part."""
    names = list(mistakes or list(MISTAKES)[::EVERY if quick else 1])
    ids = list(CORE) if quick else [*CORE, *(id for id in CASES if id not in CORE)]
    precisions = precisions or (("float32", "bfloat16") if quick else PRECISIONS)
    work = Work(jobs)
    seconds = [sum(work(timed, [(id, ports, precision) for id in CORE], "seconds")) for precision in precisions[:2]]
    correct = flat(work(correct_of, [(ports, id, precisions, i, 4 * SHARE if quick else SHARE) for i, id in enumerate(CORE)],
                        "correct"))
    told({"power": {}, "wrong": [], "right": correct})
    shared = needed(names, ids)
    seen = dict(zip(shared, work(sights, [(id, own) for id, own in shared.items()], "sights")))
    power = {name: {precision: max(sight["power"][precision] for sight in found) for precision in found[0]["power"]}
             for name in names if (found := [each[name] for each in seen.values() if name in each])}
    rows, open_ = [], {(name, precision) for name in names for precision in precisions}
    for attempt in range(1 if quick else TRIES):
        groups = {}
        for name, precision in sorted(open_):
            ranked = ranking(name, seen)
            if attempt < len(ranked):
                groups.setdefault(ranked[attempt], []).append((name, precision))
        new = flat(work(judged, [(id, ports, pairs, {name: seen[id][name]["touches"] for name, _ in pairs})
                                 for id, pairs in sorted(groups.items(), key=lambda item: -len(item[1]))],
                        f"mistakes, attempt {attempt + 1}"))
        rows += [{**row, "attempt": attempt + 1} for row in new]
        open_ -= {(row["mistake"], row["precision"]) for row in new if row["killed"]}
        told({"power": power, "wrong": rows, "right": correct})
    return {"power": power, "wrong": rows, "right": correct, "seconds": dict(zip(precisions, seconds)),
            "unseen": [name for name in names if name not in power]}


class Work:
    """Calls of a function side by side."""

    def __init__(self, jobs):
        self.jobs = jobs

    def __call__(self, function, arguments, label):
        """The results in order, with a bar on a terminal."""
        return side_by_side([(function, *each) for each in arguments], self.jobs, label, sys.stderr.isatty())


def flat(lists):
    """One list."""
    return [each for part in lists for each in part]


def needed(names, ids):
    """{case: mistakes}: SIGHTED cases for each mistake, or all that there are."""
    count, chosen = dict.fromkeys(names, 0), {}
    for id in ids:
        case = CASES[id]()
        own = [name for name in names if count[name] < SIGHTED and MISTAKES[name].applies(case)]
        count.update({name: count[name] + 1 for name in own})
        chosen.update({id: own} if own else {})
    return chosen


def ranking(name, seen):
    """The cases that a mistake is judged on, best first."""
    power = {id: sights[name]["power"].get("bfloat16", 0.0) for id, sights in seen.items() if name in sights}
    return sorted(power, key=lambda id: (not (id in CORE and power[id] > WELL), -power[id]))


def correct_of(ports, id, precisions, number, share):
    """Correct programs on one case: one of `share` in each precision, other ones in the next."""
    return flat(right(id, ports, precision, lambda i, j=j: (i + j + number) % share == 0)
                for j, precision in enumerate(precisions))


def judged(id, ports, pairs, touches):
    """Mistakes on one case: [(mistake, precision)]."""
    rows = [wrong(id, ports, name, precision, touches[name]) for name, precision in pairs]
    return [row for row in rows if row]
