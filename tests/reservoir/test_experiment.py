"""A network on a series: what is fitted on what, where the state goes on, what a free run sees."""

import numpy as np
import pytest

from minires.errors import Diverged
from minires.reservoir.echo_state import run
from minires.reservoir.experiment import fit, fitted, free_runs, one_row
from minires.reservoir.network import EchoState
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict, ridge
from minires.tasks.series import make_series

N, T, TRAIN, WASHOUT = 20, 300, 200, 30
NETWORK = EchoState(units=N, inputs=2, family_options={"a": 0.6}, input_scale=0.5)


def two_waves(steps=T + 1):
    t = np.arange(steps)
    return np.stack([np.sin(0.31 * t), np.cos(0.17 * t) * np.sin(0.31 * t)], axis=1)


VALUES = two_waves()
INPUTS, TARGETS = VALUES[:-1], VALUES[1:]


def fitted_network(**changes):
    return fit(NETWORK, INPUTS, TARGETS, np.random.default_rng(0), TRAIN, **{"washout": WASHOUT, "strength": 1e-6, **changes})


def test_the_states_are_one_run_from_zero_and_the_test_goes_on_from_the_training():
    made = fitted_network()
    np.testing.assert_allclose(made.states, run(made.params, INPUTS)[0], atol=1e-12)


def test_the_readout_is_fitted_on_the_rows_between_washout_and_train_and_on_no_other():
    made = fitted_network()
    F = features(made.states, INPUTS)
    expected = ridge(F[WASHOUT:TRAIN], TARGETS[WASHOUT:TRAIN], 1e-6)
    np.testing.assert_allclose(made.readout["W_o"], expected["W_o"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(made.predictions, predict(expected, F), atol=1e-9)
    spoilt = TARGETS.copy()
    spoilt[:WASHOUT] = spoilt[TRAIN:] = 1e3
    again = fit(NETWORK, INPUTS, spoilt, np.random.default_rng(0), TRAIN, WASHOUT, 1e-6)
    np.testing.assert_array_equal(again.readout["W_o"], made.readout["W_o"])


def test_shifted_targets_shift_the_predictions_by_exactly_as_much():
    shifted = fit(NETWORK, INPUTS, TARGETS + [3.0, -7.0], np.random.default_rng(0), TRAIN, WASHOUT, 1e-3)
    moved = shifted.predictions - fitted_network(strength=1e-3).predictions
    np.testing.assert_allclose(moved, np.tile([3.0, -7.0], (T, 1)), atol=1e-12)


def test_fitting_twice_gives_the_same_bits():
    first, second = fitted_network(), fitted_network()
    for name in ("W_o", "b_o"):
        np.testing.assert_array_equal(first.readout[name], second.readout[name])
    np.testing.assert_array_equal(first.predictions, second.predictions)


def test_noise_is_in_the_training_alone():
    noisy = fitted_network(noise=1e-3)
    assert np.any(noisy.states[:TRAIN] != fitted_network().states[:TRAIN])
    expected, _ = run(noisy.params, INPUTS[TRAIN:], noisy.states[TRAIN - 1])
    np.testing.assert_allclose(noisy.states[TRAIN:], expected, atol=1e-13)


@pytest.mark.parametrize("criterion", ["leave_one_out", "gcv"])
def test_the_strength_is_chosen_from_the_training_rows(criterion):
    made = fitted_network(strength=criterion)
    strengths, errors = made.curve
    assert made.strength == strengths[int(np.argmin(errors))] and len(strengths) == len(errors) == 15
    spoilt = TARGETS.copy()
    spoilt[TRAIN:] = 1e3
    assert fit(NETWORK, INPUTS, spoilt, np.random.default_rng(0), TRAIN, WASHOUT, criterion).strength == made.strength
    assert fitted_network().curve == ()


@pytest.mark.parametrize("squares", ["none", "all"])
def test_a_free_run_is_the_network_fed_with_its_own_outputs(squares):
    made = fitted_network(squares=squares)
    outputs = free_runs(NETWORK, made, INPUTS, [TRAIN, TRAIN + 7], 12)
    for start, run_of in zip((TRAIN, TRAIN + 7), outputs):
        inputs = np.concatenate([INPUTS[start:start + 1], run_of[:-1]])
        states, _ = run(made.params, inputs, made.states[start - 1])
        np.testing.assert_allclose(predict(made.readout, features(states, inputs, squares=squares)), run_of, atol=1e-9)


def test_a_free_run_of_a_good_fit_stands_beside_the_targets_of_its_start():
    angle = 0.31 * np.arange(T + 1)
    circle = np.stack([np.cos(angle), 2 * np.sin(angle)], axis=1)
    made = fit(NETWORK, circle[:-1], circle[1:], np.random.default_rng(0), TRAIN, WASHOUT, 1e-10)
    outputs = free_runs(NETWORK, made, circle[:-1], np.array([TRAIN, TRAIN + 9]), 20)
    for start, run_of in zip((TRAIN, TRAIN + 9), outputs):
        assert abs(run_of - circle[1:][start:start + 20]).max() < 1e-3
        assert abs(run_of[:-1] - circle[1:][start + 1:start + 20]).max() > 0.2  # one row later is another series


def test_the_first_output_of_a_free_run_is_the_one_step_prediction():
    made = fitted_network()
    np.testing.assert_allclose(free_runs(NETWORK, made, INPUTS, [250], 1)[0, 0], made.predictions[250], atol=1e-12)


def test_a_run_that_diverges_is_nan_from_there_and_the_others_are_whole():
    made = fitted_network()
    doubling = {"W_o": np.concatenate([np.diag([2.0, 2.0]), np.zeros((N, 2))]), "b_o": np.zeros(2)}
    series = np.zeros((T, 2))
    series[100] = 1.0
    outputs = free_runs(NETWORK, made._replace(readout=doubling), series, [50, 100], 30, limit=1000.0)
    np.testing.assert_array_equal(outputs[0], np.zeros((30, 2)))
    np.testing.assert_array_equal(outputs[1, :9], np.repeat(2.0 ** np.arange(1, 10)[:, None], 2, axis=1))
    assert np.isnan(outputs[1, 9:]).all()


def test_beside_a_run_that_diverges_another_still_starts_from_its_own_state():
    growing = {"W_o": np.concatenate([np.diag([1.3, 1.3]), np.full((N, 2), 0.01)]), "b_o": np.zeros(2)}
    made = fitted_network()._replace(readout=growing)
    series = np.zeros((T, 2))
    series[100] = 1.0
    alone = free_runs(NETWORK, made, series, [50], 30, limit=1000.0)
    both = free_runs(NETWORK, made, series, [50, 100], 30, limit=1000.0)
    assert np.isnan(both[1, -1]).all() and not np.isnan(alone).any()
    np.testing.assert_allclose(both[0], alone[0], rtol=1e-12)


def test_features_of_one_step_are_a_row_of_the_features():
    made, F = fitted_network(squares="even"), features(fitted_network().states, INPUTS, squares="even")
    np.testing.assert_array_equal(one_row(made.states[5:8], INPUTS[5:8], "even"), F[5:8])


def test_a_network_learns_narma_and_the_mean_does_not():
    """NARMA-10, N = 50: far below 1, the score of the mean, and in the band of the published toys."""
    rng = np.random.default_rng(1)
    task = make_series("narma", 3000, rng)
    made = fit(EchoState(units=50), task.inputs, task.targets, rng, 2000, 200, 1e-9)
    error = np.sqrt(np.mean((made.predictions[2000:] - task.targets[2000:]) ** 2)) / np.std(task.targets[2000:])
    assert 0.2 < error < 0.6


@pytest.mark.parametrize("changes, message", [
    ({"washout": TRAIN}, "washout=200 of train=200 rows: expected a washout below that"),
    ({"washout": -1}, "washout=-1: expected a whole number of at least 0"),
    ({"train": T}, "train=300 of 300 rows: expected fewer"),
    ({"strength": "loo"}, "strength='loo': expected a number, or one of leave_one_out, gcv"),
    ({"strength": -1.0}, "strength=-1.0: expected a number of at least 0"),
    ({"squares": "al"}, "unknown squares 'al': did you mean 'all'"),
])
def test_bad_settings_are_named_in_one_line(changes, message):
    train = changes.pop("train", TRAIN)
    with pytest.raises(ValueError, match=message):
        fit(NETWORK, INPUTS, TARGETS, np.random.default_rng(0), train, **{"washout": WASHOUT, **changes})


@pytest.mark.parametrize("rows", [(3, 200), (250, 200)])
def test_states_that_are_not_finite_are_named_with_their_row(rows):
    """An identity network that grows by 1e200 at one row: the next one is infinite."""
    at, train = rows
    network = EchoState(units=3, inputs=2, f="identity", radius=1e200, bias_scale=0)
    series = np.zeros((T, 2))
    series[at] = 1.0
    with pytest.raises(Diverged, match="the state is not finite at row") as error:
        fit(network, series, TARGETS, np.random.default_rng(0), train, 2, 1e-3)
    assert at + 1 < int(str(error.value).split("row ")[1].split(":")[0]) < at + 4


@pytest.mark.parametrize("starts", [[0], [T], [1.5], 5, [[3]]])
def test_a_free_run_starts_from_a_row_that_has_a_state_before_it(starts):
    with pytest.raises(ValueError, match="expected rows from 1 to 299"):
        free_runs(NETWORK, fitted_network(), INPUTS, starts, 3)


def test_the_curve_is_empty_for_a_given_strength():
    assert fitted(VALUES, VALUES, 1e-3)[1:] == (1e-3, ())
