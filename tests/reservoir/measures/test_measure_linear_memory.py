"""The exact capacity of a linear reservoir, against the Gram matrix summed and solved in a loop."""

import numpy as np
import pytest

from minires.reservoir.kernels import leaky, residual
from minires.reservoir.measures.linear_memory import gram_factor, linear_memory
from minires.reservoir.operators import dense


def cycle(N, weight):
    """Unit i hears unit i - 1."""
    return {"values": np.full((1, N), weight), "sources": (np.arange(N) - 1)[None] % N}


def small(rng, N=4):
    """A kernel with a retention and a gain per unit."""
    return {"W": 0.3 * rng.standard_normal((N, N)), "W_in": rng.standard_normal((N, 1)), "K": rng.uniform(0.1, 0.5, N),
            "g": rng.uniform(0.5, 1.5, N), "b": rng.standard_normal(N)}


def transcription(params, k_max):
    """MC_k = c_k . G^{-1} c_k with c_k = A^k B, the covariance of x_t and u_{t-k}."""
    A = np.diag(params["K"]) + np.diag(params["g"]) @ params["W"]
    columns = [params["g"] * params["W_in"][:, 0]]
    for _ in range(2000):
        columns.append(A @ columns[-1])
    G = sum(np.outer(c, c) for c in columns)
    return np.array([c @ np.linalg.solve(G, c) for c in columns[:k_max + 1]]), G


def test_the_curve_is_the_explained_variance_of_each_delay():
    params = small(np.random.default_rng(1))
    found, (curve, G) = linear_memory(params, 9), transcription(params, 9)
    np.testing.assert_allclose(found.curve, curve, rtol=1e-6)
    assert np.isclose(found.condition, np.linalg.cond(G), rtol=1e-4) and found.rank == 4
    assert np.isclose(found.value, 4 - curve[0], rtol=1e-9) and np.isclose(found.curve.sum() + found.later, 4, rtol=1e-12)


def test_the_doubled_factor_is_that_of_the_gram_matrix():
    params = small(np.random.default_rng(2))
    A, B = np.diag(params["K"]) + params["g"][:, None] * params["W"], params["g"] * params["W_in"][:, 0]
    L = gram_factor(A, B)
    np.testing.assert_allclose(L @ L.T, transcription(params, 1)[1], rtol=1e-12)
    np.testing.assert_allclose(A @ L @ L.T @ A.T + np.outer(B, B), L @ L.T, rtol=1e-12)  # the discrete Lyapunov equation


def test_the_length_of_the_curve_changes_nothing_else():
    params = small(np.random.default_rng(3))
    short, long = linear_memory(params, 1), linear_memory(params, 60)
    np.testing.assert_allclose(short.curve, long.curve[:2], rtol=1e-9)
    assert np.isclose(short.value, long.value) and np.isclose(short.condition, long.condition)
    assert short.later > 0.1 > long.later and len(linear_memory(params).curve) == 9


@pytest.mark.parametrize("N, condition", ((20, 7.02), (50, 152.3), (100, 25747.0)))
def test_a_cycle_remembers_as_many_inputs_as_it_has_units(N, condition):
    found = linear_memory({"W": cycle(N, 0.95), "W_in": np.eye(N, 1), **leaky(1.0)})
    assert found.rank == N and np.isclose(found.curve.sum() + found.later, N, rtol=1e-12)
    np.testing.assert_allclose(found.curve[0], 1 - 0.95 ** (2 * N), rtol=1e-9)  # u_t itself: from k = 1 on it is N less this
    assert np.isclose(found.value, N - found.curve[0]) and np.isclose(found.condition, condition, rtol=1e-3)
    assert np.isclose(found.condition, 0.95 ** (-2 * (N - 1)), rtol=1e-9)


@pytest.mark.parametrize("N, low, high", ((20, 18, 20), (50, 34, 43), (100, 42, 56)))
def test_a_random_matrix_has_a_rank_that_is_only_numerical(N, low, high):
    rng = np.random.default_rng(0)
    W = rng.standard_normal((N, N))
    params = {"W": 0.9 * W / np.max(np.abs(np.linalg.eigvals(W))), "W_in": rng.standard_normal((N, 1)), **leaky(1.0)}
    fine, coarse = linear_memory(params), linear_memory(params, tolerance=1e-7)
    assert low <= coarse.rank <= high and coarse.condition > 1e12
    if N > 20:
        assert coarse.rank < fine.rank and fine.condition > 1e20


def test_an_orthogonal_retention_remembers_all_and_its_form_does_not_matter():
    params = {"W": np.diag([0.1, 0.2, 0.3, 0.05, 0.0]), "W_in": np.arange(1.0, 6.0)[:, None],
              **residual(0.9, 0.5, cycle(5, 1.0))}
    found = linear_memory(params)
    full = linear_memory({**params, "K": dense(params["K"])})
    np.testing.assert_allclose(found.curve, full.curve, rtol=1e-12)
    assert found.rank == 5


@pytest.mark.parametrize("scale", (1e-6, 1e6))
def test_the_tolerance_is_relative_and_the_size_of_the_input_does_not_matter(scale):
    params = small(np.random.default_rng(4))
    found, scaled = (linear_memory({**params, "W_in": s * params["W_in"]}, tolerance=1e-4) for s in (1.0, scale))
    assert found.rank == scaled.rank and np.isclose(found.condition, scaled.condition)
    np.testing.assert_allclose(found.curve, scaled.curve, rtol=1e-6)


def test_units_that_the_input_does_not_reach_do_not_count():
    params = {"W": np.diag([0.5, 0.4, 0.3]), "W_in": np.array([[1.0], [2.0], [0.0]]), **leaky(1.0)}
    found = linear_memory(params)
    assert np.isclose(found.curve.sum() + found.later, 2, rtol=1e-12)
    assert found.rank == 2 and "2 = rank over k >= 0, N = 3" in str(found)


@pytest.mark.parametrize("change, message", [
    ({"W": 2 * np.eye(3)}, r"rho\(K [+] g W\) = 2: expected below 1"),
    ({"W_in": np.zeros((3, 1))}, "W_in is zero"), ({"W_in": np.ones((3, 2))}, "2 inputs"),
    ({"W_fb": np.ones((3, 1))}, "1 feedback"), ({"W": np.eye(3) * np.nan}, "W is nan"),
])
def test_bad_reservoirs_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        linear_memory({"W": 0.5 * np.eye(3), "W_in": np.ones((3, 1)), **leaky(1.0), **change})


def test_bad_options_are_named():
    params = {"W": 0.5 * np.eye(3), "W_in": np.ones((3, 1)), **leaky(1.0)}
    with pytest.raises(ValueError, match="tolerance=-1"):
        linear_memory(params, tolerance=-1)
    with pytest.raises(ValueError, match="k_max=0"):
        linear_memory(params, 0)
