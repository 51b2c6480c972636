"""NRMSE84 and the valid prediction time: their definitions, a number at a time, and runs that end early."""

import numpy as np
import pytest

from minires.errors import Diverged
from minires.reservoir.generation import generate
from minires.reservoir.measures.forecasts import nrmse84, valid_prediction_time

rng = np.random.default_rng(2)
T, q = 40, 3
TARGET = rng.standard_normal((T, q)) * [1.0, 3.0, 0.5] + [5.0, 0.0, -2.0]


def test_nrmse84_is_the_root_of_the_mean_square_over_the_runs_divided_by_the_given_variance():
    predictions, truths = rng.standard_normal(20), rng.standard_normal(20) + 4
    square = sum((predictions[r] - truths[r]) ** 2 for r in range(20)) / 20
    found = nrmse84(predictions, truths, 0.067)
    assert np.isclose(found.value, (square / 0.067) ** 0.5, rtol=1e-14)
    assert str(found).startswith("NRMSE84") and "std of the attractor, given, 20 rows" in str(found)


def test_nrmse84_refuses_what_it_cannot_mean():
    for arguments, message in [
            ((np.ones(3), np.ones((3, 1)), 1.0), "truths has shape"), ((np.ones(3), np.ones(4), 1.0), "expected the same"),
            ((np.ones(2), np.array([1.0, np.nan]), 1.0), "truths is nan"), ((np.ones(2), np.ones(2), 0.0), "variance=0.0"),
            (([], [], 1.0), "R >= 1")]:
        with pytest.raises(ValueError, match=message):
            nrmse84(*arguments)


def transcription(prediction, target, dt, threshold):
    """The time of the first row beyond the threshold."""
    middle = [sum(target[:, j]) / len(target) for j in range(target.shape[1])]
    square = sum(sum((target[t, j] - middle[j]) ** 2 for j in range(target.shape[1])) for t in range(len(target))) / len(target)
    for t in range(len(target)):
        length = sum((prediction[t, j] - target[t, j]) ** 2 for j in range(target.shape[1])) ** 0.5
        if length / square ** 0.5 > threshold:
            return t * dt
    return len(target) * dt


@pytest.mark.parametrize("threshold", (0.4, 0.5, 1.0))
def test_the_valid_time_is_that_of_the_first_row_beyond_the_threshold(threshold):
    prediction = TARGET + rng.standard_normal((T, q)) * np.linspace(0, 3, T)[:, None]
    found = valid_prediction_time(prediction, TARGET, 0.02, 1 / 0.9056, threshold)
    assert np.isclose(found.time, transcription(prediction, TARGET, 0.02, threshold)) and found.exceeded
    assert 0 < found.steps < T and found.time == found.steps * 0.02
    assert np.isclose(found.lyapunov_times, found.time * 0.9056)
    assert (found.threshold, found.dt, found.lyapunov_time) == (threshold, 0.02, 1 / 0.9056)


def test_the_rms_deviation_is_of_all_components_together_unless_it_is_given():
    found = valid_prediction_time(TARGET, TARGET, 1.0, 1.0)
    assert np.isclose(found.deviation ** 2, sum(np.var(TARGET[:, j]) for j in range(q)), rtol=1e-14)
    assert valid_prediction_time(TARGET, TARGET, 1.0, 1.0, deviation=2.5).deviation == 2.5
    prediction = TARGET + 1.0  # ||e|| = sqrt 3 in every row
    assert valid_prediction_time(prediction, TARGET, 1.0, 1.0, 1.0, deviation=3 ** 0.5 + 1e-9).steps == T
    assert valid_prediction_time(prediction, TARGET, 1.0, 1.0, 1.0, deviation=3 ** 0.5 - 1e-9).steps == 0


def test_an_error_that_comes_back_does_not_make_the_time_longer():
    prediction = np.array(TARGET)
    prediction[11] += 100
    assert valid_prediction_time(prediction, TARGET, 0.5, 1.0).steps == 11


def test_never_exceeded_is_said():
    found = valid_prediction_time(TARGET, TARGET, 0.5, 4.0)
    assert not found.exceeded and found.steps == T and found.lyapunov_times == 5.0
    assert "at least (never exceeded) 5 Lyapunov times = 20 = 40 steps" in str(found)
    assert all(part in str(found) for part in ("0.4 * rms deviation", "dt 0.5", "Lyapunov time 4"))
    assert "at least" not in str(valid_prediction_time(-TARGET, TARGET, 0.5, 4.0))


@pytest.mark.parametrize("wrong", (np.nan, np.inf, 1e200))
def test_rows_that_are_not_finite_or_missing_are_wrong(wrong):
    broken = np.array(TARGET)
    broken[9, 1] = wrong
    assert valid_prediction_time(broken, TARGET, 1.0, 1.0).steps == 9
    short = valid_prediction_time(TARGET[:9], TARGET, 1.0, 1.0)
    assert short.steps == 9 and short.exceeded
    assert valid_prediction_time(TARGET[:0], TARGET, 1.0, 1.0).steps == 0


def test_the_rows_before_a_divergence_count():
    params = {"W": np.array([[0.0]]), "W_in": np.array([[1.0]]), "K": 2.0, "g": 0.5}
    with pytest.raises(Diverged) as stop:
        generate(params, lambda x, u: x, 60, np.array([1.0]), u_0=np.array([1.0]))
    outputs = stop.value.outputs
    truth = np.concatenate([outputs, outputs[-1:] * np.linspace(-2, 3, 60 - len(outputs))[:, None]])
    found = valid_prediction_time(outputs, truth, 0.1, 1.0)
    assert found.steps == len(outputs) < 60 and found.exceeded


@pytest.mark.parametrize("change, message", [
    ({"prediction": TARGET[:, :2]}, r"prediction has shape \(40, 2\), target \(40, 3\)"),
    ({"prediction": np.concatenate([TARGET, TARGET])}, "or fewer rows"),
    ({"prediction": TARGET[:, 0]}, "expected 2 dimensions"),
    ({"target": TARGET + np.nan}, "target is nan"),
    ({"target": np.full((T, q), 0.1)}, "target is constant"),
    ({"dt": 0.0}, "dt=0.0"), ({"lyapunov_time": -1.0}, "lyapunov_time=-1.0"), ({"threshold": 0}, "threshold=0"),
    ({"deviation": 0.0}, "deviation=0.0"), ({"deviation": np.inf}, "deviation=inf"),
])
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        valid_prediction_time(**{"prediction": TARGET, "target": TARGET, "dt": 1.0, "lyapunov_time": 1.0, **change})
