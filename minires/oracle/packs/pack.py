"""Packs of golden cases: the core inside the package, and others that `minires oracle build` makes.

    core()        the goldens that come with minires
    load(path)    those of a folder or .zip, every hash compared
    build(ids)    the files of a new pack, its numbers from the exact run
"""

import json
from functools import lru_cache
from importlib.resources import files as resources
from pathlib import Path

from minires.errors import require
from minires.oracle.cases import CASES, CORE, chosen
from minires.oracle.mistakes import MISTAKES
from minires.oracle.packs.clauses import all_clauses
from minires.oracle.packs.decoys import shared_out, sights
from minires.oracle.packs.facts import facts_of, files_of, fine, golden_of
from minires.oracle.packs.golden import Golden, Truth
from minires.oracle.packs.halves import fp16_safe
from minires.oracle.packs.manifest import json_of, read_files, with_manifest
from minires.oracle.packs.raw import from_bytes
from minires.oracle.packs.schema import SCHEMAS, check

README = """# Golden vectors of minires

Each folder of `cases` is one configuration of one model: `case.json` says what it is, `tensors.safetensors` has its numbers.

- parameters, inputs and `cotangent/NAME`: float32, exact in bfloat16 and float16 too; ids int32
- NAME: the float64 nearest to the exact value of the tensor; `grad/NAME`: of the gradient of
  loss + sum over the cotangents of <cotangent/NAME, NAME>
- `remainders`: (exact - value) / ulp(value) of every float64 number to 1/256, in the order of the file
- `sha256` in case.json: of the bytes of a tensor, followed by those of its gradient where it has one
- `decoys.safetensors`: `MISTAKE/NAME`, what a program with a mistake of FLAGS.json gives; a checker must reject it

Ids are permanent, the numbers of an id never change; a correction is a new id, named by `superseded_by`.
"""


def core_path():
    """Where the core pack is."""
    return Path(str(resources("minires.oracle") / "vectors" / "core.zip"))


@lru_cache(maxsize=1)
def core_goldens():
    """Every golden of the core, read once."""
    return tuple(load(core_path()))


def core(pattern="*"):
    """The goldens of the core pack whose ids fit the pattern."""
    goldens = {golden.case.id: golden for golden in core_goldens()}
    return [goldens[id] for id in chosen(pattern, goldens)]


def load(path, pattern="*"):
    """The goldens of a pack whose ids fit the pattern; ValueError in one line where a file is not what it should be."""
    files = read_files(path)
    folders = {name.removeprefix("cases/").removesuffix("/case.json"): name.removesuffix("case.json")
               for name in files if name.startswith("cases/") and name.endswith("/case.json")}
    require(folders, f"pack {str(path)!r}: holds no case")
    return [loaded(files, folders[id], path) for id in chosen(pattern, folders)]


def loaded(files, folder, path):
    """One golden of the files."""
    where = f"{path}/{folder}".rstrip("/")
    facts = json_of(f"{where}/case.json", files[f"{folder}case.json"])
    check(facts, SCHEMAS["case"], f"{where}/case.json")
    require(f"{folder}tensors.safetensors" in files, f"{where}: tensors.safetensors is missing")
    return golden_of({name: files[folder + name] for name in ("case.json", "tensors.safetensors")}, where)


def decoys(path, pattern="*"):
    """{case id: {mistake: {name: array}}} of a pack."""
    files, found = read_files(path), {}
    for golden in load(path, pattern):
        data = files.get(f"cases/{golden.case.id}/decoys.safetensors")
        for name, array in (from_bytes(data) if data else {}).items():
            mistake, tensor = name.split("/", 1)
            found.setdefault(golden.case.id, {}).setdefault(mistake, {})[tensor] = array
    return found


# ---- building --------------------------------------------------------------------------------------------------------

def gold(id, case=None):
    """(case, truth, {mistake: Sight}) of one id: everything that takes time."""
    from minires.oracle.exact.truth import truth
    case = case or CASES[id]()
    if fp16_safe(case):
        case = case._replace(tags=(*case.tags, "fp16_safe"))
    return case, truth(case), sights(case)


def build(ids=CORE, map_=map):
    """The files {path: bytes} of a pack. map_(function, ids): how the cases are made, e.g. by several processes.

    The cases stand in the catalogue's order, whatever the order of ids: the same ids give the same bytes.
    """
    ids = sorted(ids, key=list(CASES).index)
    made = dict(zip(ids, map_(gold, ids)))
    given = shared_out({id: seen for id, (_, _, seen) in made.items()}, CORE)
    files = {"README.md": README.encode(), "SPEC-CLAUSES.json": lines(all_clauses()),
             "FLAGS.json": lines(flags({id: seen for id, (_, _, seen) in made.items()}))}
    files.update({f"schemas/{name}.json": lines(schema) for name, schema in SCHEMAS.items()})
    for id, (case, truth, seen) in made.items():
        golden = golden_with(case, truth, list(seen), list(dict.fromkeys(name.split("/")[0] for name in given[id])))
        files.update({f"cases/{id}/{name}": data for name, data in files_of(golden, given[id]).items()})
    return with_manifest(files)


def golden_with(case, truth, seen=(), decoys=()):
    """The Golden of a case as it is loaded again: the remainders in the precision of the file."""
    facts = json.loads(json.dumps(facts_of(case, truth, seen, decoys)))
    remainders = {name: fine(rest) for name, rest in truth.remainders.items()}
    return Golden(case, Truth(truth.values, remainders, facts["certificate"]), facts)


def flags(seen):
    """FLAGS.json."""
    return {name: {"family": mistake.family, "does": mistake.does, "fix": mistake.fix, "seen": list(mistake.seen),
                   "listed": list(mistake.listed), "gradient": mistake.gradient,
                   "cases": [id for id in seen if name in seen[id]]} for name, mistake in MISTAKES.items()}


def lines(document):
    """JSON with a line for each entry."""
    each = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items()]
    return ("{\n" + ",\n".join(each) + "\n}\n").encode()


__all__ = ["Golden", "build", "core", "core_path", "decoys", "gold", "golden_with", "load"]
