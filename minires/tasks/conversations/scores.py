"""How good predicted classes are. Everything is read off the confusion matrix.

    M_jk = number of utterances of class j for which k was predicted      n_j = sum_k M_jk, of class j      n = sum_j n_j
    accuracy    = sum_j M_jj / n
    F1_j        = 2 M_jj / (sum_k M_jk + sum_k M_kj)     the harmonic mean of precision and recall; 0 where it would be 0/0
    macro F1    = mean over all q classes of F1_j        also over those that do not occur
    weighted F1 = sum_j n_j F1_j / n                     the score that is published for MELD and EmoryNLP

Utterances without a label (-1) do not count.
"""

import numpy as np

from minires.errors import require, whole_number


def confusion_matrix(labels, predictions, classes):
    """M (q, q): rows are the true classes, columns the predicted ones.

    labels, predictions: integers of one shape, any shape; -1 in labels leaves the utterance out, whatever was predicted.

    >>> confusion_matrix([0, 1, 1, -1], [0, 0, 1, 1], 2).tolist()
    [[1, 0], [1, 1]]
    """
    classes = whole_number("classes", classes)
    labels, predictions = check_classes("labels", labels, classes), np.asarray(predictions)
    require(labels.shape == predictions.shape,
            f"predictions of shape {predictions.shape}: expected {labels.shape} as the labels")
    counted = labels >= 0
    predictions = check_classes("predictions", predictions[counted], classes, lowest=0)
    M = np.zeros((classes, classes), dtype=np.int64)  # (q, q)
    np.add.at(M, (labels[counted], predictions), 1)
    return M


def accuracy(M):
    """The share of utterances whose class was predicted; M (q, q)."""
    M = check_confusion(M)
    return float(np.trace(M) / M.sum())


def f1(M):
    """F1 of each class (q,); M (q, q).

    >>> f1([[1, 1], [0, 2]]).round(3).tolist()
    [0.667, 0.8]
    """
    M = check_confusion(M)
    return 2 * np.diag(M) / np.maximum(M.sum(axis=1) + M.sum(axis=0), 1)  # (q,); where the sum is 0, so is M_jj


def macro_f1(M):
    """The mean of F1 over all classes: a rare class counts as much as a frequent one."""
    return float(np.mean(f1(M)))


def weighted_f1(M):
    """The mean of F1 over the utterances: each class counts as often as it truly occurs."""
    return float(np.sum(np.sum(M, axis=1) * f1(M)) / np.sum(M))


SCORES = {"accuracy": accuracy, "macro_f1": macro_f1, "weighted_f1": weighted_f1}


def all_scores(labels, predictions, classes):
    """{"accuracy", "macro_f1", "weighted_f1"} of predictions.

    >>> all_scores([0, 0, 1], [0, 0, 0], 2)["accuracy"].__round__(3)
    0.667
    """
    M = confusion_matrix(labels, predictions, classes)
    return {name: score(M) for name, score in SCORES.items()}


def majority(training_labels, classes):
    """The class that is most frequent in TRAINING, the first of several: what one would say without reading anything.

    As a prediction: np.full(labels.shape, majority(...)). On MELD it is "neutral", with accuracy .481 on the test split.
    """
    classes = whole_number("classes", classes)
    labels = check_classes("training_labels", training_labels, classes)
    require(np.any(labels >= 0), "training_labels has no label, all are -1: expected one at least")
    return int(np.argmax(np.bincount(labels[labels >= 0], minlength=classes)))


def check_classes(name, labels, classes, lowest=-1):
    """Integers from `lowest` to classes - 1."""
    labels = np.asarray(labels)
    require(labels.size == 0 or np.issubdtype(labels.dtype, np.integer), f"{name} of type {labels.dtype}: expected integers")
    require(labels.size == 0 or lowest <= labels.min() and labels.max() < classes,
            f"{name} from {labels.min() if labels.size else 0} to {labels.max() if labels.size else 0}: "
            f"expected {lowest} to {classes - 1}")
    return labels.astype(np.int64)


def check_confusion(M):
    """A square matrix of counts, not all of them 0."""
    M = np.asarray(M)
    require(M.ndim == 2 and M.shape[0] == M.shape[1] and np.issubdtype(M.dtype, np.integer) and M.size > 0 and M.min() >= 0,
            f"a confusion matrix of shape {M.shape} and type {M.dtype}: expected counts (q, q)")
    require(M.sum() > 0, "a confusion matrix of zeros: expected one labelled utterance at least")
    return M
