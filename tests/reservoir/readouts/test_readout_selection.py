"""Leave-one-out and GCV from one decomposition are what brute force finds."""

import numpy as np
import pytest

from minires.reservoir.readouts.ridge import predict, ridge
from minires.reservoir.readouts.selection import select


def case(T=19, n=4, offset=0.0):
    rng = np.random.default_rng(3)
    F = rng.standard_normal((T, n)) + 0.4 + offset
    return F, F[:, :2] @ [[1.0, 0.5], [-2.0, 0.0]] + 0.5 * rng.standard_normal((T, 2)) + [3.0, -5.0]


def brute_force(F, Y, strength, penalise_bias):
    """Each row left out, the fit repeated without it."""
    errors = []
    for t in range(len(F)):
        others = np.arange(len(F)) != t
        errors.append(Y[t] - predict(ridge(F[others], Y[others], strength, penalise_bias), F[t]))
    return np.mean(np.square(errors))


@pytest.mark.parametrize("penalise_bias", [False, True])
@pytest.mark.parametrize("T, n, strengths", [(19, 4, [0.0, 1e-3, 0.5, 30.0]), (6, 9, [1e-4, 1e-2, 0.5, 30.0]),
                                             (5, 4, [1e-6, 1e-2, 3.0])])
def test_leave_one_out_is_brute_force(penalise_bias, T, n, strengths):
    F, Y = case(T, n)
    found = select(F, Y, strengths, penalise_bias=penalise_bias)
    expected = [brute_force(F, Y, strength, penalise_bias) for strength in strengths]
    np.testing.assert_allclose(found.errors, expected, rtol=1e-10)
    assert found.strength == strengths[int(np.argmin(expected))] and found.strengths == tuple(strengths)


def test_leave_one_out_keeps_its_digits_where_the_fit_nearly_interpolates():
    """The difference 1 - h of numbers near 1 would leave none at lambda 1e-12."""
    F, Y = case(T=6, n=9)
    errors = select(F, Y, [1e-12, 1e-9]).errors
    np.testing.assert_allclose(errors, brute_force(F, Y, 1e-9, False), rtol=1e-6)


def test_leave_one_out_does_not_mind_an_offset():
    F, Y = case()
    moved = F + 2.0 ** 20
    np.testing.assert_allclose(select(moved, Y, [0.5]).errors, select(moved - 2.0 ** 20, Y, [0.5]).errors, rtol=1e-12)


@pytest.mark.parametrize("penalise_bias", [False, True])
def test_gcv_is_leave_one_out_with_the_mean_leverage(penalise_bias):
    F, Y = case()
    A = np.c_[F, np.ones(19)]
    D = np.diag([1.0] * 4 + [float(penalise_bias)])
    strengths = [1e-3, 0.5, 7.0]
    expected = []
    for strength in strengths:
        H = A @ np.linalg.solve(A.T @ A + strength * D, A.T)
        e = Y - H @ Y
        expected.append(np.mean(e * e) / (1 - np.trace(H) / 19) ** 2)
    found = select(F, Y, strengths, criterion="gcv", penalise_bias=penalise_bias)
    np.testing.assert_allclose(found.errors, expected, rtol=1e-11)


def test_the_readout_is_the_ridge_of_the_chosen_strength():
    F, Y = case()
    for penalise_bias in (False, True):
        found = select(F.reshape(1, 19, 4), Y.reshape(1, 19, 2), np.array([9.0, 0.2, 50.0]), penalise_bias=penalise_bias)
        expected = ridge(F, Y, found.strength, penalise_bias)
        np.testing.assert_array_equal(found.readout["W_o"], expected["W_o"])
        np.testing.assert_array_equal(found.readout["b_o"], expected["b_o"])
        assert found.errors.shape == (3,) and found.strength == 0.2


def test_noise_is_answered_with_more_strength_than_a_law():
    F, Y = case(T=12, n=9)
    noise = np.random.default_rng(0).standard_normal(Y.shape)
    grid = list(np.logspace(-6, 3, 10))
    assert select(F, noise, grid).strength > 1 > 1e-3 > select(F, F[:, :2], grid).strength


def test_selection_keeps_float32():
    F, Y = (each.astype(np.float32) for each in case())
    found = select(F, Y, [1e-2, 1.0])
    assert found.readout["W_o"].dtype == np.float32
    np.testing.assert_allclose(found.errors, select(*case(), [1e-2, 1.0]).errors, rtol=1e-5)


@pytest.mark.parametrize("T, n, strengths, criterion, message", [
    (19, 4, [1.0], "loo", "unknown criterion 'loo': .*choose from leave_one_out, gcv"),
    (19, 4, [], "gcv", r"strengths=\[\]: expected a list of numbers"),
    (19, 4, 0.1, "gcv", r"strengths=0.1: expected a list of numbers"),
    (19, 4, [1.0, -2.0], "gcv", "strength=-2.0: expected a number of at least 0"),
    (5, 4, [0.0], "leave_one_out", "strength 0 with 5 rows and rank 4 of 4 features: expected strengths above 0, or more rows"),
    (4, 4, [0.0], "gcv", "strength 0 with 4 rows and rank 3 of 4 features: expected strengths above 0, or more rows"),
    (1, 4, [1.0], "gcv", "one row: expected at least two, one to leave out"),
])
def test_bad_input_is_refused_in_one_line(T, n, strengths, criterion, message):
    with pytest.raises(ValueError, match=message):
        select(*case(T, n), strengths, criterion=criterion)
