"""Conditional Lyapunov exponents: closed forms, Jacobians by autograd, every form of K and W, measured figures."""

import numpy as np
import pytest
from autograd import jacobian

from minires.reservoir.echo_state import run, step
from minires.reservoir.input_weights import input_weights
from minires.reservoir.kernels import edge_of_stability, leaky, residual
from minires.reservoir.measures.lyapunov import lyapunov_exponents
from minires.reservoir.scaling import rescale
from minires.reservoir.topologies import orthogonal

N, d, q, T = 4, 2, 3, 30
SPARSE = {"values": np.array([[0.9, -0.4, 0.7, 0.3], [0.2, 0.5, -0.6, 0.8]]),
          "sources": np.array([[1, 2, 3, 0], [3, 0, 1, 1]])}
W_FORMS = {"full": np.random.default_rng(1).standard_normal((N, N)), "sparse": SPARSE}
K_FORMS = {"number": 0.3, "per unit": np.array([0.1, 0.4, 0.7, 0.2]),
           "full": 0.4 * np.random.default_rng(2).standard_normal((N, N)),
           "sparse": {"values": np.array([[0.5, 0.6, 0.3, 0.4]]), "sources": np.array([[3, 0, 1, 2]])}}


def transcription(params, u, washout, x, y=None, y_0=None, f="tanh", V=np.eye(N)):
    """All exponents from the Jacobians of `step`, from the directions V on."""
    logs = []
    for t in range(len(u)):
        before = None if y is None else y_0 if t == 0 else y[t - 1]
        one = lambda x: step(params, x, u[t], before, f)
        V, R = np.linalg.qr(jacobian(one)(x) @ V)
        x = one(x)
        logs.append(np.log(np.abs(np.diag(R))))
    return np.sort(np.mean(logs[washout:], axis=0))[::-1]


@pytest.mark.parametrize("f", ("tanh", "identity", "relu", "logistic"))
@pytest.mark.parametrize("K", K_FORMS)
@pytest.mark.parametrize("W", W_FORMS)
def test_all_exponents_are_those_of_the_jacobians_of_the_step(W, K, f):
    rng = np.random.default_rng(3)
    params = {"W": W_FORMS[W], "W_in": rng.standard_normal((N, d)), "b": rng.standard_normal(N), "K": K_FORMS[K],
              "g": rng.uniform(0.4, 0.9, N)}
    u, x_0 = rng.standard_normal((T, d)), rng.standard_normal(N)
    found = lyapunov_exponents(params, u, np.random.default_rng(4), N, 7, x_0, f=f)
    V = np.linalg.qr(np.random.default_rng(4).standard_normal((N, N)))[0]
    np.testing.assert_allclose(found.exponents, transcription(params, u, 7, x_0, f=f, V=V), rtol=1e-7)
    volumes = []
    for x, each in zip([x_0, *run(params, u, x_0, f=f)[0]], u):  # whatever the directions, the sum is the mean of ln |det J_t|
        volumes.append(np.linalg.slogdet(jacobian(lambda x: step(params, x, each, f=f))(x))[1])
    assert np.isclose(found.exponents.sum(), np.mean(volumes[7:]), rtol=1e-9)
    assert np.all(np.diff(found.exponents) <= 0) and (found.steps, found.washout) == (T - 7, 7)


def test_the_largest_exponent_is_the_same_whether_one_or_all_are_asked_for():
    rng = np.random.default_rng(4)
    params = {"W": W_FORMS["full"], "W_in": rng.standard_normal((N, d)), **leaky(0.6)}
    u = rng.standard_normal((500, d))
    one, all_of_them = (lyapunov_exponents(params, u, np.random.default_rng(seed), m) for seed, m in ((5, 1), (6, N)))
    assert one.exponents.shape == (1,) and np.isclose(one.exponents[0], all_of_them.exponents[0], atol=1e-6)


@pytest.mark.parametrize("name, kernel", [("leaky", leaky(0.4)), ("residual", residual(0.9, 0.2)), ("whole", leaky(1.0))])
def test_of_a_linear_reservoir_with_normal_weights_it_is_the_logarithm_of_the_effective_radius(name, kernel):
    O = orthogonal(6, np.random.default_rng(7))
    W = O @ np.diag([0.9, -0.7, 0.5, 0.3, 0.2, -0.1]) @ O.T  # normal: its largest eigenvector is reached and kept
    effective = kernel["K"] * np.eye(6) + kernel["g"] * W
    found = lyapunov_exponents({"W": W, "W_in": np.ones((6, 1)), **kernel}, np.ones((400, 1)), np.random.default_rng(8), 2,
                               washout=300, f="identity")
    radii = np.sort(np.abs(np.linalg.eigvals(effective)))[::-1]
    np.testing.assert_allclose(found.exponents, np.log(radii[:2]), atol=1e-12)


def test_a_scalar_reservoir_at_rest_has_its_closed_form_and_the_leak_counts():
    a, w, u = 0.3, 1.5, 0.4
    x = 0.0
    for _ in range(2000):
        x = (1 - a) * x + a * np.tanh(w * x + u)
    expected = np.log(abs(1 - a + a * w * (1 - np.tanh(w * x + u) ** 2)))
    found = lyapunov_exponents({"W": np.array([[w]]), "W_in": np.ones((1, 1)), **leaky(a)}, np.full((900, 1), u),
                               np.random.default_rng(0), washout=800)
    assert np.isclose(found.exponents[0], expected, rtol=1e-12) and found.standard_error[0] < 1e-12
    assert abs(expected - np.log(a * w * (1 - np.tanh(w * x + u) ** 2))) > 1


def test_an_orthogonal_retention_alone_neither_shrinks_nor_grows_but_by_its_factor():
    kernel = edge_of_stability(0.25, orthogonal(5, np.random.default_rng(1)))
    params = {"W": np.zeros((5, 5)), "W_in": np.ones((5, 1)), **kernel}
    found = lyapunov_exponents(params, np.ones((200, 1)), np.random.default_rng(2), 5)
    np.testing.assert_allclose(found.exponents, np.log(0.75), rtol=1e-12)


def test_a_direction_that_is_lost_at_once_has_minus_infinity():
    params = {"W": np.diag([0.5, 0.0]), "W_in": np.ones((2, 1)), **leaky(1.0)}
    found = lyapunov_exponents(params, np.zeros((150, 1)), np.random.default_rng(0), 2)
    assert np.isclose(found.exponents[0], np.log(0.5)) and found.exponents[1] == -np.inf
    lost = lyapunov_exponents({**params, "W": np.zeros((2, 2))}, np.zeros((150, 1)), np.random.default_rng(0))
    assert lost.exponents[0] == -np.inf and "-inf" in str(lost)


def test_the_washout_is_left_out():
    params = {"W": np.array([[0.8]]), "W_in": np.ones((1, 1)), **leaky(1.0)}
    u = np.concatenate([np.full((50, 1), 3.0), np.zeros((200, 1))])
    early, late = (lyapunov_exponents(params, u, np.random.default_rng(0), washout=n).exponents[0] for n in (0, 150))
    assert early < np.log(0.8) - 0.3 and np.isclose(late, np.log(0.8), atol=1e-9)


def test_with_feedback_the_teacher_drives_too():
    rng = np.random.default_rng(9)
    params = {"W": SPARSE, "W_in": rng.standard_normal((N, d)), "W_fb": rng.standard_normal((N, q)), "K": 0.2, "g": 0.7}
    u, y = rng.standard_normal((T, d)), rng.standard_normal((T, q))
    y_0, x_0 = rng.standard_normal(q), rng.standard_normal(N)
    found = lyapunov_exponents(params, u, rng, N, 0, x_0, y, y_0)
    assert np.isclose(found.exponents.sum(), transcription(params, u, 0, x_0, y, y_0).sum(), rtol=1e-9)


def test_the_standard_error_is_that_of_the_means_of_ten_blocks():
    rng = np.random.default_rng(10)
    params, u = {"W": W_FORMS["full"], "W_in": rng.standard_normal((N, d)), **leaky(0.8)}, rng.standard_normal((60, d))
    found, x, logs = lyapunov_exponents(params, u, np.random.default_rng(1), washout=40), np.zeros(N), []
    v = np.random.default_rng(1).standard_normal(N)
    for each in u:
        v = jacobian(lambda x: step(params, x, each))(x) @ (v / np.linalg.norm(v))
        logs.append(np.log(np.linalg.norm(v)))
        x = step(params, x, each)
    means = np.reshape(logs[40:], (10, 2)).mean(axis=1)
    assert np.isclose(found.exponents[0], np.mean(logs[40:]), rtol=1e-12)
    assert np.isclose(found.standard_error[0], np.sqrt(np.sum((means - means.mean()) ** 2) / 9 / 10), rtol=1e-9)
    assert "nats per step (20 steps after 40 of washout)" in str(found) and f"{found.exponents[0]:+.4g}" in str(found)


@pytest.mark.parametrize("scale, rho, figure, distance", [
    (1.0, 0.5, -0.785, 0.06), (1.0, 0.9, -0.255, 0.07), (1.0, 1.3, -0.063, 0.05),
    (1.0, 2.0, 0.043, 0.06), (0.1, 0.9, -0.109, 0.01), (0.1, 1.0, -0.016, 0.015)])
def test_the_exponents_of_a_hundred_driven_units_are_the_measured_ones(scale, rho, figure, distance):
    found = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        params = {"W": rescale(rng.standard_normal((100, 100)), "spectral_radius", rho),
                  "W_in": input_weights(100, 1, rng, scale), **leaky(1.0)}
        found.append(lyapunov_exponents(params, rng.uniform(-1, 1, (900, 1)), rng).exponents[0])
    assert abs(np.mean(found) - figure) < distance


@pytest.mark.parametrize("change, message", [
    ({"u": np.zeros((3, T, d))}, "expected one series"), ({"u": np.zeros((T, d + 1))}, "u has shape"),
    ({"m": N + 1}, "m=5: expected at most N = 4"),
    ({"m": 0}, "m=0"), ({"washout": T - 9}, "washout=21 of 30 steps"), ({"rng": None}, "expected a numpy.random.Generator"),
    ({"f": "tan"}, "did you mean 'tanh'"), ({"y": np.zeros((T, 1))}, "y without W_fb"), ({"x_0": np.zeros(3)}, "x_0 has shape"),
])
def test_bad_input_is_named(change, message):
    params = {"W": W_FORMS["full"], "W_in": np.ones((N, d)), **leaky(0.5)}
    with pytest.raises(ValueError, match=message):
        lyapunov_exponents(**{"params": params, "u": np.zeros((T, d)), "rng": np.random.default_rng(0), "washout": 5, **change})
