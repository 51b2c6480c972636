"""Laws of `minires conversation`: its numbers are those of an independent calculation, each mistake is one line."""

import json
import os
import re
from dataclasses import fields

import numpy as np
import pytest

from minires.cli import parser
from minires.commands.conversation import counting, scoring, stopwatch
from minires.commands.conversation.data import SHARES, Source, read_source, unknown_share
from minires.commands.conversation.measured import cascade, last_sentence, peak_memory
from minires.commands.conversation.options import WORDS
from minires.commands.conversation.report import confusion_of
from minires.commands.conversation.scoring import predicted, read_utterances, silenced
from minires.commands.conversation.settings import Settings, settings_of
from minires.commands.conversation.toy import CHANCE, draw_comparison, mood_flip_comparison
from minires.commands.conversation.train import trained
from minires.commands.conversation_command import ACTIONS
from minires.parameters import flatten
from minires.reservoir_resformer import memory, streaming
from minires.reservoir_resformer.model import ReservoirResFormer
from minires.tasks.conversations import CONVERSATION_TASKS, joined, make_conversations
from minires.training import states as states_module
from minires.training.conversation_checkpoint import TrainedConversations, load_conversations, save_conversations
from minires.training.conversations import RECIPE, train_conversations, without_memory

TINY = ["--units", 7, "--density", 0.7, "--leak", 0.2, "--width", 8, "--hidden", 5, "--steps", 40, "--batch", 16,
        "--learning-rate", 0.02]
TOY = ["--task", "cue_recall", "--task-option", "distance=2", "--conversations", 61, *TINY]
CHANGES = {"units": 7, "density": 0.7, "leak": 0.2, "width": 8, "hidden": 5}
WORDS_OF = {"joy": ("great", "lovely"), "anger": ("terrible", "awful"), "neutral": ("table", "chair")}


@pytest.fixture
def run(run):
    """Run an action in an empty folder: (exit code, standard output, standard error)."""
    return lambda *words: run("conversation", *words)


def of_json(result):
    """The JSON that a successful run prints."""
    code, out, err = result
    assert code == 0, err
    return json.loads(out)


def write_lines(path, conversations=20, seed=3, split=None):
    """A JSONL file of conversations of 2 to 4 utterances, whose words tell the label."""
    rng, lines = np.random.default_rng(seed), []
    for c in range(conversations):
        for _ in range(rng.integers(2, 5)):
            label = list(WORDS_OF)[rng.integers(3)]
            said = [WORDS_OF[label][rng.integers(2)], *rng.choice(["well", "so", "and"], rng.integers(1, 4))]
            lines.append({"conversation": f"{split or 'talk'} {c}", "text": " ".join(said), "label": label,
                          **({"split": split} if split else {})})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return lines


def tiny(seed=0, **changes):
    """The Settings of TOY."""
    recipe = RECIPE._replace(steps=40, batch=16, learning_rate=0.02, dtype="float32", warm_up=4, evaluate_every=7, seed=seed)
    return Settings(Source(task="cue_recall", options={"distance": 2}, conversations=61), {**CHANGES, **changes}, recipe)


# ---- data ------------------------------------------------------------------------------------------------------------

def test_splits_of_a_toy_are_drawn_apart_and_only_from_the_seed():
    source = tiny().source
    once, again, other = (read_source(source, seed).splits for seed in (5, 5, 6))
    assert {split: len(data.tokens) for split, data in once.items()} == {"train": 61, "dev": 15, "test": 30}
    for split in once:
        np.testing.assert_array_equal(once[split].tokens, again[split].tokens)
        assert not np.array_equal(once[split].tokens, other[split].tokens)
    assert not np.array_equal(once["train"].tokens[:30], once["test"].tokens)


def test_splits_that_are_not_there_are_taken_out_by_conversation_and_published_ones_stay(tmp_path):
    write_lines(tmp_path / "own.jsonl", 20)
    source = Source(path=str(tmp_path / "own.jsonl"), format="jsonl", minimum_count=1)
    data = read_source(source, 0)
    assert data.name == "own.jsonl" and {split: len(data.splits[split].tokens) for split in data.splits} == {
        "train": 14, "dev": round(20 * SHARES["dev"]), "test": round(20 * SHARES["test"])}
    other = read_source(source._replace(split_seed=1), 0)
    assert not np.array_equal(data.splits["test"].tokens, other.splits["test"].tokens)
    (tmp_path / "folder").mkdir()
    write_lines(tmp_path / "folder" / "train.jsonl", 15, split="train")
    write_lines(tmp_path / "folder" / "test.jsonl", 4, split="test")
    data = read_source(source._replace(path=str(tmp_path / "folder")), 0)
    assert {split: len(one.tokens) for split, one in data.splits.items()} == {"train": 13, "dev": 2, "test": 4}


def test_rare_words_are_unknown_and_the_vocabulary_is_that_of_the_training(tmp_path):
    write_lines(tmp_path / "own.jsonl")
    lines = (tmp_path / "own.jsonl").read_text() + json.dumps({"conversation": "talk 0", "text": "hapax", "label": None})
    (tmp_path / "own.jsonl").write_text(lines)
    source = Source(path=str(tmp_path / "own.jsonl"), format="jsonl", split_seed=3)
    assert "hapax" not in read_source(source, 0).symbols
    known = set()
    for seed in range(8):
        data = read_source(source._replace(minimum_count=1, split_seed=seed), 0)
        unknown = {split: unknown_share(one) for split, one in data.splits.items()}
        assert unknown["train"] == 0 and (max(unknown.values()) == 0) == ("hapax" in data.symbols)
        known.add("hapax" in data.symbols)
    assert known == {True, False}


# ---- train and evaluate ----------------------------------------------------------------------------------------------

def by_hand(seed=4):
    """The parameters and the test accuracies of TOY, without the command."""
    rngs = np.random.default_rng(seed).spawn(3)
    data = [make_conversations("cue_recall", rng, count, distance=2) for rng, count in zip(rngs, (61, 15, 30))]
    model = ReservoirResFormer(vocabulary=24, classes=4, **CHANGES)
    params, history = train_conversations(model, data[0], tiny(seed).recipe, data[1], None, False)
    right = lambda logits: float(np.mean(np.argmax(logits, axis=-1) == data[2].labels[:, -1]))
    heard = model.apply(params, data[2].tokens, data[2].real)[:, -1]
    quiet = model.apply(silenced(params), data[2].tokens, data[2].real)[:, -1]
    return params, history, right(heard), right(quiet), data


def test_train_is_what_the_library_does_and_evaluate_says_it_again(run):
    result = of_json(run("train", *TOY, "--seed", 4, "--json"))
    params, history, heard, quiet, data = by_hand()
    scores = result["splits"]["test"]["scores"]
    assert heard != quiet  # or nothing would be seen here
    assert scores["cascade"]["accuracy"] == heard and scores["memory silent at test"]["accuracy"] == quiet
    majority = np.argmax(np.bincount(data[0].labels[:, -1]))
    assert scores["majority"]["accuracy"] == np.mean(data[2].labels[:, -1] == majority)
    kept = load_conversations(result["model"])
    expected, found = flatten(params), flatten(kept.params)
    assert expected.keys() == found.keys() and kept.recipe == tiny(4).recipe
    assert kept.label_counts == tuple(np.bincount(data[0].labels[:, -1])) == (16, 15, 15, 15)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
        assert found[name].dtype == np.float32
    assert result["splits"]["dev"]["scores"]["cascade"]["accuracy"] == history["validation_accuracy"][-1]
    M = np.array(result["confusion"])
    assert M.shape == (4, 4) and M.sum() == 30 and np.trace(M) / 30 == heard
    assert M.sum(axis=1).tolist() == np.bincount(data[2].labels[:, -1], minlength=4).tolist()
    assert trained(tiny(4), read_source(tiny(4).source, 4), progress=False)[1] == history
    again = of_json(run("evaluate", result["model"], *TOY[:6], "--seed", 4, "--json"))
    assert again["splits"]["test"] == result["splits"]["test"] and again["confusion"] == result["confusion"]
    other = of_json(run("evaluate", result["model"], *TOY[:6], "--seed", 9, "--json"))
    assert other["confusion"] != result["confusion"]


def test_train_prints_a_table_and_says_where_everything_is(run):
    code, out, err = run("train", *TOY)
    assert code == 0 and "step" in err
    for part in ("majority", "memory silent at test", "cascade", "weighted F1", "macro F1", "40 steps in", "F1 of", "cue_4"):
        assert part in out
    folder = "minires-output"
    files = {"conversation-cue_recall-0.npz", "conversation-cue_recall-0-curves.png", "conversation-cue_recall-0-confusion.png"}
    assert files < set(os.listdir(folder)) and len(os.listdir(f"{folder}/states")) == 3


def test_a_second_training_hears_nothing_anew_and_an_interrupted_one_leaves_no_half_of_a_model(run, monkeypatch):
    first = of_json(run("train", *TOY, "--json"))
    kept = states_module.states_of
    monkeypatch.setattr(states_module, "states_of", None)  # a second hearing would fail
    second = of_json(run("train", *TOY, "--fusion", "gate", "--out", "minires-output", "--json"))
    assert second["splits"] != first["splits"]
    monkeypatch.setattr(states_module, "states_of", kept)

    def interrupted(*arguments):
        raise KeyboardInterrupt
    monkeypatch.setattr(scoring, "train_conversations", interrupted)
    code, out, err = run("train", *TOY, "--out", "other")
    assert code == 130 and out == "" and os.listdir("other") == []


def test_a_training_that_diverges_is_exit_code_1(run):
    code, out, err = run("train", *TOY, "--learning-rate", "1e30", "--clip", "1e30")
    assert code == 1 and out == "" and "diverged at step" in err.splitlines()[-1]
    code, out, err = run("train", *TOY, "--steps", 1, "--learning-rate", "1e30")  # nothing looks at the loss again but dev
    assert code == 1 and "diverged at step 1: the loss on dev is" in err.splitlines()[-1]
    assert all(name == "states" for name in os.listdir("minires-output"))


def test_words_are_learnt_scored_by_split_and_evaluated_elsewhere(run, tmp_path):
    write_lines(tmp_path / "own.jsonl", 30)
    words = ["--data", "own.jsonl", "--format", "jsonl"]
    result = of_json(run("train", *words, *TINY, "--steps", 60, "--json"))
    assert result["labels"] == ["anger", "joy", "neutral"] and result["splits"]["test"]["scores"]["cascade"]["accuracy"] > 0.8
    assert set(result["splits"]["test"]["f1"]) == {"anger", "joy", "neutral"}
    model = result["model"]
    same = of_json(run("evaluate", model, *words, "--json"))
    assert same["splits"]["test"] == result["splits"]["test"]
    everything = of_json(run("evaluate", model, *words, "--split", "all", "--json"))["splits"]["all"]
    learnt_from = of_json(run("evaluate", model, *words, "--split", "train", "--json"))["splits"]["train"]
    assert everything["conversations"] == 30 and learnt_from["conversations"] == 21  # as in the training
    (tmp_path / "parts").mkdir()
    write_lines(tmp_path / "parts" / "train.jsonl", 15, split="train")
    write_lines(tmp_path / "parts" / "test.jsonl", 4, split="test")
    words = ["evaluate", model, "--data", "parts", "--format", "jsonl", "--json", "--split"]
    counted = [of_json(run(*words, split))["splits"][split]["conversations"] for split in ("all", "test", "train", "dev")]
    assert counted == [19, 4, 13, 2]
    write_lines(tmp_path / "test.jsonl", 5, split="test")
    words = ["--data", "test.jsonl", "--format", "jsonl"]
    refused(run("evaluate", model, *words, "--split", "dev"), "'dev'", "choose from test, all")
    new = [{"conversation": 1, "text": "Zebra zebra so", "label": "joy"}, {"conversation": 1, "text": "lovely", "label": None}]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, new)))
    told = of_json(run("evaluate", model, "--data", "new.jsonl", "--format", "jsonl", "--split", "all", "--json"))
    assert told["splits"]["all"]["utterances"] == 1 and told["splits"]["all"]["unknown_words"] == 0.5
    assert np.sum(told["confusion"][1]) == 1 == np.sum(told["confusion"])


def test_splits_taken_out_with_another_seed_are_found_again(run, tmp_path):
    write_lines(tmp_path / "own.jsonl", 30)
    words = ["--data", "own.jsonl", "--format", "jsonl"]
    result = of_json(run("train", *words, *TINY, "--split-seed", 5, "--json"))
    again = of_json(run("evaluate", result["model"], *words, "--json"))
    assert again["splits"]["test"] == result["splits"]["test"] and again["confusion"] == result["confusion"]


def test_the_majority_is_that_of_the_training_not_of_what_is_tested(run, tmp_path):
    write_lines(tmp_path / "own.jsonl", 30)
    result = of_json(run("train", "--data", "own.jsonl", "--format", "jsonl", *TINY, "--json"))
    kept = load_conversations(result["model"])
    most = kept.label_names[int(np.argmax(kept.label_counts))]
    other = next(label for label in kept.label_names if label != most)
    lines = [{"conversation": "a", "text": "so", "label": label} for label in (other, other, other, most)]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, lines)))
    told = of_json(run("evaluate", result["model"], "--data", "new.jsonl", "--format", "jsonl", "--split", "all", "--json"))
    assert told["splits"]["all"]["scores"]["majority"]["accuracy"] == 0.25


# ---- the file of a model ---------------------------------------------------------------------------------------------

def kept_model(tmp_path):
    settings = tiny()
    data = read_source(settings.source, 0)
    model, params = settings.begin(data)
    kept = TrainedConversations(model, params, settings.recipe, "cue_recall", data.symbols, data.label_names, (4, 3, 9, 1), 6)
    save_conversations(tmp_path / "model.npz", kept)
    return kept


def test_a_model_is_read_back_bit_for_bit(tmp_path):
    kept = kept_model(tmp_path)
    again = load_conversations(tmp_path / "model.npz")
    assert again._replace(params=None) == kept._replace(params=None) and again.majority == 2
    for name, leaf in flatten(kept.params).items():
        np.testing.assert_array_equal(flatten(again.params)[name], leaf)
        assert flatten(again.params)[name].dtype == leaf.dtype
    assert again.vocabulary.ids["query"] == kept.symbols.index("query") and "[PAD]" not in again.vocabulary.ids


def rewritten(path, change, **arrays):
    """The file with its description changed and some arrays replaced."""
    with np.load(path) as file:
        parts = dict(file)
    about = json.loads(str(parts["about"]))
    change(about)
    with open(path, "wb") as file:
        np.savez(file, **{**parts, **arrays, "about": np.array(json.dumps(about))})


DAMAGES = {
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-2000]), "truncated"),
    "text": (lambda path: path.write_text("hello"), "truncated, or something else"),
    "another format": (lambda path: rewritten(path, lambda about: about.update(format=1)), "its format is not"),
    "a field less": (lambda path: rewritten(path, lambda about: about.pop("label_names")), "label_names"),
    "an unknown field": (lambda path: rewritten(path, lambda about: about["model"].update(colour=1)), "colour"),
    "another width": (lambda path: rewritten(path, lambda about: about["model"].update(width=10)), "has shape"),
    "fewer symbols": (lambda path: rewritten(path, lambda about: about["symbols"].pop()), "23 symbols: expected 24"),
    "fewer labels": (lambda path: rewritten(path, lambda about: about["label_names"].pop()), "3 label_names: expected 4"),
    "a NaN": (lambda path: rewritten(path, lambda about: 0, **{"params/head.b": np.full(4, np.nan)}), "head.b] is not finite"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_file_is_one_line(run, tmp_path, damage):
    kept_model(tmp_path)
    harm, part = DAMAGES[damage]
    harm(tmp_path / "model.npz")
    refused(run("evaluate", "model.npz", "--task", "cue_recall"), "model.npz", "is no whole model of minires", part)


# ---- benchmark -------------------------------------------------------------------------------------------------------

def test_a_silenced_memory_is_a_state_of_zeros_and_leaves_the_caller_s_parameters_alone():
    settings = tiny(units=(7, 5), leak=(0.2, 0.4))
    data = read_source(settings.source, 0)
    model, params = settings.begin(data)
    before = {name: leaf.copy() for name, leaf in flatten(params).items()}
    quiet = read_utterances(model, silenced(params), data.splits["test"])
    assert len(quiet.states) == 2 and all(not np.any(s) and s.dtype == np.float32 for s in quiet.states)
    for name, leaf in flatten(params).items():
        np.testing.assert_array_equal(leaf, before[name])
    heard = read_utterances(model, params, data.splits["test"])
    np.testing.assert_array_equal(predicted(model, params, without_memory(heard)), predicted(model, params, quiet))


def test_training_with_silent_memory_is_training_on_zero_states(monkeypatch):
    settings = tiny()
    data = read_source(settings.source, 0)
    model, params = settings.begin(data)
    one, _ = train_conversations(model, data.splits["train"], settings.recipe, None, None, False, silenced(params))
    from minires.training import conversations as training
    honest = training.labelled
    monkeypatch.setattr(training, "labelled", lambda *arguments: without_memory(honest(*arguments)))
    two, _ = train_conversations(model, data.splits["train"], settings.recipe, None, None, False, params)
    trained = [name for name in flatten(one) if not name.startswith("memory.")]
    assert len(trained) > 10
    for name in trained:
        np.testing.assert_array_equal(flatten(one)[name], flatten(two)[name])


def last_sentence_by_hand(seed, data):
    """The test accuracy of a model that has never had a memory."""
    model = ReservoirResFormer(vocabulary=24, classes=4, **CHANGES)
    params = silenced(model.init(np.random.default_rng([seed, 0]), "float32"))
    params, _ = train_conversations(model, data[0], tiny(seed).recipe, data[1], None, False, params)
    return np.mean(np.argmax(model.apply(params, data[2].tokens, data[2].real)[:, -1], axis=-1) == data[2].labels[:, -1])


def test_the_benchmark_averages_independent_runs(run):
    words = ["benchmark", *TOY, "--seeds", 2, "--seed", 4, "--json"]
    result = of_json(run(*words, "--jobs", 1))
    rows = {row["what"]: row for row in result["rows"]}
    assert list(rows) == ["majority", "naive Bayes", "last sentence only", "memory silent at test", "cascade"]
    params, _, heard, quiet, data = by_hand(4)
    other = by_hand(5)
    assert rows["cascade"]["accuracy"] == pytest.approx(np.mean([heard, other[2]]), abs=1e-15)
    assert rows["cascade"]["accuracy_sd"] == pytest.approx(np.std([heard, other[2]], ddof=1), abs=1e-15)
    assert rows["memory silent at test"]["accuracy"] == pytest.approx(np.mean([quiet, other[3]]), abs=1e-15)
    alone = [last_sentence_by_hand(seed, data) for seed, data in ((4, data), (5, other[4]))]
    assert rows["last sentence only"]["accuracy"] == pytest.approx(np.mean(alone), abs=1e-15)
    assert result["runs"]["5"]["last sentence only"]["test"]["accuracy"] == alone[1] and len({alone[0], heard, quiet}) == 3
    assert rows["last sentence only"]["parameters"] == rows["cascade"]["parameters"] == sum(
        np.size(leaf) for leaf in flatten(params).values())
    assert rows["cascade"]["peak_mib"] > 0 and rows["cascade"]["hearing"] > 0 and rows["last sentence only"]["hearing"] is None
    assert all(os.path.exists(path) for path in [*result["pictures"].values(), result["numbers"]])
    again = of_json(run(*words, "--jobs", 2))
    assert [row["accuracy"] for row in again["rows"]] == [row["accuracy"] for row in result["rows"]]


def test_the_benchmark_says_what_its_rows_mean_and_which_split_they_are_of(run):
    code, out, err = run("benchmark", *TOY, "--seeds", 1, "--jobs", 1)
    assert code == 0 and "cue_recall: 3 runs" in err
    for part in ("cue_recall, test: 30 labelled utterances", "trained with zeroed memory", "tracemalloc", "n - 1", "Bayes"):
        assert part in out
    dev = of_json(run("benchmark", *TOY, "--seeds", 1, "--jobs", 1, "--split", "dev", "--json"))
    row = dev["rows"][-1]
    assert row["weighted_f1"] == row["dev"] and dev["facts"]["utterances"] == 15 and row["accuracy_sd"] is None


def test_the_full_history_is_read_as_one_utterance_by_the_same_model_without_memory(run):
    words = ["benchmark", *TOY, "--seeds", 1, "--seed", 4, "--jobs", 1, "--json"]
    plain, result = of_json(run(*words)), of_json(run(*words, "--full-history"))
    assert [row["what"] for row in result["rows"]] == [row["what"] for row in plain["rows"]] + ["full history"]
    assert [row["accuracy"] for row in result["rows"][:-1]] == [row["accuracy"] for row in plain["rows"]]
    data = [joined(split) for split in by_hand(4)[-1]]
    model = ReservoirResFormer(vocabulary=24, classes=4, **CHANGES, maximum_length=max(s.tokens.shape[2] for s in data))
    params = silenced(model.init(np.random.default_rng([4, 0]), "float32"))
    params, _ = train_conversations(model, data[0], tiny(4).recipe, data[1], None, False, params)
    right = np.mean(np.argmax(model.apply(params, data[2].tokens, data[2].real)[:, -1], axis=-1) == data[2].labels[:, -1])
    assert result["rows"][-1]["accuracy"] == right and result["rows"][-1]["hearing"] is None


def test_naive_bayes_and_majority_are_of_the_last_sentence(run, tmp_path):
    write_lines(tmp_path / "own.jsonl", 30)
    words = ["--data", "own.jsonl", "--format", "jsonl", *TINY]
    rows = of_json(run("benchmark", *words, "--seeds", 2, "--jobs", 1, "--json"))["rows"]
    assert rows[1]["what"] == "naive Bayes" and rows[1]["accuracy"] > 0.9 and rows[1]["accuracy_sd"] == 0
    assert rows[0]["accuracy"] < 0.7 and rows[1]["parameters"] == 3 * (1 + len(read_source(
        Source(path="own.jsonl", format="jsonl"), 0).symbols))


def test_the_majority_of_the_benchmark_is_that_of_the_training(run, tmp_path):
    for split, labels in (("train", ["joy"] * 5 + ["anger"] * 3), ("dev", ["anger"] * 3), ("test", ["anger"] * 3 + ["joy"])):
        lines = [{"conversation": split, "text": "so well", "label": label} for label in labels]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    words = ["--data", ".", "--format", "jsonl", *TINY, "--steps", 2, "--seeds", 1, "--jobs", 1]
    rows = of_json(run("benchmark", *words, "--json"))["rows"]
    assert rows[0]["what"] == "majority" and rows[0]["accuracy"] == 0.25 and rows[0]["dev"] == 0


def test_peak_memory_is_what_was_there_at_once():
    assert 8 <= peak_memory(lambda: [np.ones(2 ** 20).sum() for _ in range(3)]) < 9


@pytest.mark.slow
def test_the_cascade_flips_moods_and_a_model_without_memory_guesses():
    result = mood_flip_comparison(1)
    assert result["accuracy"]["cascade"] > 0.75 and result["chance"] == 0.5 and result["steps"] == 500
    assert abs(result["accuracy"]["last sentence only"] - 0.5) < 0.08 > abs(result["accuracy"]["memory silent at test"] - 0.5)


def test_the_comparison_of_moods_is_that_of_the_benchmark_and_can_be_drawn():
    results = [mood_flip_comparison(seed, 2, 60) for seed in (0, 1)]
    recipe = RECIPE._replace(steps=2, dtype="float32", evaluate_every=2)
    settings = Settings(Source(task="mood_flip", conversations=60), {}, recipe)
    expected = {**cascade(settings, 1), **last_sentence(settings, 1)}
    for what, accuracy in results[1]["accuracy"].items():
        assert accuracy == expected[what]["test"]["accuracy"] != expected[what]["dev"]["accuracy"]
    for task, chance in CHANCE.items():
        assert chance == 1 / len(make_conversations(task, np.random.default_rng(0), 8).label_names)
    assert results[0]["chance"] == CHANCE["mood_flip"] and set(CHANCE) == set(CONVERSATION_TASKS)
    assert set(results[0]["accuracy"]) == {"cascade", "memory silent at test", "last sentence only"}
    json.dumps(results)
    axes, = draw_comparison(results, "moods").axes
    points = [list(line.get_ydata()) for line in axes.get_lines() if line.get_marker() == "o"]
    assert points[0] == [result["accuracy"]["cascade"] for result in results]


# ---- cost ------------------------------------------------------------------------------------------------------------

def test_reservoir_steps_are_those_that_the_reservoir_is_given(monkeypatch):
    real = np.array([[True] * 4 + [False] * 2])
    tokens, given = np.array([[5, 2, 9, 3, 0, 0]]), []
    honest = memory.run
    monkeypatch.setattr(memory, "run", lambda reservoir, u, start, mask: given.append(int(mask.sum())) or honest(
        reservoir, u, start, mask=mask))
    for step, expected in (("token", 4), ("sentence_mean", 1)):
        model = ReservoirResFormer(vocabulary=24, units=7, width=8, step=step)
        params = model.init(np.random.default_rng(0))
        streaming.hear(model, params, streaming.begin(model, params), tokens, real)
        assert counting.steps_heard(model, params, tokens, real) == given[-1] == expected


SCORES = {"cross_attention": 1 * 6 * 8 + 3 * 36, "gate": 1 * 6 * 8 + 3 * 36, "addition": 3 * 36, "prefix": 3 * 14 ** 2,
          "suffix": 3 * 14 ** 2, "every_layer": 3 * (36 + 48)}


@pytest.mark.parametrize("fusion", SCORES)
def test_score_entries_are_those_of_the_softmaxes(fusion, monkeypatch):
    model = ReservoirResFormer(vocabulary=24, units=(7, 5), density=0.7, width=8, layers=3, fusion=fusion, group="concatenate")
    assert counting.cascade_scores(model, 6) == model.heads * SCORES[fusion]
    from minires import attention
    entries, honest = [], attention.masked_softmax
    counted = lambda scores, *rest: entries.append(np.size(scores)) or honest(scores, *rest)
    monkeypatch.setattr(attention, "masked_softmax", counted)
    params = model.init(np.random.default_rng(0))
    tokens = np.arange(2, 8)[None]
    streaming.hear(model, params, streaming.begin(model, params), tokens, tokens > 0)
    assert sum(entries) == counting.cascade_scores(model, 6)


def test_attention_is_counted_by_hand():
    model = ReservoirResFormer(vocabulary=24, width=8, heads=4, layers=3)
    found = counting.counted(model, 20, 6, 5, 4)
    for kind, n in (("full history", 120), ("sliding window", 30)):
        assert found[kind] == {"scores": 4 * 3 * n ** 2, "scores_cached": 4 * 3 * 6 * n, "cached_bytes": 2 * 3 * n * 8 * 4}
    assert counting.counted(model, 3, 6, 5, 4)["sliding window"] == counting.counted(model, 3, 6, 5, 4)["full history"]


def test_cost_counts_and_measures_each_length(run):
    result = of_json(run("cost", "--longest", 70, "--measured", 20, "--units", "9,6", "--leak", "0.1,0.3", "--width", 8,
                         "--tokens", 5, "--window", 3, "--json"))
    assert [row["utterances"] for row in result["rows"]] == [16, 64, 70]
    for row in result["rows"]:
        own = row["cascade"]
        assert own["steps"] == 5 and own["state_bytes"] == 8 * (9 + 6) + 8 and own["seconds"] > 0
        assert 0 < own["held_bytes"] < own["peak_bytes"] and row["tokens"] == 5 * row["utterances"]
        assert row["full history"]["scores"] == 2 * row["tokens"] ** 2
        assert ("seconds" in row["full history"]) == (row["utterances"] <= 20)
    assert os.path.exists(result["picture"]["cost"])
    code, out, _ = run("cost", "--longest", 4, "--units", 5, "--width", 8)
    assert code == 0 and "counted: score entries" in out and "measured: seconds are medians" in out and "not measured" in out


def test_memory_that_grows_with_the_stream_is_seen(monkeypatch):
    model, params, tokens = stopwatch.talk(ReservoirResFormer(vocabulary=24, units=5, width=8), 64, 4, 0)
    honest, kept = stopwatch.hear, []

    def hoarding(*arguments):
        kept.append(np.ones(2000))
        return honest(*arguments)
    steady = stopwatch.stream_bytes(model, params, tokens, [16, 64])
    monkeypatch.setattr(stopwatch, "hear", hoarding)
    growing = stopwatch.stream_bytes(model, params, tokens, [16, 64])
    assert steady[64]["held_bytes"] - steady[16]["held_bytes"] < 48 * 1000
    assert growing[64]["held_bytes"] - growing[16]["held_bytes"] > 48 * 15000


def test_a_stream_goes_on_and_its_peak_is_that_of_the_last_utterances(monkeypatch):
    model, params, tokens = stopwatch.talk(ReservoirResFormer(vocabulary=24, units=5, width=8), 40, 4, 0)
    assert [(u, state["heard"].tolist()) for u, _, state in stopwatch.stream(model, params, tokens[:3])] == [
        (1, [1]), (2, [2]), (3, [3])]
    honest = stopwatch.hear

    def wasteful(model, params, state, *rest):
        if state["heard"][0] == 0:
            np.ones(10 ** 6).sum()
        return honest(model, params, state, *rest)
    monkeypatch.setattr(stopwatch, "hear", wasteful)
    found = stopwatch.stream_bytes(model, params, tokens, [16, 40])
    assert found[16]["peak_bytes"] > 8 * 10 ** 6 > 10 * found[40]["peak_bytes"]


def test_a_confusion_matrix_has_its_scores_in_the_title():
    tested = {"scores": {"cascade": {"accuracy": 0.5, "macro_f1": 0.3333, "weighted_f1": 0.25}}}
    figure = confusion_of("own", "dev", np.array([[1, 1], [1, 1]]), ("a", "b"), tested)
    assert figure.get_suptitle() == "own, dev\naccuracy 0.500, macro F1 0.333, weighted F1 0.250"


# ---- the words -------------------------------------------------------------------------------------------------------

def settings(*words):
    """The Settings of a command line."""
    return settings_of(parser().parse_args(["conversation", *(str(word) for word in words)]))


def test_every_field_of_the_model_can_be_set_and_what_is_not_given_is_the_default(run):
    given = {"units": "9,7", "leak": "0.1,0.4", "radius": 0.8, "fusion": "gate", "memory_tokens": 3, "input_width": 30,
             "options": {"lambda_1": 2}, "variant": "resformer", "table": "normal", "density": 0.5}
    words = [part for name, value in given.items() if name != "options" for part in (f"--{name.replace('_', '-')}", value)]
    found = settings("train", "--task", "cue_recall", *words, "--option", "lambda_1=2").network
    assert found == {**given, "units": (9, 7), "leak": (0.1, 0.4)}
    assert settings("train", "--task", "cue_recall").network == {}
    assert settings("train", "--data", "x", "--format", "meld").network == WORDS
    assert settings("train", "--data", "x", "--format", "meld", "--units", 5).network == {**WORDS, "units": 5}
    options = set(re.findall(r"--[a-z-]+", run("train", "--help")[1]))
    names = {f"--{field.name.replace('_', '-')}" for field in fields(ReservoirResFormer)}
    assert names - options == {"--vocabulary", "--classes", "--options"}


def test_the_recipe_is_that_of_the_toys_or_of_words_and_short_runs_warm_up_sooner():
    recipe = settings("train", "--task", "cue_recall", "--seed", 4).recipe
    assert recipe == RECIPE._replace(dtype="float32", seed=4)
    recipe = settings("train", "--data", "x", "--format", "meld").recipe
    assert (recipe.steps, recipe.learning_rate, recipe.evaluate_every) == (600, 1e-3, 100)
    recipe = settings("train", "--task", "cue_recall", "--steps", 50, "--batch", 5, "--dtype", "float64").recipe
    assert (recipe.warm_up, recipe.evaluate_every, recipe.batch, recipe.dtype) == (5, 9, 5, "float64")


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_help_with_an_example_that_its_parser_takes(run, action):
    code, out, err = run(action, "--help")
    example = next(line for line in out.splitlines() if line.startswith("example: "))
    words = example.removeprefix("example: minires ").split()
    assert code == 0 and err == "" and words[:2] == ["conversation", action] and parser().parse_args(words).action == action


def refused(result, *parts):
    """Exit code 2, nothing on standard output, one line on standard error that says these things."""
    code, out, err = result
    assert code == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err, err
    assert err.startswith("minires") and all(part in err for part in parts), err


OWN = ["--data", "own.jsonl", "--format", "jsonl"]
MISTAKES = [
    ([], ["ACTION"]),
    (["trian"], ["invalid choice: 'trian'"]),
    (["train"], ["give conversations: --data PATH --format FORMAT, or --task"]),
    (["train", "--data", "own.jsonl", *TOY], ["one of the two"]),
    (["train", "--data", "own.jsonl"], ["--data without --format: expected one of", "meld"]),
    (["train", "--data", "own.jsonl", "--format", "jsonll"], ["unknown format 'jsonll'", "did you mean 'jsonl'"]),
    (["train", "--data", "own.jsonl", "--format", "meld"], ["looks like jsonl", "given format='meld'"]),
    (["train", "--data", "none.jsonl", "--format", "jsonl"], ["none.jsonl", "cannot be read"]),
    (["train", "--data", "empty.jsonl", "--format", "jsonl"], ["empty.jsonl", "is empty"]),
    (["train", "--data", "silent.jsonl", "--format", "jsonl"], ["silent.jsonl' line 1", "expected words"]),
    (["train", *OWN, "--task-option", "distance=2"], ["--task-option without --task"]),
    (["train", *OWN, "--minimum-count", 0], ["--minimum-count=0: expected a whole number"]),
    (["train", "--data", "own.jsonl", "--format", "jsonl", "--minimum-count", 9999], ["minimum_count=9999", "no word"]),
    (["train", "--data", "own.jsonl", "--format", "jsonl", "--split-seed", -1], ["--split-seed=-1"]),
    (["train", "--data", "own.jsonl", "--format", "jsonl", "--table", "orthonormal", "--input-width", 5],
     ["orthonormal rows, or table='normal'"]),
    (["train", "--task", "cue_recal"], ["unknown task 'cue_recal'", "did you mean 'cue_recall'"]),
    (["train", "--task", "cue_recall", "--format", "meld"], ["--format without --data"]),
    (["train", "--task", "cue_recall", "--task-option", "distanc=2"], ["did you mean 'distance'"]),
    (["train", *TOY, "--task-option", "count=2"], ["--task-option count: expected --seed and --conversations"]),
    (["train", "--task", "cue_recall", "--conversations", 0], ["--conversations=0: expected a whole number"]),
    (["train", *TOY, "--seed", -1], ["--seed=-1: expected a whole number"]),
    (["train", *TOY, "--fusion", "crossattention"], ["unknown fusion", "did you mean 'cross_attention'"]),
    (["train", *TOY, "--readout", "lineer"], ["unknown readout 'lineer': did you mean 'linear'"]),
    (["train", *TOY, "--variant", "pre_nrm"], ["'pre_nrm'", "did you mean 'pre_norm'"]),
    (["train", *TOY, "--option", "lambda=2"], ["lambda"]),
    (["train", *TOY, "--step", "cls"], ["--step cls takes sentence vectors"]),
    (["train", *TOY, "--units", "5,x"], ["argument --units: '5,x': expected a whole number, or some with commas between"]),
    (["train", *TOY, "--units", "5,6", "--leak", "0.1,0.2,0.3"], ["as many each as there are reservoirs"]),
    (["train", *TOY, "--leak", "1.5"], ["leak"]),
    (["train", *TOY, "--width", 7], ["width=7, heads=2"]),
    (["train", *TOY, "--steps", 0], ["steps=0: expected a whole number"]),
    (["train", *TOY, "--learning-rate", 0], ["learning_rate=0.0: expected a positive number"]),
    (["train", *TOY, "--dtype", "float12"], ["float12"]),
    (["train", *TOY, "--optimiser", "adam"], ["unknown optimiser 'adam': did you mean 'adamw'"]),
    (["train", *TOY, "--out", "own.jsonl/out"], ["output folder", "cannot be written"]),
    (["evaluate"], ["MODEL"]),
    (["evaluate", "none.npz", "--task", "cue_recall"], ["model file 'none.npz' does not exist"]),
    (["evaluate", "own.jsonl", "--task", "cue_recall"], ["own.jsonl", "is no whole model", "truncated, or something else"]),
    (["evaluate", "model.npz"], ["give conversations"]),
    (["evaluate", "model.npz", "--task", "mood_flip"], ["trained on other words or labels than mood_flip has", "cue_recall"]),
    (["evaluate", "model.npz", "--task", "cue_recall", "--split", "tests"], ["'tests'", "did you mean 'test'"]),
    (["evaluate", "model.npz", *OWN, "--split", "tests"], ["'tests'", "choose from train"]),
    (["evaluate", "model.npz", "--data", "own.jsonl", "--format", "jsonl"], ["unknown label", "choose from cue_1"]),
    (["evaluate", "model.npz", "--data", "own.jsonl", "--format", "jsonl", "--seed", -1], ["--seed=-1"]),
    (["benchmark", *TOY, "--seeds", 0], ["--seeds 0: expected at least 1"]),
    (["benchmark", *TOY, "--split", "tset"], ["unknown split 'tset': did you mean 'test'"]),
    (["benchmark", *TOY, "--jobs", 0], ["--jobs 0"]),
    (["benchmark", *TOY, "--heads", 3], ["width=8, heads=3"]),
    (["cost", "--longest", 0], ["longest=0: expected a whole number"]),
    (["cost", "--window", -1], ["window=-1: expected a whole number"]),
    (["cost", "--step", "cls"], ["--step cls takes sentence vectors"]),
    (["cost", "--seed", -2], ["--seed=-2"]),
]


@pytest.mark.parametrize("words, parts", MISTAKES, ids=[" ".join(map(str, words)) for words, _ in MISTAKES])
def test_each_mistake_is_one_line(run, tmp_path, words, parts):
    write_lines(tmp_path / "own.jsonl", 12)
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "silent.jsonl").write_text(json.dumps({"conversation": 1, "text": " ", "label": "joy"}))
    kept_model(tmp_path)
    refused(run(*words), *parts)
