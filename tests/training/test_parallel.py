"""Laws of the chunks of a batch: together they are the batch, and no bit depends on the threads that work on them."""

import numpy as np
import pytest
from training_cases import case, same_bits

from minires.gradients import Example, loss, random_parameters, tiny_example, tiny_model, value_and_gradient
from minires.model import BERT, Transformer
from minires.parameters import flatten, unflatten
from minires.residual import VARIANTS
from minires.training import evaluate, parallel, train
from minires.training.loop import loss_and_gradient


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(parallel, "SPLIT", 1)


def example(variant="vanilla", kind="decoder", B=5, dtype="float64", **changes):
    model, rng = tiny_model(variant, kind, layers=2, **changes), np.random.default_rng(2)
    params = {name: array.astype(dtype) for name, array in flatten(random_parameters(model, rng)).items()}
    return model, params, tiny_example(model, rng, B=B)


def whole(model, params, batch):
    return value_and_gradient(lambda p: loss(model, p, batch)[0], params)


def with_generator(batch):
    return batch._replace(inputs={**batch.inputs, "rng": np.random.default_rng(7)})


@pytest.mark.parametrize("kind", ["decoder", "encoder", "encoder_decoder"])
def test_chunks_add_up_to_the_loss_the_gradient_and_the_logits_of_the_whole_batch(kind, small_chunks):
    model, params, batch = example(kind=kind)
    pieces = parallel.chunks(model, batch)
    assert [len(piece.targets) for piece, _ in pieces] == [1, 1, 1, 2] and sum(share for _, share in pieces) == pytest.approx(1)
    value, logits, gradient = loss_and_gradient(model, params, batch)
    value_, gradient_ = whole(model, params, batch)
    assert value == pytest.approx(value_, rel=1e-12) and list(gradient) == list(gradient_)
    for name, g in gradient.items():
        np.testing.assert_allclose(g, gradient_[name], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(logits, loss(model, unflatten(params), batch)[1], rtol=1e-12, atol=1e-13)
    assert evaluate(model, unflatten(params), batch)[0] == pytest.approx(value_, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_number_of_threads_changes_no_bit_and_float32_stays_float32(dtype, small_chunks):
    model, params, batch = example("realformer", dtype=dtype)
    results = [loss_and_gradient(model, params, batch, threads) for threads in (1, 2, 3, 7)]
    for value, logits, gradient in results:
        assert value == results[0][0] and logits.tobytes() == results[0][1].tobytes()
        assert all(g.dtype == dtype and g.tobytes() == results[0][2][name].tobytes() for name, g in gradient.items())
        assert {logits.dtype, np.asarray(value).dtype} == {np.dtype(dtype)}


def test_a_training_on_two_threads_is_that_on_one_to_the_bit(small_chunks):
    model, task, recipe = case("resformer", dropout=0.0, validation=7)
    one, two = (train(model, task, recipe, progress=False, threads=threads) for threads in (1, 2))
    assert same_bits(one, two)


def test_sequences_without_weight_add_nothing_and_are_no_division_by_zero(small_chunks):
    model, params, batch = example(B=4)
    batch.weights[[0, 3]] = 0
    value, logits, gradient = loss_and_gradient(model, params, batch)
    few = Example({"tokens": batch.inputs["tokens"][1:3]}, batch.targets[1:3], batch.weights[1:3])
    value_, gradient_ = whole(model, params, few)
    assert value == pytest.approx(value_, rel=1e-12) and np.all(np.isfinite(logits)) and logits.shape[0] == 4
    for name, g in gradient.items():
        np.testing.assert_allclose(g, gradient_[name], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("variant, changes", [("vanilla", {"dropout": 0.1}), ("layer_drop", {"options": {"p": 0.8}}),
                                              ("stochastic_depth", {"options": {"per": "batch"}})])
def test_a_batch_that_random_numbers_are_drawn_for_is_not_split(variant, changes, small_chunks):
    model, params, batch = example(variant, **changes)
    assert len(parallel.chunks(model, batch)) == 4  # without a generator nothing is drawn
    (piece, share), = parallel.chunks(model, with_generator(batch))
    assert len(piece.targets) == 5 and share == 1
    values = {loss_and_gradient(model, params, with_generator(batch), threads)[0] for threads in (1, 2)}
    assert len(values) == 1 and loss_and_gradient(model, params, batch)[0] not in values


def test_a_generator_that_nothing_draws_from_does_not_keep_a_batch_whole(small_chunks):
    for variant, options in (("vanilla", {}), ("stochastic_depth", {"p": 0.0})):
        model, _, batch = example(variant, options=options)
        assert len(parallel.chunks(model, with_generator(batch))) == 4


@pytest.mark.parametrize("given", [{"mask": np.zeros((5, 5))}, {"bias": np.zeros((4, 5, 5))}])
def test_inputs_that_are_no_rows_of_the_batch_keep_it_whole(given, small_chunks):
    model, _, batch = example()
    assert len(parallel.chunks(model, batch._replace(inputs={**batch.inputs, **given}))) == 1
    assert len(parallel.chunks(model, batch._replace(inputs={**batch.inputs, "padding": None, "mask": None}))) == 4


def test_a_batch_without_any_weight_is_left_as_it_is(small_chunks):
    model, _, batch = example()
    batch.weights[:] = 0
    assert len(parallel.chunks(model, batch)) == 1


def test_the_number_of_chunks_follows_from_the_sizes_and_small_batches_are_whole():
    model = Transformer(kind="decoder", vocabulary=64, layers=2, width=32, heads=4, maximum_length=256, **BERT)
    counts = [parallel.chunk_count(model, Example({"tokens": t}, t, t)) for t in (np.zeros((B, T)) for B, T in SIZES)]
    assert counts == [1, 1, 1, 1, 2, 2, 4, 4, 1]


SIZES = ((1, 256), (32, 32), (63, 65), (1, 8192), (64, 64), (33, 256), (64, 256), (127, 256), (1, 256 * 256))


def test_threads_must_be_a_whole_number_of_at_least_one():
    model, params, batch = example()
    for threads in (0, 1.5, True):
        with pytest.raises(ValueError, match="threads=.*expected a whole number of at least 1"):
            loss_and_gradient(model, params, batch, threads)


def test_numpy_s_error_settings_hold_in_every_thread():
    with np.errstate(over="ignore"):
        assert parallel.in_threads(lambda x: np.geterr()["over"], [(1,), (2,), (3,)], 2) == ["ignore"] * 3
    with np.errstate(over="raise"):
        assert parallel.in_threads(lambda x: np.geterr()["over"], [(1,), (2,), (3,)], 2) == ["raise"] * 3


def test_results_come_in_order_and_an_error_in_a_thread_is_the_caller_s():
    assert parallel.in_threads(lambda x, y: x - y, [(5, 1), (7, 2), (1, 1)], 2) == [4, 5, 0]
    with pytest.raises(ZeroDivisionError):
        parallel.in_threads(lambda x: 1 / x, [(1,), (0,), (2,)], 2)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_chunks_add_up_for_every_variant(variant, small_chunks):
    try:
        model, params, batch = example(variant)
    except ValueError as reason:
        pytest.skip(str(reason))
    assert parallel.draws(model) == (variant in ("layer_drop", "stochastic_depth"))
    value, _, gradient = loss_and_gradient(model, params, batch)
    value_, gradient_ = whole(model, params, batch)
    assert value == pytest.approx(value_, rel=1e-12)
    largest = max(np.max(abs(g)) for g in gradient_.values())
    for name, g in gradient.items():
        np.testing.assert_allclose(g, gradient_[name], rtol=1e-11, atol=1e-12 * largest, err_msg=name)
