"""minires course: results on standard output, one line for what cannot be served."""

import pytest
from toy_course import TEXT, toy

from minires.cli import main

pytest.importorskip("nbconvert")


def run(capsys, *words):
    """(exit code, standard output, standard error)."""
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_check_says_whether_notebooks_are_their_sources(capsys, tmp_path):
    toy(tmp_path)
    assert run(capsys, "course", "notebooks", "--check", "--tutorials", tmp_path) == (0, "04_toy: equal\n", "")
    (tmp_path / "04_toy.py").write_text(TEXT.replace("(2, 3)", "(2, 4)"))
    code, out, _ = run(capsys, "course", "notebooks", "04", "--check", "--tutorials", tmp_path, "--json")
    assert code == 1 and "cell 1 is not that" in out


def test_build_and_site_say_what_they_wrote(capsys, tmp_path):
    (tmp_path / "from").mkdir()
    toy(tmp_path / "from")
    code, out, _ = run(capsys, "course", "build", tmp_path / "course", "--tutorials", tmp_path / "from")
    assert code == 0 and "9 files" in out and "pytest -m tutorial_04" in out
    code, out, _ = run(capsys, "course", "site", tmp_path / "site", "--tutorials", tmp_path / "from")
    assert code == 0 and out.splitlines() == [str(tmp_path / "site" / name) for name in ("04_toy.html", "index.html")]


@pytest.mark.parametrize("words, line", [
    (("notebooks", "99"), "tutorial '99': not in"), (("notebooks", "--tutorials", "no_such_folder"), "holds no tutorial"),
    (("build", "course", "--tutorials", "no_such_folder"), "holds no tutorial"),
    (("site", "site", "--tutorials", "no_such_folder"), "holds no tutorial")])
def test_what_cannot_be_served_is_one_line(words, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tutorials").mkdir()
    toy(tmp_path / "tutorials")
    code, out, err = run(capsys, "course", *words)
    assert code == 2 and not out and err.startswith("minires: ") and line in err and err.count("\n") == 1


@pytest.mark.slow
def test_a_notebook_is_made_with_outputs_and_a_cell_that_fails_is_one_line(capsys, tmp_path):
    (tmp_path / "04_toy.py").write_text(TEXT.replace("check(", "print(").replace("mean)\n", "mean(1, 2, 3))\n"))
    code, out, _ = run(capsys, "course", "notebooks", "--tutorials", tmp_path)
    assert code == 0 and '"04.mean (3, 1.0)\\n"' in (tmp_path / "04_toy.ipynb").read_text()
    (tmp_path / "04_toy.py").write_text(TEXT)
    code, _, err = run(capsys, "course", "notebooks", "--tutorials", tmp_path)
    assert code == 2 and err == "minires: 04_toy.py: a cell fails: NameError: name 'check' is not defined\n"
