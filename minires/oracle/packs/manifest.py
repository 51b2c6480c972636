"""A pack as files: a folder, or the same folder as one .zip; its manifest, and the checks of what was read.

    MANIFEST.json        versions of suite, specification and schema; licence; per file its bytes and sha256
    README.md            what is in it
    SPEC-CLAUSES.json    clause -> formula, axes, source
    FLAGS.json           mistake -> what it does, its fix, where it was seen, the cases that can see it
    schemas/*.json       JSON Schemas of case.json and MANIFEST.json
    cases/<id>/          case.json, tensors.safetensors, decoys.safetensors
"""

import hashlib
import json
import os
import zipfile
import zlib
from pathlib import Path

from minires.errors import require
from minires.files import write_atomically
from minires.oracle.packs.schema import SCHEMAS, check

SUITE, SPECIFICATION, SCHEMA = "1.0.0", "1.0", 1
NAME = "MANIFEST.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # of files in a .zip, whose bytes do not depend on the day


def hashed(data):
    """sha256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def with_manifest(files):
    """The files {path: bytes} with their manifest in front."""
    table = {path: {"bytes": len(data), "sha256": hashed(data)} for path, data in sorted(files.items())}
    manifest = {"suite": SUITE, "specification": SPECIFICATION, "schema": SCHEMA, "licence": "MIT", "files": table}
    return {NAME: (json.dumps(manifest, indent=1) + "\n").encode(), **dict(sorted(files.items()))}


def suite_hash(files):
    """sha256 of the manifest, which names the sha256 of every other file: it identifies a pack."""
    return hashed(files[NAME])


def write_files(path, files):
    """Write {path: bytes} as a folder, or as one file where path ends in .zip; each file is there whole or not at all."""
    path = Path(path)
    if path.suffix == ".zip":
        os.makedirs(path.absolute().parent, exist_ok=True)
        return write_atomically(path, lambda file: zipped(file, files))
    stale = {str(one.relative_to(path)) for one in path.rglob("*") if one.is_file()} - set(files)
    require(not stale, f"{path}: holds {min(stale, default='')!r}, no part of the pack: expected a new folder or this pack's")
    for name, data in [*list(files.items())[1:], (NAME, files[NAME])]:  # the manifest last: with it the pack is whole
        os.makedirs((path / name).parent, exist_ok=True)
        write_atomically(path / name, lambda file: file.write(data))


def zipped(file, files):
    """The files as a .zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)


def read_files(path):
    """{path: bytes} of a pack, every hash compared; ValueError in one line where it is not whole or not of this schema."""
    path = Path(path)
    require(path.exists(), f"pack {str(path)!r}: not there, expected a folder with {NAME}, or a .zip of one")
    files = from_folder(path) if path.is_dir() else from_zip(path)
    require(NAME in files, f"pack {str(path)!r}: {NAME} is missing, expected a whole pack (is it half-written?)")
    check_files(str(path), json_of(f"{path}/{NAME}", files[NAME]), files)
    return files


def from_folder(path):
    """The files of a folder; the temporary ones of a writer at work are not among them."""
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in sorted(path.rglob("*"))
            if one.is_file() and not one.name.startswith(".")}


def from_zip(path):
    """The files of a .zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"pack {str(path)!r}: {error}: expected a whole .zip of a pack") from None


def json_of(where, data):
    """What a JSON file says."""
    try:
        return json.loads(data)
    except ValueError:
        raise ValueError(f"{where}: no JSON, expected a whole file (is it half-written?)") from None


def check_files(where, manifest, files):
    """ValueError where the manifest is newer, or a file is missing, extra or other than the manifest says."""
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    require(isinstance(schema, int), f"{where}/{NAME}: schema {schema!r}, expected {SCHEMA}")
    require(schema <= SCHEMA, f"{where}/{NAME}: schema {schema}: expected {SCHEMA}, a newer minires reads it")
    check(manifest, SCHEMAS["manifest"], f"{where}/{NAME}")
    for name, said in manifest["files"].items():
        require(name in files, f"{where}: {name} is missing, expected the {said['bytes']} bytes of the manifest")
        require(len(files[name]) == said["bytes"],
                f"{where}: {name} has {len(files[name])} bytes, expected the {said['bytes']} of the manifest (half-written?)")
        require(hashed(files[name]) == said["sha256"],
                f"{where}: {name} has sha256 {hashed(files[name])[:12]}.., expected {said['sha256'][:12]}.. of the manifest")
    extra = set(files) - set(manifest["files"]) - {NAME}
    require(not extra, f"{where}: {min(extra, default='')} is not in the manifest: expected no other files")
