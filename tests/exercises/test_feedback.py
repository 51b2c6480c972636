"""What a check says of whatever a student gives it: one line, never a traceback."""

import numpy as np
import pytest

from minires.exercises import ByLaws, ByValue, EXERCISES, Feedback, InModel, Law, Wrong, check
from minires.exercises import checking
from minires.exercises.by_laws import judged_by_laws
from minires.exercises.by_value import judged_by_value
from minires.exercises.feedback import Objection


def product(x, y):
    """The reference."""
    return x @ y


def arguments(rng):
    """Sizes that differ."""
    return rng.standard_normal((3, 4)), rng.standard_normal((4, 5))


BY_VALUE = ByValue(product, arguments, {"of-squares": Wrong(lambda x, y: x @ y ** 2, "y is squared", "take y as it is")})


def line_of(function, judged=BY_VALUE):
    """The line of the objection."""
    with pytest.raises(Objection) as raised:
        (judged_by_laws if isinstance(judged, ByLaws) else judged_by_value)(judged, function)
    text = str(raised.value)
    assert "\n" not in text
    return text


def raising(x, y):
    z = x @ y
    return z[9]


def helper_that_raises(x, y):
    return inner(x)


def inner(x):
    return {}["missing"]


def in_place(x, y):
    x *= 2
    return x @ y


def stub(x, y):
    """Only a docstring."""


def raised_stub(x, y):
    raise NotImplementedError


def forgot(x, y):
    x @ y


@pytest.mark.parametrize("function, words", [
    (raising, ("raising, line ", "`return z[9]`", "raises IndexError")),
    (helper_that_raises, ("inner, line ", '`return {}["missing"]`', "raises KeyError")),
    (in_place, ("in_place changes its argument x",)),
    (stub, ("not done yet",)), (lambda x, y: ..., ("returns a",)), (raised_stub, ("not done yet",)),
    (forgot, ("forgot returns None: is a `return` missing?",)),
    (lambda x, y: [[1.0]], ("returns a list, expected an array of shape (3, 5)",)),
    (lambda x, y: (x @ y)[0], ("returns shape (5,), expected (3, 5)",)),
    (lambda x, y: x @ y * np.nan, ("returns 15 of 15 entries that are NaN or infinite",)),
    (lambda x, y: (x @ y).astype(object), ("returns an array of object",)),
    (lambda x: x, ("takes other arguments, expected (x, y)",)),
    (7, ("int was given, expected a function of (x, y)",)),
    (lambda x, y: exit(), ("raises SystemExit",)),
    (lambda x, y: x @ y + 1e-6 * (x @ y) ** 2, ("no known mistake gives this",)),
], ids=lambda value: getattr(value, "__name__", None))
def test_whatever_a_student_gives_is_named_in_one_line(function, words):
    line = line_of(function)
    assert all(word in line for word in words), line


@pytest.mark.parametrize("function, form", [
    (lambda x, y: -x @ y, "negated"), (lambda x, y: (x @ y).T, "transposed"), (lambda x, y: 3 * (x @ y), "times"),
    (lambda x, y: 0.37 * (x @ y), "times 0.37"), (lambda x, y: np.roll(x @ y, 1, 0), "rolled by 1 along axis 0"),
    (lambda x, y: (x @ y)[:, ::-1], "flipped along axis 1"), (lambda x, y: x @ y + 0.25, "with a constant added")])
def test_a_closed_form_of_what_is_expected_is_named(function, form):
    assert f"this is what is expected, but {form}" in line_of(function)


def test_a_known_wrong_form_is_named_with_what_it_does_and_what_to_do():
    line = line_of(lambda x, y: x @ (y * y))
    assert line == "this equals the variant in which y is squared (mistake of-squares): take y as it is"


@pytest.mark.parametrize("result, right", [
    ((1.0, "a"), (1.0, "b")), ({"a": 1.0}, {"b": 1.0}), (True, False), ((1, 2), (1, 3)), ("x", 1.0), (1.0, (1.0, 2.0)), (3, 4)])
def test_results_that_are_no_arrays_are_compared_too(result, right):
    judged = ByValue(lambda: right, lambda rng: (), {})
    judged_by_value(judged, lambda: right)
    judged_by_value(judged, lambda: np.bool_(right) if isinstance(right, bool) else right)
    assert "expected" in line_of(lambda: result, judged)


def test_an_exact_reference_is_computed_in_balls_and_equals_float64():
    pytest.importorskip("flint")
    exact = BY_VALUE._replace(exact=True)
    judged_by_value(exact, product)
    assert "y is squared" in line_of(lambda x, y: x @ (y * y), exact)


LAWS = ByLaws(lambda x: x, lambda rng: (rng.standard_normal(3),), {
    "odd": Law(lambda f, x: np.allclose(f(-x), -f(x)), "f(-x) is not -f(x)", "drop even terms"),
    "fails": Law(lambda f, x: np.asarray(f(x)).later, "", "")}, {})


def test_a_law_that_does_not_hold_is_named():
    assert line_of(lambda x: x * x, LAWS) == "this is a variant in which f(-x) is not -f(x) (law odd): drop even terms"


def test_what_fails_while_a_law_is_tried_is_one_line():
    assert "raises AttributeError" in line_of(lambda x: x, LAWS)


def test_checks_print_their_line_and_return_it(capsys):
    feedback = check("04.scores", lambda fresh, previous: fresh if previous is None else fresh + 2 * previous)
    assert capsys.readouterr().out == feedback.line + "\n" and feedback.mistake == "carry-doubled" and not feedback.passed
    assert feedback.line.startswith("04.scores: this equals the variant in which the carry is added twice (mistake carry-d")


@pytest.mark.parametrize("name", ["04.score", "4.scores", "99.x", 5, None, ""])
def test_an_unknown_exercise_is_one_line_that_names_the_nearest(name, capsys):
    feedback = check(name, product)
    assert isinstance(feedback, Feedback) and not feedback.passed and "\n" not in feedback.line
    assert "unknown exercise" in feedback.line and (name != "04.score" or "did you mean '04.scores'?" in feedback.line)


IN_MODEL = [name for name, own in EXERCISES.items() if isinstance(own.judged, InModel)]


@pytest.mark.parametrize("name", IN_MODEL)
@pytest.mark.parametrize("result", [None, [1.0], 3.0, np.zeros((1, 1)), "text"], ids=repr)
def test_in_a_model_nothing_that_is_returned_raises(name, result):
    feedback = checking.judged(name, lambda *arguments: result)
    assert not feedback.passed and "\n" not in feedback.line and ("expected" in feedback.line or "None" in feedback.line)


@pytest.mark.slow
def test_an_answer_that_is_no_mistake_of_the_catalogue_says_where_it_first_is_wrong():
    squared = lambda fresh, previous: fresh if previous is None else fresh + 0.3 * previous ** 2
    feedback = checking.judged("04.scores", squared)
    assert "the first tensor that is wrong is layers.1.attention.scores" in feedback.line and feedback.mistake is None


def test_feedback_shows_nothing_more_in_a_notebook():
    assert Feedback("a", True, "a: passed")._ipython_display_() is None
