"""Laws of the ridge readout: against exact fractions, an augmented system, shifts, and its derivatives."""

from fractions import Fraction

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, make_jvp

from minires.gradients import check_gradients
from minires.reservoir.readouts.ridge import predict, ridge, ridge_without_bias

MODES = ["free", "penalised", "none"]


def fit(F, Y, strength, mode="free"):
    """[W_o; b_o], or W_o alone."""
    if mode == "none":
        return ridge_without_bias(F, Y, strength)["W_o"]
    readout = ridge(F, Y, strength, penalise_bias=mode == "penalised")
    return np.concatenate([readout["W_o"], readout["b_o"][None]])


def case(T=17, n=4, q=3, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    F = rng.standard_normal((T, n)) * [1.0, 0.5, 2.0, 0.3, 1.5][:n] + 0.7 + offset
    return F, rng.standard_normal((T, q)) + [2.0, -1.0, 5.0][:q]


def normal_equations(F, Y, strength, mode):
    """The minimum in exact fractions: (A^T A + D) Theta = A^T Y, with D zero at a free bias."""
    ones = [] if mode == "none" else [Fraction(1)]
    A = [[Fraction(float(v)) for v in row] + ones for row in F]
    Y = [[Fraction(float(v)) for v in row] for row in Y]
    m, n, q = len(A[0]), F.shape[1], len(Y[0])
    G = [[sum(row[i] * row[j] for row in A) for j in range(m)] + [sum(row[i] * y[k] for row, y in zip(A, Y)) for k in range(q)]
         for i in range(m)]
    for i in range(m if mode == "penalised" else n):
        G[i][i] += Fraction(strength)
    for i in range(m):  # Gauss-Jordan
        pivot = next(r for r in range(i, m) if G[r][i] != 0)
        G[i], G[pivot] = G[pivot], G[i]
        G[i] = [v / G[i][i] for v in G[i]]
        for r in range(m):
            if r != i:
                c = G[r][i]
                G[r] = [a - c * b for a, b in zip(G[r], G[i])]
    return np.array([[float(v) for v in row[m:]] for row in G])


def twin(F, Y, strength, mode):
    """The same equations by a linear solve that takes complex numbers, for the complex step and for autograd to trace."""
    A = F if mode == "none" else anp.concatenate([F, anp.ones((len(F), 1))], axis=1)
    D = anp.eye(A.shape[1])
    if mode == "free":
        D = anp.diag(anp.array([1.0] * F.shape[1] + [0.0]))
    return anp.linalg.solve(anp.dot(A.T, A) + strength * D, anp.dot(A.T, Y))


# ---- the solution ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strength", [0.0, 1e-9, 0.3, 40.0])
def test_ridge_is_the_exact_minimum(mode, strength):
    F, Y = case()
    np.testing.assert_allclose(fit(F, Y, strength, mode), normal_equations(F, Y, strength, mode), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_with_fewer_rows_than_features_ridge_is_the_exact_minimum(mode):
    F, Y = case(T=3, n=5)
    np.testing.assert_allclose(fit(F, Y, 0.2, mode), normal_equations(F, Y, 0.2, mode), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("mode, penalised", [("free", 4), ("penalised", 5)])
def test_ridge_solves_the_augmented_system_with_rows_of_the_root_of_the_strength(mode, penalised):
    """Not lambda I (mistake 52), not lambda T (mistake 53), and the bias as asked (mistake 54)."""
    F, Y = case()
    A = np.concatenate([np.c_[F, np.ones(len(F))], np.sqrt(0.3) * np.eye(5)[:penalised]])
    Theta = np.linalg.lstsq(A, np.concatenate([Y, np.zeros((penalised, 3))]), rcond=None)[0]
    np.testing.assert_allclose(fit(F, Y, 0.3, mode), Theta, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("offset", [1e4, 1e6, 1e7, 1e10])
@pytest.mark.parametrize("strength", [0.0, 1e-6, 0.1])
def test_an_offset_of_the_features_costs_no_digits(offset, strength):
    """Centring F^T F by subtraction loses all digits at 1e7 (mistake 56)."""
    F, Y = case(T=31, offset=offset)
    exact, W = normal_equations(F, Y, strength, "free"), fit(F, Y, strength)
    assert np.max(abs(W[:-1] - exact[:-1])) < 5e-15 * np.max(abs(exact[:-1]))
    assert np.max(abs(W[-1] - exact[-1])) < 1e-14 * offset * np.sum(abs(exact[:-1]))  # it cancels: W_o times the offset


def test_an_offset_costs_no_digits_in_float32_either():
    F, Y = (each.astype(np.float32) for each in case(T=31, offset=3e3))
    W = fit(F, Y, 1e-3)
    assert W.dtype == np.float32 and np.max(abs(W[:-1] - normal_equations(F, Y, 1e-3, "free")[:-1])) < 3e-6


def test_the_bias_of_a_long_float32_series_has_its_digits():
    """A running sum of 20000 numbers near 1000 loses four of them; what is left after the first mean tells by how much."""
    rng = np.random.default_rng(8)
    F = (rng.standard_normal((20000, 2)) + 1000.0).astype(np.float32)
    Y = (F[:, :1] - np.float32(1000.0)) * np.float32(1e-3)
    exact = ridge(F.astype(float), Y.astype(float), 1.0)["b_o"]
    np.testing.assert_allclose(ridge(F, Y, 1.0)["b_o"], exact, rtol=1e-6)


def test_normal_equations_would_lose_the_digits_that_ridge_keeps():
    """Condition 1e7 of F is 1e14 of F^T F (mistake 55)."""
    rng = np.random.default_rng(2)
    F = rng.standard_normal((30, 3)) @ np.array([[1, 1, 0], [0, 1e-7, 1e-7], [0, 0, 1.0]])
    Y = F @ [[1.0], [2.0], [-3.0]]
    exact = normal_equations(F, Y, 0.0, "none")
    assert np.max(abs(fit(F, Y, 0.0, "none") - exact)) < 1e-8 < 1e-3 < np.max(abs(np.linalg.solve(F.T @ F, F.T @ Y) - exact))


def test_shifted_targets_shift_the_predictions_by_exactly_as_much():
    F, Y = case()
    for strength in (1e-3, 10.0):
        plain, moved = ridge(F, Y, strength), ridge(F, Y + [3.0, -4.0, 0.5], strength)
        np.testing.assert_allclose(predict(moved, F), predict(plain, F) + [3.0, -4.0, 0.5], rtol=0, atol=1e-13)
        np.testing.assert_allclose(moved["W_o"], plain["W_o"], atol=1e-13)
        penalised = [predict(ridge(F, targets, strength, penalise_bias=True), F) for targets in (Y, Y + 3.0)]
        assert np.max(abs(penalised[1] - penalised[0] - 3.0)) > 1e-4


def test_two_equal_rows_count_twice_and_strength_is_not_scaled_by_their_number():
    F, Y = case()
    np.testing.assert_allclose(fit(np.r_[F, F], np.r_[Y, Y], 0.4), fit(F, Y, 0.2), rtol=1e-12)


def test_a_batch_is_its_rows_and_an_output_does_not_see_the_others():
    F, Y = case(T=18)
    batch = ridge(F.reshape(3, 6, 4), Y.reshape(3, 6, 3), 0.1)
    np.testing.assert_array_equal(batch["W_o"], ridge(F, Y, 0.1)["W_o"])
    np.testing.assert_allclose(ridge(F, Y[:, 1:2], 0.1)["W_o"][:, 0], batch["W_o"][:, 1], rtol=1e-12)
    assert batch["W_o"].shape == (4, 3) and batch["b_o"].shape == (3,)


def test_lists_of_whole_numbers_are_taken():
    readout = ridge([[0], [1], [2]], [[5], [7], [9]], 0)
    np.testing.assert_allclose(predict(readout, [[3], [10]]), [[11.0], [25.0]], rtol=1e-13)
    assert readout["W_o"].dtype == np.float64


def test_fitting_twice_gives_the_same_bits_and_leaves_the_arguments_alone():
    F, Y = case()
    before = F.tobytes(), Y.tobytes()
    assert fit(F, Y, 0.1).tobytes() == fit(F, Y, 0.1).tobytes() and before == (F.tobytes(), Y.tobytes())


def test_no_peak_is_hidden_where_rows_equal_features():
    """Double descent is real (mistake 62): nearly no strength, as many rows as features and bias, interpolates."""
    F, Y = case(T=5)
    np.testing.assert_allclose(predict(ridge(F, Y, 0.0), F), Y, atol=1e-10)


def test_predict_is_features_times_weights_plus_bias_for_any_leading_axes():
    readout = {"W_o": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), "b_o": np.array([0.5, -0.5])}
    F = np.random.default_rng(0).standard_normal((2, 5, 3))
    expected = np.zeros((2, 5, 2))
    for b, t, j, i in np.ndindex(2, 5, 2, 3):
        expected[b, t, j] += F[b, t, i] * readout["W_o"][i, j] + (readout["b_o"][j] if i == 0 else 0)
    np.testing.assert_allclose(predict(readout, F), expected, rtol=1e-14)
    np.testing.assert_allclose(predict(readout, F[1, 2]), expected[1, 2], rtol=1e-14)
    np.testing.assert_allclose(predict({"W_o": readout["W_o"]}, F), expected - [0.5, -0.5], rtol=1e-13)


def test_the_readout_of_reservoirpy_is_this_one():
    nodes = pytest.importorskip("reservoirpy.nodes")
    F, Y = case(T=40)
    theirs = nodes.Ridge(ridge=0.3).fit(F, Y)
    ours = ridge(F, Y, 0.3)
    np.testing.assert_allclose(theirs.Wout, ours["W_o"], rtol=1e-11)
    np.testing.assert_allclose(np.ravel(theirs.bias), ours["b_o"], rtol=1e-11)


# ---- derivatives -----------------------------------------------------------------------------------------------------

def weighted(C, F, Y, strength, mode):
    """A number that depends on every weight and bias in its own way."""
    if mode == "none":
        return anp.sum(C * ridge_without_bias(F, Y, strength)["W_o"])
    readout = ridge(F, Y, strength, penalise_bias=mode == "penalised")
    return anp.sum(C[:-1] * readout["W_o"]) + anp.sum(C[-1] * readout["b_o"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("T", [9, 3])
def test_reverse_and_forward_derivatives_are_central_differences(mode, T):
    F, Y = case(T=T)
    C = np.random.default_rng(5).standard_normal((4 + (mode != "none"), 3))
    loss = lambda F, Y, strength: weighted(C, F, Y, strength, mode)
    for row in check_gradients(lambda p: loss(p["F"], p["Y"], 0.3), {"F": F, "Y": Y}, np.random.default_rng(1)):
        assert row.reverse < 1e-9 and row.forward < 1e-9
    along = lambda s: loss(F, Y, s)
    numeric = (8 * (along(0.301) - along(0.299)) - (along(0.302) - along(0.298))) / 0.012
    assert grad(along)(0.3) == pytest.approx(numeric, rel=1e-8)
    assert make_jvp(along)(0.3)(1.0)[1] == pytest.approx(numeric, rel=1e-8)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strength", [1e-4, 0.7])
def test_the_derivative_is_the_complex_step_through_a_linear_solve(mode, strength):
    F, Y = case(T=9)
    rng = np.random.default_rng(3)
    C = rng.standard_normal((4 + (mode != "none"), 3))
    dF, dY, ds = rng.standard_normal(F.shape), rng.standard_normal(Y.shape), 0.6
    loss = lambda F, Y, strength: weighted(C, F, Y, strength, mode)
    for moved, analytic in (((dF, 0, 0), np.sum(grad(loss, 0)(F, Y, strength) * dF)),
                            ((0, dY, 0), np.sum(grad(loss, 1)(F, Y, strength) * dY)),
                            ((0, 0, ds), grad(loss, 2)(F, Y, strength) * ds)):
        h = 1e-30j
        step = twin(F + h * moved[0], Y + h * moved[1], strength + h * moved[2], mode)
        assert np.sum(C * step).imag / 1e-30 == pytest.approx(analytic, rel=1e-10)


def test_gradients_keep_float32():
    F, Y = (each.astype(np.float32) for each in case())
    loss = lambda F, Y, s: anp.sum(ridge(F, Y, s)["W_o"] ** 2) + anp.sum(ridge(F, Y, s)["b_o"])
    for argument in (0, 1, 2):
        assert grad(loss, argument)(F, Y, 0.5).dtype == np.float32


# ---- refusals --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, message", [
    (dict(F=np.ones((5, 2)) + np.nan), r"features is nan at \(0, 0\): expected finite numbers"),
    (dict(Y=np.full((17, 3), np.inf)), r"targets is inf at \(0, 0\): expected finite numbers"),
    (dict(Y=np.ones((16, 3))), r"features have shape \(17, 4\), targets \(16, 3\): expected a row of targets for each row"),
    (dict(Y=np.ones(17)), r"targets has shape \(17,\): expected 2 or 3 dimensions"),
    (dict(F=np.ones((17, 4), dtype=complex)), "features are complex128: expected real numbers"),
    (dict(F=[["a"]]), "features has type <U1: expected numbers"),
    (dict(F=np.ones((0, 4)), Y=np.ones((0, 3))), r"features has shape \(0, 4\): expected at least one entry"),
    (dict(strength=-1e-3), r"strength=-0.001: expected a number of at least 0"),
    (dict(strength=np.nan), r"strength=nan: expected a number of at least 0"),
    (dict(strength=[1.0, 2.0]), r"strength=\[1.0, 2.0\]: expected a number of at least 0"),
    (dict(penalise_bias="no"), "penalise_bias='no': expected True or False"),
])
def test_bad_input_is_refused_in_one_line(change, message):
    F, Y = case()
    arguments = {"F": F, "Y": Y, "strength": 0.1, **change}
    with pytest.raises(ValueError, match=message) as error:
        ridge(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("F", [np.ones((3, 4)) * np.arange(4), np.c_[case()[0][:, :3], np.full(17, 2.0)],
                               np.c_[case()[0][:, :3], case()[0][:, 1]]], ids=["rows", "constant", "twice"])
def test_strength_zero_needs_independent_rows(F):
    with pytest.raises(ValueError, match="ridge without enough rows: strength=0.0 and rank . of 4 features"):
        ridge(F, case()[1][:len(F)], 0.0)
    assert np.all(np.isfinite(ridge(F, case()[1][:len(F)], 1e-6)["W_o"]))


def test_predict_refuses_other_features_than_it_was_fitted_to():
    """An order or a number of features that differs between fit and predict (mistakes 58, 59)."""
    with pytest.raises(ValueError, match=r"features have shape \(2, 5\): expected \(..., 4\), as W_o has 4 rows"):
        predict(ridge(*case(), 0.1), np.ones((2, 5)))
