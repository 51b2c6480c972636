"""The toy conversations: what a reader of the sentences finds, one by one, and what half of them does not tell."""

import math

import numpy as np
import pytest

from minires.tasks.conversations import CONVERSATION_TASKS, make_conversations, naive_bayes, scores, select

CLASSES = {"cue_recall": 4, "mood_flip": 2, "evidence_count": 2}
UTTERANCES = {"cue_recall": 12, "mood_flip": 13, "evidence_count": 21}
SPECIAL = {"cue_recall": ["cue_1", "cue_2", "cue_3", "cue_4", "query"], "mood_flip": ["bad", "good", "keep", "flip"],
           "evidence_count": ["minus", "plus"]}


def make(name, count=400, seed=0, **options):
    return make_conversations(name, np.random.default_rng(seed), count, **options)


def said(made, c, u):
    """The words of one sentence, fillers left out."""
    return [made.symbols[made.tokens[c, u, t]] for t in range(made.tokens.shape[2])
            if made.real[c, u, t] and not made.symbols[made.tokens[c, u, t]].startswith("word_")]


def history(made, c):
    """Of every sentence but the last, its words that are no fillers."""
    return [said(made, c, u) for u in range(made.tokens.shape[1] - 1)]


@pytest.mark.parametrize("name", CONVERSATION_TASKS)
def test_sentences_have_3_to_6_of_24_tokens_padded_on_the_right_and_one_label_at_the_end(name):
    made = make(name)
    U, q = UTTERANCES[name], CLASSES[name]
    assert made.tokens.shape == made.real.shape == (400, U, 6) and made.labels.shape == (400, U)
    assert made.tokens.dtype == made.labels.dtype == np.int64 and made.real.dtype == bool
    assert made.vocabulary == len(made.symbols) == 24 and len(set(made.symbols)) == 24 and len(made.label_names) == q
    assert set(made.real.sum(-1).ravel().tolist()) == {3, 4, 5, 6}
    assert np.all(made.real[..., 1:] <= made.real[..., :-1]) and np.all(made.tokens[~made.real] == 0)
    assert set(made.tokens[made.real].tolist()) == set(range(2, 24))  # padding and unknown are never said, all else is
    assert np.all(made.labels[:, :-1] == -1) and set(made.labels[:, -1].tolist()) == set(range(q))
    assert made.symbols[2:2 + len(SPECIAL[name])] == tuple(SPECIAL[name])


@pytest.mark.parametrize("name", CONVERSATION_TASKS)
def test_classes_are_equally_frequent_to_within_one_and_in_no_order(name):
    for count in (401, 7, 1):
        found = np.bincount(make(name, count).labels[:, -1], minlength=CLASSES[name])
        assert found.sum() == count and found.max() - found.min() <= 1
    one, other = (make(name, seed=seed).labels[:, -1] for seed in (0, 1))
    assert 0.1 < np.mean(one == other) < 0.65 and np.mean(one[1:] == one[:-1]) < 0.65


@pytest.mark.parametrize("name", CONVERSATION_TASKS)
def test_the_same_generator_makes_the_same_conversations_and_another_one_others(name):
    one, same, other = make(name), make(name), make(name, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one[:3], same[:3])) and not np.array_equal(one.tokens, other.tokens)


@pytest.mark.parametrize("name", CONVERSATION_TASKS)
def test_what_matters_may_stand_anywhere_in_its_sentence(name):
    made = make(name, 2000)
    last = made.tokens[:, -1]
    place = np.argmax((last > 1) & (last < 2 + len(SPECIAL[name])), axis=1)
    for length in (3, 6):
        found = place[made.real[:, -1].sum(1) == length]
        assert np.all(np.abs(np.bincount(found, minlength=length) / len(found) - 1 / length) < 0.06)


# ---- each task -------------------------------------------------------------------------------------------------------

def test_cue_recall_hides_the_cue_in_the_first_sentence_and_asks_in_the_last():
    made = make("cue_recall", distance=7)
    assert made.tokens.shape[1] == 9
    for c in range(400):
        first, *rest = history(made, c)
        assert first == [made.label_names[made.labels[c, -1]]] and rest == [[]] * 7 and said(made, c, 8) == ["query"]


def test_cue_recall_with_distance_0_asks_at_once_and_takes_more_cues():
    made = make("cue_recall", distance=0, cues=7, vocabulary=11, shortest=1, longest=2)
    assert made.tokens.shape == (400, 2, 2) and made.label_names[-1] == "cue_7" and made.labels.max() == 6


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_mood_flip_is_the_latest_mood_xor_the_polarity_at_every_distance_equally_often(share):
    made = make("mood_flip", 2200, moods=share)
    distances, moods = [], []
    for c in range(2200):
        before, now = history(made, c), said(made, c, 12)
        assert all(len(found) <= 1 and set(found) <= {"bad", "good"} for found in before)
        assert len(now) == 1 and len(before[0]) == 1
        at = max(u for u in range(12) if before[u])
        assert at >= 1  # there are several
        mood, flip = before[at][0] == "good", now[0] == "flip"
        assert made.labels[c, -1] == int(mood != flip) and now[0] in ("keep", "flip")
        distances.append(11 - at)
        moods.append(sum(map(len, before[1:at])) / (at - 1) if at > 1 else None)
    assert np.all(np.abs(np.bincount(distances) - 200) < 60) and set(distances) == set(range(11))
    assert abs(np.mean([m for m in moods if m is not None]) - share) < 0.03


def test_neither_half_of_mood_flip_tells_the_label():
    made = make("mood_flip", 800)
    moods = [next(found[0] for found in reversed(history(made, c)) if found) for c in range(800)]
    polarities, labels = [said(made, c, 12)[0] for c in range(800)], made.labels[:, -1].tolist()
    for half, names in ((moods, ("bad", "good")), (polarities, ("keep", "flip"))):
        assert {(name, k): sum(h == name and y == k for h, y in zip(half, labels)) for name in names for k in (0, 1)} == {
            (name, k): 200 for name in names for k in (0, 1)}


def test_evidence_count_is_the_sign_of_the_sum_of_one_token_per_sentence():
    made = make("evidence_count", distance=6)
    assert made.tokens.shape[1] == 7
    for c in range(400):
        found = [*history(made, c), said(made, c, 6)]
        assert all(len(one) == 1 for one in found)
        total = sum({"minus": -1, "plus": 1}[one[0]] for one in found)
        assert total != 0 and made.labels[c, -1] == int(total > 0)


def test_evidence_count_draws_fair_coins_and_the_last_sentence_alone_reaches_what_is_stated():
    made = make("evidence_count", 4000)
    coins = np.array([[said(made, c, u)[0] == "plus" for u in range(21)] for c in range(4000)])
    assert np.all(np.abs(coins.mean(axis=0) - 0.5) < 0.03) and abs(coins.sum(axis=1).std() - math.sqrt(21) / 2) < 0.1
    stated = 0.5 + math.comb(20, 10) / 2 ** 21
    assert abs(np.mean(coins[:, -1] == made.labels[:, -1]) - stated) < 0.025 and round(stated, 3) == 0.588
    assert abs(np.mean(coins[:, 0] == made.labels[:, -1]) - stated) < 0.025  # every sentence counts as much


@pytest.mark.parametrize("name, most", [("cue_recall", 0.29), ("mood_flip", 0.54), ("evidence_count", 0.62)])
def test_a_reader_of_the_last_sentence_alone_is_near_chance(name, most):
    made = make(name, 3000)
    half = np.arange(1500)
    params = naive_bayes.fit(select(made, half))
    rest = select(made, half + 1500)
    found = scores.all_scores(rest.labels, naive_bayes.predict(params, rest), CLASSES[name])["accuracy"]
    assert 1 / CLASSES[name] - 0.04 < found < most


# ---- options ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, options, message", [
    ("cue_recal", {}, r"^unknown conversation task 'cue_recal': did you mean 'cue_recall'\? choose from cue_recall, mood_"),
    ("mood_flip", {"distanc": 3}, r"^unknown option of conversation task mood_flip 'distanc': did you mean 'distance'\? "),
    ("mood_flip", {"cues": 3}, r"^unknown option of conversation task mood_flip 'cues': .*choose from distance, moods, v"),
    ("evidence_count", {"distance": 5}, r"^distance=5: expected an even number, such as 6, so that no sum is 0$"),
    ("cue_recall", {"distance": -1}, r"^distance=-1: expected a whole number of at least 0$"),
    ("cue_recall", {"distance": 2.0}, r"^distance=2.0: expected a whole number"),
    ("cue_recall", {"cues": 1}, r"^cues=1: expected a whole number of at least 2$"),
    ("cue_recall", {"vocabulary": 7}, r"^vocabulary=7: expected 8 or more, to have fillers$"),
    ("mood_flip", {"moods": 1.2}, r"^moods=1.2: expected a chance from 0 to 1$"),
    ("mood_flip", {"moods": -0.1}, r"^moods=-0.1: expected a chance from 0 to 1$"),
    ("mood_flip", {"vocabulary": 6}, r"^vocabulary=6: expected 7 or more, to have fillers$"),
    ("evidence_count", {"vocabulary": "24"}, r"^vocabulary='24': expected a whole number"),
    ("mood_flip", {"shortest": 0}, r"^shortest=0: expected a whole number of at least 1$"),
    ("mood_flip", {"shortest": 7}, r"^shortest=7: expected longest=6 or less$")])
def test_options_that_make_no_task_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        make(name, 3, **options)


@pytest.mark.parametrize("name", CONVERSATION_TASKS)
def test_a_count_of_none_and_a_seed_for_a_generator_are_refused(name):
    with pytest.raises(ValueError, match=r"^count=0: expected a whole number of at least 1$"):
        make(name, 0)
    with pytest.raises(ValueError, match=r"^rng=0: expected a numpy.random.Generator"):
        make_conversations(name, 0, 3)


@pytest.mark.parametrize("name", CONVERSATION_TASKS)
def test_the_smallest_vocabulary_has_one_filler(name):
    smallest = 3 + len(SPECIAL[name])
    assert make(name, 3, vocabulary=smallest).symbols[-1] == "word_1"
