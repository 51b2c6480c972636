"""Tolerances: reruns of a precision lie within them, those of a coarser one do not, and nothing has none."""

import numpy as np
import pytest
from oracle.judged_cases import answer, golden

from minires.oracle.judgement.profiles import PROFILES
from minires.oracle.judgement.tolerance import FLOOR, STORED, derived, profile_of, spread_of, tolerances
from minires.oracle.tape import record

FLOAT32 = PROFILES["float32"]


def test_sigma_is_half_the_entry_four_tenths_the_row_and_a_tenth_the_tensor():
    centre = np.zeros((2, 3))
    run = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    variance = 0.5 * run ** 2 + 0.4 * np.array([[5 / 3], [3.0]]) + 0.1 * 14 / 6
    np.testing.assert_allclose(spread_of([run, -run], centre, FLOAT32), np.sqrt(variance), rtol=1e-12)


def test_sigma_is_never_below_its_floor():
    centre = np.array([3.0, -4.0])
    floor = 2.0 ** -24 * (STORED * np.array([3.0, 4.0]) + FLOOR * np.sqrt(12.5))
    np.testing.assert_allclose(spread_of([centre], centre, FLOAT32), floor)
    assert spread_of([np.zeros(2)], np.zeros(2), FLOAT32).min() > 0


def test_what_is_not_finite_has_no_deviation():
    centre = np.array([-np.inf, 1.0, np.nan])
    sigma = spread_of([np.array([-np.inf, 1.5, 2.0])], centre, FLOAT32)
    assert np.all(np.isfinite(sigma)) and sigma[1] > sigma[0]


def test_tolerances_grow_with_the_unit_roundoff_in_proportion():
    case = golden().case
    fine, coarse = tolerances(case, "float64"), tolerances(case, "float32")
    ratios = [np.median(coarse[name] / fine[name]) / 2.0 ** 29 for name in fine if np.any(fine[name] > 1e-300)]
    assert 0.5 < min(ratios) and max(ratios) < 2


def test_a_structural_zero_has_a_tolerance_of_the_size_of_what_is_cancelled():
    g = golden("pre_norm", "decoder", positions="learned")
    name = "grad/layers.0.attention.b_k"
    if name in g.truth.values:
        sigma = tolerances(g.case, "float32")[name]
        assert np.max(abs(g.truth.values[name])) < 1e-14 < 1e-9 < np.max(sigma) < 1e-5


def test_the_same_case_and_precision_is_derived_once():
    case = golden().case
    assert tolerances(case, "float32") is tolerances(case, "float32")
    assert tolerances(case, "float32") is not tolerances(case, "tf32")


def test_tolerances_are_the_same_numbers_every_time():
    case = golden().case
    first, second = (derived(case, FLOAT32, record(case)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16", "float16"])
def test_rounded_runs_lie_well_within(precision):
    g, sigma = golden(), tolerances(golden().case, precision)
    z = np.concatenate([np.ravel((value - g.truth.values[name]) / sigma[name]) for name, value in answer(precision).items()])
    assert np.max(abs(z)) < 5 and 0.05 < np.sqrt(np.mean(z ** 2)) < 0.8


def test_an_unknown_precision_names_the_nearest():
    with pytest.raises(ValueError, match="unknown precision 'floot32': did you mean 'float32'"):
        profile_of("floot32")
