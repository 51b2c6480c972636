"""Laws of the training loop: it learns, repeats itself bit for bit, survives interruption, and stops at NaN."""

import numpy as np
import pytest
from training_cases import TASK, case, poisoned, same_bits, shifted

from minires.gradients import loss
from minires.parameters import flatten, unflatten
from minires.training import Diverged, Interrupted, begin, evaluate, load, train
from minires.training.loop import accuracy, loss_and_gradient


def quiet(*arguments, **options):
    return train(*arguments, progress=False, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(dtype, optimiser):
    first, second = (quiet(*case(dtype=dtype, optimiser=optimiser)) for _ in range(2))
    other = quiet(*case(dtype=dtype, optimiser=optimiser, seed=4))
    assert same_bits(first, second) and not same_bits(first, other)
    assert {w.dtype for w in first.params.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("variant", ["resformer_plus", "svformer", "realformer_mean"])
def test_a_resumed_training_gives_the_same_bits_as_an_uninterrupted_one(variant, tmp_path):
    model, task, recipe = case(variant)
    path = str(tmp_path / "half.npz")
    with pytest.raises(Interrupted):
        train(model, poisoned(task, 3), recipe, path=path, progress=False)
    whole = quiet(model, shifted(task), recipe)
    resumed = quiet(model, shifted(task), recipe, load(path).state)
    assert load(path).state.step == 3 and same_bits(whole, resumed)


def test_ctrl_c_saves_the_last_whole_step_and_says_how_to_go_on(tmp_path):
    path = str(tmp_path / "run.npz")
    model, task, recipe = case()
    with pytest.raises(Interrupted, match=r"stopped after step 4, saved; go on with: minires train --resume .*run\.npz"):
        quiet(model, poisoned(task, 4), recipe, path=path)
    found = load(path, model)
    assert found.state.step == 4 and found.recipe == recipe and found.task["name"] == "copy"
    with pytest.raises(Interrupted, match="nothing was saved"):
        quiet(model, poisoned(task, 1), recipe)


def test_a_nan_stops_the_training_with_step_and_parameter_and_keeps_the_last_good_checkpoint(tmp_path):
    path = str(tmp_path / "good.npz")
    model, task, recipe = case(dropout=0.0, steps=4)
    quiet(model, task, recipe, path=path)
    good = load(path).state
    huge = np.sign(good.params["head.W"]) * 1e308
    broken = good._replace(params={**good.params, "head.W": huge})
    told = r"at step 5: the loss is nan, the gradient of .* is not finite .*; no checkpoint was kept"
    with pytest.raises(Diverged, match=told):
        quiet(model, task, recipe._replace(steps=9), broken)
    with pytest.raises(Diverged, match=r"at step 5: .*; the last good checkpoint is .*good\.npz"):
        quiet(model, task, recipe._replace(steps=9), broken, path=path)
    assert same_bits(load(path).state, good)


def test_a_divergence_names_the_checkpoint_written_before_it(tmp_path):
    path = str(tmp_path / "last.npz")
    model, task, recipe = case(dropout=0.0, steps=50, optimiser="sgd", learning_rate=1e200, clip=None, warm_up=1)
    recipe = recipe._replace(clip=None)
    with pytest.raises(Diverged) as error:
        quiet(model, task, recipe, path=path, every=1)
    message = str(error.value)
    assert f"the last good checkpoint is {path}" in message and "\n" not in message
    assert all(np.all(np.isfinite(w)) for w in load(path).state.params.values())


def test_training_lowers_the_loss_below_chance():
    model, task, recipe = case(dropout=0.0, steps=150, batch=32, learning_rate=1e-2)
    state = quiet(model, task, recipe)
    start, _ = evaluate(model, unflatten(begin(model, task, recipe).params), task.validation(np.random.default_rng(0), 64))
    assert start > 0.9 * TASK.chance["loss"] and state.history["validation_loss"][-1] < 0.9 * TASK.chance["loss"]


def test_the_history_records_each_step_and_each_evaluation():
    history = quiet(*case(steps=5)).history
    assert history["step"] == [1, 2, 3, 4, 5] and history["validation_step"] == [2, 4, 5]
    assert {name: len(values) for name, values in history.items()} == {
        "step": 5, "loss": 5, "accuracy": 5, "learning_rate": 5, "gradient_norm": 5, "validation_step": 3,
        "validation_loss": 3, "validation_accuracy": 3}


def test_the_recorded_loss_and_accuracy_are_those_of_the_batch():
    model, task, recipe = case(dropout=0.0)
    state = begin(model, task, recipe)
    rng = np.random.default_rng()
    rng.bit_generator.state = state.rng
    batch = task.batch(rng, recipe.batch)
    value, logits = loss(model, unflatten(state.params), batch)
    history = quiet(model, task, recipe._replace(steps=1)).history
    assert history["loss"] == [float(value)] and history["accuracy"] == [accuracy(logits, batch)]
    right = [logits[b, t].argmax() == batch.targets[b, t] for b, t in zip(*np.nonzero(batch.weights))]
    assert accuracy(logits, batch) == np.mean(right)


def test_the_gradient_of_a_step_is_that_of_the_loss():
    model, task, recipe = case(dropout=0.0)
    params, batch = begin(model, task, recipe).params, task.batch(np.random.default_rng(8), 3)
    value, logits, gradient = loss_and_gradient(model, params, batch)
    name, step = "layers.1.attention.W_v", 1e-6
    moved = [dict(params, **{name: params[name] + sign * step * np.eye(8)}) for sign in (1, -1)]
    up, down = (loss(model, unflatten(tree), batch)[0] for tree in moved)
    assert (up - down) / (2 * step) == pytest.approx(np.trace(gradient[name]), rel=1e-6)
    assert type(logits) is np.ndarray and gradient.keys() == flatten(model.init(np.random.default_rng(0))).keys()


def test_a_model_of_another_kind_or_vocabulary_than_the_task_is_refused():
    model, task, recipe = case()
    with pytest.raises(ValueError, match="needs a model of kind decoder, given encoder"):
        begin(model, task._replace(kind="decoder"), recipe)
    with pytest.raises(ValueError, match="has 9 token ids, the model's vocabulary is 6"):
        begin(model, task._replace(vocabulary=9), recipe)


def test_dropout_acts_in_training_only():
    plain, dropped = (quiet(*case(dropout=rate, steps=1)) for rate in (0.0, 0.5))
    assert plain.history["loss"] != dropped.history["loss"]
    model, task, recipe = case(dropout=0.5)
    params, batch = unflatten(begin(model, task, recipe).params), task.batch(np.random.default_rng(0), 4)
    assert evaluate(model, params, batch) == evaluate(model, params, batch)
