"""Laws of the default models and recipes of the tasks."""

import numpy as np
import pytest

from minires.experiments import cache_bytes, reached, summarise
from minires.recipes import RECIPES, describe, recipe_for
from minires.tasks import TASKS, make_task
from minires.training import begin


def test_every_task_has_a_recipe_and_every_variant_fits_it():
    assert set(RECIPES) == set(TASKS)
    for name in TASKS:
        task = make_task(name)
        for variant in ("vanilla", "realformer", "resformer_plus", "svformer"):
            model, recipe = describe(variant, task), recipe_for(task)
            assert begin(model, task, recipe).step == 0 and model.maximum_length >= task.length


def test_what_is_changed_is_changed_and_none_leaves_the_default():
    task = make_task("characters")
    model = describe("resformer", task, layers=2, width=None, placement="post", options={"lambda_1": 0.3})
    assert (model.layers, model.width, model.placement, model.options) == (2, 64, "post", {"lambda_1": 0.3})
    recipe = recipe_for(task, steps=None, learning_rate=0.5)
    assert (recipe.steps, recipe.learning_rate) == (300, 0.5)


def test_other_heads_do_not_keep_the_default_grouping():
    task = make_task("characters")
    assert describe("resformer", task).kv_heads == 2 and describe("resformer", task, heads=8).kv_heads is None
    assert describe("resformer", task, heads=8, kv_heads=4).kv_heads == 4


def test_a_short_training_warms_up_and_looks_at_the_validation_sooner():
    recipe = recipe_for(make_task("characters"), steps=12)
    assert (recipe.steps, recipe.warm_up, recipe.evaluate_every) == (12, 1, 2)
    assert recipe_for(make_task("characters"), steps=12, warm_up=5).warm_up == 5


@pytest.mark.parametrize("changes, message", [
    ({"steps": 0}, "steps=0: expected a whole number of at least 1"), ({"steps": 2.5}, "steps=2.5: expected a whole number"),
    ({"learning_rate": 0.0}, "learning_rate=0.0: expected a positive number"),
    ({"learning_rate": float("inf")}, "learning_rate=inf: expected a positive number"),
    ({"weight_decay": -1.0}, "weight_decay=-1.0"), ({"clip": 0.0}, "clip=0.0: expected a positive number"),
    ({"evaluate_every": 0}, "evaluate_every=0"), ({"seed": -1}, "seed=-1"), ({"batch": True}, "batch=True")])
def test_an_impossible_recipe_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe_for(make_task("copy"), **changes)


def test_what_the_task_sets_cannot_be_changed():
    for name in ("vocabulary", "maximum_length", "kind"):
        with pytest.raises(ValueError, match=f"{name} is set by the task"):
            describe("vanilla", make_task("copy"), **{name: 5})


def test_a_summary_is_the_mean_and_the_spread_of_each_variant_in_the_order_given():
    history = {"validation_step": [5, 10], "validation_accuracy": [0.2, 0.97]}
    results = [{"variant": variant, "parameters": 3, "cache_bytes_per_token": None, "loss": loss, "accuracy": 0.5,
                "history": history} for variant, loss in (("b", 1.0), ("a", 7.0), ("b", 2.0))]
    rows = summarise(results)
    assert [(row["variant"], row["seeds"], row["loss"], row["loss_spread"]) for row in rows] == [
        ("b", 2, 1.5, 0.5), ("a", 1, 7.0, 0.0)]
    assert rows[0]["steps_to_95_percent"] == [10, 10] and reached(history, 0.99) is None and reached(history, 0.1) == 5


def test_the_cache_of_a_model_is_counted_and_an_encoder_has_none():
    for name, expected in (("copy", None), ("characters", 4 * 2 * 2 * 16 * 8), ("sort", 2 * 2 * 32 * 8)):
        model = describe("vanilla", make_task(name))
        assert cache_bytes(model, model.init(np.random.default_rng(0))) == expected
