"""Laws of all tasks together, of their names and options, and of printing tokens."""

import doctest
import json
import math
import pickle

import numpy as np
import pytest

from minires import tasks
from minires.tasks import TASKS, Batch, Task, copying, decode, encode, make_task, recall, sequences, task, text

KINDS = {"copy": "encoder", "recall": "decoder", "sort": "encoder_decoder", "reverse": "encoder_decoder",
         "characters": "decoder", "masked_characters": "encoder"}


def arrays(batch):
    return [*(batch.inputs[name] for name in sorted(batch.inputs)), batch.targets, batch.weights]


def same_bits(one, other):
    return all(a.tobytes() == b.tobytes() and a.dtype == b.dtype and a.shape == b.shape
               for a, b in zip(arrays(one), arrays(other), strict=True))


def test_the_registry_holds_these_tasks_of_these_kinds():
    assert {name: make_task(name).kind for name in TASKS} == KINDS
    assert all(make_task(name).name == name for name in TASKS)


@pytest.mark.parametrize("name", KINDS)
def test_ids_fit_the_vocabulary_and_weights_are_zero_or_one(name):
    made = make_task(name)
    assert isinstance(made, Task) and len(made.symbols) == len(set(made.symbols)) == made.vocabulary
    for source in (made.batch, made.validation):
        batch = source(np.random.default_rng(0), 11)
        assert isinstance(batch, Batch) and batch.targets.shape == (11, made.length)
        for ids in [*batch.inputs.values(), batch.targets]:
            assert 0 <= ids.min() and ids.max() < made.vocabulary
        assert set(np.unique(batch.weights)) <= {0.0, 1.0} and batch.weights.sum(axis=1).min() >= 1


@pytest.mark.parametrize("name", KINDS)
def test_the_same_generator_gives_the_same_bits_and_another_gives_others(name):
    made = make_task(name)
    for source in (made.batch, made.validation):
        first = source(np.random.default_rng(0), 13)
        assert same_bits(first, source(np.random.default_rng(0), 13))
        assert not same_bits(first, source(np.random.default_rng(1), 13))
        rng = np.random.default_rng(0)
        source(rng, 13)
        assert not same_bits(first, source(rng, 13))


@pytest.mark.parametrize("name", KINDS)
def test_the_global_random_state_is_neither_used_nor_changed(name):
    np.random.seed(0)
    made = make_task(name)
    first = made.batch(np.random.default_rng(0), 5)
    drawn = np.random.random()
    np.random.seed(1)
    assert same_bits(first, made.batch(np.random.default_rng(0), 5))
    np.random.seed(0)
    assert np.random.random() == drawn


@pytest.mark.parametrize("name", KINDS)
def test_options_survive_json_and_rebuild_the_task(name):
    made = make_task(name)
    again = make_task(name, **json.loads(json.dumps(made.options)))
    assert again.options == made.options and again.symbols == made.symbols and again.references == made.references
    assert same_bits(made.batch(np.random.default_rng(0), 5), again.batch(np.random.default_rng(0), 5))


@pytest.mark.parametrize("name", KINDS)
def test_a_task_can_be_sent_to_another_process(name):
    made = make_task(name)
    again = pickle.loads(pickle.dumps(made))
    assert same_bits(made.batch(np.random.default_rng(0), 5), again.batch(np.random.default_rng(0), 5))


@pytest.mark.parametrize("name", KINDS)
def test_chance_is_worse_than_every_reference_and_than_bayes(name):
    made = make_task(name)
    np.testing.assert_allclose(made.chance["loss"], -math.log(made.chance["accuracy"]), rtol=1e-12)
    assert all(0 < loss < made.chance["loss"] for loss in made.references.values())
    assert made.bayes in ({"loss": 0.0, "accuracy": 1.0}, {"loss": None, "accuracy": None})


@pytest.mark.parametrize("name, option, lowest", [
    ("copy", "alphabet", 2), ("copy", "copied", 1), ("recall", "pairs", 1), ("recall", "keys", 1), ("recall", "queries", 1),
    ("recall", "values", 2), ("sort", "alphabet", 2), ("sort", "length", 1), ("reverse", "alphabet", 2),
    ("reverse", "length", 1), ("characters", "length", 1), ("masked_characters", "length", 1)])
def test_an_impossible_number_is_an_error_that_says_what_is_possible(name, option, lowest):
    for value in (lowest - 1, -3, 2.0, "8", True, float("nan")) + (() if option == "queries" else (None,)):
        with pytest.raises(ValueError) as error:
            make_task(name, **{option: value})
        assert str(error.value) == f"{option}={value!r}: expected a whole number of at least {lowest}"
    others = {"pairs": 1} if option == "keys" else {}
    assert make_task(name, **{option: np.int64(lowest)}, **others).options[option] == lowest


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_of_no_sequences_is_an_error(name):
    made = make_task(name)
    for source in (made.batch, made.validation):
        with pytest.raises(ValueError, match="^size=0: expected a whole number of at least 1$"):
            source(np.random.default_rng(0), 0)


@pytest.mark.parametrize("given, near", [("cpoy", "copy"), ("reversed", "reverse"), ("masked", "masked_characters"),
                                         ("Recall", "recall"), ("sort\n", "sort"), (["copy"], "copy")])
def test_an_unknown_task_is_an_error_that_names_the_nearest_and_the_list(given, near):
    with pytest.raises(ValueError) as error:
        make_task(given)
    assert str(error.value) == (f"unknown task {given!r}: did you mean {near!r}? choose from copy, recall, sort, "
                                "reverse, characters, masked_characters")


@pytest.mark.parametrize("given", ["", "?", 7, None])
def test_a_name_like_no_other_is_the_same_error(given):
    with pytest.raises(ValueError, match="^unknown task .*: choose from copy, "):
        make_task(given)


@pytest.mark.parametrize("option", ["lenght", "name", "two\nlines", ""])
def test_an_unknown_option_is_an_error_that_names_the_options(option):
    with pytest.raises(ValueError) as error:
        make_task("sort", **{option: 3})
    message = str(error.value)
    assert message.startswith(f"unknown option of task sort {option!r}: ") and "\n" not in message
    assert message.endswith("choose from alphabet, length")


def test_the_nearest_option_is_the_one_that_was_meant():
    with pytest.raises(ValueError, match="'lenght': did you mean 'length'?"):
        make_task("characters", lenght=3)


def test_encoding_and_decoding_are_inverse():
    symbols = ("z", "é", "😀", "[MASK]", "\n")
    written = "zé\n😀z"
    ids = encode(symbols, written)
    assert ids.dtype == np.int64 and ids.tolist() == [0, 1, 4, 2, 0] and decode(symbols, ids) == written
    assert decode(symbols, [3, 0]) == "[MASK]z"


def test_nothing_encodes_to_nothing():
    assert encode("ab", "").shape == (0,) and encode("ab", "").dtype == np.int64 and decode("ab", []) == ""


@pytest.mark.parametrize("given, character, position", [
    ("abxya", "x", 2), ("[MASK]", "[", 0), ("ab\udc80", "\udc80", 2), ("\n", "\n", 0)])
def test_a_character_outside_the_alphabet_is_named_with_its_position(given, character, position):
    with pytest.raises(ValueError) as error:
        encode(("a", "b", "[MASK]"), given)
    assert str(error.value) == (f"character {character!r} at position {position} is not in the alphabet: "
                                "expected those of 'ab'")


def test_a_long_alphabet_is_shortened_in_the_error():
    with pytest.raises(ValueError) as error:
        encode(make_task("characters").symbols, "abc\u0000")
    assert str(error.value).startswith("character '\\x00' at position 3 ") and len(str(error.value)) < 200


@pytest.mark.parametrize("ids, message", [
    ([0, 3], "ids from 0 to 3: expected 0 to 2"), ([-1, 0], "ids from -1 to 0: expected 0 to 2"),
    ([0.0, 1.0], r"ids of shape \(2,\) and type float64: expected one sequence \(T,\) of integers"),
    ([[0, 1]], r"ids of shape \(1, 2\) and type int64: expected one sequence \(T,\) of integers"),
    (1, r"ids of shape \(\) and type int64: expected one sequence \(T,\) of integers")])
def test_ids_that_print_as_nothing_are_errors(ids, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        decode(("a", "b", "[MASK]"), ids)


@pytest.mark.parametrize("module", [tasks, task, copying, recall, sequences, text], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_are_true(module):
    failed, tried = doctest.testmod(module)
    assert failed == 0 and tried > 0
