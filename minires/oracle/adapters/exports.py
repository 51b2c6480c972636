"""Cases as files, for ports in any language.

    DIR/EXPORT.json           schema, suite, dtype, format, cases, and per file its bytes and sha256
    DIR/<case id>/case.json   the configuration, and what each tensor is
    DIR/<case id>/tensors.*   parameters, inputs (inputs.NAME), cotangents (cotangent/NAME)
    DIR/<case id>/expected/tensors.*   the truth in float64, left out where the export is blind
"""

import json
from pathlib import Path

from minires._version import __version__
from minires.errors import one_of, require
from minires.files import writable_folder, write_atomically
from minires.oracle.adapters.selection import suite_hash
from minires.oracle.packs import tensors
from minires.oracle.packs.manifest import hashed

SCHEMA, NAME = 1, "EXPORT.json"


def export(goldens, folder, dtype="float64", format="safetensors", blind=False):
    """Write the cases; floats of parameters, inputs and cotangents in `dtype`, which holds them all exactly."""
    one_of("format", format, tensors.FORMATS)
    folder = Path(writable_folder(str(folder)))
    require(not (folder / NAME).exists(), f"{folder}: holds an export already, expected a new folder")
    for case, truth, facts in goldens:
        require(".." not in Path(case.id).parts, f"case id {case.id!r}: expected no parent folder in it")
        place = folder / case.id
        writable_folder(str(place))
        given = {**case.values, **{f"cotangent/{name}": array for name, array in case.cotangents.items()}}
        tensors.write(place / tensors.FORMATS[format], given, dtype)
        if not blind:
            writable_folder(str(place / "expected"))
            tensors.write(place / "expected" / tensors.FORMATS[format], truth.values)
        said = {"id": case.id, "system": case.system, "config": case.config, **facts}
        write_json(place / "case.json", {**said, "tensors": [described(row) for row in facts.get("tensors", [])]})
    paths = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    write_json(folder / NAME, {
        "schema": SCHEMA, "minires": __version__, "suite": suite_hash(goldens), "dtype": dtype, "format": format,
        "blind": blind, "cases": [golden.case.id for golden in goldens],
        "files": {path: {"bytes": len(data), "sha256": hashed(data)} for path, data in paths.items()}})


def described(row):
    """What a tensor is, without the type and the hashes that it has in the pack."""
    return {key: value for key, value in row.items() if key not in ("dtype", "sha256")}


def write_json(path, document):
    """JSON, whole or not at all."""
    write_atomically(path, lambda file: file.write((json.dumps(document, indent=1) + "\n").encode()))


def exported(folder):
    """EXPORT.json, after the hash of every file was compared."""
    path = folder / NAME
    require(path.is_file(), f"{path}: not there, expected a folder that `minires oracle export` wrote")
    export = read_json(path)
    schema = export.get("schema")
    require(isinstance(schema, int), f"{path}: schema {schema!r}, expected {SCHEMA}")
    require(schema <= SCHEMA, f"{path}: schema {schema}: expected {SCHEMA}, a newer minires reads it")
    for name, said in export["files"].items():
        require((folder / name).is_file(), f"{folder / name}: missing, expected the {said['bytes']} bytes of {NAME}")
        require(hashed((folder / name).read_bytes()) == said["sha256"], f"{folder / name}: its sha256 is not that of {NAME}")
    return export


def read_json(path):
    """The object in a JSON file; ValueError in one line where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {type(error).__name__}, expected a whole JSON file") from None
    require(isinstance(document, dict), f"{path}: {type(document).__name__}, expected an object")
    return document


def of_export(export, goldens):
    """The goldens that were exported; ValueError where they are not those at hand."""
    have = {golden.case.id: golden for golden in goldens}
    found = [one_of("case, is it of another pack?", id, have) for id in export["cases"]]
    require(suite_hash(found) == export["suite"],
            f"exported from suite {export['suite'][:12]}, expected {suite_hash(found)[:12]}: export the cases anew")
    return found
