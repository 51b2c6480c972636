"""Classes of sequences: one row of features per sequence, ridge on one-hot targets, the largest output wins.

Padding never counts: with a mask the last state is that of the last real step, and the mean is over real steps.
Letters of the shapes: B batch (sequences), T time, N units, F features, C classes.
source: Jaeger, Lukosevicius, Popovici, Siewert 2007 (Neural Networks 20, 335), on speakers of Japanese vowels.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval, isbox

from minires.errors import require, whole_number
from minires.reservoir.checks import array
from minires.reservoir.readouts.arrays import numbers, real_steps
from minires.reservoir.readouts.ridge import predict, ridge


def last_state(states, mask=None):
    """The state of the last real step, (B, N), of states (B, T, N); mask (B, T) bool, True at real steps."""
    states, mask = real_states(states, mask)
    last = mask.shape[1] - 1 - numpy.argmax(mask[:, ::-1], axis=1)  # (B,)
    return states[numpy.arange(len(last)), last]  # (B, N)


def mean_state(states, mask=None):
    """The mean over the real steps, (B, N), of states (B, T, N); mask (B, T) bool, True at real steps.

    >>> mean_state(np.array([[[1.0], [3.0], [9.0]]]), np.array([[True, True, False]]))
    array([[2.]])
    """
    states, mask = real_states(states, mask)
    weights = (mask / mask.sum(axis=1, keepdims=True)).astype(getval(states).dtype)  # (B, T)
    return np.sum(states * weights[..., None], axis=1)  # (B, N)


def real_states(states, mask):
    """The states (B, T, N), zero where they are padding, and the mask (B, T)."""
    array("states", states, (3,), finite=False)
    states = states if isbox(states) else numpy.asarray(states)
    mask = real_steps(mask, states.shape[:2])
    if not mask.all() and not numpy.isfinite(getval(states)[~mask]).all():
        states = np.where(mask[..., None], states, 0)
    return numbers("states", states, (3,)), mask


def fit_classes(F, labels, strength, classes=None):
    """The readout whose output c approaches 1 on sequences of class c and 0 on others: ridge on one-hot targets.

    F (B, F), labels (B,) whole numbers 0 .. C-1, strength lambda, classes C (default: the largest label + 1).
    """
    return ridge(F, one_hot(labels, classes, getval(F).dtype), strength)


def one_hot(labels, classes=None, dtype="float64"):
    """Targets (B, C) with a 1 at each label.

    >>> one_hot([1, 0], classes=3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    labels = numpy.asarray(labels)
    require(labels.ndim == 1 and labels.size and numpy.issubdtype(labels.dtype, numpy.integer),
            f"labels of shape {labels.shape} and type {labels.dtype}: expected (B,) whole numbers")
    C = int(labels.max()) + 1 if classes is None else whole_number("classes", classes, 2)
    require(0 <= labels.min() and labels.max() < C, f"labels from {labels.min()} to {labels.max()}: expected 0 to {C - 1}")
    return (labels[:, None] == numpy.arange(C)).astype(dtype)  # (B, C)


def predict_class(readout, F):
    """The class of largest output for each row of F (B, F): (B,)."""
    return numpy.argmax(predict(readout, F), axis=-1)


def accuracy(predicted, labels):
    """The share of labels that were predicted, 0 to 1.

    >>> accuracy([0, 2, 1, 1], [0, 2, 1, 0])
    0.75
    """
    predicted, labels = numpy.asarray(predicted), numpy.asarray(labels)
    require(predicted.shape == labels.shape and labels.size,
            f"predictions of shape {predicted.shape} for labels of shape {labels.shape}: expected one for each")
    return float(numpy.mean(predicted == labels))
