"""The mistakes of reservoirs, readouts and conversations: each exists once, shows, and is what a wrong port computes."""

import re
from pathlib import Path

import numpy as np
import pytest
from listed_reservoirs import ELSEWHERE
from golden_reservoirs import CASES, FIRST, MISTAKES, applicable, case, farthest, library, port, right

pytest.importorskip("torch", reason="the independent port is in PyTorch (pip install 'minires[peers]')")

SAME, SHOWS = 1e-10, 1e-9
NUMBERS = {f"echo_state {n}" for n in range(1, 94)} | {f"reservoir_resformer {n}{letter}" for n in range(1, 86) for letter in
                                                       ("ab" if n in (15, 50, 64) else ("",))}
PAIRS = [(name, id) for name in MISTAKES for id in applicable(name)]


def test_every_number_of_the_lists_is_a_mistake_or_says_where_it_is_caught():
    there = {number for mistake in MISTAKES.values() for number in mistake.listed}
    assert there | set(ELSEWHERE) == NUMBERS and not there & set(ELSEWHERE)


@pytest.mark.parametrize("number", ELSEWHERE)
def test_what_is_caught_elsewhere_is_caught_by_a_test_that_exists(number):
    _, file, test = ELSEWHERE[number]
    assert f"def {test}(" in (Path(__file__).parents[2] / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_in_one_line_what_is_wrong_and_what_to_do(name):
    mistake = MISTAKES[name]
    assert re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", name) and applicable(name)
    for line in (mistake.does, mistake.fix):
        assert line and "\n" not in line and not line.endswith(".")
    assert isinstance(mistake.seen, tuple) and isinstance(mistake.listed, tuple)


def test_no_two_mistakes_say_the_same():
    assert len({(mistake.does, mistake.fix) for mistake in MISTAKES.values()}) == len(MISTAKES)


# ---- the ports -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("id", CASES)
def test_the_port_without_a_mistake_is_the_library(id):
    ours, theirs = right(id), port(id)
    assert farthest(ours, theirs) < 1e-12 and not set(ours) - set(theirs)


@pytest.mark.parametrize("id, style", [
    ("echo_state/leaky", "fused"), ("echo_state/leaky", "lerp"), ("echo_state/feedback", "fused"),
    ("echo_state/deepesn", "fused"), ("readout/ridge", "augmented"), ("readout/ridge-penalised", "augmented"),
    ("reservoir_resformer/default", "large_mask"), ("reservoir_resformer/prefix", "large_mask")])
def test_another_right_way_to_compute_is_the_library_too(id, style):
    assert farthest(right(id), port(id, **{style: True})) < 1e-11


def check(name, id):
    """The planted mistake shows, is the port's, and spares the forward pass where it says so."""
    ours, base = library(id, name), right(id)
    assert farthest(ours, port(id, name)) < SAME
    shown = farthest(base, ours)
    assert shown > SHOWS
    if MISTAKES[name].gradient:
        assert all(np.array_equal(base[key], ours[key]) or np.max(abs(base[key] - ours[key])) < 1e-12
                   for key in base if not key.startswith("grad/"))
    elif not set(MISTAKES[name].patches) & {"minires.oracle.systems.echo_state.mean_square"}:
        assert any(key in ours and np.shape(ours[key]) != np.shape(base[key]) or key not in ours or
                   np.max(abs(ours[key] - base[key]), initial=0) > SHOWS for key in base if not key.startswith("grad/"))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_shows_and_is_the_one_of_the_wrong_port(name):
    check(name, FIRST[name])


@pytest.mark.slow
@pytest.mark.parametrize("name, id", PAIRS)
def test_a_mistake_shows_in_every_case_that_it_applies_to(name, id):
    check(name, id)


def test_a_wrong_state_shows_in_the_first_three_states():
    for name in ("leak-swapped", "leak-ignored", "gain-without-leak", "bias-dropped", "recurrent-weights-transposed",
                 "state-updated-in-place", "bias-outside-activation", "activation-per-part", "input-one-step-late"):
        ours, base = library("echo_state/leaky", name), right("echo_state/leaky")
        assert all(np.max(abs(ours[f"steps.{t}.state"] - base[f"steps.{t}.state"])) > 1e-4 for t in range(3)), name


def test_mistakes_that_the_case_does_not_have_are_not_applied():
    assert not MISTAKES["feedback-of-the-same-step"].applies(case("echo_state/leaky"))
    assert not MISTAKES["leak-swapped"].applies(case("echo_state/leak-1"))
    assert not MISTAKES["memory-unused"].applies(case("echo_state/leaky"))
