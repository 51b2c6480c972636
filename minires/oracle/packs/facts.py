"""case.json: all that a port may know of a case beside the numbers; and the case and its truth as files, and back."""

import hashlib
import json

import numpy as np

from minires.errors import require
from minires.oracle.case import Case
from minires.oracle.packs.clauses import axes_of, clause_of, clauses_of
from minires.oracle.packs.golden import Golden, Truth
from minires.oracle.packs.raw import code_of, from_bytes, raw, to_bytes
from minires.oracle.tape import record

SCHEMA = 1
STORED = {"f": np.float32, "i": np.int32, "b": np.bool_}  # kind of an input -> how it is stored
USED = {"f": np.float64, "i": np.int64, "b": np.bool_}    # .. and used
REMAINDERS, FINE = "remainders", 256  # rounded to 1/256 ulp, of which float16 holds every multiple


def facts_of(case, truth, mistakes=(), decoys=()):
    """The content of case.json."""
    tape = record(case)
    above, aliases = tape.parents, {}
    for alias, name in tape.aliases.items():
        aliases.setdefault(name, []).append(alias)
    rows = [row(name, "input" if name.startswith("inputs.") else "parameter", stored(name, value), truth)
            for name, value in case.values.items()]
    rows += [row(f"cotangent/{name}", "cotangent", stored(name, value), truth) for name, value in case.cotangents.items()]
    rows += [row(name, "loss" if name == "loss" else "activation", truth.values[name], truth, above[name],
                 aliases.get(name)) for name in tape.tensors]
    return {"schema": SCHEMA, "id": case.id, "superseded_by": None, "system": case.system, "clauses": clauses_of(case),
            "tags": list(case.tags), "config": case.config, "certificate": truth.certificate, "mistakes": list(mistakes),
            "decoys": list(decoys), "tensors": rows}


def row(name, role, array, truth, above=None, aliases=None):
    """A row of `tensors`, in the order of computation: what the tensor is, what it is computed from, its bytes' hash."""
    given = {"name": name, "role": role, "shape": list(array.shape), "axes": axes_of(name, array.shape),
             "dtype": code_of(name, array), "clause": clause_of(name), "inputs": above, "aliases": aliases,
             "gradient": True if f"grad/{name}" in truth.values else None,
             "sha256": digest(array, truth.values.get(f"grad/{name}"))}
    return {key: value for key, value in given.items() if value is not None}


def digest(array, gradient=None):
    """sha256 of the raw bytes of a tensor, followed by those of its gradient where it has one."""
    arrays = [array] if gradient is None else [array, gradient]
    return hashlib.sha256(b"".join(raw(each, code_of("", each)) for each in arrays)).hexdigest()


def fine(remainder):
    """Remainders as a pack keeps them."""
    return (np.round(remainder * np.float32(FINE)) / np.float32(FINE)).astype(np.float32)


def stored(name, value):
    """A value or cotangent as it is stored; ValueError where numbers would be lost."""
    value = np.asarray(value)
    small = value.astype(STORED[value.dtype.kind])
    require(np.array_equal(small.astype(value.dtype), value), f"{name}: the numbers do not lie on the grid, expected float32")
    return small


def files_of(golden, decoys=None):
    """{file name: bytes} of the folder of a case."""
    case, truth, facts = golden
    arrays = {name: stored(name, value) for name, value in case.values.items()}
    arrays.update({f"cotangent/{name}": stored(name, value) for name, value in case.cotangents.items()})
    arrays.update(truth.values)
    rest = [np.ravel(fine(truth.remainders[name])) for name in truth.values]
    arrays[REMAINDERS] = np.concatenate(rest).astype(np.float16)
    files = {"case.json": written(facts).encode(), "tensors.safetensors": to_bytes(arrays)}
    return {**files, "decoys.safetensors": to_bytes(decoys)} if decoys else files


def written(facts):
    """JSON with a line for each entry and for each row of a list of rows."""
    line = lambda value: json.dumps(value, ensure_ascii=False)
    lines = []
    for key, value in facts.items():
        table = isinstance(value, list) and value and isinstance(value[0], dict)
        text = "[\n  " + ",\n  ".join(map(line, value)) + "\n ]" if table else line(value)
        lines.append(f" {line(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def golden_of(files, where="case"):
    """The Golden of a case's files; ValueError in one line where a tensor is missing or its hash is another."""
    facts = json.loads(files["case.json"])
    arrays = from_bytes(files["tensors.safetensors"], f"{where}/tensors.safetensors")
    for each in facts["tensors"]:
        check_hash(where, arrays, each)
    named = {each["name"]: each for each in facts["tensors"]}
    role = lambda *roles: [name for name, each in named.items() if each["role"] in roles]
    used = lambda name: arrays[name].astype(USED[arrays[name].dtype.kind])
    values = {name: used(name) for name in role("parameter", "input")}
    differentiated = tuple(name for name in values if "gradient" in named[name])
    cotangents = {name.removeprefix("cotangent/"): used(name) for name in role("cotangent")}
    case = Case(facts["id"], facts["system"], facts["config"], values, cotangents, differentiated, tuple(facts["tags"]))
    known = {*values, *role("cotangent"), REMAINDERS}
    truth = {name: array for name, array in arrays.items() if name not in known}
    return Golden(case, Truth(truth, split(arrays[REMAINDERS], truth), facts["certificate"]), facts)


def check_hash(where, arrays, said):
    """ValueError where a tensor or its gradient is not there, or not the one that case.json describes."""
    name = said["name"]
    names = [name, f"grad/{name}"] if "gradient" in said else [name]
    for each in names:
        require(each in arrays, f"{where}: tensor {each!r} is missing, expected it in tensors.safetensors")
    require(digest(*(arrays[each] for each in names)) == said["sha256"],
            f"{where}: tensor {name!r} is not the one that case.json describes: its sha256 differs")


def split(remainders, truth):
    """{name: float32 array} of the remainders, which stand one after another in the order of the truth."""
    require(remainders.size == sum(value.size for value in truth.values()),
            f"remainders: {remainders.size} numbers, expected one for each number of the truth")
    ends = np.cumsum([value.size for value in truth.values()])
    return {name: remainders[end - value.size:end].reshape(value.shape).astype(np.float32)
            for (name, value), end in zip(truth.items(), ends)}
