"""Every exercise: its stub fails, its solution passes, its mistakes are named; and the tutorial says the same of it."""

import re
from pathlib import Path

import pytest

import minires.exercises
from minires.exercises import EXERCISES, InModel, solutions
from minires.exercises.catalogue import FILES, of_tutorial
from minires.exercises.checking import judged
from minires.oracle.mistakes import MISTAKES

FOLDER = Path(__file__).parents[2] / "tutorials"
TUTORIALS = {path.stem[:2]: path for path in sorted(FOLDER.glob("[0-9][0-9]_*.py"))}
NAMES = [name for name in EXERCISES if name[:2] in TUTORIALS]
WRONG = [pytest.param(name, mistake, id=f"{name}-{mistake}",
                      marks=[pytest.mark.slow] if isinstance(own.judged, InModel) else [])  # half a second each
         for name, own in EXERCISES.items() for mistake in own.judged.wrong]


@pytest.fixture(scope="module")
def written():
    """(number, student) -> {exercise: function} of a tutorial's text, read once."""
    found = {}

    def of(number, student):
        if (number, student) not in found:
            found[number, student] = solutions(TUTORIALS[number], student)
        return found[number, student]
    return of


@pytest.mark.parametrize("name", NAMES)
def test_the_untouched_stub_is_not_done_yet(name, written):
    feedback = judged(name, written(name[:2], True)[name])
    assert feedback.line == f"{name}: not done yet" and not feedback.passed


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes(name, written):
    feedback = judged(name, written(name[:2], False)[name])
    assert feedback.passed and feedback.line == f"{name}: passed", feedback.line


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_passes(name):
    assert judged(name, EXERCISES[name].judged.reference).passed


@pytest.mark.parametrize("name, mistake", WRONG)
def test_a_planted_mistake_is_named(name, mistake):
    wrong = EXERCISES[name].judged.wrong[mistake]
    feedback = judged(name, getattr(wrong, "function", wrong))
    assert not feedback.passed and feedback.mistake == mistake, feedback.line
    assert "\n" not in feedback.line and mistake in feedback.line


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_is_complete(name):
    own = EXERCISES[name]
    assert own.title and own.level in (1, 2, 3, 4) and own.minutes > 0 and len(own.judged.wrong) >= 3
    if isinstance(own.judged, InModel):
        assert set(own.judged.wrong) <= set(MISTAKES)
    for mistake, wrong in own.judged.wrong.items():
        assert mistake in MISTAKES or mistake in getattr(own.judged, "laws", ()) or wrong.does and wrong.fix


@pytest.mark.parametrize("number", TUTORIALS)
def test_a_tutorial_has_four_exercises_of_several_levels_and_no_others(number, written):
    own = of_tutorial(number)
    assert len(own) >= 4 and len({each.level for each in own.values()}) >= 2
    assert set(written(number, False)) == set(own)


@pytest.mark.parametrize("name", NAMES)
def test_the_tutorial_gives_level_and_minutes_of_the_exercise(name):
    own, text = EXERCISES[name], TUTORIALS[name[:2]].read_text(encoding="utf-8")
    heading = re.search(rf"^# ### {re.escape(name)}: .*\(level (\d), (\d+) minutes\)$", text, re.MULTILINE)
    assert heading and (int(heading[1]), int(heading[2])) == (own.level, own.minutes)


def test_files_of_exercises_belong_to_tutorials():
    assert {file[1:3] for file in FILES} <= set(TUTORIALS)


def test_the_example_of_the_docstring_is_an_exercise():
    assert "04.scores" in minires.exercises.__doc__ and "04.scores" in EXERCISES
