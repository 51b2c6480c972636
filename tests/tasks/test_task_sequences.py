"""Laws of the sort and reverse tasks."""

import numpy as np
import pytest

from minires.tasks import decode, make_task

SIZE = 2000
ORACLES = {"sort": sorted, "reverse": lambda source: list(source)[::-1]}


def draw(name, seed=0, size=SIZE, **options):
    task = make_task(name, **options)
    return task, task.batch(np.random.default_rng(seed), size)


@pytest.mark.parametrize("alphabet, length", [(16, 8), (2, 1), (70, 5)])
@pytest.mark.parametrize("name", ORACLES)
def test_sequence_batches_have_the_promised_shapes_types_and_ids(name, alphabet, length):
    task, batch = draw(name, alphabet=alphabet, length=length)
    assert set(batch.inputs) == {"tokens", "source"} and task.kind == "encoder_decoder"
    assert task.length == length and task.vocabulary == alphabet + 1 == len(set(task.symbols))
    for array in (batch.inputs["tokens"], batch.inputs["source"], batch.targets):
        assert array.shape == (SIZE, length) and array.dtype == np.int64
    assert batch.weights.dtype == np.float64
    np.testing.assert_array_equal(batch.weights, np.ones((SIZE, length)))
    assert set(np.unique(batch.inputs["source"])) == set(range(alphabet))


@pytest.mark.parametrize("name", ORACLES)
def test_the_source_determines_the_targets(name):
    task, batch = draw(name)
    for source, target in zip(batch.inputs["source"], batch.targets):
        assert ORACLES[name](source.tolist()) == target.tolist()
    assert task.bayes == {"loss": 0.0, "accuracy": 1.0}


@pytest.mark.parametrize("name", ORACLES)
def test_the_decoder_reads_begin_and_then_the_targets_before(name):
    task, batch = draw(name)
    tokens = batch.inputs["tokens"]
    np.testing.assert_array_equal(tokens[:, 0], 16)
    np.testing.assert_array_equal(tokens[:, 1:], batch.targets[:, :-1])
    assert decode(task.symbols, tokens[0, :1]) == "[BEGIN]"


@pytest.mark.parametrize("name", ORACLES)
def test_the_uniform_predictor_over_the_alphabet_is_at_chance_level(name):
    task, batch = draw(name)
    probability = np.append(np.full(16, 1 / 16), 0)
    np.testing.assert_allclose(-np.log(probability[batch.targets]).mean(), task.chance["loss"], rtol=1e-12)
    guesses = np.random.default_rng(1).integers(16, size=batch.targets.shape)
    assert abs((guesses == batch.targets).mean() - task.chance["accuracy"]) < 4 * (1 / 16 / guesses.size) ** 0.5


def test_sources_are_uniform():
    _, batch = draw("sort")
    counts = np.bincount(batch.inputs["source"].ravel(), minlength=16)
    expected = 8 * SIZE / 16
    assert np.sum((counts - expected) ** 2 / expected) < 15 + 5 * 30 ** 0.5


def test_writing_the_targets_leaves_the_source_as_it_was():
    _, batch = draw("reverse")
    source = batch.inputs["source"].copy()
    batch.targets[:] = 0
    np.testing.assert_array_equal(batch.inputs["source"], source)


def test_reversing_the_targets_gives_the_source_back():
    _, batch = draw("reverse")
    np.testing.assert_array_equal(batch.targets[:, ::-1], batch.inputs["source"])
