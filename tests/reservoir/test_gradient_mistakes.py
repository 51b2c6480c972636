"""The mistakes that are made in a reservoir's gradient, planted in a port: the check finds each, and a leak of 1 hides some."""

import autograd.numpy as np
import numpy
import pytest

from minires.differentiation import value_and_gradient
from minires.reservoir.echo_state import run
from minires.reservoir.kernels import leaky

N, d, T = 7, 2, 60
CORRECT = None


def setting(a):
    rng = numpy.random.default_rng(0)
    W = rng.standard_normal((N, N))
    W *= 0.9 / max(abs(numpy.linalg.eigvals(W)))
    return {"W": W, "W_in": rng.uniform(-1, 1, (N, d)), "b": 0.2 * rng.standard_normal(N), "a": a,
            "u": rng.standard_normal((T, d)), "x_0": rng.standard_normal(N), "c": rng.standard_normal((T, N))}


def port(s, fault=CORRECT):
    """dW, dW_in, da of sum(c * x), back through the leaky network in a plain loop, with one fault."""
    a, x, before, h = s["a"], s["x_0"], [], []
    for u in s["u"]:
        before.append(x)
        h.append(numpy.tanh(s["W"] @ x + s["W_in"] @ u + s["b"]))
        x = (1 - a) * x + a * h[-1]
    after = before[1:] + [x]
    dW, dW_in, da, carry = numpy.zeros((N, N)), numpy.zeros((N, d)), 0.0, numpy.zeros(N)
    for t in reversed(range(T)):
        if fault == "silent truncation" and t < T - 20:
            break
        G = s["c"][t] + carry
        slope = 1 - (after[t] if fault == "1 - x^2 for 1 - h^2" else h[t]) ** 2
        q = (1 if fault == "the gain a dropped" else a) * G * slope
        source = after[t] if fault == "x_t for x_{t-1} in dW" else before[t]
        step_W, step_in = numpy.outer(q, source), numpy.outer(q, s["u"][t])
        dW, dW_in = (step_W, step_in) if fault == "overwritten, not accumulated" else (dW + step_W, dW_in + step_in)
        da += G @ (h[t] if fault == "x_{t-1} missing in da" else h[t] - before[t])
        carry = (s["W"] if fault == "W for its transpose" else s["W"].T) @ q
        carry = carry if fault == "the carry (1-a) G dropped" else carry + (1 - a) * G
    return {"W": dW, "W_in": dW_in, "a": da}


def gradient(s):
    """The same by minires."""
    def loss(p):
        states, _ = run({"W": p["W"], "W_in": p["W_in"], "b": s["b"], **leaky(p["a"])}, s["u"], s["x_0"])
        return np.sum(s["c"] * states)
    return value_and_gradient(loss, {"W": s["W"], "W_in": s["W_in"], "a": numpy.array(s["a"])})[1]


def errors(s, fault=CORRECT):
    """Relative error of each gradient of the port."""
    true, found = gradient(s), port(s, fault)
    return {name: float(numpy.max(abs(found[name] - true[name])) / numpy.max(abs(true[name]))) for name in found}


FAULTS = {  # the gradients that are wrong at leak 0.5, those that are wrong at leak 1
    "W for its transpose": ({"W", "W_in", "a"}, {"W", "W_in", "a"}),
    "the carry (1-a) G dropped": ({"W", "W_in", "a"}, set()),
    "1 - x^2 for 1 - h^2": ({"W", "W_in", "a"}, set()),
    "the gain a dropped": ({"W", "W_in", "a"}, set()),
    "x_t for x_{t-1} in dW": ({"W"}, {"W"}),
    "x_{t-1} missing in da": ({"a"}, {"a"}),
    "overwritten, not accumulated": ({"W", "W_in"}, {"W", "W_in"}),
    "silent truncation": ({"W", "W_in", "a"}, {"W", "W_in", "a"}),
}


@pytest.mark.parametrize("a", [0.5, 1.0])
def test_a_correct_port_agrees_to_1e_13(a):
    assert max(errors(setting(a)).values()) < 1e-13


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mistake_in_the_gradient_is_found_where_it_is_and_only_there(fault):
    for a, wrong in zip((0.5, 1.0), FAULTS[fault]):
        found = errors(setting(a), fault)
        assert {name for name, error in found.items() if error > 1e-2} == wrong
        assert all(error < 1e-13 for name, error in found.items() if name not in wrong)
