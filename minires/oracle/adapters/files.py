"""The judgement of the files that a port in any language writes for the cases that `export` wrote.

    OUT/subject.json          {"name": .., "version": .., "profile": "float32"}
    OUT/<case id>/tensors.*   the answer: a .safetensors, .npz or .bin with index.csv, or a folder tensors of .npy
"""

import time
from pathlib import Path

from minires.errors import one_of, require
from minires.oracle.adapters import aliases as names
from minires.oracle.adapters.adapter import unanswered
from minires.oracle.adapters.ask import collected, head_width, shapes_of
from minires.oracle.adapters.expected import outcomes
from minires.oracle.adapters.exports import export, exported, of_export, read_json
from minires.oracle.adapters.report import Report, Result
from minires.oracle.adapters.selection import matching, packed
from minires.oracle.judgement.profiles import PROFILES
from minires.oracle.packs import tensors

__all__ = ["check", "export"]


def check(folder, out, goldens=None, cases=None, profile=None, aliases=None, layout=None, xfails=None, strict=False,
          rtol=None, atol=None, reproduce=None):
    """Judge the answers in OUT to the cases that were exported to DIR: a Report.

    goldens: of the pack that was exported, the core pack by default; profile: instead of that of subject.json; the rest as
    `verify` has it. ValueError where DIR or subject.json cannot be used; whatever else is wrong is a line of the report.
    """
    start, export = time.perf_counter(), exported(Path(folder))
    subject = subject_of(Path(out), profile)
    goldens = of_export(export, packed() if goldens is None else goldens)
    expected, rules, results = outcomes(xfails, strict), names.table(aliases, layout), []
    limits = {} if rtol is None and atol is None else {"rtol": rtol, "atol": atol}
    for golden in matching(goldens, cases):
        verdict = verdict_of(golden, Path(out) / golden.case.id, rules, subject["profile"], limits, reproduce)
        results.append(Result(verdict, *expected.of(verdict)))
    strangers = [Result(unanswered(place, subject["profile"], [line]), "failed")
                 for place, line in unknown(Path(out), export["cases"]).items()]
    return Report(f"{subject['name']} {subject['version']}".strip(), subject["profile"], results + strangers,
                  expected.unused(), time.perf_counter() - start, export["suite"])


def verdict_of(golden, place, rules, profile, limits, reproduce):
    """The verdict on the files of one case."""
    from minires.oracle.judgement.judge import judge
    given, problems = read(place)
    if given is None:
        return unanswered(golden.case.id, profile, problems)
    answer, lines = collected(given, rules, shapes_of(golden), head_width(golden.case.config))
    verdict, problems = judge(golden, answer, profile, **limits), problems + lines
    if reproduce and not verdict.passed:
        from minires.oracle.adapters.reproduce import reproduced
        reproduced(golden, answer, verdict, reproduce)
    return verdict._replace(passed=verdict.passed and not problems, problems=problems + list(verdict.problems))


def read(place):
    """The tensors in the folder of a case, None where there are none, and a line for all that is wrong."""
    names = list(tensors.FORMATS.values())
    there = [name for name in names if (place / name).exists()]
    if len(there) != 1:
        return None, [f"{place}: {' and '.join(there) or 'no answer'}, expected one of {', '.join(names)}"]
    own = {there[0]} | ({"index.csv"} if there[0].endswith(".bin") else set())
    strange = [str(path.relative_to(place)) for path in files_in(place)
               if path.relative_to(place).parts[0] not in own or (path.suffix != ".npy" and there[0] == "tensors")]
    lines = [f"{place / name}: unknown file, expected {there[0]} only" for name in strange]
    try:
        return tensors.read(place / there[0]), lines
    except (ValueError, OSError, EOFError) as error:
        return None, [" ".join(str(error).split()), *lines]


def files_in(folder):
    """The files below a folder; hidden ones, such as those a writer has not yet renamed, are not counted."""
    return [path for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def unknown(out, ids):
    """{folder or file of OUT that belongs to no case: a line}."""
    places = {}
    for path in files_in(out):
        name = path.relative_to(out).as_posix()
        if name != "subject.json" and not any(name.startswith(f"{id}/") for id in ids):
            places.setdefault(path.parent.relative_to(out).as_posix() if "/" in name else name, name)
    found = {}
    for place, name in places.items():
        try:
            one_of("case", place, {id: True for id in ids})
        except ValueError as error:
            found[place] = f"{out / name}: of no case that was exported: {error}"
    return found


def subject_of(out, profile):
    """What the port says of itself: name, version, profile."""
    path = out / "subject.json"
    require(out.is_dir(), f"{out}: no such folder, expected the answers of a port")
    require(path.is_file() or profile, f"{path}: not there, expected {{\"name\", \"version\", \"profile\"}}")
    said = read_json(path) if path.is_file() else {}
    for key in said:
        one_of(f"entry of {path}", key, {"name": 1, "version": 1, "profile": 1})
    said = {"name": str(out), "version": "", "profile": "float32", **said, **({"profile": profile} if profile else {})}
    one_of(f"profile in {path}", said["profile"], PROFILES)
    return said
