"""Laws of learning step by step: recursive least squares is ridge, a-priori errors are honest, state is explicit."""

import numpy as np
import pytest

from minires.errors import Diverged
from minires.reservoir.readouts.online import (lms, lms_step, normalised_lms, normalised_lms_step, readout_start, rls,
                                               rls_start, rls_step)
from minires.reservoir.readouts.ridge import predict, ridge, ridge_without_bias


def case(T=40, n=4, q=2):
    rng = np.random.default_rng(0)
    F = rng.standard_normal((T, n)) * [1.0, 0.5, 2.0, 0.3] + 0.6
    return F, F @ rng.standard_normal((n, q)) + rng.standard_normal((T, q)) * 0.2 + [3.0, -1.0]


def difference(one, other):
    return max(np.max(abs(one[name] - other[name])) for name in other)


@pytest.mark.parametrize("strength", [0.03, 1.0, 20.0])
def test_recursive_least_squares_without_bias_is_ridge(strength):
    """P_0 = I / alpha (mistake 66), the gain with 1 / (l + z P z) (mistake 67)."""
    F, Y = case()
    readout, P, _ = rls(F, Y, strength, bias=False)
    assert difference(readout, ridge_without_bias(F, Y, strength)) < 1e-13
    np.testing.assert_allclose(P, np.linalg.inv(F.T @ F + strength * np.eye(4)), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("strength", [0.03, 1.0, 20.0])
def test_recursive_least_squares_with_bias_is_ridge_with_a_penalised_bias(strength):
    """The bias stands inside P (mistake 69)."""
    F, Y = case()
    readout, _, _ = rls(F, Y, strength)
    assert difference(readout, ridge(F, Y, strength, penalise_bias=True)) < 1e-12
    assert abs(readout["b_o"] - ridge(F, Y, strength)["b_o"]).max() > 1e-3


@pytest.mark.parametrize("bias", [False, True])
def test_forgetting_weighs_the_past_and_the_penalty(bias):
    """The minimum of sum l^(T-t) |e_t|^2 + l^T alpha |Theta|^2; the factor never acts on the weights (mistake 70)."""
    F, Y = case()
    T, l, strength = len(F), 0.9, 0.7
    Z = np.c_[F, np.ones(T)] if bias else F
    weights = np.array([l ** (T - 1 - t) for t in range(T)])
    A = Z.T @ (weights[:, None] * Z) + l ** T * strength * np.eye(Z.shape[1])
    Theta = np.linalg.solve(A, Z.T @ (weights[:, None] * Y))
    readout, P, _ = rls(F, Y, strength, forgetting=l, bias=bias)
    np.testing.assert_allclose(readout["W_o"], Theta[:4], rtol=1e-10)
    np.testing.assert_allclose(P, np.linalg.inv(A), rtol=1e-9, atol=1e-12)


def test_the_reported_errors_are_those_before_each_update():
    """Each is the target minus what ridge on the earlier rows predicts (mistake 68)."""
    F, Y = case(T=9)
    _, _, errors = rls(F, Y, 0.5)
    np.testing.assert_allclose(errors[0], Y[0], rtol=1e-14)
    for t in range(1, 9):
        np.testing.assert_allclose(errors[t], Y[t] - predict(ridge(F[:t], Y[:t], 0.5, penalise_bias=True), F[t]), atol=1e-11)


def test_a_series_can_be_cut_anywhere_and_continued():
    F, Y = case()
    whole = rls(F, Y, 0.5, forgetting=0.99)
    readout, P, first = rls(F[:13], Y[:13], 0.5, forgetting=0.99)
    kept = readout["W_o"].tobytes(), P.tobytes()
    again = rls(F[13:], Y[13:], forgetting=0.99, state=(readout, P))
    assert difference(again[0], whole[0]) == 0 and np.array_equal(again[1], whole[1])
    np.testing.assert_array_equal(np.r_[first, again[2]], whole[2])
    assert kept == (readout["W_o"].tobytes(), P.tobytes())


def test_recursive_least_squares_is_reservoirpys_without_bias():
    nodes = pytest.importorskip("reservoirpy.nodes")
    F, Y = case()
    node = nodes.RLS(alpha=0.3, fit_bias=False, forgetting=0.97)
    node.fit(F, Y)
    np.testing.assert_allclose(node.Wout, rls(F, Y, 0.3, forgetting=0.97, bias=False)[0]["W_o"], rtol=1e-9)


def test_p_stays_symmetric_to_the_last_bit():
    F, Y = case()
    _, P, _ = rls(F, Y, 0.5, forgetting=0.98)
    assert np.array_equal(P, P.T)


@pytest.mark.parametrize("step, normalised", [(lms_step, False), (normalised_lms_step, True)])
def test_least_mean_squares_is_its_equation(step, normalised):
    F, Y = case()
    readout = {"W_o": np.full((4, 2), 0.3), "b_o": np.array([0.1, -0.2])}
    new, e = step(readout, F[0], Y[0], 0.05)
    rate = 0.05 / (1e-8 + sum(f * f for f in F[0]) + 1) if normalised else 0.05
    for j in range(2):
        miss = Y[0, j] - sum(F[0, i] * 0.3 for i in range(4)) - readout["b_o"][j]
        assert e[j] == pytest.approx(miss, rel=1e-13)
        assert new["b_o"][j] == pytest.approx(readout["b_o"][j] + rate * miss, rel=1e-13)
        for i in range(4):
            assert new["W_o"][i, j] == pytest.approx(0.3 + rate * miss * F[0, i], rel=1e-13)


@pytest.mark.parametrize("learn, rate, scale", [(lms, 0.02, 1.0), (normalised_lms, 0.3, 1.0), (normalised_lms, 0.3, 100.0)])
def test_least_mean_squares_approaches_the_weights(learn, rate, scale):
    rng = np.random.default_rng(4)
    F = scale * rng.standard_normal((4000, 3))
    W, b = rng.standard_normal((3, 2)), scale * np.array([0.5, -2.0])
    start = {"W_o": np.zeros((3, 2)), "b_o": np.zeros(2)} if scale == 1 else {"W_o": np.zeros((3, 2))}
    readout, errors = learn(F, F @ W + (b if scale == 1 else 0), rate, start)
    assert errors.shape == (4000, 2) and abs(readout["W_o"] - W).max() < 1e-6 and set(readout) == set(start)


def test_one_normalised_step_at_rate_one_meets_the_target():
    F, Y = case()
    readout, _ = normalised_lms_step(readout_start(4, 2), F[3], Y[3], 1.0)
    np.testing.assert_allclose(predict(readout, F[3]), Y[3], rtol=1e-8)


def test_a_rate_that_is_too_large_is_named_with_the_row_at_which_learning_diverged():
    F, Y = case(T=400)
    with pytest.raises(Diverged, match=r"learning diverged at row \d+: the error is not finite, expected a smaller rate"):
        lms(F, Y, 5.0)


def test_the_linear_formulas_take_complex_numbers():
    """The complex step: the derivative of all weights along a direction of the features."""
    F, Y = case(T=12)
    D = np.random.default_rng(9).standard_normal(F.shape)
    for learn in (lambda F: rls(F, Y, 0.4, 0.95)[0], lambda F: lms(F, Y, 0.01)[0], lambda F: normalised_lms(F, Y, 0.2)[0]):
        step = learn(F + 1e-30j * D)["W_o"].imag / 1e-30
        central = (learn(F + 1e-6 * D)["W_o"] - learn(F - 1e-6 * D)["W_o"]) / 2e-6
        np.testing.assert_allclose(step, central, atol=1e-7)


def test_lists_of_whole_numbers_are_taken():
    readout, _, _ = rls([[0], [1], [2]], [[5], [7], [9]], 1e-9)
    np.testing.assert_allclose(predict(readout, [[3]]), [[11.0]], rtol=1e-6)


def test_float32_stays_float32():
    F, Y = (each.astype(np.float32) for each in case())
    for readout, *rest in (rls(F, Y, 0.5, 0.99), lms(F, Y, 0.01), normalised_lms(F, Y, 0.2)):
        assert {each.dtype for each in (*readout.values(), *rest)} == {np.dtype(np.float32)}


F, Y = case()


@pytest.mark.parametrize("call, message", [
    (lambda: rls(F, Y, 0.0), "strength=0.0: expected a positive number"),
    (lambda: rls(F, Y, forgetting=0.0), "forgetting=0.0: expected a number above 0 and at most 1"),
    (lambda: rls(F, Y, forgetting=1.01), "forgetting=1.01: expected a number above 0 and at most 1"),
    (lambda: rls(F, Y[1:]), r"features have shape \(40, 4\), targets \(39, 2\)"),
    (lambda: rls(F * np.nan, Y), r"features is nan at \(0, 0\)"),
    (lambda: rls(F, Y, bias="yes"), "bias='yes': expected True or False"),
    (lambda: rls(F[:, :3], Y, state=rls_start(4, 2)), r"features have shape \(3,\): expected \(4,\), as W_o has rows"),
    (lambda: rls_step(readout_start(4, 2), np.eye(4), F[0], Y[0]), r"P has shape \(4, 4\): expected \(5, 5\) for this readout"),
    (lambda: rls_step(*rls_start(4, 2), F[0], Y[0, :1]), r"target has shape \(1,\): expected \(2,\), as W_o has columns"),
    (lambda: lms_step(readout_start(4, 2), F[0], Y[0] * np.inf, 0.1), r"target is inf at \(0,\): expected finite numbers"),
    (lambda: lms(F, Y, 0.0), "rate=0.0: expected a positive number"),
    (lambda: lms(F, Y, np.nan), "rate=nan: expected a positive number"),
])
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
