"""FORCE: the update of each step, what is fed back, and that the pattern goes on by itself."""

import numpy as np
import pytest

from minires.reservoir.echo_state import step
from minires.reservoir.kernels import leaky
from minires.reservoir.readouts.force import force, free_run
from minires.reservoir.readouts.online import rls
from minires.reservoir.readouts.ridge import predict


def network(N=7, d=2, q=3, seed=0, a=0.7, radius=0.9):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((N, N))
    return {"W": radius * W / max(abs(np.linalg.eigvals(W))), "W_in": rng.standard_normal((N, d)),
            "b": 0.2 * rng.standard_normal(N), "W_fb": rng.uniform(-1, 1, (N, q)), **leaky(a)}


def by_hand(params, Y, u, x, alpha, forgetting, every):
    """Sussillo & Abbott 2009, eqs. 2-6, entry by entry; the output after the update is fed back."""
    N, q = params["W_fb"].shape
    w, P, z, outputs = np.zeros((N, q)), np.eye(N) / alpha, np.zeros(q), []
    for t in range(len(Y)):
        p = params["W"] @ x + params["W_in"] @ u[t] + params["b"] + params["W_fb"] @ z
        x = np.array([params["K"] * x[i] + params["g"] * np.tanh(p[i]) for i in range(N)])
        before = w.T @ x
        if (t + 1) % every == 0:
            P = (P - np.outer(P @ x, x @ P) / (forgetting + x @ P @ x)) / forgetting
            for j in range(q):
                w[:, j] = w[:, j] - (before[j] - Y[t, j]) * (P @ x)
        outputs.append(before)
        z = w.T @ x
    return w, P, x, z, np.array(outputs)


@pytest.mark.parametrize("every, forgetting", [(1, 1.0), (3, 0.98)])
def test_force_is_its_equations_with_the_output_after_the_update_fed_back(every, forgetting):
    """Feeding back the output before the update is another course (mistake 71)."""
    params, rng = network(), np.random.default_rng(1)
    Y, u, x_0 = rng.standard_normal((20, 3)), rng.standard_normal((20, 2)), rng.standard_normal(7)
    found = force(params, Y, u, x_0, strength=0.4, forgetting=forgetting, every=every)
    w, P, x, z, outputs = by_hand(params, Y, u, x_0, 0.4, forgetting, every)
    for one, other in ((found.readout["W_o"], w), (found.P, P), (found.x, x), (found.z, z), (found.outputs, outputs),
                       (found.errors, Y - outputs)):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)
    assert set(found.readout) == {"W_o"}


def test_without_input_the_input_is_zero_and_training_goes_on_from_a_given_state():
    params, rng = network(), np.random.default_rng(2)
    Y = rng.standard_normal((14, 3))
    whole = force(params, Y, strength=0.4)
    np.testing.assert_array_equal(whole.outputs, force(params, Y, np.zeros((14, 2)), np.zeros(7), strength=0.4).outputs)
    first = force(params, Y[:5], strength=0.4)
    free = free_run(params, first, 4)
    x, z = first.x, first.z
    for t in range(4):
        x = step(params, x, np.zeros(2), z)
        z = predict(first.readout, x)
        np.testing.assert_allclose(free[t], z, rtol=1e-13)


def test_with_feedback_weights_zero_force_is_recursive_least_squares_on_the_states():
    params, rng = {**network(), "W_fb": np.zeros((7, 3))}, np.random.default_rng(3)
    Y, u = rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    x, states = np.zeros(7), []
    for t in range(12):
        x = step(params, x, u[t], np.zeros(3))
        states.append(x)
    readout, P, errors = rls(np.array(states), Y, 0.4, bias=False)
    found = force(params, Y, u, strength=0.4)
    np.testing.assert_array_equal(found.readout["W_o"], readout["W_o"])
    np.testing.assert_array_equal(found.errors, errors)


@pytest.mark.parametrize("every", [1, 2])
def test_a_learnt_pattern_goes_on_by_itself(every):
    """A chaotic network (radius 1.5) without any input becomes the generator of a sum of sines."""
    params = {**network(N=150, d=1, q=1, seed=5, a=0.3, radius=1.5), "b": np.zeros(150)}
    t = np.arange(2400)
    y = (np.sin(2 * np.pi * t / 60) + 0.5 * np.sin(4 * np.pi * t / 60 + 0.7))[:, None]
    trained = force(params, y[:2000], x_0=np.random.default_rng(0).standard_normal(150), strength=1.0, every=every)
    outputs = free_run(params, trained, 400)
    nrmse = np.sqrt(np.mean((outputs - y[2000:]) ** 2)) / np.std(y)
    assert nrmse < 0.1
    assert np.sqrt(np.mean(trained.errors[-200:] ** 2)) < 0.05 < np.sqrt(np.mean(trained.errors[:20] ** 2))


params = network()


@pytest.mark.parametrize("call, message", [
    (lambda: force({k: v for k, v in params.items() if k != "W_fb"}, np.ones((5, 3))), "params have no W_fb: FORCE feeds"),
    (lambda: force(params, np.ones((5, 2))), r"Y has shape \(5, 2\): expected \(T, 3\), as W_fb has 3 columns"),
    (lambda: force(params, np.ones(5)), r"Y has shape \(5,\): expected 2 dimensions"),
    (lambda: force(params, np.full((5, 3), np.nan)), r"Y is nan at \(0, 0\)"),
    (lambda: force(params, np.ones((5, 3)), np.ones((4, 2))), r"u has shape \(4, 2\): expected \(5, 2\)"),
    (lambda: force(params, np.ones((5, 3)), x_0=np.ones(6)), r"x_0 has shape \(6,\): expected \(7,\)"),
    (lambda: force(params, np.ones((5, 3)), strength=0), "strength=0: expected a positive number"),
    (lambda: force(params, np.ones((5, 3)), every=0), "every=0: expected a whole number of at least 1"),
    (lambda: free_run(params, force(params, np.ones((5, 3))), 0), "steps=0: expected a whole number of at least 1"),
])
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
