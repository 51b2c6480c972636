"""The student's and the teacher's edition of the course.

    DIR/syllabus.md            times, prerequisites, what is learnt, exercises
    DIR/student/NN_title.py    every solution replaced by `raise NotImplementedError`; .ipynb the same, without outputs
    DIR/teacher/NN_title.py    with solutions; .ipynb with outputs where the notebook is that of its source
    test_course.py, pytest.ini in each: `pytest -m tutorial_04` grades what stands beside them
"""

import os
from pathlib import Path

from minires.course.headers import headers
from minires.course.notebooks import difference, notebook_of, written
from minires.errors import require
from minires.exercises.catalogue import of_tutorial
from minires.exercises.solutions import student_text
from minires.files import writable_folder, write_atomically

TEST = '''"""Grades the tutorials in this folder: pytest -m tutorial_04 for one of them, pytest for all."""

from pathlib import Path

import pytest

from minires.course.grading import exercises, grade

HERE = Path(__file__).parent
NAMES = [pytest.param(name, marks=getattr(pytest.mark, f"tutorial_{name[:2]}")) for name in exercises(HERE)]


@pytest.mark.parametrize("name", NAMES)
def test_exercise(name):
    feedback = grade(HERE, name)
    if not feedback.passed:
        pytest.fail(feedback.line, pytrace=False)
'''


def build(directory, tutorials="tutorials"):
    """Write the course into a new or empty folder; returns the paths of the files, within it.

    ValueError: a folder with files, which may be a student's work; a tutorial with a header that lacks something.
    """
    every = headers(tutorials)
    require(not os.path.isdir(directory) or not os.listdir(directory),
            f"folder {str(directory)!r}: holds files already, expected a new or an empty one")
    files = {}
    for header in every:
        text, name = header.path.read_text(encoding="utf-8"), header.path.name
        notebook = header.path.with_suffix(".ipynb")
        own = notebook.read_bytes() if difference(header.path) is None else written(notebook_of(text))
        for edition, source, data in (("student", student_text(text), None), ("teacher", text, own)):
            files[f"{edition}/{name}"] = source.encode()
            files[f"{edition}/{notebook.name}"] = data or written(notebook_of(source))
    for edition in ("student", "teacher"):
        files[f"{edition}/test_course.py"], files[f"{edition}/pytest.ini"] = TEST.encode(), configuration(every).encode()
    files["syllabus.md"] = syllabus(every).encode()
    for name, data in files.items():
        writable_folder(str(Path(directory) / Path(name).parent))
        write_atomically(Path(directory) / name, lambda file: file.write(data))
    return list(files)


def configuration(every):
    """pytest.ini: a mark for each tutorial; one line for each failure."""
    marks = "\n".join(f"    tutorial_{header.number}: {header.title}" for header in every)
    return f"[pytest]\naddopts = -q --tb=line --strict-markers -p no:cacheprovider\nmarkers =\n{marks}\n"


def syllabus(every):
    """syllabus.md."""
    rows = [f"| {own.number} | {own.title} | {own.minutes} | {own.needs} | {own.learn} |" for own in every]
    hours = sum(header.minutes for header in every) / 60
    tables = "\n".join(exercises_of(header) for header in every)
    return f"""# Syllabus

{len(every)} tutorials, {hours:.1f} hours with their exercises. Each is a notebook, and the same as a Python file: predict, run,
explain, change, make.

| number | tutorial | minutes | needs | one learns |
|---|---|---|---|---|
{chr(10).join(rows)}

Install: `pip install 'minires[tutorials,test]'`. Grade one: `pytest -m tutorial_{every[0].number}` in the folder of the
notebooks; a failure is one line that names the mistake.

{tables}"""


def exercises_of(header):
    """The exercises of one tutorial."""
    every = of_tutorial(header.number).items()
    rows = [f"| {name} | {own.title} | {own.level} | {own.minutes} |" for name, own in every]
    return "\n".join([f"## {header.number} {header.title}", "", header.promise, "",
                      "| exercise | title | level (1 easy, 4 open-ended) | minutes |", "|---|---|---|---|", *rows, ""])
