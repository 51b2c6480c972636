"""Scores against loops over the utterances and against scikit-learn; naive Bayes against a count by hand."""

import math

import numpy as np
import pytest

from minires.tasks.conversations import (Conversation, Conversations, Utterance, encode_corpus, make_corpus, make_vocabulary,
                                         naive_bayes)
from minires.tasks.conversations.scores import accuracy, all_scores, confusion_matrix, f1, macro_f1, majority, weighted_f1

RNG = np.random.default_rng(5)
LABELS = RNG.choice(5, size=(13, 7), p=[0.4, 0.3, 0.2, 0.1, 0.0])  # class 4 does not occur
LABELS[RNG.random((13, 7)) < 0.2] = -1
PREDICTIONS = np.where(RNG.random((13, 7)) < 0.5, LABELS.clip(0), RNG.choice([0, 1, 3, 5], size=(13, 7)))
PAIRS = [(int(y), int(p)) for y, p in zip(LABELS.ravel(), PREDICTIONS.ravel()) if y >= 0]
CLASSES = 7  # class 6 neither occurs nor is predicted; 5 is predicted only, 2 never predicted by chance alone


def loop_f1(k):
    hits = sum(y == k and p == k for y, p in PAIRS)
    said, true = sum(p == k for _, p in PAIRS), sum(y == k for y, _ in PAIRS)
    precision, recall = hits / said if said else 0.0, hits / true if true else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def test_the_confusion_matrix_counts_true_classes_in_rows_and_predicted_ones_in_columns():
    M = confusion_matrix(LABELS, PREDICTIONS, CLASSES)
    assert M.tolist() == [[PAIRS.count((j, k)) for k in range(CLASSES)] for j in range(CLASSES)]
    assert M.sum() == len(PAIRS) < LABELS.size and not np.array_equal(M, M.T) and M.dtype == np.int64


def test_scores_are_those_of_a_loop_over_the_utterances():
    M = confusion_matrix(LABELS, PREDICTIONS, CLASSES)
    each = [loop_f1(k) for k in range(CLASSES)]
    assert accuracy(M) == pytest.approx(sum(y == p for y, p in PAIRS) / len(PAIRS), abs=1e-15)
    assert f1(M) == pytest.approx(each, abs=1e-15) and each[4] == each[5] == each[6] == 0.0 and len(set(each)) > 3
    assert macro_f1(M) == pytest.approx(sum(each) / CLASSES, abs=1e-15)
    assert weighted_f1(M) == pytest.approx(sum(each[y] for y, _ in PAIRS) / len(PAIRS), abs=1e-15)
    found = all_scores(LABELS, PREDICTIONS, CLASSES)
    assert found == {"accuracy": accuracy(M), "macro_f1": macro_f1(M), "weighted_f1": weighted_f1(M)}
    assert all(type(score) is float for score in found.values())


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    y, p = zip(*PAIRS)
    M = confusion_matrix(LABELS, PREDICTIONS, CLASSES)
    assert np.array_equal(M, metrics.confusion_matrix(y, p, labels=range(CLASSES)))
    assert accuracy(M) == pytest.approx(metrics.accuracy_score(y, p), abs=1e-15)
    for average, ours in (("macro", macro_f1), ("weighted", weighted_f1), (None, f1)):
        theirs = metrics.f1_score(y, p, labels=range(CLASSES), average=average, zero_division=0)
        assert ours(M) == pytest.approx(theirs, abs=1e-15)


def test_what_is_predicted_where_there_is_no_label_does_not_matter():
    wild = np.where(LABELS < 0, 99, PREDICTIONS)
    assert np.array_equal(confusion_matrix(LABELS, wild, CLASSES), confusion_matrix(LABELS, PREDICTIONS, CLASSES))


def test_perfect_predictions_score_one_and_macro_f1_counts_classes_that_do_not_occur():
    assert all_scores([0, 1, 1], [0, 1, 1], 2) == {"accuracy": 1.0, "macro_f1": 1.0, "weighted_f1": 1.0}
    assert all_scores([0, 1, 1], [0, 1, 1], 4) == {"accuracy": 1.0, "macro_f1": 0.5, "weighted_f1": 1.0}


def test_the_majority_is_that_of_training_the_first_of_equals():
    assert majority([[2, 1, -1], [2, -1, -1]], 4) == 2 and majority([3, 1, 1, 3], 4) == 1 and majority([-1, 0], 1) == 0
    assert type(majority([1], 2)) is int


@pytest.mark.parametrize("call, message", [
    (lambda: confusion_matrix([0, 1], [0], 2), r"^predictions of shape \(1,\): expected \(2,\) as the labels$"),
    (lambda: confusion_matrix([0, 2], [0, 1], 2), r"^labels from 0 to 2: expected -1 to 1$"),
    (lambda: confusion_matrix([0, -2], [0, 1], 2), r"^labels from -2 to 0: expected -1 to 1$"),
    (lambda: confusion_matrix([0, 1], [0, 2], 2), r"^predictions from 0 to 2: expected 0 to 1$"),
    (lambda: confusion_matrix([0, 1], [0, -1], 2), r"^predictions from -1 to 0: expected 0 to 1$"),
    (lambda: confusion_matrix([0.0, 1.0], [0, 1], 2), r"^labels of type float64: expected integers$"),
    (lambda: confusion_matrix([0, 1], [0.2, 0.8], 2), r"^predictions of type float64: expected integers$"),
    (lambda: confusion_matrix([0], [0], 0), r"^classes=0: expected a whole number"),
    (lambda: all_scores([-1], [0], 2), r"^a confusion matrix of zeros: expected one labelled utterance at least$"),
    (lambda: accuracy([[1, 2]]), r"^a confusion matrix of shape \(1, 2\) and type int64: expected counts \(q, q\)$"),
    (lambda: f1([[1, -2], [0, 1]]), r"^a confusion matrix of shape \(2, 2\) and type int64: expected counts"),
    (lambda: f1([[1.5]]), r"^a confusion matrix of shape \(1, 1\) and type float64: expected counts"),
    (lambda: majority([-1, -1], 2), r"^training_labels has no label, all are -1: expected one at least$"),
    (lambda: majority([2], 2), r"^training_labels from 2 to 2: expected -1 to 1$")])
def test_what_is_no_class_and_no_count_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- naive Bayes -----------------------------------------------------------------------------------------------------

TRAIN = (Conversation("a", (Utterance("good good day", "joy"), Utterance("what a day", None), Utterance("bad day", "anger"))),
         Conversation("b", (Utterance("good", "joy"), Utterance("oh", "joy"), Utterance("bad", "anger"),
                            Utterance("so bad", "joy"))))
TEST = (Conversation("c", (Utterance("good day sir", None), Utterance("bad bad", "anger"), Utterance("sir", "joy"))),)
CORPUS = make_corpus("moods", {"train": TRAIN, "test": TEST}, ("fear", "joy", "anger"))
DATA = encode_corpus(CORPUS, make_vocabulary(CORPUS))


def by_hand(text, label, smoothing):
    """log P(label, words) from the words themselves."""
    labelled = [u for c in TRAIN for u in c.utterances if u.label]
    of_class = [u for u in labelled if u.label == label]
    known = {word for c in TRAIN for u in c.utterances for word in u.text.split()}
    heard = [word for u in of_class for word in u.text.split()]
    total = math.log(len(of_class) / len(labelled)) if of_class else -math.inf
    return total + sum(math.log((heard.count(word) + smoothing) / (len(heard) + smoothing * len(known)))
                       for word in text.split() if word in known)


@pytest.mark.parametrize("smoothing", [1.0, 0.3])
@pytest.mark.parametrize("split, conversations", [("train", TRAIN), ("test", TEST)])
def test_naive_bayes_is_the_count_by_hand(smoothing, split, conversations):
    params = naive_bayes.fit(DATA["train"], smoothing)
    found = naive_bayes.log_joint(params, DATA[split])
    for c, conversation in enumerate(conversations):
        for u, utterance in enumerate(conversation.utterances):
            expected = [by_hand(utterance.text, label, smoothing) for label in CORPUS.labels]
            assert found[c, u] == pytest.approx(expected, rel=1e-12)
            assert naive_bayes.predict(params, DATA[split])[c, u] == np.argmax(expected)


def test_the_probabilities_of_the_words_of_a_class_sum_to_one():
    params = naive_bayes.fit(DATA["train"])
    assert np.exp(params["log_theta"][:, 2:]).sum(axis=1) == pytest.approx(1.0) and np.all(params["log_theta"][:, :2] == 0)
    assert params["log_pi"].tolist() == [-math.inf, math.log(4 / 6), math.log(2 / 6)]  # nobody is afraid in training


def test_naive_bayes_is_that_of_scikit_learn():
    naive = pytest.importorskip("sklearn.naive_bayes")
    rng = np.random.default_rng(6)
    real = np.arange(9) < rng.integers(1, 10, size=(8, 5, 1))
    tokens = np.where(real, rng.integers(2, 17, size=real.shape), 0)
    data = Conversations(tokens, real, rng.integers(-1, 4, size=(8, 5)), 17, tuple("abcd"), tuple("0123456789abcdefg"))
    counts = np.stack([np.bincount(row[row > 0], minlength=17)[2:] for row in tokens.reshape(40, 9)])
    known = data.labels.ravel() >= 0
    theirs = naive.MultinomialNB(alpha=0.7).fit(counts[known], data.labels.ravel()[known])
    params = naive_bayes.fit(data, smoothing=0.7)
    assert params["log_theta"][:, 2:] == pytest.approx(theirs.feature_log_prob_, rel=1e-12)
    assert params["log_pi"] == pytest.approx(theirs.class_log_prior_, rel=1e-12)
    assert np.array_equal(naive_bayes.predict(params, data).ravel(), theirs.predict(counts))


def test_the_history_and_the_amount_of_padding_do_not_matter():
    params, data = naive_bayes.fit(DATA["train"]), DATA["test"]
    wider = data._replace(tokens=np.pad(data.tokens, ((0, 0), (0, 2), (0, 3)), constant_values=4), labels=np.pad(
        data.labels, ((0, 0), (0, 2)), constant_values=-1), real=np.pad(data.real, ((0, 0), (0, 2), (0, 3))))
    assert np.array_equal(naive_bayes.log_joint(params, wider)[:, :3], naive_bayes.log_joint(params, data))
    swapped = data._replace(tokens=data.tokens[:, ::-1], real=data.real[:, ::-1])
    assert np.array_equal(naive_bayes.log_joint(params, swapped)[:, ::-1], naive_bayes.log_joint(params, data))
    padded = DATA["train"]._replace(tokens=np.where(DATA["train"].real, DATA["train"].tokens, 3))
    assert all(np.array_equal(naive_bayes.fit(padded)[name], params[name]) for name in params)


@pytest.mark.parametrize("call, message", [
    (lambda: naive_bayes.fit(DATA["train"], 0.0), r"^smoothing=0.0: expected a positive number$"),
    (lambda: naive_bayes.fit(DATA["train"]._replace(labels=np.full((2, 4), -1))), r"^no labelled utterance: expected one"),
    (lambda: naive_bayes.fit(DATA["train"]._replace(vocabulary=2)), r"^a vocabulary of 2 ids: expected 3 or more"),
    (lambda: naive_bayes.predict(naive_bayes.fit(DATA["train"]), DATA["test"]._replace(vocabulary=5)),
     r"^fitted for 3 classes and 9 ids: given 3 and 5, expected the same vocabulary and classes$")])
def test_what_cannot_be_fitted_or_read_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
