"""Training the reservoir ResFormer: what is frozen stays, kept states are never stale, examples are labelled utterances."""

import os

import numpy as np
import pytest

from minires.errors import Diverged
from minires.parameters import flatten
from minires.reservoir_resformer.model import ReservoirResFormer
from minires.tasks.conversations import make_conversations, select
from minires.training import conversations as training
from minires.training import states as states_module
from minires.training.conversations import (evaluate_utterances, labelled, mean_loss, pick, predict_utterances, separated,
                                            train_conversations, without_memory)
from minires.training.state import Recipe
from minires.training.states import digest, kept_states, states_of

SMALL = {"vocabulary": 24, "classes": 4, "width": 8, "units": (9, 6), "leak": (0.1, 0.3), "maximum_length": 5,
         "hidden": 7, "density": 0.7}
RECIPE = Recipe(steps=4, batch=6, learning_rate=1e-2, warm_up=1, weight_decay=0.1, evaluate_every=2)


def setting(count=13, **changes):
    data = make_conversations("cue_recall", np.random.default_rng(0), count, distance=2)
    model = ReservoirResFormer(**{**SMALL, **changes})
    return model, model.init(np.random.default_rng(1)), data


# ---- states ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes", [{}, {"reset": "never"}, {"memory": "inclusive"}, {"step": "sentence_mean"}])
def test_states_of_a_corpus_are_those_of_its_conversations_in_their_order(changes, monkeypatch):
    monkeypatch.setattr(states_module, "BATCH", 4)
    model, params, data = setting(**changes)
    data = data._replace(real=data.real & (np.arange(4) < np.arange(13)[:, None] % 3 + 2)[..., None])  # 2 to 4 utterances
    expected, _ = model.remember(params, data.tokens, data.real)
    there = data.real.any(-1)
    for s, one in zip(states_of(model, params, data), expected, strict=True):
        assert s.shape == one.shape
        np.testing.assert_allclose(s[there], one[there], atol=1e-13)


def test_vectors_go_with_their_conversations_and_an_utterance_that_is_not_there_has_the_last_state(monkeypatch):
    monkeypatch.setattr(states_module, "BATCH", 4)
    model, params, data = setting(step="cls", input_width=24)
    data = data._replace(real=data.real & (np.arange(4) < np.arange(13)[:, None] % 3 + 2)[..., None])
    vectors = np.random.default_rng(4).standard_normal((13, 4, 24))
    expected, _ = model.remember(params, data.tokens, data.real, vectors)
    for s, one in zip(states_of(model, params, data, vectors), expected, strict=True):
        np.testing.assert_allclose(s, one, atol=1e-13)


def test_kept_states_are_read_back_bit_for_bit_and_heard_only_once(tmp_path, monkeypatch):
    model, params, data = setting()
    first = kept_states(model, params, data, str(tmp_path / "new"))
    monkeypatch.setattr(states_module, "states_of", None)  # a second hearing would fail
    for a, b in zip(first, kept_states(model, params, data, str(tmp_path / "new")), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(os.listdir(tmp_path / "new")) == 1


def test_the_name_of_kept_states_changes_with_all_that_decides_them_and_with_nothing_else():
    model, params, data = setting()
    name = digest(model, params, data)
    memory = params["memory"]
    louder = {**params, "memory": {**memory, "E_r": 1.1 * memory["E_r"]}}
    slower = {**params, "memory": {**memory, "reservoirs": [{**r, "g": r["g"] * 0.5} for r in memory["reservoirs"]]}}
    others = [digest(model, louder, data), digest(model, slower, data)]
    others += [digest(setting(**changes)[0], params, data)
               for changes in ({"memory": "inclusive"}, {"step": "sentence_mean"}, {"reset": "never"})]
    others += [digest(model, params, select(data, np.arange(12))), digest(model, params, data._replace(real=data.real[::-1])),
               digest(model, params, data, np.zeros((13, 4, 2)))]
    assert len({name, *others}) == 9
    trained = {**params, "head": {**params["head"], "b": params["head"]["b"] + 1}}
    relabelled = data._replace(labels=-data.labels)
    assert digest(model, trained, relabelled) == name == digest(setting(readout="linear")[0], params, data)


def test_an_interrupted_hearing_leaves_no_file(tmp_path, monkeypatch):
    model, params, data = setting()

    def interrupted(*arguments, **named):
        raise KeyboardInterrupt
    monkeypatch.setattr(states_module.np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kept_states(model, params, data, str(tmp_path))
    assert os.listdir(tmp_path) == []


# ---- examples --------------------------------------------------------------------------------------------------------

def test_examples_are_the_labelled_utterances_with_their_own_states_labels_and_places():
    model, params, data = setting()
    data = data._replace(labels=np.where(np.arange(4) == 0, data.labels[:, -1:], data.labels))  # a label at both ends
    states = states_of(model, params, data)
    rows = labelled(data, states)
    assert len(rows.labels) == 26 and rows.first.tolist() == [True, False] * 13
    for i in range(26):
        c, u = i // 2, 3 * (i % 2)
        np.testing.assert_array_equal(rows.tokens[i], data.tokens[c, u])
        np.testing.assert_array_equal(rows.states[1][i], states[1][c, u])
        assert rows.labels[i] == data.labels[c, u]


def test_examples_give_the_logits_of_the_whole_conversation():
    model, params, data = setting()
    rows = labelled(data, states_of(model, params, data))
    whole = model.apply(params, data.tokens, data.real)[data.labels >= 0]
    np.testing.assert_allclose(predict_utterances(model, params, rows, size=5), whole, atol=1e-12)


def test_picked_utterances_lose_padding_only():
    model, params, data = setting()
    rows = labelled(data, states_of(model, params, data))
    short = np.argsort(rows.real.sum(1))[:3]
    some = pick(rows, short)
    assert some.tokens.shape[1] == rows.real[short].sum(1).max() and some.real.sum() == rows.real[short].sum()


def test_the_loss_is_the_mean_over_labelled_utterances_alone():
    logits, labels = np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]]), np.array([1, 1, 0])
    expected = np.mean([-z[y] + np.log(np.exp(z).sum()) for z, y in zip(logits, labels)])
    assert mean_loss(logits, labels) == pytest.approx(expected, rel=1e-14)


def test_evaluation_is_mean_loss_and_share_of_right_answers_and_the_control_has_no_memory():
    model, params, data = setting()
    rows = labelled(data, states_of(model, params, data))
    logits = predict_utterances(model, params, rows)
    loss, right = evaluate_utterances(model, params, rows)
    assert loss == pytest.approx(mean_loss(logits, rows.labels)) and right == np.mean(logits.argmax(-1) == rows.labels)
    silent = without_memory(rows)
    assert all(not s.any() for s in silent.states) and np.any(predict_utterances(model, params, silent) != logits)


# ---- training --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes", [{}, {"gradient": "end_to_end"}, {"reset": "never"}, {"fusion": "every_layer"}])
def test_what_is_under_memory_stays_byte_for_byte_and_all_else_moves(changes):
    model, params, data = setting(**changes)
    trained, _ = train_conversations(model, data, RECIPE, progress=False, params=params)
    before, after = flatten(params), flatten(trained)
    assert set(before) == set(after)
    for name in before:
        same = np.array_equal(before[name], after[name])
        blind = name.split(".")[-1] == "b_k"  # softmax does not see the key bias
        assert same == name.startswith("memory.") or blind, name


@pytest.mark.parametrize("gradient", ["stopped", "end_to_end"])
def test_training_lowers_the_loss_and_twice_is_the_same_bit_for_bit(gradient):
    model, _, data = setting(gradient=gradient)
    recipe = RECIPE._replace(steps=60, batch=13, learning_rate=2e-2)
    first, history = train_conversations(model, data, recipe, progress=False)
    second, _ = train_conversations(model, data, recipe, progress=False)
    assert np.mean(history["loss"][-5:]) < 0.7 * np.mean(history["loss"][:5])
    for a, b in zip(flatten(first).values(), flatten(second).values()):
        np.testing.assert_array_equal(a, b)
    other, _ = train_conversations(model, data, recipe._replace(seed=1), progress=False)
    assert np.any(flatten(other)["memory.E_r"] != flatten(first)["memory.E_r"])


@pytest.mark.parametrize("gradient", ["stopped", "end_to_end"])
def test_the_seed_draws_the_batches_and_the_start_apart(gradient):
    """From the same start another seed still draws other batches, and a batch is drawn at random from all."""
    model, params, data = setting(gradient=gradient)
    recipe = RECIPE._replace(steps=1, batch=5)
    ends = [flatten(train_conversations(model, data, recipe._replace(seed=seed), progress=False, params=params)[0])["head.W"]
            for seed in (0, 0, 1, 2)]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert np.any(ends[1] != ends[2]) and np.any(ends[2] != ends[3])


def test_vectors_go_with_the_conversations_that_are_drawn(monkeypatch):
    """Vectors that are the same function of the labels wherever they stand: only the right ones can be learned from."""
    model, _, data = setting(count=60, gradient="end_to_end", step="cls", input_width=4, table="normal", leak=(1.0, 0.9))
    vectors = np.zeros((60, 4, 4))
    vectors[np.arange(60), 2, data.labels[:, -1]] = 5.0
    recipe = RECIPE._replace(steps=150, batch=20, learning_rate=2e-2)
    _, history = train_conversations(model, data, recipe, progress=False, vectors={"train": vectors})
    assert np.mean(history["loss"][-10:]) < 0.3


def test_validation_is_written_down_at_its_steps_and_decides_nothing():
    model, _, data = setting()
    held_out = make_conversations("cue_recall", np.random.default_rng(5), 8, distance=2)
    recipe = RECIPE._replace(steps=5)
    with_it, history = train_conversations(model, data, recipe, held_out, progress=False)
    without, _ = train_conversations(model, data, recipe, progress=False)
    assert history["validation_step"] == [2, 4, 5] and len(history["validation_accuracy"]) == 3
    rows = labelled(held_out, states_of(model, with_it, held_out))
    assert (history["validation_loss"][-1], history["validation_accuracy"][-1]) == evaluate_utterances(model, with_it, rows)
    np.testing.assert_array_equal(flatten(with_it)["head.W"], flatten(without)["head.W"])


def test_kept_states_train_the_same_model(tmp_path):
    model, _, data = setting()
    plain, _ = train_conversations(model, data, RECIPE, progress=False)
    kept, _ = train_conversations(model, data, RECIPE, folder=str(tmp_path), progress=False)
    again, _ = train_conversations(model, data, RECIPE, folder=str(tmp_path), progress=False)
    for trained in (kept, again):
        np.testing.assert_array_equal(flatten(trained)["head.W"], flatten(plain)["head.W"])


def test_vectors_from_outside_are_the_memory_of_cls_steps():
    data = setting()[2]
    vectors = {"train": np.random.default_rng(0).standard_normal((13, 4, 3))}
    for gradient in ("stopped", "end_to_end"):
        model = ReservoirResFormer(**{**SMALL, "step": "cls", "input_width": 3, "table": "normal", "gradient": gradient})
        one, _ = train_conversations(model, data, RECIPE, progress=False, vectors=vectors)
        two, _ = train_conversations(model, data, RECIPE, progress=False, vectors={"train": 2 * vectors["train"]})
        assert np.any(flatten(one)["head.W"] != flatten(two)["head.W"])


def test_frozen_and_trained_are_told_apart_by_name():
    trained, frozen = separated(setting()[1])
    assert {name.split(".")[0] for name in frozen} == {"memory"} and "memory.E_r" in frozen and "head.W" in trained


def test_a_training_that_diverges_says_at_which_step():
    model, _, data = setting()
    with pytest.raises(Diverged, match="training diverged at step"):
        train_conversations(model, data, RECIPE._replace(steps=50, learning_rate=1e200, clip=None), progress=False)


def test_data_that_cannot_be_learned_from_is_named_in_one_line():
    model, params, data = setting()
    with pytest.raises(ValueError, match="no labelled utterance: expected at least one"):
        train_conversations(model, data._replace(labels=np.full_like(data.labels, -1)), RECIPE, progress=False)
    both = setting(gradient="end_to_end", reset="never")[0]
    with pytest.raises(ValueError, match="gradient='end_to_end' with reset='never': expected reset='conversation'"):
        train_conversations(both, data, RECIPE, progress=False)
    ends = setting(gradient="end_to_end")[0]
    with pytest.raises(ValueError, match="a batch of conversations without a label"):
        train_conversations(ends, data._replace(labels=np.full_like(data.labels, -1)), RECIPE, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("task, least, chance", [("cue_recall", 0.99, 0.25), ("mood_flip", 0.88, 0.5),
                                                 ("evidence_count", 0.94, 0.588)])
def test_the_memory_decides_the_toy_tasks(task, least, chance):
    """The cascade learns; with a silent memory it knows no more than the last sentence tells."""
    for seed in (0, 1):
        rng = np.random.default_rng([seed, 7])
        data, held_out = (make_conversations(task, rng, count) for count in (4000, 2000))
        model = ReservoirResFormer(vocabulary=24, classes=len(data.label_names), maximum_length=8)
        recipe = training.RECIPE._replace(seed=seed, dtype="float32")
        params, history = train_conversations(model, data, recipe, held_out, progress=False)
        rows = labelled(held_out, states_of(model, params, held_out))
        assert history["validation_accuracy"][-1] > least
        assert evaluate_utterances(model, params, without_memory(rows))[1] < chance + 0.04
