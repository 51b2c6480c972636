"""The two editions and their grading: the teacher's passes, the student's does not until the work is done."""

import re
import subprocess
import sys

import pytest
from test_tutorials import FOLDER, TUTORIALS, environment
from toy_course import TEXT, toy

from minires.course.editions import build
from minires.course.grading import exercises, grade, in_file
from minires.course.headers import header, headers

pytest.importorskip("jupytext")
SOLUTION = "return fresh + (0 if previous is None else previous), (fresh + (0 if previous is None else previous)) / n"


@pytest.fixture
def course(tmp_path):
    """The toy's course."""
    (tmp_path / "from").mkdir()
    build(tmp_path / "course", toy(tmp_path / "from"))
    return tmp_path / "course"


def test_the_header_is_read_as_it_stands(tmp_path):
    own = header(toy(tmp_path) / "04_toy.py")
    facts = ("You see a picture of nothing.", 20, "nothing but NumPy", "to look, to look again", "none")
    assert own[1:] == ("04", "A toy & more", *facts)


@pytest.mark.parametrize("change, line", [
    (("# %% [markdown]", "# %%"), "expected a first cell"), (("# # 04 A", "# # A"), "expected a title"),
    (("# # 04", "# # 05"), "has the number 05"), (("# - Needs: nothing but NumPy\n", ""), "expected a line `- Needs: ..`"),
    (("20 minutes", "long"), "Time: 'long', expected e.g. 45 minutes")])
def test_a_header_that_lacks_something_is_one_line(change, line, tmp_path):
    (tmp_path / "04_toy.py").write_text(TEXT.replace(*change), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(line)):
        headers(tmp_path)


def test_the_students_edition_holds_no_solution_and_no_outputs(course):
    for name in ("04_toy.py", "04_toy.ipynb"):
        text = (course / "student" / name).read_text()
        assert "total" not in text and "SOLUTION" not in text and "raise NotImplementedError" in text
    assert '"outputs": []' in text and "image/png" not in text


def test_the_teachers_edition_is_the_tutorial(course, tmp_path):
    for name in ("04_toy.py", "04_toy.ipynb"):
        assert (course / "teacher" / name).read_bytes() == (tmp_path / "from" / name).read_bytes()


def test_the_syllabus_says_times_needs_and_exercises(course):
    text = (course / "syllabus.md").read_text()
    for words in ("| 04 | A toy & more | 20 | nothing but NumPy | to look, to look again |", "0.3 hours", "| 04.mean | "):
        assert words in text


def test_grades_follow_the_work_in_the_notebook_or_in_the_file(course):
    student = course / "student"
    assert exercises(student) and grade(student, "04.mean").line == "04.mean: not done yet"
    assert grade(course / "teacher", "04.mean").passed
    own = student / "04_toy.py"
    own.write_text(own.read_text().replace("raise NotImplementedError", SOLUTION.replace("/ n", "/ n ** 0.5")))
    assert grade(student, "04.mean").mistake == "mean-divisor-root"
    notebook = student / "04_toy.ipynb"
    notebook.write_text(notebook.read_text().replace("raise NotImplementedError", SOLUTION))
    assert grade(student, "04.mean").passed
    assert "no function of 04_toy.py is given to check('04.scores', ..)" in in_file(own, "04.scores").line


@pytest.mark.parametrize("name, text", [
    ("04_a.py", "def f(:\n"), ("04_a.ipynb", "no notebook"), ("04_a.ipynb", "{}"), ("04_a.py", "import nothing_here")])
def test_a_file_that_cannot_be_read_is_one_line(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    feedback = grade(tmp_path, "04.scores")
    assert not feedback.passed and "\n" not in feedback.line and "04" in feedback.line


def test_a_folder_with_files_is_refused(course, tmp_path):
    with pytest.raises(ValueError, match="holds files already"):
        build(course, tmp_path / "from")


def test_a_folder_without_tutorials_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no tutorial"):
        build(tmp_path / "course", tmp_path)


def graded(folder, number):
    """(exit code, output) of pytest -m tutorial_NN in a folder."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-m", f"tutorial_{number}"], cwd=folder, env=environment(),
                          capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The course of all tutorials."""
    folder = tmp_path_factory.mktemp("course") / "course"
    build(folder, FOLDER)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", [path.stem[:2] for path in TUTORIALS])
def test_the_grading_command_passes_the_teachers_edition_and_fails_the_students(number, whole):
    code, text = graded(whole / "teacher", number)
    assert code == 0 and "passed" in text, text
    code, text = graded(whole / "student", number)
    assert code == 1 and text.count("not done yet") >= 4 and "passed" not in text, text
