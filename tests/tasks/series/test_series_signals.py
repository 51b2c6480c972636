"""The Henon map, sums of sines, and the tasks of memory and parity."""

import math

import numpy as np
import pytest

from minires.tasks.series import make_series
from minires.tasks.series.memory import delayed, delayed_parity, delayed_xor, memory_capacity
from minires.tasks.series.signals import henon, multiple_superimposed_oscillators


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- Henon -----------------------------------------------------------------------------------------------------------

def test_regression_on_the_henon_series_gives_back_its_coefficients():
    for a, b in ((1.4, 0.3), (1.2, 0.2)):
        made = henon(400, rng(1), a=a, b=b)
        x, y = made.inputs.T
        rows = np.stack([np.ones(400), x * x, y, x], axis=1)
        found = np.linalg.lstsq(rows, made.targets, rcond=None)[0]
        np.testing.assert_allclose(found, [[1, 0], [-a, 0], [1, 0], [0, b]], atol=1e-9)


def test_henon_starts_at_the_origin_and_stays_on_its_attractor():
    assert henon(3, washout=0).inputs.tolist() == [[0.0, 0.0], [1.0, 0.0], [1 - 1.4, 0.3]]
    for seed in range(20):
        assert np.abs(henon(500, rng(seed)).inputs).max() < 1.3


def test_the_lyapunov_time_of_henon_is_the_measured_one():
    made, tangent, total = henon(20000), np.array([1.0, 0.3]), 0.0
    for x in made.inputs[:, 0]:
        tangent = np.array([-2 * 1.4 * x * tangent[0] + tangent[1], 0.3 * tangent[0]])
        size = np.linalg.norm(tangent)
        tangent, total = tangent / size, total + math.log(size)
    assert total / 20000 == pytest.approx(1 / made.lyapunov_time, abs=0.01) and made.dt == 1.0
    assert henon(5, a=1.3).lyapunov_time is None and henon(5, b=0.2).lyapunov_time is None


def test_a_henon_map_that_diverges_is_an_error_that_names_the_step():
    x, y, step = 0.0, 0.0, 0
    while abs(x) < 1e6:
        x, y, step = 1 - 1.9 * x * x + y, 0.4 * x, step + 1
    with pytest.raises(ValueError, match=rf"^henon diverges at step {step} \(a=1.9, b=0.4\): expected a=1.4, b=0.3"):
        henon(50, a=1.9, b=0.4)


# ---- sums of sines ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form, second", [("roeschies_igel", 0.311), ("gallicchio_micheli", 0.331)])
def test_mso_is_the_sum_of_its_sines(form, second):
    alpha = [0.2, second, 0.42, 0.51, 0.63, 0.74, 0.85, 0.97, 1.08, 1.19, 1.27, 1.32]
    for oscillators in (1, 2, 8, 12):
        made = multiple_superimposed_oscillators(31, oscillators=oscillators, frequencies=form)
        for t in range(31):
            assert made.inputs[t, 0] == pytest.approx(sum(math.sin(a * t) for a in alpha[:oscillators]), abs=1e-12)
            assert made.targets[t, 0] == pytest.approx(sum(math.sin(a * (t + 1)) for a in alpha[:oscillators]), abs=1e-12)


def test_mso_has_eight_oscillators_unless_told_otherwise_and_takes_frequencies_of_ones_own():
    made = multiple_superimposed_oscillators(9)
    assert np.array_equal(made.inputs, multiple_superimposed_oscillators(9, oscillators=8).inputs)
    own = multiple_superimposed_oscillators(9, oscillators=2, frequencies=(0.1, 0.7, 0.9))
    np.testing.assert_allclose(own.inputs[:, 0], np.sin(0.1 * np.arange(9)) + np.sin(0.7 * np.arange(9)), atol=1e-14)


def test_mso_obeys_the_linear_recurrence_of_its_frequencies():
    """n sines solve a linear recurrence of 2n terms, prod_i (1 - 2 cos(alpha_i) z + z^2) = 0, and none of fewer."""
    made, polynomial = multiple_superimposed_oscillators(60, oscillators=3), np.ones(1)
    for alpha in (0.2, 0.311, 0.42):
        polynomial = np.convolve(polynomial, [1.0, -2 * math.cos(alpha), 1.0])
    assert np.abs(np.convolve(made.inputs[:, 0], polynomial, "valid")).max() < 1e-12


def test_reservoirpys_mso_is_the_same_before_it_is_scaled():
    datasets = pytest.importorskip("reservoirpy.datasets")
    theirs = datasets.mso(40, [0.2, 0.311, 0.42], normalize=False)
    np.testing.assert_allclose(multiple_superimposed_oscillators(40, oscillators=3).inputs, theirs, atol=1e-13)


@pytest.mark.parametrize("options, message", [
    ({"oscillators": 13}, "oscillators=13: the list of frequencies has 12; expected that or fewer"),
    ({"frequencies": [0.1]}, "oscillators=8: the list of frequencies has 1; expected that or fewer"),
    ({"frequencies": [0.1, -0.2], "oscillators": 2}, r"frequencies\[1\]=-0.2: expected a positive number"),
    ({"frequencies": "igel"}, "unknown list of frequencies 'igel': did you mean 'roeschies_igel'?")])
def test_impossible_frequencies_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make_series("multiple_superimposed_oscillators", 20, **options)


# ---- memory and parity -----------------------------------------------------------------------------------------------

def test_column_k_of_memory_capacity_is_the_input_k_rows_before():
    made = memory_capacity(37, rng(2), k_max=5)
    u = np.random.default_rng(2).uniform(-0.8, 0.8, 42)
    assert np.array_equal(made.inputs[:, 0], u[5:])
    for t in range(37):
        for k in range(1, 6):
            assert made.targets[t, k - 1] == u[5 + t - k]  # the first rows too: drawn, neither wrapped around nor zero


def test_nothing_wraps_around_in_a_memory_task():
    made = memory_capacity(30, rng(3), k_max=7)
    for k in range(1, 8):
        assert not np.isin(made.targets[:k, k - 1], made.inputs).any()


def test_the_inputs_of_memory_capacity_fill_their_range():
    for low, high in ((-0.8, 0.8), (0.0, 0.5)):
        u = memory_capacity(3000, rng(4), lowest=low, highest=high).inputs
        assert low <= u.min() < low + 0.01 and high - 0.01 < u.max() < high


@pytest.mark.parametrize("order, delay", [(1, 0), (1, 3), (2, 0), (3, 0), (3, 2), (4, 5)])
def test_parity_is_the_product_of_the_bits_that_its_equation_names(order, delay):
    made = delayed_parity(41, rng(5), order=order, delay=delay)
    u, z = made.inputs[:, 0], made.targets[:, 0]
    assert set(u) == {-1.0, 1.0}
    for t in range(delay + order - 1, 41):
        negatives = sum(u[t - i] < 0 for i in range(delay, delay + order))
        assert z[t] == (1.0 if negatives % 2 == 0 else -1.0)
    drawn = np.random.default_rng(5).choice([-1.0, 1.0], 41 + delay + order - 1)
    first = [math.prod(drawn[t:t + order]) for t in range(41)]
    assert z.tolist() == first  # the bits before row 0 are drawn as well


def test_xor_is_one_where_the_two_bits_differ():
    made = delayed_xor(41, rng(6), delay=3)
    u, z = made.inputs[:, 0], made.targets[:, 0]
    assert all(z[t] == (1.0 if u[t - 3] != u[t - 4] else -1.0) for t in range(4, 41))
    assert {-1.0, 1.0} == set(z) and delayed_xor(9, rng()).options == {"length": 9, "delay": 1}


def test_no_linear_readout_of_the_inputs_knows_a_parity():
    made = delayed_parity(6000, rng(7), order=3)
    rows = delayed(made.inputs[:, 0], range(6), 5990)
    weights = np.linalg.lstsq(rows, made.targets[10:], rcond=None)[0]
    assert np.abs(weights).max() < 0.06 and abs(made.targets.mean()) < 0.06


@pytest.mark.parametrize("name, options, message", [
    ("memory_capacity", {"k_max": 30}, "length=30: expected more than k_max=30 rows"),
    ("memory_capacity", {"lowest": 0.5, "highest": 0.5}, "lowest=0.5, highest=0.5: expected lowest < highest"),
    ("delayed_parity", {"order": 20, "delay": 11},
     "length=30: expected more than the 30 rows that order=20, delay=11 look back"),
    ("delayed_xor", {"delay": 29}, "length=30: expected more than the 30 rows that order=2, delay=29 look back")])
def test_a_series_shorter_than_its_memory_is_refused(name, options, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make_series(name, 30, rng(), **options)
