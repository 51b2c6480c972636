"""What the README and the tour claim, on every seed they name, with the recipes as they are."""

import numpy as np
import pytest

from minires import LLAMA, Transformer
from minires.analysis import summary
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
@pytest.mark.parametrize("variant", ["pre_norm", "resformer"])
def test_recall_is_learnt_from_several_queries_and_not_from_one(variant):
    _, state = trained(variant, make_task("recall"))
    assert state.history["validation_accuracy"][-1] > 0.95
    task = make_task("recall", queries=1)
    _, state = trained(variant, task)
    assert state.history["validation_loss"][-1] > 0.9 * task.references["one of the values shown"]


# ---- before any training: what the wiring alone does at random weights ------------------------------------------------

def random_trace(variant, seed, tokens, std, embedding_std=None, **description):
    """The trace at normal weights of this deviation (the initial draw leaves out the tails: 0.88 of it remains)."""
    model = Transformer(variant=variant, initial_std=std / 0.88, **description)
    params = model.init(np.random.default_rng(seed))
    params["embedding"]["W_token"] *= (embedding_std or std) / std
    return model.apply(params, tokens)[1]


def test_the_running_sum_sharpens_with_depth_and_the_mean_flattens_before_any_training():
    sizes = {"vocabulary": 50, "layers": 6, "width": 32, "heads": 4, "positions": "none"}
    entropy, divergence, spread = {}, {}, {}
    for variant in ("vanilla", "realformer", "realformer_mean"):
        summaries = [summary(random_trace(variant, seed, np.random.default_rng(seed).integers(0, 50, (4, 10)), 32 ** -0.5,
                                          **sizes)) for seed in range(6)]
        entropy[variant], divergence[variant], spread[variant] = (
            np.mean([each[name] for each in summaries], axis=0)
            for name in ("normalised_entropy", "divergence", "score_spread"))
    assert np.all(np.diff(entropy["realformer"]) < 0) and np.all(np.diff(entropy["realformer_mean"]) > 0)
    assert entropy["realformer"][-1] < 0.75 < 0.9 < entropy["vanilla"][-1] < entropy["realformer_mean"][-1]
    assert np.all(divergence["realformer_mean"][1:] < divergence["realformer"][1:])
    assert np.all(divergence["realformer"] < divergence["vanilla"])
    np.testing.assert_allclose(spread["realformer"] / spread["realformer"][0], np.sqrt(np.arange(1, 7)), rtol=0.1)


def test_value_residuals_smooth_a_deep_untrained_model_less_in_the_published_order():
    sizes = {"kind": "decoder", "vocabulary": 500, "layers": 24, "width": 64, "heads": 4, "feed_forward": 224, **LLAMA}
    similarity = {variant: np.mean([summary(random_trace(
        variant, seed, np.random.default_rng(seed + 9).integers(0, 500, (2, 64)), 0.08, 0.02, **sizes))["token_similarity"]
        for seed in range(3)], axis=0)[1:-1] for variant in ("pre_norm", "resformer", "neutreno", "svformer")}
    last = [values[-1] for values in similarity.values()]
    assert np.all(np.diff(last) < 0) and last[0] > 2 * last[1]
    assert similarity["pre_norm"][-1] > 1.5 * similarity["pre_norm"][0]
    assert all(similarity[name][-1] < similarity[name][0] for name in ("resformer", "neutreno", "svformer"))
