"""NARMA: every form has the coefficients, the sum and the lag that it says; divergence is found."""

import math

import numpy as np
import pytest

from minires.tasks.series import make_series
from minires.tasks.series.narma import FORMS, driven_narma, first_beyond, narma, response

IDENTITY = float
CASES = {  # (form, order): (c1..c4), delays i of the sum, lag l, f, offset; written down from the papers, not from the library
    ("atiya_parlos", 10): ((0.3, 0.05, 1.5, 0.1), range(0, 10), 9, IDENTITY, 0.0),
    ("atiya_parlos", 20): ((0.3, 0.05, 1.5, 0.01), range(0, 20), 19, math.tanh, 0.0),
    ("atiya_parlos", 30): ((0.2, 0.04, 1.5, 0.001), range(0, 30), 29, IDENTITY, 0.0),
    ("tanh", 10): ((0.3, 0.05, 1.5, 0.1), range(0, 10), 9, math.tanh, 0.0),
    ("tanh", 20): ((0.3, 0.05, 1.5, 0.01), range(0, 20), 19, math.tanh, 0.0),
    ("tanh", 30): ((0.2, 0.04, 1.5, 0.001), range(0, 30), 29, math.tanh, 0.0),
    ("rodan_tino", 20): ((0.3, 0.05, 1.5, 0.01), range(0, 20), 19, math.tanh, 0.2),
    ("shifted", 10): ((0.3, 0.05, 1.5, 0.1), range(1, 11), 10, IDENTITY, 0.0),
    ("shifted", 30): ((0.2, 0.04, 1.5, 0.001), range(1, 31), 30, IDENTITY, 0.0),
    ("without_newest", 10): ((0.3, 0.05, 1.5, 0.1), range(1, 10), 9, IDENTITY, 0.0),
    ("without_newest", 30): ((0.2, 0.04, 1.5, 0.001), range(1, 30), 29, IDENTITY, 0.0),
    ("without_memory_term", 10): ((0.3, 0.0, 1.5, 0.1), range(0, 10), 9, IDENTITY, 0.0),
    ("weak_memory_term", 30): ((0.3, 0.01, 1.5, 0.1), range(0, 30), 29, IDENTITY, 0.0),
    ("weak_memory_term", 60): ((0.3, 0.01, 1.5, 0.1), range(0, 60), 59, IDENTITY, 0.0),
}


def rng(seed=0):
    return np.random.default_rng(seed)


def loop(u, c, delays, lag, f, offset):
    """y(1), y(2), ... of the recurrence, one Python number at a time; zero before the start."""
    past = lambda values, t: values[t] if t >= 0 else 0.0
    y = [0.0]
    for t in range(len(u)):
        total = sum(past(y, t - i) for i in delays)
        y.append(f(c[0] * y[t] + c[1] * y[t] * total + c[2] * past(u, t - lag) * u[t] + c[3]) + offset)
    return y[1:]


def test_the_table_of_cases_has_every_form_and_order():
    assert set(CASES) == {(name, n) for name, form in FORMS.items() for n in form.coefficients}


@pytest.mark.parametrize("form, order", CASES)
def test_a_form_is_its_equation(form, order):
    u = rng(3).uniform(0, 0.4, 200)
    np.testing.assert_allclose(response(u, order, form), loop(u.tolist(), *CASES[form, order]), rtol=1e-12)


@pytest.mark.parametrize("form, order", CASES)
def test_regression_on_the_series_gives_back_the_coefficients_of_the_form(form, order):
    """Least squares of f^-1(y(t+1)) on (y, y S, u u, 1), over inputs and targets of the record, aligned as the record says."""
    expected, delays, lag, f, offset = CASES[form, order]
    made = narma(900, rng(1), order, form, washout=0, highest=0.4)
    u, y = made.inputs[:, 0], np.concatenate([[0.0], made.targets[:, 0]])  # y[t] is y(t), targets[t] is y(t+1)
    t = np.arange(2 * order, 900)
    memory = sum(y[t - i] for i in delays)
    rows = np.stack([y[t], y[t] * memory, u[t - lag] * u[t], np.ones(len(t))], axis=1)
    after = y[t + 1] - offset
    found = np.linalg.lstsq(rows, np.arctanh(after) if f is math.tanh else after, rcond=None)[0]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("change, wrong", [
    ("one term less", (range(0, 9), 9)), ("one term more", (range(0, 11), 9)), ("lag n", (range(0, 10), 10)),
    ("lag n-2", (range(0, 10), 8)), ("sum one later", (range(1, 11), 9))])
def test_regression_on_a_neighbouring_recurrence_leaves_a_residual(change, wrong):
    delays, lag = wrong
    made = narma(900, rng(1), washout=0)
    u, y = made.inputs[:, 0], np.concatenate([[0.0], made.targets[:, 0]])
    t = np.arange(20, 900)
    rows = np.stack([y[t], y[t] * sum(y[t - i] for i in delays), u[t - lag] * u[t], np.ones(len(t))], axis=1)
    assert np.abs(rows @ np.linalg.lstsq(rows, y[t + 1], rcond=None)[0] - y[t + 1]).max() > 1e-3


def test_inputs_are_uniform_between_zero_and_highest():
    for highest in (0.5, 0.3):
        u = narma(4000, rng(2), highest=highest, order=30).inputs
        assert 0 <= u.min() < 0.01 and highest - 0.01 < u.max() < highest and abs(u.mean() - highest / 2) < 0.01


def test_other_orders_need_coefficients_of_their_own():
    c = (0.25, 0.03, 1.2, 0.05)
    u = rng(4).uniform(0, 0.4, 60)
    np.testing.assert_allclose(response(u, 7, "atiya_parlos", c), loop(u.tolist(), c, range(7), 6, float, 0.0), rtol=1e-12)
    for given in (c, list(c), np.array(c)):
        assert narma(30, rng(4), 7, "shifted", given).options["coefficients"] == list(c)


def test_a_batch_of_inputs_gives_the_outputs_of_each():
    u = rng(5).uniform(0, 0.5, (3, 4, 41))
    batch = response(u)
    assert batch.shape == (3, 4, 41)
    for i in np.ndindex(3, 4):
        np.testing.assert_allclose(batch[i], response(u[i]), rtol=1e-13)


def test_washed_out_rows_are_dropped_from_both_sides_alike():
    made = narma(25, rng(6), washout=12)
    u = rng(6).uniform(0.0, 0.5, 37)
    assert np.array_equal(made.inputs[:, 0], u[12:]) and np.array_equal(made.targets[:, 0], response(u)[12:])


def test_a_driven_narma_is_the_same_recurrence_and_keeps_the_dtype():
    u = rng(7).uniform(0, 0.5, (33, 1))
    made = driven_narma(u, order=10, form="shifted")
    assert np.array_equal(made.targets[:, 0], response(u[:, 0], 10, "shifted")) and made.inputs is u
    single = driven_narma(u.astype(np.float32))
    assert single.inputs.dtype == single.targets.dtype == np.float32
    assert driven_narma(np.zeros((12, 1), dtype=int)).targets.dtype == np.float64


def test_reservoirpys_narma_is_the_shifted_form():
    datasets = pytest.importorskip("reservoirpy.datasets")
    for order, c in ((10, (0.3, 0.05, 1.5, 0.1)), (30, (0.2, 0.04, 1.5, 0.001))):
        u = rng(8).uniform(0, 0.5, (200 + order, 1))
        _, theirs = datasets.narma(200, order=order, a1=c[0], a2=c[1], b=c[2], c=c[3], u=u)
        # theirs starts at row `order` with y = 0, where u goes back to row 0 already
        coefficients, delays, lag, f, offset = CASES["shifted", order]
        y = [0.0] * (order + 1)
        for t in range(order, 199 + order):
            y.append(c[0] * y[t] + c[1] * y[t] * sum(y[t - i] for i in delays) + c[2] * u[t - lag, 0] * u[t, 0] + c[3])
        assert coefficients == c
        np.testing.assert_allclose(theirs[:, 0], y[order:], rtol=1e-12)


# ---- divergence ------------------------------------------------------------------------------------------------------

def test_the_first_step_beyond_the_bound_is_found():
    y = np.array([0.1, -1.9, 2.0, -2.1, 0.3, np.inf, np.nan])
    assert first_beyond(y, 2.0) == 3 and first_beyond(y[:3], 2.0) is None and first_beyond(y[4:], 2.0) == 1
    assert first_beyond(np.array([np.nan]), 2.0) == 0


def share(highest, draws, seed):
    y = response(rng(seed).uniform(0, highest, (draws, 2000)))
    return np.mean(~(np.abs(y) <= 2).all(axis=1))


def test_all_long_sequences_diverge_at_inputs_up_to_six_tenths_and_two_thirds_up_to_eleven_twentieths():
    assert share(0.6, 500, 1) == 1.0
    assert 0.62 < share(0.55, 1000, 2) < 0.75  # 68.7 % of 20000


@pytest.mark.slow
def test_one_long_sequence_in_a_hundred_diverges_at_inputs_up_to_a_half():
    assert 0.007 < share(0.5, 15000, 3) < 0.013  # 1.00 % of 80000


def test_a_draw_that_diverges_is_thrown_away_and_drawn_again():
    seed = next(seed for seed in range(300)
                if first_beyond(response(rng(seed).uniform(0.0, 0.55, 700)), 2.0) is not None)
    made = narma(500, rng(seed), highest=0.55)
    assert made.redraws >= 1 and np.abs(made.targets).max() <= 2
    again = narma(500, rng(seed), highest=0.55)
    assert again.redraws == made.redraws and np.array_equal(again.targets, made.targets)
    draws = rng(seed)
    for _ in range(made.redraws):
        assert first_beyond(response(draws.uniform(0.0, 0.55, 700)), 2.0) is not None
    assert np.array_equal(draws.uniform(0.0, 0.55, 700)[200:], made.inputs[:, 0])
    assert narma(50, rng(0)).redraws == 0


def test_the_washout_is_guarded_too():
    u = np.concatenate([np.full(60, 0.7), np.zeros(40)])
    assert first_beyond(response(u), 2.0) < 60
    with pytest.raises(ValueError, match="^NARMA of order 10 left "):
        narma(20, rng(0), highest=0.9, washout=400, tries=3)


def test_a_series_that_always_diverges_is_an_error_that_says_where():
    with pytest.raises(ValueError) as error:
        make_series("narma", 3000, rng(0), highest=0.7, tries=4)
    y = None
    draws = rng(0)
    for _ in range(4):
        y = response(draws.uniform(0.0, 0.7, 3200))
    step = first_beyond(y, 2.0)
    assert str(error.value) == (f"NARMA of order 10 left |y| <= 2.0 in each of 4 draws, the last at step {step}: "
                                "expected a smaller highest input than 0.7, 0.5 for instance, or fewer rows")


def test_an_input_of_ones_own_that_diverges_is_an_error_that_names_the_step():
    u = np.full((90, 1), 0.8)
    step = next(t for t, y in enumerate(loop(u[:, 0].tolist(), *CASES["atiya_parlos", 10])) if abs(y) > 2)
    with pytest.raises(ValueError, match=rf"^NARMA of order 10 leaves \|y\| <= 2.0 at step {step} of this u: expected inp"):
        driven_narma(u)
    with pytest.raises(ValueError, match=r"leaves \|y\| <= 0.5 at step "):
        driven_narma(np.full((90, 1), 0.3), bound=0.5)
    assert 0.5 < driven_narma(np.full((90, 1), 0.3)).targets.max() < 0.6
    assert driven_narma(u, form="tanh").targets.max() < 1


# ---- hostile input ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options, message", [
    ({"form": "atiya"}, "unknown form of NARMA 'atiya': did you mean 'atiya_parlos'?"),
    ({"form": 3}, "unknown form of NARMA 3: choose from atiya_parlos, "),
    ({"order": 12}, r"order=12: form atiya_parlos has coefficients for order 10, 20, 30; expected one of them, such as 10, "
                    r"or coefficients=\(c1, c2, c3, c4\)"),
    ({"form": "rodan_tino"}, "order=10: form rodan_tino has coefficients for order 20; expected one of them, such as 20"),
    ({"coefficients": (1, 2, 3)}, r"coefficients=\(1, 2, 3\): expected four numbers \(c1, c2, c3, c4\)"),
    ({"coefficients": "1234"}, r"coefficients='1234': expected four numbers"),
    ({"coefficients": (0.1, float("nan"), 1.0, 0.0)}, "c2=nan: expected a finite number"),
    ({"length": 4, "washout": 3}, "length=4, washout=3: expected more than order=10 rows together")])
def test_an_impossible_narma_is_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make_series("narma", **{"length": 50, "rng": rng(), **options})


@pytest.mark.parametrize("u, message", [
    (np.ones(30), r"u of shape \(30,\): expected \(T, d\), a row for each step; u\[:, None\] is one column"),
    (np.ones((30, 2)), r"u of shape \(30, 2\): expected one input \(T, 1\)"),
    (np.ones((10, 1)), "u has 10 rows: expected more than order=10"),
    (np.full((30, 1), np.nan), r"u is not finite at \(0, 0\): expected finite numbers"),
    ([["x"]] * 30, "u of type <U1: expected real numbers")])
def test_an_impossible_input_is_refused(u, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        driven_narma(u)
