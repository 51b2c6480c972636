"""Laws of the associative recall task."""

import numpy as np
import pytest

from minires.tasks import decode, make_task

SIZE = 4000


def draw(seed=0, size=SIZE, **options):
    task = make_task("recall", **options)
    return task, task.batch(np.random.default_rng(seed), size)


@pytest.mark.parametrize("pairs, keys, values, queries", [(4, 16, 16, 3), (1, 1, 2, 1), (3, 3, 5, None)])
def test_recall_batches_have_the_promised_shapes_and_types(pairs, keys, values, queries):
    task, batch = draw(pairs=pairs, keys=keys, values=values, queries=queries)
    assert set(batch.inputs) == {"tokens"} and task.kind == "decoder"
    assert task.length == 2 * pairs + 2 * (queries or pairs) - 1 and task.vocabulary == keys + values == len(task.symbols)
    for array, dtype in [(batch.inputs["tokens"], np.int64), (batch.targets, np.int64), (batch.weights, np.float64)]:
        assert array.shape == (SIZE, task.length) and array.dtype == dtype


@pytest.mark.parametrize("pairs, keys, values", [(4, 16, 16), (1, 1, 2), (3, 3, 5)])
def test_keys_and_values_alternate_in_disjoint_ranges_that_are_all_used(pairs, keys, values):
    _, batch = draw(pairs=pairs, keys=keys, values=values)
    tokens = batch.inputs["tokens"]
    assert set(np.unique(tokens[:, 0::2])) == set(range(keys))
    assert set(np.unique(tokens[:, 1::2])) == set(range(keys, keys + values))
    assert set(np.unique(batch.targets[:, -1])) == set(range(keys, keys + values))


def test_the_keys_of_a_sequence_differ():
    _, batch = draw(pairs=4, keys=4)
    np.testing.assert_array_equal(np.sort(batch.inputs["tokens"][:, 0:8:2], axis=1), np.tile(np.arange(4), (SIZE, 1)))


def test_recall_targets_are_the_next_tokens():
    _, batch = draw()
    np.testing.assert_array_equal(batch.targets[:, :-1], batch.inputs["tokens"][:, 1:])


def test_only_the_queries_count():
    _, batch = draw(queries=3)
    np.testing.assert_array_equal(batch.weights, np.tile([0.0] * 8 + [1.0, 0.0, 1.0, 0.0, 1.0], (SIZE, 1)))


def test_a_lookup_by_key_answers_every_query():
    task, batch = draw(queries=3)
    for tokens, targets in zip(batch.inputs["tokens"], batch.targets):
        value_of = dict(zip(tokens[0:8:2], tokens[1:8:2]))
        assert len(value_of) == 4 and [value_of[key] for key in tokens[8::2]] == targets[8::2].tolist()
    assert task.bayes == {"loss": 0.0, "accuracy": 1.0}


def test_no_pair_is_asked_twice_so_that_no_answer_is_given_away():
    task, batch = draw()
    assert task.options["queries"] == 4
    np.testing.assert_array_equal(np.sort(batch.inputs["tokens"][:, 8::2]), np.sort(batch.inputs["tokens"][:, 0:8:2]))


def test_every_pair_is_asked_equally_often():
    _, batch = draw(queries=1)
    tokens = batch.inputs["tokens"]
    share = (tokens[:, 0:8:2] == tokens[:, -1:]).mean(axis=0)
    assert share.sum() == pytest.approx(1)
    np.testing.assert_allclose(share, 1 / 4, atol=4 * (3 / 16 / SIZE) ** 0.5)


def test_the_uniform_predictor_over_values_is_at_chance_level():
    task, batch = draw()
    answers = batch.targets[:, -1]
    probability = np.concatenate([np.zeros(16), np.full(16, 1 / 16)])
    np.testing.assert_allclose(-np.log(probability[answers]).mean(), task.chance["loss"], rtol=1e-12)
    guesses = np.random.default_rng(1).integers(16, 32, size=SIZE)
    assert abs((guesses == answers).mean() - task.chance["accuracy"]) < 4 * (1 / 16 / SIZE) ** 0.5


@pytest.mark.parametrize("pairs, values", [(4, 16), (4, 2), (7, 3)])
def test_the_reference_is_the_loss_of_guessing_among_the_values_shown(pairs, values):
    task, batch = draw(pairs=pairs, values=values, queries=1, size=20000)
    shown = batch.inputs["tokens"][:, 1:-1:2]
    losses = -np.log((shown == batch.targets[:, -1:]).mean(axis=1))
    assert abs(losses.mean() - task.references["one of the values shown"]) < 4 * losses.std() / 20000 ** 0.5


def test_the_reference_stays_finite_for_very_many_pairs():
    loss = make_task("recall", pairs=2000, keys=2000, values=16).references["one of the values shown"]
    assert np.log(16) - 0.01 < loss < np.log(16)


def test_recall_prints_keys_and_values_apart():
    task, batch = draw(pairs=1, keys=1, values=2, size=1)
    assert decode(task.symbols, batch.inputs["tokens"][0]) in ("k0v0k0", "k0v1k0")


def test_more_pairs_than_keys_is_an_error():
    with pytest.raises(ValueError, match=r"^pairs=5: expected at most keys=4, .*differ$"):
        make_task("recall", pairs=5, keys=4)


def test_more_queries_than_pairs_is_an_error():
    with pytest.raises(ValueError, match=r"^queries=5: expected at most pairs=4, because each pair is asked once$"):
        make_task("recall", queries=5)
