"""Information processing capacity: orthonormal polynomials, states of known capacity, the bias, measured figures."""

from math import comb

import numpy as np
import pytest

from minires.reservoir.input_weights import input_weights
from minires.reservoir.kernels import leaky
from minires.reservoir.measures.processing import legendre, processing_capacity, processing_of, terms
from minires.reservoir.scaling import rescale


def reservoir(scale, N=10):
    """N units, rho .9, bias .2."""
    rng = np.random.default_rng(0)
    return {"W": rescale(rng.standard_normal((N, N)), "spectral_radius", 0.9), "W_in": input_weights(N, 1, rng, scale),
            "b": rng.uniform(-0.2, 0.2, N), **leaky(1.0)}


def uniform(rows, seed=1):
    """u (rows, 1), U(-1, 1)."""
    return np.random.default_rng(seed).uniform(-1, 1, (rows, 1))


def test_the_polynomials_are_orthonormal_under_the_uniform_density():
    nodes, weights = np.polynomial.legendre.leggauss(12)
    P = legendre(6, nodes)
    np.testing.assert_allclose((P * weights / 2) @ P.T, np.eye(7), atol=1e-13)
    np.testing.assert_allclose(legendre(2, nodes)[2], 5 ** 0.5 * (3 * nodes ** 2 - 1) / 2, rtol=1e-13)
    assert legendre(1, nodes).shape == (2, 12)


@pytest.mark.parametrize("degree, largest", ((1, 5), (2, 4), (3, 3), (4, 0)))
def test_every_product_of_a_degree_comes_once(degree, largest):
    found = [tuple(sorted(term.items())) for term in terms(degree, largest)]
    assert len(set(found)) == len(found) == comb(largest + degree, degree)
    assert all(sum(n for _, n in term) == degree and max(k for k, _ in term) <= largest for term in found)


def test_states_that_are_polynomials_of_the_input_have_a_capacity_of_one_each_at_their_degree():
    u = uniform(4000)
    late = lambda k: np.concatenate([np.zeros(k), u[:4000 - k, 0]])
    products = [(3 * late(1) ** 2 - 1) / 2, late(0) * late(2), late(1) * (5 * late(4) ** 3 - 3 * late(4))]
    states = np.stack([u[:, 0] + 1, late(3), *products], axis=1)
    found = processing_of(states, u, {1: 4, 2: 4, 3: 2, 4: 4}, 6.0)
    assert found.kept == 5 and found.rank == 5
    for degree, capacity in {1: 2, 2: 2, 3: 0, 4: 1}.items():
        assert abs(found.degrees[degree] - capacity) < 0.03
    assert abs(found.value - 5) < 0.05 and np.isclose(found.value, sum(found.degrees.values()))


def test_the_capacity_is_the_explained_variance_of_a_loop():
    u, rng = uniform(120, 5), np.random.default_rng(6)
    states = rng.standard_normal((120, 3)) + u * [1.0, -2.0, 0.5] + np.concatenate([[[0.0]], u[:-1]]) * [0.3, 1.0, 2.0] + 7
    found = processing_of(states, u, {1: 2, 2: 1}, 1e-9)
    raw = {1: 0.0, 2: 0.0}
    P1, P2 = lambda v: 3 ** 0.5 * v, lambda v: 5 ** 0.5 * (3 * v * v - 1) / 2
    for degree, y in [(1, lambda t: P1(u[t, 0])), (1, lambda t: P1(u[t - 1, 0])), (1, lambda t: P1(u[t - 2, 0])),
                      (2, lambda t: P2(u[t, 0])), (2, lambda t: P2(u[t - 1, 0])), (2, lambda t: P1(u[t, 0]) * P1(u[t - 1, 0]))]:
        target = np.array([y(t) for t in range(2, 120)])
        F = np.concatenate([np.ones((118, 1)), states[2:]], axis=1)
        left = target - F @ np.linalg.lstsq(F, target, rcond=None)[0]
        raw[degree] += 1 - np.sum(left ** 2) / np.sum((target - target.mean()) ** 2)
    assert np.isclose(found.raw, sum(raw.values()), rtol=1e-9) and (found.kept, found.candidates, found.rows) == (6, 6, 118)
    for degree in raw:  # R^2 - (1 - R^2) 3 / (118 - 1 - 3), summed over three terms
        assert np.isclose(found.degrees[degree], raw[degree] - (3 - raw[degree]) * 3 / 114, rtol=1e-9)


def test_states_that_know_nothing_have_no_capacity_though_the_raw_sum_without_threshold_has():
    u, states = uniform(3000), np.random.default_rng(2).standard_normal((3000, 10))
    every = processing_of(states, u, {1: 50, 2: 20}, 1e-9)
    assert abs(every.raw - every.candidates * 10 / 2949) < 0.15 and abs(every.value) < 0.15
    assert processing_of(states, u, {1: 50, 2: 20}, 4.0).kept <= 1


def test_the_threshold_is_four_times_the_bias():
    found = processing_capacity(reservoir(0.5, 6), np.random.default_rng(3), {1: 10}, 2000)
    assert found.threshold == 4 * 6 / 2000 and (found.rows, found.rank, found.N, found.candidates) == (2000, 6, 6, 11)
    assert 0 < found.raw - found.value < found.kept * 6 / 2000


def test_an_input_of_another_range_or_density_is_refused():
    u, states = uniform(2000), np.random.default_rng(2).standard_normal((2000, 3))
    normal = np.clip(np.random.default_rng(0).standard_normal((2000, 1)) / 2, -1, 1)
    beyond = np.random.default_rng(0).standard_normal((2000, 1)) / 3 ** 0.5  # has the moments, but leaves (-1, 1)
    for other in (0.5 * u, 1.2 * u, (u + 1) / 2, np.sign(u), u ** 3, normal, beyond):
        with pytest.raises(ValueError, match=r"expected i.i.d. U\(-1, 1\)"):
            processing_of(states, other, {1: 3})


@pytest.mark.parametrize("scale, by_degree", ((0.1, (8.43, 1.58, 0.04)), (1.0, (5.54, 1.69, 2.18))))
def test_the_capacities_of_ten_units_are_the_measured_ones(scale, by_degree):
    found = processing_capacity(reservoir(scale), np.random.default_rng(0), {1: 60, 2: 20, 3: 10}, 12000)
    for degree, figure in enumerate(by_degree, 1):
        assert abs(found.degrees[degree] - figure) < 0.7
    assert 8.8 < found.value < 10 and found.raw < 10 + found.kept * 10 / 12000


@pytest.mark.slow
@pytest.mark.parametrize("scale, by_degree", ((0.1, (8.43, 1.58, 0.04, 0, 0)), (1.0, (5.54, 1.69, 2.18, 0.14, 0.19))))
def test_the_total_of_forty_thousand_rows_is_near_the_number_of_units(scale, by_degree):
    found = processing_capacity(reservoir(scale), np.random.default_rng(0), {1: 60, 2: 30, 3: 15, 4: 8, 5: 6})
    for degree, figure in enumerate(by_degree, 1):
        assert abs(found.degrees[degree] - figure) < 0.6
    assert 9.6 < found.value < 10 and found.raw <= 10 + found.kept * 10 / 40000


def test_the_record_prints_all_it_rests_on():
    printed = str(processing_capacity(reservoir(0.5, 6), np.random.default_rng(3), {1: 10, 2: 1}, 2000))
    for part in ("at most N = 6", "by degree 1: ", "raw ", "of 14 terms above 0.012", "largest delays {1: 10, 2: 1}",
                 "2000 rows", "rank 6 at tolerance 1e-10"):
        assert part in printed


@pytest.mark.parametrize("change, message", [
    ({"delays": {}}, "expected {degree: largest delay}"), ({"delays": [3]}, "expected {degree"),
    ({"delays": {0: 3}}, "degree=0"), ({"delays": {1: -1}}, "largest delay=-1"), ({"threshold": 0}, "threshold=0"),
    ({"u": np.ones((50, 1))}, "expected u"), ({"tolerance": -1}, "tolerance=-1"),
    ({"delays": {1: 97}}, "100 rows: expected more than largest delay 97 [+] N [+] 1 = 100"),
    ({"states": np.full((100, 2), np.inf)}, "states is inf"),
])
def test_bad_input_is_named(change, message):
    given = {"states": np.random.default_rng(0).standard_normal((100, 2)), "u": uniform(100), "delays": {1: 3}, **change}
    with pytest.raises(ValueError, match=message):
        processing_of(**given)


def test_bad_reservoirs_are_named():
    params = reservoir(1.0, 4)
    for options, message in (
            ({"params": {**params, "W_in": np.ones((4, 2))}}, "2 inputs"), ({"rng": 0}, "expected a numpy.random.Generator"),
            ({"params": {**params, "W_fb": np.ones((4, 1))}}, "1 feedback"), ({"rows": 0}, "rows=0")):
        with pytest.raises(ValueError, match=message):
            processing_capacity(**{"params": params, "rng": np.random.default_rng(0), **options})
