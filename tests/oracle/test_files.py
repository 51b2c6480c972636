"""Ports in other languages: what is exported is the case, a right answer passes in every format, bad files are named."""

import json
import shutil

import numpy as np
import pytest
from port_cases import few_mistakes, fewer_reruns, golden, two, without_causes

from minires.oracle.adapters import files
from minires.oracle.packs import tensors
from minires.oracle.packs.golden import Golden
from minires.oracle.packs.pack import golden_with

__all__ = ["few_mistakes", "fewer_reruns", "without_causes"]
pytestmark = pytest.mark.usefixtures("fewer_reruns")
IDS = [each.case.id for each in two()]


def answered(out, goldens, format="safetensors", profile="float64", **changes):
    """A port's folder with the truth as answer, but for some tensors."""
    out.mkdir()
    (out / "subject.json").write_text(json.dumps({"name": "chip", "version": "2", "profile": profile}))
    for each in goldens:
        (out / each.case.id).mkdir(parents=True)
        tensors.write(out / each.case.id / tensors.FORMATS[format], {**each.truth.values, **changes})
    return out


@pytest.fixture
def folders(tmp_path):
    """DIR and OUT of one small case, answered rightly."""
    files.export([golden()], tmp_path / "in")
    return tmp_path / "in", answered(tmp_path / "out", [golden()])


def lines(folders, **options):
    """All lines of the problems of a check."""
    report = files.check(*folders, [golden()], **options)
    return [line for result in report.results for line in result.verdict.problems], report


@pytest.mark.parametrize("format", tensors.FORMATS)
def test_a_right_answer_passes_in_every_format(tmp_path, format):
    files.export(two(), tmp_path / "in", "float32", format)
    report = files.check(tmp_path / "in", answered(tmp_path / "out", two(), format), two())
    assert report.passed and report.subject == "chip 2" and [result.verdict.case for result in report.results] == IDS
    again = files.check(tmp_path / "in", tmp_path / "out", two(), cases="*vanilla*")
    assert [result.verdict.case for result in again.results] == IDS[1:]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_what_is_exported_in_any_dtype_is_the_case_itself(tmp_path, dtype):
    files.export(two(), tmp_path, dtype)
    for case, truth, _ in two():
        given = tensors.read(tmp_path / case.id / "tensors.safetensors")
        wanted = {**case.values, **{f"cotangent/{name}": array for name, array in case.cotangents.items()}}
        assert set(given) == set(wanted) and all(np.array_equal(given[name], wanted[name]) for name in wanted)
        expected = tensors.read(tmp_path / case.id / "expected" / "tensors.safetensors")
        assert all(expected[name].tobytes() == truth.values[name].tobytes() for name in truth.values)
        said = json.loads((tmp_path / case.id / "case.json").read_text())
        assert said["config"] == case.config and said["system"] == "transformer" and said["id"] == case.id


def test_a_blind_export_has_nothing_of_the_truth(tmp_path):
    case, truth, _ = golden()
    files.export([golden_with(case, truth)], tmp_path, blind=True)
    assert not list(tmp_path.rglob("expected"))
    given = tensors.read(tmp_path / case.id / "tensors.safetensors")
    assert not set(given) & set(truth.values)
    rows = json.loads((tmp_path / case.id / "case.json").read_text())["tensors"]
    assert {row["name"] for row in rows} >= set(given) and not any("sha256" in key for row in rows for key in row)


def test_a_wrong_answer_fails_and_the_tensor_is_named(folders, few_mistakes):
    shutil.rmtree(folders[1])
    values = golden().truth.values
    answered(folders[1], [golden()], profile="float32", logits=values["logits"] * 1.01)
    _, report = lines(folders)
    assert report.exit_code == 1 and report.results[0].verdict.first["forward"]["local"] == "logits"


def cut(path, size=-40):
    path.write_bytes(path.read_bytes()[:size])


def header(path):
    path.write_bytes((10 ** 9).to_bytes(8, "little") + path.read_bytes()[8:])


def not_a_number(path):
    given = tensors.read(path)
    given["logits"][0, 1, 2] = np.nan
    tensors.write(path, given)


ANSWER = f"{golden().case.id}/tensors.safetensors"
BAD = {
    "half-written": (lambda out: cut(out / ANSWER), "tensors.safetensors: tensor 'grad/"),
    "empty": (lambda out: cut(out / ANSWER, 0), "0 bytes end within a header of 0"),
    "wrong header length": (lambda out: header(out / ANSWER), "end within a header of 1000000000"),
    "NaN": (lambda out: not_a_number(out / ANSWER), "logits: 1 of 88 entries are infinite or NaN"),
    "no folder": (lambda out: shutil.rmtree(out / "transformer"), f"{golden().case.id}: no answer, expected one of"),
    "two answers": (lambda out: tensors.write((out / ANSWER).with_suffix(".npz"), {}), "tensors.safetensors and tensors.npz"),
    "an extra file": (lambda out: (out / golden().case.id / "log.txt").write_text(""), "log.txt: unknown file"),
    "a stray file": (lambda out: (out / "log.txt").write_text(""), "log.txt: of no case that was exported"),
    "a misspelt case": (lambda out: (out / golden().case.id).rename(out / "transformer/prenorm-decoder"),
                        "unknown case 'transformer/prenorm-decoder': did you mean 'transformer/pre_norm-decoder'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_of_a_port_are_one_line_each_and_fail(folders, kind, without_causes):
    harm, line = BAD[kind]
    harm(folders[1])
    found, report = lines(folders)
    assert any(line in each for each in found), found
    assert report.exit_code == 1 and all("\n" not in each for each in found)


def test_hidden_files_of_a_writer_at_work_are_not_counted(folders):
    (folders[1] / golden().case.id / ".tensors.safetensors.x").write_text("")
    assert lines(folders)[1].passed


def manifest(folder, **changes):
    """Change EXPORT.json."""
    said = json.loads((folder / "EXPORT.json").read_text())
    (folder / "EXPORT.json").write_text(json.dumps({**said, **changes}))


def subject(folder, text):
    (folder / "subject.json").write_text(text)


@pytest.mark.parametrize("harm, message", [
    (lambda given, out: manifest(given, schema=2), "EXPORT.json: schema 2: expected 1, a newer minires reads it"),
    (lambda given, out: manifest(given, schema="1"), "EXPORT.json: schema '1', expected 1"),
    (lambda given, out: manifest(given, suite="0" * 64), "exported from suite 000000000000, expected "),
    (lambda given, out: manifest(given, cases=["transformer/vanila-decoder"]), "unknown case, is it of another pack"),
    (lambda given, out: cut(given / ANSWER), "tensors.safetensors: its sha256 is not that of EXPORT.json"),
    (lambda given, out: (given / ANSWER).unlink(), "tensors.safetensors: missing, expected the"),
    (lambda given, out: cut(given / "EXPORT.json"), "EXPORT.json: JSONDecodeError, expected a whole JSON file"),
    (lambda given, out: (given / "EXPORT.json").unlink(), "EXPORT.json: not there, expected a folder that"),
    (lambda given, out: (out / "subject.json").unlink(), "subject.json: not there, expected"),
    (lambda given, out: subject(out, "[]"), "subject.json: list, expected an object"),
    (lambda given, out: subject(out, '{"profil": "float32"}'), "profil': did you mean 'profile'"),
    (lambda given, out: subject(out, '{"profile": "fp32"}'), "'fp32'"),
    (lambda given, out: shutil.rmtree(out), "out: no such folder, expected the answers of a port"),
])
def test_an_export_or_a_subject_that_cannot_be_used_is_an_error_in_one_line(folders, harm, message):
    harm(*folders)
    with pytest.raises(ValueError) as caught:
        lines(folders)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_goldens_that_differ_in_one_number_are_another_suite(folders):
    case, truth, facts = golden()
    for changed in (case._replace(values={**case.values, "head.W": case.values["head.W"] + 1}), case._replace(system="x")):
        with pytest.raises(ValueError, match="exported from suite [0-9a-f]{12}, expected "):
            files.check(*folders, [Golden(changed, truth, facts)])


def test_a_profile_that_is_given_replaces_that_of_the_subject(folders):
    (folders[1] / "subject.json").unlink()
    assert lines(folders, profile="float32")[1].profile == "float32"


def test_an_export_never_mixes_with_another(folders):
    with pytest.raises(ValueError, match="holds an export already, expected a new folder"):
        files.export([golden()], folders[0])
    with pytest.raises(ValueError, match="unknown format 'saftensors': did you mean 'safetensors'"):
        files.export([golden()], folders[0], format="saftensors")
