"""Echo states: what the bounds guarantee, what the origin excludes, and that the radius of W decides neither."""

import numpy as np
import pytest

from minires.reservoir.echo_state import run
from minires.reservoir.kernels import jaeger_leaky, leaky, residual
from minires.reservoir.measures.echo_state_property import convergence, echo_state_bounds
from minires.reservoir.measures.lyapunov import lyapunov_exponents
from minires.reservoir.topologies import orthogonal

N, d = 5, 2
rng = np.random.default_rng(1)
W = rng.standard_normal((N, N))
K_FORMS = {"number": 0.3, "per unit": np.array([0.1, -0.4, 0.7, 0.2, 0.0]), "full": 0.4 * rng.standard_normal((N, N)),
           "sparse": {"values": np.array([[0.5, 0.6, 0.3, 0.4, 0.2]]), "sources": np.array([[3, 0, 1, 2, 0]])}}
MATRICES = {"number": 0.3 * np.eye(N), "per unit": np.diag(K_FORMS["per unit"]), "full": K_FORMS["full"],
            "sparse": np.zeros((N, N))}
MATRICES["sparse"][np.arange(N), [3, 0, 1, 2, 0]] = K_FORMS["sparse"]["values"][0]
G = np.array([0.2, 0.9, 0.5, 0.4, 0.7])


def params_of(W, **kernel):
    """A reservoir without bias."""
    return {"W": W, "W_in": np.ones((len(W), 1)), **kernel}


@pytest.mark.parametrize("f, steepest", (("tanh", 1), ("identity", 1), ("relu", 1), ("logistic", 0.25)))
@pytest.mark.parametrize("K", K_FORMS)
def test_the_bounds_are_their_formulas_for_every_form_of_retention(K, f, steepest):
    found, matrix, norm = echo_state_bounds(params_of(W, K=K_FORMS[K], g=G), f), MATRICES[K], lambda A: np.linalg.norm(A, 2)
    radius = lambda A: np.max(np.abs(np.linalg.eigvals(A)))
    assert np.isclose(found.norm_bound, norm(matrix) + steepest * norm(np.diag(G) @ W), rtol=1e-12)
    assert np.isclose(found.absolute_radius, radius(np.abs(matrix) + steepest * np.diag(G) @ np.abs(W)), rtol=1e-12)
    assert np.isclose(found.radius_at_origin, radius(matrix + np.diag(G) @ W), rtol=1e-12)
    assert np.isclose(found.spectral_radius, radius(W)) and found.origin_applies == (f in ("tanh", "identity"))


@pytest.mark.parametrize("C, a, sigma", ((0.44, 0.9, 0.8), (0.44, 0.9, 1.1), (0.9, 0.7, 0.69), (0.9, 0.7, 0.71)))
def test_for_the_leaky_kernel_it_is_jaegers_fourth_proposition(C, a, sigma):
    delta, O = 0.8, orthogonal(N, np.random.default_rng(2))
    found = echo_state_bounds(params_of(sigma * O, **jaeger_leaky(delta, C, a)))
    assert np.isclose(found.norm_bound, abs(1 - delta * C * (a - sigma)), rtol=1e-12)
    assert (found.verdict == "guaranteed") == (sigma < a)


def test_for_the_residual_kernel_it_is_alpha_plus_beta_times_the_norm():
    found = echo_state_bounds(params_of(W, **residual(0.6, 0.05, orthogonal(N, np.random.default_rng(2)))))
    assert np.isclose(found.norm_bound, 0.6 + 0.05 * np.linalg.norm(W, 2), rtol=1e-12)


@pytest.mark.parametrize("f", ("tanh", "relu", "logistic", "identity"))
def test_what_is_guaranteed_contracts_at_least_at_the_rate_of_the_bound(f):
    params = {"W": 0.15 * W, "W_in": np.ones((N, d)), "b": rng.standard_normal(N), "K": K_FORMS["per unit"] * 0.5, "g": G}
    found = echo_state_bounds(params, f)
    assert found.verdict == "guaranteed" and found.norm_bound < 1
    starts = np.random.default_rng(3).uniform(-1, 1, (2, N))
    states = run(params, np.random.default_rng(4).standard_normal((2, 1, d)).repeat(20, axis=1), starts, f=f)[0]
    same = run(params, np.random.default_rng(4).standard_normal((1, 20, d)).repeat(2, axis=0), starts, f=f)[0]
    distances = np.linalg.norm(np.concatenate([(starts[0] - starts[1])[None], same[0] - same[1]]), axis=1)
    assert np.all(distances[1:] <= found.norm_bound * distances[:-1] * (1 + 1e-9)) and states.shape == (2, 20, N)


def test_the_entrywise_bound_guarantees_what_the_norm_does_not():
    chain = np.diag([5.0, 3.0, 8.0, 2.0], k=-1)  # feed-forward: forgets after N steps, however large
    found = echo_state_bounds(params_of(chain, **leaky(1.0)))
    assert found.norm_bound > 5 and found.absolute_radius < 1 and found.verdict == "guaranteed"
    assert convergence(params_of(chain, **leaky(1.0)), np.zeros((N, 1)), np.random.default_rng(0)).distances[-1] == 0


def test_a_radius_below_one_does_not_guarantee():
    found = echo_state_bounds(params_of(np.array([[0.5, 4.0], [-1.0, 0.4]]) * 0.45, **leaky(1.0)))
    assert found.spectral_radius < 1 < found.norm_bound and found.verdict == "open"
    assert "decides nothing" in str(found) and "convergence" in str(found)


def test_jaegers_unit_of_weight_two_has_echo_states_for_inputs_from_three_to_four_and_none_at_zero():
    params, draw = params_of(np.array([[2.0]]), **leaky(1.0)), np.random.default_rng(5)
    found = echo_state_bounds(params)
    assert found.verdict == "excluded" and found.spectral_radius == found.radius_at_origin == 2
    assert "no echo states for input sets that contain zero" in str(found)
    driven = convergence(params, draw.uniform(3, 4, (60, 1)), draw)
    assert driven.ratio < 1e-9 and driven.rate < -2
    at_rest = convergence(params, np.zeros((60, 1)), draw)
    assert at_rest.ratio > 0.5 and abs(at_rest.rate) < 0.01


def test_a_reservoir_of_radius_1_3_contracts_when_it_is_driven():
    draw = np.random.default_rng(0)
    A = draw.standard_normal((100, 100))
    params = {"W": 1.3 * A / np.max(np.abs(np.linalg.eigvals(A))), "W_in": draw.uniform(-1, 1, (100, 1)), **leaky(1.0)}
    assert echo_state_bounds(params).verdict == "excluded"
    u = draw.uniform(-1, 1, (400, 1))
    assert convergence(params, u, draw).ratio < 1e-5
    assert convergence(params, 0 * u, draw).ratio > 0.1


def test_with_a_bias_or_another_activation_the_origin_says_nothing():
    params = params_of(np.array([[2.0]]), **leaky(1.0))
    assert echo_state_bounds({**params, "b": np.zeros(1)}).verdict == "excluded"
    biased = echo_state_bounds({**params, "b": np.array([3.0])})
    assert biased.verdict == "open" and "which says nothing here" in str(biased)
    assert echo_state_bounds(params, "relu").verdict == "open" and echo_state_bounds(params, "logistic").verdict == "guaranteed"
    assert "echo states under every input" in str(echo_state_bounds(params, "logistic"))


def test_the_distance_is_the_largest_from_the_first_run():
    params = {"W": W, "W_in": np.ones((N, d)), "K": 0.2, "g": 0.5}
    u = np.random.default_rng(6).standard_normal((9, d))
    found = convergence(params, u, np.random.default_rng(7), 3, 0.5)
    starts = np.random.default_rng(7).uniform(-0.5, 0.5, (3, N))
    runs = [np.concatenate([x[None], run(params, u, x)[0]]) for x in starts]
    expected = [max(np.linalg.norm(runs[b][t] - runs[0][t]) for b in (1, 2)) for t in range(10)]
    np.testing.assert_allclose(found.distances, expected, rtol=1e-9)
    assert np.isclose(found.ratio, expected[-1] / expected[0]) and (found.starts, found.spread) == (3, 0.5)


@pytest.mark.parametrize("steps", (30, 300))
def test_the_rate_of_a_linear_reservoir_is_the_logarithm_of_its_radius_even_where_rounding_is_reached(steps):
    O = orthogonal(N, np.random.default_rng(2))
    params = params_of(0.8 * O, **leaky(1.0))
    found = convergence(params, np.zeros((steps, 1)), np.random.default_rng(8), f="identity")
    assert np.isclose(found.rate, np.log(0.8), rtol=1e-6) and found.rows <= 60
    assert "shows nothing about other inputs and starts" in str(found) and f"after {steps} steps" in str(found)


def test_the_rate_is_near_the_largest_lyapunov_exponent():
    draw = np.random.default_rng(9)
    params = {"W": 0.5 * draw.standard_normal((30, 30)) / 30 ** 0.5, "W_in": draw.standard_normal((30, 1)), **leaky(0.6)}
    u = draw.uniform(-1, 1, (2000, 1))
    rate, exponent = convergence(params, u[:60], draw).rate, lyapunov_exponents(params, u, draw).exponents[0]
    assert abs(rate - exponent) < 0.05 and exponent < -0.1


def test_runs_that_meet_at_once_have_a_rate_of_minus_infinity():
    found = convergence(params_of(np.zeros((2, 2)), **leaky(1.0)), np.ones((5, 1)), np.random.default_rng(0))
    assert found.rate == -np.inf and found.ratio == 0


def test_with_feedback_all_runs_have_the_same_teacher():
    params = {**params_of(0.1 * W, **leaky(0.9)), "W_fb": np.ones((N, 2))}
    y = np.random.default_rng(1).standard_normal((40, 2))
    assert convergence(params, np.zeros((40, 1)), np.random.default_rng(0), y=y, y_0=np.ones(2)).ratio < 1e-6


@pytest.mark.parametrize("change, message", [
    ({"u": np.zeros((3, 8, 1))}, "expected one series"), ({"u": np.zeros((0, 1))}, "T >= 1"), ({"starts": 1}, "starts=1"),
    ({"spread": 0.0}, "spread=0.0"), ({"rng": 1}, "expected a numpy.random.Generator"), ({"f": "tan"}, "did you mean 'tanh'"),
])
def test_bad_input_is_named(change, message):
    given = {"params": params_of(0.1 * W, **leaky(0.9)), "u": np.zeros((8, 1)), "rng": np.random.default_rng(0), **change}
    with pytest.raises(ValueError, match=message):
        convergence(**given)
    if "f" in change:
        with pytest.raises(ValueError, match=message):
            echo_state_bounds(given["params"], "tan")
