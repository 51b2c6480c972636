"""The open exercise of tutorial 02, attention by hand: weights of the student's own, no softmax."""

import numpy as np

from minires.exercises.records import ByLaws, Exercise, Law
from minires.layers import softmax


def own_weights(z, visible):
    """The square of the height above the lowest visible score, plus one; each row divided by its sum."""
    lowest = np.min(np.where(visible, z, np.inf), axis=-1, keepdims=True)
    return divided(np.where(visible, 1 + z - lowest, 0.0) ** 2)


def divided(w):
    """Each row divided by its sum."""
    return w / np.sum(w, axis=-1, keepdims=True)


def arguments(rng):
    """Scores (4, 6) and what is visible: the first three keys and some of the others."""
    visible = rng.random((4, 6)) < 0.5
    visible[:, :3] = True
    visible[0, 5] = False
    return 2 * rng.standard_normal((4, 6)), visible


# ---- laws -----------------------------------------------------------------------------------------------------------

def hides(function, z, visible):
    """Hidden keys have no weight, and their scores count for nothing."""
    P = function(z, visible)
    other = function(np.where(visible, z, z + 3), visible)
    return np.all(P[~visible] == 0) and np.allclose(P, other, rtol=0, atol=1e-12)


def order_free(function, z, visible):
    """Keys in another order get the same weights."""
    order = np.array([4, 0, 5, 2, 1, 3])
    return np.allclose(function(z, visible)[:, order], function(z[:, order], visible[:, order]), rtol=0, atol=1e-12)


def monotone(function, z, visible):
    """Of two visible keys, the one with the larger score has no smaller weight."""
    P = function(z, visible)
    both = visible[:, :, None] & visible[:, None, :]
    larger = z[:, :, None] > z[:, None, :]
    return np.all((P[:, :, None] >= P[:, None, :] - 1e-12)[both & larger])


def reads_scores(function, z, visible):
    """Other scores give other weights."""
    return not np.allclose(function(z, visible), function(np.where(visible, z[:, ::-1], z), visible))


def no_softmax(function, z, visible):
    """ln P is no linear function of the scores with the same slope everywhere."""
    P, pairs = function(z, visible)[:, :3], ((0, 1), (1, 2))
    if np.any(P <= 0):
        return True
    slopes = np.array([(np.log(P[:, i]) - np.log(P[:, j])) / (z[:, i] - z[:, j]) for i, j in pairs])
    return not np.allclose(slopes, slopes[0, 0], rtol=1e-6)


def softmaxed(z, visible, factor=1.0):
    """The softmax over the visible keys."""
    return softmax(np.where(visible, factor * z, -np.inf))


def by_place(z, visible):
    """Later keys count more."""
    return divided(softmaxed(z, visible) * np.arange(1.0, 7))


OWN_WEIGHTS = ByLaws(own_weights, arguments, {
    "hidden-keys-have-no-weight": Law(
        hides, "hidden keys have a weight, or change those of the others", "use the scores where visible is True only"),
    "none-is-negative": Law(
        lambda function, *given: np.all(function(*given) >= 0), "some weights are negative",
        "make the scores positive first: a square, a maximum with 0, .."),
    "rows-sum-to-one": Law(
        lambda function, *given: np.allclose(np.sum(function(*given), axis=-1), 1, rtol=0, atol=1e-12),
        "rows do not sum to 1", "divide each row by its sum over the keys"),
    "order-of-keys-does-not-matter": Law(
        order_free, "the weights depend on where a key stands", "attention is a mean over a set: use scores, not positions"),
    "larger-scores-weigh-no-less": Law(
        monotone, "a larger score gets a smaller weight", "the function of the scores must not fall"),
    "reads-the-scores": Law(
        reads_scores, "the weights do not depend on the scores", "use z"),
    "no-softmax": Law(
        no_softmax, "the weights are a softmax, at some temperature", "use another function than exp"),
}, {
    "hidden-keys-have-no-weight": lambda z, visible: softmax(z),
    "none-is-negative": lambda z, visible: divided(np.where(visible, z, 0.0)),
    "rows-sum-to-one": lambda z, visible: np.where(visible, 1 / (1 + np.exp(-z)), 0.0),
    "order-of-keys-does-not-matter": by_place,
    "larger-scores-weigh-no-less": lambda z, visible: softmaxed(z, visible, -1.0),
    "reads-the-scores": lambda z, visible: divided(1.0 * visible),
    "no-softmax": lambda z, visible: softmaxed(z, visible, 2.0),
})

EXERCISES = {"own_weights": Exercise("weights of your own", 4, 25, OWN_WEIGHTS)}
