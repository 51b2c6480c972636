"""Every tutorial: complete, spelt, run as a script and as a notebook; its notebook is made from its text."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from minires.course.headers import header
from minires.course.notebooks import difference, executed, make, notebook_of, read
from minires.exercises.solutions import student_text

FOLDER = Path(__file__).parents[2] / "tutorials"
TUTORIALS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
IGNORED = "fo,nd,ans,ue,hel,te"  # letters of formulas, names of the library
tutorials = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)

sampled = pytest.mark.parametrize("path", [pytest.param(path, id=path.stem, marks=[pytest.mark.sweep] * (i % 4 != 0))
                                           for i, path in enumerate(TUTORIALS)])


def text_of(path):
    return path.read_text(encoding="utf-8")


def environment(**more):
    """One thread, no display, this checkout."""
    own = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg",
           "PYTHONPATH": os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")])}
    return {**os.environ, **own, **more}


@tutorials
def test_the_header_is_complete(path):
    own = header(path)
    assert own.promise.endswith(".") and 10 <= own.minutes <= 120 and own.learn.startswith("to ")


@tutorials
def test_a_tutorial_has_the_parts_that_each_has(path):
    text = text_of(path)
    headings = (r"^# ## .*Exercises$", r"^# ## On your own$", r"^# ## Further reading$")
    for part in (*headings, r"does\s+(# )?not\s+(# )?show", r"atol=1e-12"):
        assert re.search(part, text, re.MULTILINE | re.IGNORECASE), part
    assert len(re.findall(r"^guess = ", text, re.MULTILINE)) >= 2 and text.count("**Predict") >= 2
    assert "show(" in text or "slider(" in text


@tutorials
def test_a_tutorial_is_lines_of_plain_python_that_fit(path):
    text = text_of(path)
    assert all(len(line) <= 128 for line in text.splitlines()) and not re.search(r"^[%!]", text, re.MULTILINE)
    assert "pyplot" not in text and "$" not in text.replace("\\$", "")


@tutorials
def test_solutions_stand_between_marks_and_leave_the_student_no_line(path):
    text = text_of(path)
    stub = student_text(text)
    assert "SOLUTION" not in stub and text.count("### BEGIN SOLUTION") == text.count("### END SOLUTION") >= 4
    compile(stub, path.name, "exec")


@tutorials
def test_the_spelling_is_right(path):
    codespell = pytest.importorskip("codespell_lib")
    assert codespell.main("--ignore-words-list", IGNORED, str(path)) == 0


@tutorials
def test_the_notebook_is_that_of_its_source(path):
    pytest.importorskip("jupytext")
    assert difference(path) is None


@tutorials
def test_the_notebook_ran_without_an_error_and_each_picture_has_a_text(path):
    pytest.importorskip("nbformat")
    outputs = [output for cell in read(path.with_suffix(".ipynb")).cells for output in cell.get("outputs", ())]
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert pictures and all(len(output.metadata["image/png"]["alt"]) > 30 for output in pictures)


@pytest.mark.slow
@tutorials
def test_a_tutorial_runs_as_a_script_in_under_a_minute_of_one_core(path, tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-W", "error", str(path)], cwd=tmp_path, env=environment(), capture_output=True,
                          text=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and not done.stderr, done.stderr[-2000:]
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60
    assert not list(tmp_path.iterdir())
    passed = re.findall(r"^(\S+): passed$", done.stdout, re.MULTILINE)
    assert len(passed) >= 4 and "not done yet" not in done.stdout


@pytest.mark.slow
@tutorials
def test_a_notebook_runs_in_jupyter(path):
    pytest.importorskip("nbmake")
    words = ["-m", "pytest", "-n", "0", "-q", "-c", os.devnull, "-p", "no:cacheprovider", "--nbmake", "--nbmake-timeout=280"]
    done = subprocess.run([sys.executable, *words, str(path.with_suffix(".ipynb"))], cwd=FOLDER, env=environment(),
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-2000:]


@pytest.mark.slow
@pytest.mark.sweep  # the last digits that a picture shows differ from processor to processor
@tutorials
def test_a_notebook_made_again_has_the_same_bytes(path, tmp_path, monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert make(copy).read_bytes() == path.with_suffix(".ipynb").read_bytes()


@pytest.mark.slow
@sampled
def test_run_all_of_the_students_notebook_runs_through(path, tmp_path, monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    own = executed(notebook_of(student_text(text_of(path))), tmp_path)
    printed = "".join(output.get("text", "") for cell in own.cells for output in cell.get("outputs", ()))
    assert printed.count("not done yet") >= 4 and ": passed" not in printed
