"""Laws of classifying sequences: padding never counts, one-hot ridge, accuracy."""

import numpy as np
import pytest

from minires.gradients import check_gradients
from minires.reservoir.readouts.classification import (accuracy, fit_classes, last_state, mean_state, one_hot, predict_class)
from minires.reservoir.readouts.ridge import ridge

LENGTHS = [5, 1, 7, 3]


def case():
    """States (4, 7, 3) of series of unequal length, with NaN in the padding."""
    states = np.random.default_rng(0).standard_normal((4, 7, 3))
    mask = np.arange(7) < np.array(LENGTHS)[:, None]
    states[~mask] = np.nan
    return states, mask


def test_last_and_mean_state_see_real_steps_only():
    states, mask = case()
    for b, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(last_state(states, mask)[b], states[b, length - 1])
        np.testing.assert_allclose(mean_state(states, mask)[b], sum(states[b, t] for t in range(length)) / length, rtol=1e-14)


def test_what_stands_in_the_padding_does_not_count():
    states, mask = case()
    for filling in (0.0, 7.0, np.inf):
        filled = np.where(mask[..., None], states, filling)
        np.testing.assert_array_equal(last_state(filled, mask), last_state(states, mask))
        np.testing.assert_array_equal(mean_state(filled, mask), mean_state(states, mask))


def test_padding_in_front_does_not_count_either():
    states, mask = case()
    flipped, gone = states[:, ::-1], mask[:, ::-1]
    np.testing.assert_allclose(mean_state(flipped, gone), mean_state(states, mask), rtol=1e-14)
    np.testing.assert_array_equal(last_state(flipped, gone), states[:, 0])


def test_without_a_mask_every_step_is_real():
    states = np.random.default_rng(1).standard_normal((2, 5, 3))
    np.testing.assert_array_equal(last_state(states), states[:, 4])
    np.testing.assert_allclose(mean_state(states), states.mean(axis=1), rtol=1e-14)
    assert mean_state(states.astype(np.float32)).dtype == last_state(states.astype(np.float32)).dtype == np.float32


def test_sequence_features_are_differentiable_and_padding_gets_no_gradient():
    states, mask = case()
    states[~mask] = 0.3
    for feature in (last_state, mean_state):
        row, = check_gradients(lambda p: ((feature(p["x"], mask) - 1.0) ** 2).sum(), {"x": states}, np.random.default_rng(2))
        assert row.reverse < 1e-9


def test_classes_are_fitted_by_ridge_on_one_hot_targets():
    F = np.random.default_rng(3).standard_normal((9, 4))
    labels = np.array([2, 0, 1, 1, 0, 2, 2, 1, 0])
    targets = np.zeros((9, 4))
    for b, label in enumerate(labels):
        targets[b, label] = 1.0
    np.testing.assert_array_equal(one_hot(labels, 4), targets)
    found = fit_classes(F, labels, 0.3, classes=4)
    np.testing.assert_array_equal(found["W_o"], ridge(F, targets, 0.3)["W_o"])
    assert fit_classes(F, labels, 0.3)["W_o"].shape == (4, 3)


def test_lists_of_whole_numbers_are_taken():
    assert last_state([[[1, 2], [3, 5]]]).tolist() == [[3, 5]] and mean_state([[[1, 2], [3, 5]]]).tolist() == [[2.0, 3.5]]


def test_separate_clouds_are_told_apart():
    rng = np.random.default_rng(4)
    centres = np.array([[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0]])
    labels = rng.integers(3, size=80)
    F = centres[labels] + 0.3 * rng.standard_normal((80, 3))
    readout = fit_classes(F[:40], labels[:40], 1e-3)
    assert accuracy(predict_class(readout, F[40:]), labels[40:]) == 1.0
    assert predict_class({"W_o": np.eye(3), "b_o": np.array([0, 0.4, 0])}, np.array([[0.5, 0.2, 0.3]])) == [1]


@pytest.mark.parametrize("call, message", [
    (lambda: last_state(np.ones((4, 3))), r"states has shape \(4, 3\): expected 3 dimensions"),
    (lambda: mean_state(np.ones((1, 4, 3)), np.zeros((1, 4), bool)), r"the mask of series \[0\] is False everywhere"),
    (lambda: mean_state(np.ones((1, 4, 3)), np.ones((4, 1), bool)), r"mask of shape \(4, 1\) and type bool: expected \(1, 4\)"),
    (lambda: mean_state(np.full((1, 4, 3), np.nan)), r"states is nan at \(0, 0, 0\)"),
    (lambda: one_hot([0.0, 1.0]), r"labels of shape \(2,\) and type float64: expected \(B,\) whole numbers"),
    (lambda: one_hot([0, 3], classes=3), "labels from 0 to 3: expected 0 to 2"),
    (lambda: one_hot([-1, 1]), "labels from -1 to 1: expected 0 to 1"),
    (lambda: one_hot([0, 0], classes=1), "classes=1: expected a whole number of at least 2"),
    (lambda: fit_classes(np.ones((3, 2)), [0, 1], 0.1), r"features have shape \(3, 2\), targets \(2, 2\)"),
    (lambda: accuracy([1], [1, 0]), r"predictions of shape \(1,\) for labels of shape \(2,\)"),
])
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
