"""Laws of the copy task."""

import numpy as np
import pytest

from minires.tasks import decode, make_task

SIZE = 4000


def draw(seed=0, size=SIZE, **options):
    task = make_task("copy", **options)
    return task, task.batch(np.random.default_rng(seed), size)


@pytest.mark.parametrize("alphabet, copied", [(32, 8), (2, 1), (5, 3)])
def test_copy_batches_have_the_promised_shapes_types_and_ids(alphabet, copied):
    task, batch = draw(alphabet=alphabet, copied=copied)
    assert set(batch.inputs) == {"tokens"} and task.kind == "encoder"
    assert task.length == 2 * copied and task.vocabulary == alphabet + 1 == len(task.symbols)
    for array, dtype in [(batch.inputs["tokens"], np.int64), (batch.targets, np.int64), (batch.weights, np.float64)]:
        assert array.shape == (SIZE, 2 * copied) and array.dtype == dtype
    assert set(np.unique(batch.targets)) == set(range(alphabet))
    assert set(np.unique(batch.inputs["tokens"])) == set(range(alphabet + 1))


def test_both_copies_are_the_same_word():
    _, batch = draw()
    np.testing.assert_array_equal(batch.targets[:, :8], batch.targets[:, 8:])


def test_no_position_is_masked_in_both_copies_and_half_of_them_in_one():
    _, batch = draw()
    hidden = batch.weights[:, :8] + batch.weights[:, 8:]
    assert set(np.unique(hidden)) == {0, 1} and np.all(hidden.sum(axis=1) >= 1)
    # one forced mask where the coin left none: 8 positions, each left alone with chance 1/2
    np.testing.assert_allclose(hidden.mean(), 0.5 + 0.5 ** 8 / 8, atol=4 * 0.5 / (8 * SIZE) ** 0.5)


@pytest.mark.parametrize("masked, share", [(1, 1), (0, 1 / 8), (0.2, 0.2 + 0.8 ** 8 / 8)])
def test_the_chance_of_a_mask_is_an_option(masked, share):
    task, batch = draw(masked=masked)
    assert task.options["masked"] == masked
    np.testing.assert_allclose(batch.weights.mean(), share / 2, atol=0.005)


def test_a_chance_of_a_mask_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match="masked is 1.5: expected a probability, 0 to 1"):
        make_task("copy", masked=1.5)


def test_exactly_the_masked_tokens_count_and_the_others_are_shown():
    task, batch = draw()
    tokens = batch.inputs["tokens"]
    np.testing.assert_array_equal(tokens == 32, batch.weights == 1)
    np.testing.assert_array_equal(tokens[tokens != 32], batch.targets[tokens != 32])
    assert task.symbols[32] == "[MASK]" and "[MASK]" in decode(task.symbols, tokens[0])


def test_every_masked_token_can_be_read_in_the_other_copy():
    task, batch = draw()
    answers = np.roll(batch.inputs["tokens"], 8, axis=1)
    right = (answers == batch.targets)[batch.weights == 1]
    assert right.mean() == task.bayes["accuracy"] == 1 and task.bayes["loss"] == 0


def test_the_masked_copy_is_a_fair_coin_at_each_position_apart():
    _, batch = draw(masked=1)
    first = batch.weights[:, :8]
    np.testing.assert_allclose(first.mean(axis=0), 0.5, atol=4 * 0.5 / SIZE ** 0.5)
    correlation = np.corrcoef(first.T) - np.eye(8)
    assert np.abs(correlation).max() < 5 / SIZE ** 0.5


def test_the_uniform_predictor_is_at_chance_level():
    task, batch = draw()
    counted = batch.targets[batch.weights == 1]
    probability = np.full(32, 1 / 32)
    np.testing.assert_allclose(-np.log(probability[counted]).mean(), task.chance["loss"], rtol=1e-12)
    guesses = np.random.default_rng(1).integers(32, size=counted.shape)
    assert abs((guesses == counted).mean() - task.chance["accuracy"]) < 4 * (1 / 32 / counted.size) ** 0.5


def test_copied_words_are_uniform():
    _, batch = draw()
    counts = np.bincount(batch.targets[:, :8].ravel(), minlength=32)
    expected = 8 * SIZE / 32
    chi_square = np.sum((counts - expected) ** 2 / expected)
    assert chi_square < 31 + 5 * (2 * 31) ** 0.5
