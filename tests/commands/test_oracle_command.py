"""`minires oracle`: the catalogue, packs, exports and checks, and one line for every mistake in the request."""

import json

import pytest

from minires.oracle.cases import CASES, CORE
from minires.oracle.packs import pack, tensors

CASE = "readout/ridge"


def test_list_names_every_case_and_what_is_in_the_core(run):
    code, out, _ = run("oracle", "list", "--json")
    rows = json.loads(out)
    assert code == 0 and {row["case"] for row in rows} == set(CASES)
    assert {row["case"] for row in rows if row["core"]} == set(CORE)
    code, out, _ = run("oracle", "list", "--case", "part/al*")
    assert code == 0 and "part/alibi" in out and len(out.splitlines()) == 2


def test_an_unknown_case_is_said_with_the_nearest_id(run):
    for words in (("list", "--case"), ("build", "p", "--case"), ("export", "new", "--case")):
        code, out, err = run("oracle", *words, "part/alibis")
        assert code == 2 and not out and err.count("\n") == 1 and "did you mean 'part/" in err


@pytest.mark.parametrize("name", ["made", "made.zip"])
def test_a_pack_is_built_verified_listed_and_refused_when_a_byte_changes(run, name, tmp_path):
    pytest.importorskip("flint")
    code, out, _ = run("oracle", "build", name, "--case", CASE, "--jobs", 1, "--json")
    told = json.loads(out)
    assert code == 0 and told["cases"] == 1 and told["bytes"] > 5_000 and len(told["sha256"]) == 64
    code, out, _ = run("oracle", "verify", name, "--jobs", 1)
    assert code == 0 and "every byte is the same" in out and told["sha256"][:12] in out
    code, out, _ = run("oracle", "verify", name, "--hashes")
    assert code == 0 and "as the manifest says" in out
    code, out, _ = run("oracle", "list", "--pack", name, "--json")
    assert [row["case"] for row in json.loads(out)] == [CASE]
    broken = tmp_path / name if name.endswith("zip") else tmp_path / name / "cases" / CASE / "tensors.safetensors"
    data = bytearray(broken.read_bytes())
    data[len(data) // 2] ^= 1
    broken.write_bytes(bytes(data))
    code, out, err = run("oracle", "verify", name, "--jobs", 1)
    assert code == 2 and not out and err.count("\n") == 1 and name in err


def test_verify_says_what_the_library_no_longer_makes(run, monkeypatch):
    pytest.importorskip("flint")
    run("oracle", "build", "made", "--case", CASE, "--jobs", 1)
    monkeypatch.setattr(pack, "README", "other")
    code, out, _ = run("oracle", "verify", "made", "--jobs", 1)
    assert code == 1 and "made: README.md is not what the library makes today" in out and "NOT the same" in out


def test_verify_refuses_a_newer_schema_and_what_is_no_pack(run, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "MANIFEST.json").write_text('{"schema": 2}')
    code, _, err = run("oracle", "verify", "new")
    assert code == 2 and err == "minires: new/MANIFEST.json: schema 2: expected 1, a newer minires reads it\n"
    code, _, err = run("oracle", "verify", "nothing")
    assert code == 2 and "pack 'nothing': not there" in err and err.count("\n") == 1


@pytest.mark.parametrize("format", ["safetensors", "bin"])
def test_what_is_exported_and_answered_right_passes_and_wrong_fails(run, format, tmp_path):
    code, out, _ = run("oracle", "export", "given", "--case", "echo_state/leaky", "--format", format)
    assert code == 0 and "1 cases in given" in out
    golden, = pack.core("echo_state/leaky")
    place = tmp_path / "answers" / "echo_state" / "leaky"
    place.mkdir(parents=True)
    (tmp_path / "answers" / "subject.json").write_text('{"name": "port", "version": "1", "profile": "float64"}')
    tensors.write(place / tensors.FORMATS[format], golden.truth.values)
    code, out, _ = run("oracle", "check", "given", "answers", "--junit", "r.xml", "--md", "r.md")
    assert code == 0 and "PASSED" in out
    assert "testsuite" in (tmp_path / "r.xml").read_text() and (tmp_path / "r.md").stat().st_size
    tensors.write(place / tensors.FORMATS[format], {name: 1.5 * value for name, value in golden.truth.values.items()})
    code, out, _ = run("oracle", "check", "given", "answers", "--json")
    assert code == 1 and json.loads(out)["passed"] is False


def test_a_blind_export_has_no_truth(run, tmp_path):
    run("oracle", "export", "given", "--case", "echo_state/leaky", "--blind", "--dtype", "bfloat16")
    assert not list((tmp_path / "given").rglob("expected/*"))
    case = CASES["echo_state/leaky"]()
    read = tensors.read(tmp_path / "given" / "echo_state" / "leaky" / "tensors.safetensors")
    assert all((read[name] == value).all() for name, value in case.values.items())  # the grid: bfloat16 loses nothing


@pytest.mark.parametrize("words, says", [
    (("export", "new", "--dtype", "fp16"), "unknown dtype 'fp16': did you mean"),
    (("export", "new", "--format", "hdf5"), "unknown format 'hdf5'"),
    (("export", "new", "--pack", "no.zip"), "pack 'no.zip': not there"),
    (("check", "no", "out"), "expected a folder that `minires oracle export` wrote"),
    (("verify", "--jobs", "0"), "--jobs 0: expected a number of processes"),
])
def test_a_request_that_cannot_be_served_is_one_line_and_leaves_nothing(run, words, says, tmp_path):
    code, out, err = run("oracle", *words)
    assert not list(tmp_path.iterdir())
    assert code == 2 and not out and says in err and err.count("\n") == 1


def test_every_action_explains_itself(run):
    for action in ("list", "build", "verify", "export", "check", "peers", "merit"):
        code, out, _ = run("oracle", action, "--help")
        assert code == 0 and "example: minires oracle" in out


def test_a_missing_extra_is_one_line_that_names_it():
    from minires.cli import explain
    from minires.errors import NotInstalled, needs
    with pytest.raises(NotInstalled, match=r"pip install 'minires\[oracle\]'") as raised:
        needs("no_such_module_at_all", "oracle")
    assert explain(raised.value) == (str(raised.value), 2)
