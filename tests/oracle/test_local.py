"""Local replay: expected from the port's own tensors, so that an error shows where it is made and nowhere else."""

import numpy as np
import pytest
from oracle.judged_cases import answer, golden

from minires.oracle.judgement.local import Erring, local, local_tolerances
from minires.oracle.judgement.profiles import PROFILES, Noise
from minires.oracle.tape import record

FLOAT32 = PROFILES["float32"]


def differing(given, expected, tolerance=1e-9):
    """The names where the answer is not what is expected of its own tensors."""
    far = lambda name: np.max(abs(given[name] - expected[name])) > tolerance * max(1, np.max(abs(expected[name])))
    return {name for name in expected if far(name)}


@pytest.fixture
def replay():
    case = golden("realformer", "encoder").case
    tape = record(case)
    return lambda given, **options: local(tape, case.values, given, **options)


@pytest.fixture
def given():
    return {name: np.array(value) for name, value in golden("realformer", "encoder").truth.values.items()}


def test_of_the_truth_the_truth_is_expected(replay, given):
    expected = replay(given)
    assert set(expected) == set(given)
    assert not differing(given, expected, 1e-12)


@pytest.mark.parametrize("name", ["layers.0.attention.probabilities", "layers.1.attention.scores", "layers.0.output", "logits"])
def test_an_error_in_a_tensor_shows_in_it_in_what_reads_it_and_in_the_gradients_made_with_it(replay, given, name):
    case = golden("realformer", "encoder").case
    tape = record(case)
    given[name] = given[name] + 0.01 * np.arange(given[name].size).reshape(given[name].shape)
    found = {each for each in differing(given, replay(given)) if not each.startswith("grad/")}
    children = {child for child, parents in tape.parents.items() if name in parents}
    assert name in found and found <= {name, *children}


@pytest.mark.parametrize("name", ["grad/layers.1.attention.scores", "grad/layers.0.output", "grad/logits"])
def test_an_error_in_a_gradient_shows_in_it_and_in_those_of_what_it_is_computed_from(replay, given, name):
    tape = record(golden("realformer", "encoder").case)
    given[name] = given[name] + 0.01 * np.arange(given[name].size).reshape(given[name].shape)
    above = {f"grad/{parent}" for parent in tape.parents[name.removeprefix("grad/")]}
    found = differing(given, replay(given))
    assert name in found and found <= {name, *above} and found & above


def test_an_error_in_the_gradient_of_a_parameter_shows_there_alone(replay, given):
    given["grad/layers.1.attention.W_k"] *= 2
    assert differing(given, replay(given)) == {"grad/layers.1.attention.W_k"}


def test_what_is_not_given_is_computed(replay, given):
    for kept in (["logits"], ["loss"], ["logits", "grad/layers.0.attention.W_q"], ["layers.1.attention.scores", "logits"],
                 [name for name in given if not name.startswith("grad/")],
                 [name for name in given if "scores" not in name], ["grad/layers.0.output", "grad/layers.0.attention.W_o"]):
        some = {name: given[name] for name in kept}
        expected = replay(some)
        assert set(expected) == set(kept) and not differing(some, expected, 1e-12)


def test_without_tensors_an_error_shows_end_to_end(replay, given):
    some = {"logits": given["logits"] + np.arange(11.0), "loss": given["loss"]}
    assert differing(some, replay(some)) == {"logits", "loss"}


def test_an_alias_stands_for_the_tensor(replay, given):
    alias, name = "layers.1.input", "layers.0.output"
    some = {"layers.0.feed_forward.output": given["layers.0.feed_forward.output"], alias: given[name],
            f"grad/{alias}": given[f"grad/{name}"], "logits": given["logits"]}
    assert set(replay(some)) == set(some) and not differing(some, replay(some), 1e-12)
    some["layers.0.output"] = given[name] + 1.0
    assert alias in differing(some, replay(some))


def test_what_is_not_finite_counts_as_zero(replay, given):
    wrong, zero = dict(given), dict(given)
    wrong["layers.0.output"] = np.where(given["layers.0.output"] > 1, np.nan, given["layers.0.output"])
    zero["layers.0.output"] = np.where(given["layers.0.output"] > 1, 0.0, given["layers.0.output"])
    first, second = replay(wrong), replay(zero)
    assert all(np.array_equal(first[name], second[name]) for name in second)


def test_every_tensor_and_gradient_has_a_local_tolerance_that_rounded_answers_keep():
    case = golden("pre_norm", "decoder").case
    tape, given = record(case), answer("float32")
    expected = local(tape, case.values, given)
    sigma = local_tolerances(tape, case.values, given, expected, FLOAT32)
    assert all(np.all(sigma[name] > 0) for name in expected)
    z = {name: np.max(abs(given[name] - expected[name]) / sigma[name]) for name in expected}
    assert max(z.values()) < 5, max(z, key=z.get)


def test_reruns_of_the_replay_differ_from_each_other_in_every_tensor():
    case = golden("pre_norm", "decoder").case
    tape, given = record(case), answer("float32")
    first, second = (local(tape, case.values, given, Erring(Noise(FLOAT32, np.random.default_rng(seed)))) for seed in (1, 2))
    same = [name for name in first if np.array_equal(first[name], second[name]) and np.any(first[name])]
    assert same == ["layers.0.input"]  # rows of the table, copied
