"""The mistakes of the plain Transformer and of RealFormer: each exists once, shows, and is what a wrong port computes."""

import re
from pathlib import Path

import numpy as np
import pytest
from core_cases import CASES, CORE, applicable, case, farthest, right, values, wrong
from listed import ELSEWHERE, EQUIVALENT

from minires.oracle.cases import CASES as PACK
from minires.oracle.cases.transformers import transformer_case
from minires.oracle.mistakes import MISTAKES, planted

pytest.importorskip("torch", reason="the independent port is in PyTorch (pip install 'minires[peers]')")
from ports.torch_transformer import WRONG, port_of, run  # noqa: E402

SAME, OTHER = 1e-10, 1e-9
LETTERS = {17: "abcde"}
NUMBERS = {f"realformer F{n}{letter}" for n in range(1, 59) for letter in LETTERS.get(n, ("",))}
PLAIN = [place for place in PACK if place.startswith(("edge/", "part/")) or re.match(
    "transformer/(vanilla|(pre|sandwich|output)_norm|realformer|realformer_mean)-", place)]
PAIRS = [(mistake, name) for mistake in CORE for name in applicable(mistake)]


def listed():
    """Every number that a mistake stands for."""
    return [number for mistake in MISTAKES.values() for number in mistake.listed]


# ---- the list --------------------------------------------------------------------------------------------------------

def test_every_number_of_realformers_list_is_a_mistake_or_says_where_it_is_caught():
    there = {number for number in listed() if number.startswith("realformer ")}
    elsewhere = {number for number in ELSEWHERE if number.startswith("realformer ")}
    assert there | elsewhere == NUMBERS and not there & elsewhere


def test_all_51_mistakes_of_the_measured_comparison_are_there():
    compared = [mistake for mistake in MISTAKES.values() if "oracle 12.1" in mistake.listed]
    assert [sum(mistake.gradient is only for mistake in compared) for only in (False, True)] == [41, 10]


@pytest.mark.parametrize("number", ELSEWHERE)
def test_what_is_caught_elsewhere_is_caught_by_a_test_that_exists(number):
    _, file, test = ELSEWHERE[number]
    assert f"def {test}(" in (Path(__file__).parents[2] / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CORE)
def test_a_mistake_says_in_one_line_what_is_wrong_and_what_to_do(name):
    mistake = CORE[name]
    assert re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*", name)
    for line in (mistake.does, mistake.fix):
        assert line and "\n" not in line and not line.endswith(".")
    assert mistake.patches or mistake.record or mistake.config
    assert isinstance(mistake.seen, tuple) and isinstance(mistake.listed, tuple)


def test_no_two_mistakes_say_the_same():
    lines = [mistake.does for mistake in CORE.values()]
    assert len(set(lines)) == len(lines)


# ---- each shows ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", CORE)
def test_a_mistake_changes_a_value_or_only_gradients_as_it_says(name):
    there, gradient = applicable(name), CORE[name].gradient
    assert there, "no case has what this mistake spoils"
    assert any(farthest(right(place, gradient), wrong(place, name, gradient))[0] > OTHER for place in there)
    if gradient:
        values = {place: {key: value for key, value in wrong(place, name).items() if not key.startswith("grad/")}
                  for place in there[:1]}
        assert all(farthest(right(place), value)[0] < 1e-14 for place, value in values.items())


@pytest.mark.slow
@pytest.mark.parametrize("place", PLAIN)
def test_a_mistake_shows_in_every_case_of_the_pack_that_it_applies_to_but_those_with_a_reason(place):
    whole = PACK[place]()
    truth = values(whole)
    for name in (name for name in CORE if CORE[name].applies(whole)):
        equal, _ = EQUIVALENT.get(name, (lambda case: False, ""))
        with planted(whole, CORE[name]) as changed:
            shows = farthest(truth, values(changed))[0] > OTHER
        assert shows or equal(whole), name


def test_planting_leaves_nothing_behind():
    before = right("sum_level", False)
    for name in ("carry-from-last-call", "mask-after-softmax", "epsilon-1e-3", "keys-detached"):
        wrong("sum_level", name, False)
    after = values(case("sum_level"), False)
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("pair", [("scale-missing", "carry-ignored"), ("carry-transposed", "carry-heads-rolled"),
                                  ("epsilon-1e-3", "norm-bias-missing"), ("mask-own-hidden", "mask-missing-in-second-layer")])
def test_two_mistakes_together_are_neither_alone_and_what_a_port_with_both_computes(pair):
    with planted(case("sum"), *(CORE[name] for name in pair)) as changed:
        together = values(changed)
    assert all(farthest(together, wrong("sum", name))[0] > OTHER for name in pair)
    assert farthest(together, run(case("sum"), wrong=pair))[0] < SAME


# ---- each is what a port computes --------------------------------------------------------------------------------------

def test_the_port_can_carry_every_mistake():
    assert port_of("realformer") and set(CORE) <= set(WRONG)


@pytest.mark.parametrize(("name", "place"), [(name, applicable(name)[-1]) for name in list(CORE)[::6]])
def test_a_planted_mistake_is_what_a_wrong_port_computes(name, place):
    difference, where = farthest(wrong(place, name), run(case(place), wrong=(name,)))
    assert difference < SAME, where


@pytest.mark.slow
@pytest.mark.parametrize(("name", "place"), PAIRS)
def test_every_planted_mistake_is_what_a_wrong_port_computes_on_every_case(name, place):
    difference, where = farthest(wrong(place, name), run(case(place), wrong=(name,)))
    assert difference < SAME, where


def test_the_cases_are_of_every_kind():
    assert {case(name).config["model"]["kind"] for name in CASES} == {"encoder", "decoder", "encoder_decoder"}


def test_a_masked_carry_overflows_in_float16():
    deep = transformer_case("realformer", "decoder", layers=8)
    carry = run(deep, "float16", wrong=("carry-masked",))["layers.7.attention.scores"]
    assert not np.all(np.isfinite(carry)) and np.all(np.isfinite(run(deep, "float16")["layers.7.attention.scores"]))
