"""The student's text: stubs for solutions, everything else as it was; what is run of it."""

import pytest

from minires.exercises.solutions import functions, student_text

TEXT = '''import math
SIZE = 3
made = math.missing_name(1)


class Kept:
    value = SIZE


def helper(x):
    return x * SIZE


def f(x):
    y = helper(x)
    ### BEGIN SOLUTION
    if x:
        y += 1
    ### END SOLUTION
    return y


check("04.f", f)
exercises.check("04.g", g)
raise ValueError("not run")
'''


def test_a_solution_becomes_one_line_and_nothing_else_changes():
    stub = student_text(TEXT)
    assert stub == TEXT.replace("""    ### BEGIN SOLUTION
    if x:
        y += 1
    ### END SOLUTION
""", "    raise NotImplementedError\n")


def test_only_imports_functions_classes_and_constants_run():
    found = functions(TEXT, "t.py")
    assert list(found) == ["04.f"] and found["04.f"](2) == 7


def test_the_stub_raises():
    with pytest.raises(NotImplementedError):
        functions(student_text(TEXT), "t.py")["04.f"](2)


@pytest.mark.parametrize("text, line", [
    ("def f(:\n", "t.py, line 1: "), ("import no_such_module_here\n", "t.py: ModuleNotFoundError: "),
    ("def f(x=1 / 0):\n    return x\n", "t.py: ZeroDivisionError: ")])
def test_what_cannot_be_read_is_one_line(text, line):
    with pytest.raises(ValueError) as raised:
        functions(text, "t.py")
    assert str(raised.value).startswith(line) and "\n" not in str(raised.value)
