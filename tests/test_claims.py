"""What the README and the tour claim, on every seed they name, with the recipes as they are."""

import numpy as np
import pytest

from minires.experiments import reached
from minires.parameters import unflatten
from minires.recipes import describe, recipe_for
from minires.tasks import make_task
from minires.training import evaluate, train

SEEDS = (0, 1, 2)


def trained(variant, task, seed=0, model=None, **recipe):
    """The model, and the state after the task's own recipe."""
    model = describe(variant, task, **(model or {}))
    return model, train(model, task, recipe_for(task, seed=seed, dtype="float32", **recipe), progress=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_realformer_copies_within_300_steps(seed):
    _, state = trained("realformer", make_task("copy"), seed)
    assert state.step == 300 and reached(state.history, 0.95) <= 300


@pytest.mark.parametrize("seed", SEEDS)
def test_post_norm_vanilla_stays_below_half_on_the_copy_task(seed):
    _, state = trained("vanilla", make_task("copy"), seed)
    assert state.step == 300 and max(state.history["validation_accuracy"]) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("variant, seed", [("vanilla", 1), ("resformer", 0)])
def test_the_copy_task_can_be_learnt_by_all_when_everything_is_masked(variant, seed):
    _, state = trained(variant, make_task("copy", masked=1), seed, learning_rate=3e-3)
    assert state.history["validation_accuracy"][-1] > 0.95


@pytest.mark.parametrize("variant", ["pre_norm", "resformer", *(pytest.param(name, marks=pytest.mark.slow)
                                                                for name in ("realformer", "svformer"))])
def test_a_character_model_ends_below_the_bigram_entropy_of_its_text(variant):
    task = make_task("characters")
    model, state = trained(variant, task, model={"placement": "pre"})
    held_out = task.validation(np.random.default_rng(77), 256)
    value, _ = evaluate(model, unflatten(state.params), held_out)
    assert value < task.references["bigram entropy"] < task.references["unigram entropy"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["sort", "reverse"])
def test_an_encoder_decoder_learns_sequences(task):
    _, state = trained("realformer", make_task(task))
    assert state.history["validation_accuracy"][-1] > 0.98


@pytest.mark.slow
def test_a_masked_model_ends_below_the_bigram_entropy_of_its_text():
    task = make_task("masked_characters")
    _, state = trained("resformer", task)
    assert state.history["validation_loss"][-1] < task.references["bigram entropy"]


@pytest.mark.slow
def test_recall_comes_as_far_as_naming_one_of_the_values_shown():
    task = make_task("recall")
    _, state = trained("resformer", task, steps=400)
    assert state.history["validation_loss"][-1] < 0.6 * task.chance["loss"]
