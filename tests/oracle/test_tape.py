"""A tape plays the program again: from the same numbers to the same numbers, from other numbers as the program would."""

import numpy as np
import pytest
from oracle.judged_cases import golden

from minires.differentiation import value_and_gradient
from minires.oracle.case import objective, program
from minires.oracle.cases import CASES as PACK
from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.tape import differentiate, play, record
from minires.parameters import flatten
from minires.spelling import unfused

CASES = [("pre_norm", "decoder"), ("realformer", "encoder"), ("vanilla", "encoder_decoder")]


@pytest.mark.parametrize("variant, kind", CASES)
def test_played_from_its_own_numbers_a_tape_gives_the_program_s_tensors(variant, kind):
    case = golden(variant, kind).case
    with unfused():  # a tape has the operations as they stand
        tape, named = record(case), program(case, case.values)
        tensors, end = play(tape, case.values)
    for name, value in tensors.items():
        np.testing.assert_array_equal(value, named[name])
    assert end == objective(case, named)


def test_played_from_other_numbers_it_gives_what_the_program_gives_of_them():
    case = golden("realformer", "encoder").case
    other = {name: value * 1.25 if value.dtype == float else value for name, value in case.values.items()}
    tensors, _ = play(record(case), other)
    named = program(case, {**other, **{name: case.values[name] for name in case.values if name.startswith("inputs.")}})
    np.testing.assert_allclose(tensors["logits"], named["logits"], rtol=1e-12)


def test_gradients_of_the_tape_are_those_of_the_program():
    case = golden("pre_norm", "decoder").case
    inputs = {name: value for name, value in case.values.items() if name.startswith("inputs.")}
    value, slopes = value_and_gradient(
        lambda params: objective(case, program(case, {**flatten(params), **inputs})), case.params)
    named = differentiate(record(case), case.values)
    for name, slope in slopes.items():
        np.testing.assert_allclose(named[f"grad/{name}"], slope, rtol=1e-12, atol=1e-14)


def test_tensors_stand_in_order_of_computation_and_after_their_parents():
    tape = record(golden("realformer", "encoder").case)
    order = {name: i for i, name in enumerate([*tape.roots, *tape.tensors])}
    assert all(order[parent] < order[name] for name, parents in tape.parents.items() for parent in parents)
    assert list(tape.tensors)[0] == "layers.0.input" and list(tape.tensors)[-1] == "loss"
    assert tape.parents["layers.1.attention.scores"] == ["layers.0.attention.fresh_scores", "layers.1.attention.fresh_scores"]


def test_a_tensor_put_at_a_name_is_what_the_later_steps_see():
    case = golden("pre_norm", "decoder").case
    tape = record(case)
    usual, _ = play(tape, case.values)
    changed, _ = play(tape, case.values, lambda name, value: value * 2 if name == "layers.0.output" else value)
    assert np.array_equal(changed["layers.0.attention.output"], usual["layers.0.attention.output"])
    assert np.array_equal(changed["layers.0.output"], 2 * usual["layers.0.output"])
    assert not np.allclose(changed["layers.1.output"], usual["layers.1.output"])


def test_a_name_for_the_same_tensor_is_an_alias_of_the_first():
    tape = record(golden("pre_norm", "decoder").case)
    assert tape.aliases["layers.1.input"] == "layers.0.output"
    assert not set(tape.aliases) & set(tape.tensors)


def test_a_tensor_that_a_program_makes_of_ones_has_its_gradient():
    case = PACK["transformer/mhc-decoder"]()
    with planted(case, MISTAKES["mhc-mixing-of-ones"]) as wrong:
        values = differentiate(record(wrong), wrong.values)
    name = "layers.0.attention.C"
    assert np.all(values[name] == 1) and np.all(values[f"grad/{name}"] != 0)
