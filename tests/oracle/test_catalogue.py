"""The catalogue of mistakes: every one can be seen, says what it is, and is a name for ever."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minires.oracle.case import Case
from minires.oracle.cases import CASES
from minires.oracle.mistakes import FILES, MISTAKES, planted
from minires.oracle.tape import differentiate, record


def tensors_of(case):
    """All tensors and gradients of a case."""
    return differentiate(record(case), case.values)


def shows(case, mistake, right):
    """Whether the mistake changes anything that the case names, or fails."""
    try:
        with planted(case, mistake) as wrong, np.errstate(all="ignore"):
            found = differentiate(record(wrong), wrong.values)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError):  # a program with a mistake may not run at all
        return True
    for name, x in right.items():
        if name not in found or np.shape(found[name]) != np.shape(x):
            return True
        size = max(1e-3, np.max(np.abs(x), initial=0))
        if not np.max(np.abs(found[name] - x), initial=0) <= 1e-9 * size:  # NaN shows, too
            return True
    return False


@pytest.mark.slow
def test_every_mistake_shows_in_a_case_of_the_catalogue():
    hidden = dict(MISTAKES)
    for make in CASES.values():
        case = make()
        tried = [name for name in hidden if hidden[name].applies(case)]
        right = tensors_of(case) if tried else {}
        hidden = {name: mistake for name, mistake in hidden.items() if name not in tried or not shows(case, mistake, right)}
    assert list(hidden) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_in_one_line_what_it_does_and_what_to_do(name):
    mistake = MISTAKES[name]
    assert re.fullmatch(r"[A-Za-z0-9]+([-.][A-Za-z0-9]+)*", name)
    assert mistake.does and mistake.fix and "\n" not in mistake.does + mistake.fix
    assert mistake.patches or mistake.record or mistake.config


def test_a_name_stands_for_one_mistake():
    assert sum(len(file.MISTAKES) for file in FILES) == len(MISTAKES)


def test_every_id_makes_the_case_of_that_id_and_again_the_same():
    for id in list(CASES)[::7]:
        first, second = CASES[id](), CASES[id]()
        assert isinstance(first, Case) and first.id == id and first.config == second.config
        for name in first.values:
            assert_array_equal(first.values[name], second.values[name])
