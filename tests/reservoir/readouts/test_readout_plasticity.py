"""Intrinsic plasticity: its rules, the absorbed parameters, and that the distribution is reached."""

import numpy as np
import pytest

from minires.reservoir.echo_state import run
from minires.reservoir.kernels import leaky
from minires.reservoir.operators import dense
from minires.reservoir.readouts.plasticity import (absorb, exponential_rule, normal_rule, towards_exponential, towards_normal)


def network(N=5, d=2, q=3, a=0.6, sparse=False, seed=0):
    rng = np.random.default_rng(seed)
    W = 0.4 * rng.standard_normal((N, N))
    if sparse:
        W = {"values": 0.5 * rng.standard_normal((2, N)), "sources": np.stack([rng.permutation(N) for _ in range(2)])}
    return {"W": W, "W_in": rng.standard_normal((N, d)), "b": 0.3 * rng.standard_normal(N), "W_fb": rng.standard_normal((N, q)),
            **leaky(a)}


def by_hand(params, u, y, x, rate, epochs, rule):
    """Unit by unit; rule(h) is dbias / rate."""
    W, N = dense(params["W"]), len(x)
    gain, bias = np.ones(N), np.zeros(N)
    for _ in range(epochs):
        for t in range(len(u)):
            new = np.zeros(N)
            fed = np.zeros(3) if t == 0 else y[t - 1]
            for i in range(N):
                n = W[i] @ x + params["W_in"][i] @ u[t] + params["b"][i] + params["W_fb"][i] @ fed
                p = gain[i] * n + bias[i]
                h = np.tanh(p) if rule[0] == "tanh" else 1 / (1 + np.exp(-p))
                new[i] = params["K"] * x[i] + params["g"] * h
                slope = rule[1](h)
                gain[i] += rate * (1 / gain[i] + slope * n)
                bias[i] += rate * slope
            x = new
    return gain, bias


NORMAL = ("tanh", lambda h: -(-0.1 / 0.09 + h / 0.09 * (2 * 0.09 + 1 - h ** 2 + 0.1 * h)))
EXPONENTIAL = ("logistic", lambda h: 1 - (2 + 1 / 0.3) * h + h ** 2 / 0.3)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("adapt, rule", [
    (lambda *a, **k: towards_normal(*a, mean=0.1, deviation=0.3, **k), NORMAL),
    (lambda *a, **k: towards_exponential(*a, mean=0.3, **k), EXPONENTIAL)], ids=["normal", "exponential"])
def test_gain_and_bias_follow_their_equations(adapt, rule, sparse):
    params, rng = network(sparse=sparse), np.random.default_rng(1)
    u, y, x_0 = rng.standard_normal((11, 2)), rng.standard_normal((11, 3)), rng.standard_normal(5)
    found = adapt(params, u, rate=0.004, epochs=2, x_0=x_0, y=y)
    gain, bias = by_hand(params, u, y, x_0, 0.004, 2, rule)
    np.testing.assert_allclose(found.gain, gain, rtol=1e-12)
    np.testing.assert_allclose(found.bias, bias, rtol=1e-11, atol=1e-13)


def test_the_absorbed_parameters_run_in_the_plain_kernel():
    params, rng = network(), np.random.default_rng(2)
    for params in (network(), network(sparse=True), {k: v for k, v in network().items() if k != "b"}):
        gain, bias = rng.uniform(0.5, 2.0, 5), rng.standard_normal(5)
        u, y, x = rng.standard_normal((6, 2)), rng.standard_normal((6, 3)), rng.standard_normal(5)
        states, _ = run(absorb(params, gain, bias), u, x, y)
        for t in range(6):
            fed = params["W_fb"] @ (y[t - 1] if t else np.zeros(3))
            n = dense(params["W"]) @ x + params["W_in"] @ u[t] + params.get("b", 0) + fed
            x = params["K"] * x + params["g"] * np.tanh(gain * n + bias)
            np.testing.assert_allclose(states[t], x, rtol=1e-12)


def test_the_rules_descend_the_divergence_from_the_wanted_density():
    """dKL/dgain and dKL/dbias of one sample: KL = E[ln p_h(h) - ln p_wanted(h)], ln p_h = ln p_n - ln(dh/dn)."""
    n, gain, bias, mu, s = 0.7, 1.3, -0.2, 0.1, 0.4
    tanh = lambda p: np.tanh(p)
    logistic = lambda p: 1 / (1 + np.exp(-p))
    cases = ((tanh, lambda h: 1 - h * h, lambda h: -(h - mu) ** 2 / (2 * s * s), lambda *a: normal_rule(*a, mu, s)),
             (logistic, lambda h: h * (1 - h), lambda h: -h / mu, lambda *a: exponential_rule(*a, mu)))
    for f, slope, wanted, rule in cases:
        cost = lambda gain, bias: -np.log(gain * slope(f(gain * n + bias))) - wanted(f(gain * n + bias))
        d_gain, d_bias = rule(n, f(gain * n + bias), gain, 1.0)
        assert d_gain == pytest.approx(-cost(gain + 1e-30j, bias).imag / 1e-30, rel=1e-12)
        assert d_bias == pytest.approx(-cost(gain, bias + 1e-30j).imag / 1e-30, rel=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_without_leak_it_is_reservoirpys(activation):
    nodes = pytest.importorskip("reservoirpy.nodes")
    params, u = {**network(a=1.0), "b": np.linspace(-0.2, 0.3, 5)}, np.random.default_rng(3).standard_normal((9, 2))
    del params["W_fb"]
    node = nodes.IPReservoir(W=params["W"], Win=params["W_in"], bias=params["b"], mu=0.2, sigma=0.3, learning_rate=0.01,
                             activation=activation)
    node.fit(u)
    adapt = towards_normal if activation == "tanh" else towards_exponential
    found = adapt(params, u, mean=0.2, rate=0.01, **({"deviation": 0.3} if activation == "tanh" else {}))
    np.testing.assert_allclose(found.gain, node.a, rtol=1e-12)
    np.testing.assert_allclose(found.bias, node.b, rtol=1e-11)


def activations(found, u, f):
    """The states of the adapted reservoir without leak, which are its activations, after a washout."""
    return run(found.params, u, f=f)[0][200:]


def test_the_activations_reach_the_wanted_deviation():
    """They do not where 1 / gain is missing or net and activation are exchanged (mistake 72)."""
    params = {**network(N=20, d=1, a=1.0), "b": np.zeros(20)}
    del params["W_fb"]
    u = np.random.default_rng(4).standard_normal((3000, 1))
    found = towards_normal(params, u, mean=0.1, deviation=0.25, rate=2e-4, epochs=4)
    h = activations(found, u, "tanh")
    np.testing.assert_allclose(h.std(axis=0), 0.25, rtol=0.16)
    np.testing.assert_allclose(h.mean(axis=0), 0.1, atol=0.03)
    assert abs(activations(found._replace(params=params), u, "tanh").std(axis=0) - 0.25).max() > 0.2


def test_the_logistic_activations_reach_the_wanted_mean():
    params = {**network(N=20, d=1, a=1.0), "b": np.zeros(20)}
    del params["W_fb"]
    u = np.random.default_rng(4).standard_normal((3000, 1))
    h = activations(towards_exponential(params, u, mean=0.2, rate=2e-3, epochs=3), u, "logistic")
    np.testing.assert_allclose(h.mean(axis=0), 0.2, atol=0.03)


u = np.ones((4, 2))
bare = {k: v for k, v in network().items() if k != "W_fb"}


@pytest.mark.parametrize("call, message", [
    (lambda: towards_normal(bare, u, deviation=0.0), "deviation=0.0: expected a positive number"),
    (lambda: towards_normal(bare, u, mean=1.0), "mean=1.0: expected a number between -1 and 1"),
    (lambda: towards_exponential(bare, u, mean=0.0), "mean=0.0: expected a number between 0 and 1"),
    (lambda: towards_normal(bare, u, rate=-1.0), "rate=-1.0: expected a positive number"),
    (lambda: towards_normal(bare, u, epochs=0), "epochs=0: expected a whole number of at least 1"),
    (lambda: towards_normal(bare, u[None]), r"u has shape \(1, 4, 2\): expected one series \(T, d\)"),
    (lambda: towards_normal(bare, 30 * u, rate=0.5),
     "rate=0.5: a gain was no longer positive at step .*, expected a smaller rate"),
    (lambda: towards_normal(bare, u * np.nan), "u is nan"),
])
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
