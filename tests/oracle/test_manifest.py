"""A pack is whole or refused: every file is what the manifest says, in one line which is not."""

import json
import zipfile

import pytest

from minires.oracle.packs import manifest
from minires.oracle.packs.manifest import NAME, read_files, suite_hash, with_manifest, write_files
from minires.oracle.packs.schema import SCHEMAS, check

FILES = {"README.md": b"# a pack\n", "cases/a/b/case.json": b"{}", "cases/a/b/tensors.safetensors": bytes(range(200))}


@pytest.fixture(params=["pack", "pack.zip"])
def written(request, tmp_path):
    """A pack as a folder and as a .zip."""
    files = with_manifest(FILES)
    write_files(tmp_path / request.param, files)
    return tmp_path / request.param, files


def rewritten(path, change):
    """The same pack with the files changed by change({name: bytes}), the manifest as it was unless that is changed."""
    files = read_files(path)
    change(files)
    if path.suffix == ".zip":
        path.unlink()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        for old in [one for one in path.rglob("*") if one.is_file()]:
            old.unlink()
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)


def test_what_is_written_is_read_again(written):
    path, files = written
    assert read_files(path) == files and list(files)[0] == NAME
    assert {name for name in files if name != NAME} == set(FILES)


def test_the_bytes_of_a_zip_do_not_depend_on_the_day(tmp_path):
    for name in ("one.zip", "two.zip"):
        write_files(tmp_path / name, with_manifest(FILES))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert all(info.date_time == manifest.EPOCH for info in zipfile.ZipFile(tmp_path / "one.zip").infolist())


def test_the_hash_of_a_suite_changes_with_every_byte():
    other = {**FILES, "README.md": b"# a pack!\n"}
    assert suite_hash(with_manifest(FILES)) == suite_hash(with_manifest(FILES)) != suite_hash(with_manifest(other))


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def of_manifest(**changes):
    """A change of the manifest's own entries."""
    def change(files):
        files[NAME] = json.dumps({**json.loads(files[NAME]), **changes}).encode()
    return change


BROKEN = {
    "another byte": (lambda f: f.update({"README.md": flipped(f["README.md"])}), r"README.md has sha256 \w+.., expected \w+"),
    "half a file": (lambda f: f.update({"README.md": f["README.md"][:4]}), "README.md has 4 bytes, expected the 9 of the"),
    "a missing file": (lambda f: f.pop("README.md"), "README.md is missing, expected the 9 bytes of the manifest"),
    "an extra file": (lambda f: f.update(more=b""), "more is not in the manifest: expected no other files"),
    "no manifest": (lambda f: f.pop(NAME), "MANIFEST.json is missing, expected a whole pack"),
    "half a manifest": (lambda f: f.update({NAME: f[NAME][:40]}), "MANIFEST.json: no JSON, expected a whole file"),
    "a newer schema": (of_manifest(schema=2), "schema 2: expected 1, a newer minires reads it"),
    "no schema": (of_manifest(schema=None), "schema None, expected 1"),
    "an unknown entry": (of_manifest(author="me"), "'author' is unknown, expected one of suite, specification"),
    "a list": (lambda f: f.update({NAME: b"[]"}), "schema None, expected 1"),
    "a wrong hash": (of_manifest(files={"README.md": {"bytes": 9, "sha256": "0f"}}), r"README.md.sha256: '0f', expected \^"),
    "a negative size": (of_manifest(files={"README.md": {"bytes": -9, "sha256": "0" * 64}}), "bytes: -9, expected at least 0"),
}


@pytest.mark.parametrize("change, says", BROKEN.values(), ids=BROKEN)
def test_a_pack_that_is_not_whole_is_refused_in_one_line(change, says, written):
    path, _ = written
    rewritten(path, change)
    with pytest.raises(ValueError, match=says) as error:
        read_files(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_zip_is_refused_whichever_byte_is_another(tmp_path):
    path = tmp_path / "pack.zip"
    write_files(path, with_manifest({"a": bytes(range(256)) * 3}))
    whole = path.read_bytes()
    for i in range(0, len(whole), 3):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x15]) + whole[i + 1:])
        try:
            assert read_files(path) == with_manifest({"a": bytes(range(256)) * 3})  # a date, an attribute: no file has changed
        except ValueError as error:
            assert "\n" not in str(error)


def test_what_is_no_pack_is_said(tmp_path):
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match="expected a whole .zip of a pack"):
        read_files(tmp_path / "half.zip")
    with pytest.raises(ValueError, match="not there, expected a folder with MANIFEST.json"):
        read_files(tmp_path / "nowhere")


def test_a_folder_with_other_files_is_not_written_into(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match="holds 'mine.txt', no part of the pack"):
        write_files(tmp_path, with_manifest(FILES))
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_the_manifest_is_written_last(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(manifest, "write_atomically", lambda path, write: order.append(path.name))
    write_files(tmp_path / "pack", with_manifest(FILES))
    assert order[-1] == NAME and len(order) == len(FILES) + 1


# ---- schemas ---------------------------------------------------------------------------------------------------------

ROW = {"name": "loss", "role": "loss", "shape": [], "dtype": "F64", "sha256": "a" * 64}
FLAG = {"family": "mask", "does": "a", "fix": "b", "seen": [], "listed": ["F1"], "gradient": False, "cases": []}


@pytest.mark.parametrize("schema, document, says", [
    ("flags", {"x": FLAG}, None),
    ("flags", {"x": {**FLAG, "gradient": 1}}, "x.gradient: 1, expected boolean"),
    ("flags", {"x": {**FLAG, "listed": ["F1", 2]}}, r"x.listed\[1\]: 2, expected string"),
    ("flags", {"x": {**FLAG, "more": 1}}, "x: 'more' is unknown"),
    ("flags", {"x": {name: FLAG[name] for name in FLAG if name != "fix"}}, "x: 'fix' is missing"),
    ("manifest", {"suite": "1", "specification": "1", "schema": True, "licence": "", "files": {}}, "schema: True, expected"),
    ("flags", [], r"where: \[\], expected object"),
])
def test_a_document_is_checked_against_its_schema(schema, document, says):
    if says is None:
        return check(document, SCHEMAS[schema], "where")
    with pytest.raises(ValueError, match=says):
        check(document, SCHEMAS[schema], "where")


def test_the_check_agrees_with_jsonschema():
    jsonschema = pytest.importorskip("jsonschema")
    row = SCHEMAS["case"]["properties"]["tensors"]["items"]
    for document in (ROW, {**ROW, "role": "x"}, {**ROW, "shape": [True]}, {**ROW, "shape": [1.5]}, {**ROW, "sha256": "b"}, [],
                     {**ROW, "axes": ["T"]}, {**ROW, "axes": "T"}, {**ROW, "other": 1}, {"name": "loss"}):
        theirs = jsonschema.Draft7Validator(row).is_valid(document)
        try:
            check(document, row, "row")
            ours = True
        except ValueError:
            ours = False
        assert ours == theirs, document


def test_every_object_of_a_schema_is_closed():
    def closed(schema):
        if schema.get("type") == "object" and "properties" in schema:
            assert schema["additionalProperties"] is False
        return [closed(each) for each in (*schema.get("properties", {}).values(), schema.get("items", {})) if each]
    for schema in SCHEMAS.values():
        closed(schema)
