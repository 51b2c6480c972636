"""What is kept and what is gained: each family's (K, g) against its paper's equation."""

import autograd.numpy as np
import numpy
import pytest
from reservoir_cases import N, T, d, fixed_in_degree, weights

from minires.gradients import check_gradients
from minires.reservoir import kernels
from minires.reservoir.echo_state import run
from minires.reservoir.operators import apply, dense

RNG = numpy.random.default_rng(0)
O, _ = numpy.linalg.qr(RNG.standard_normal((N, N)))
SHIFT = {"values": numpy.ones((1, N)), "sources": numpy.roll(numpy.arange(N), 1)[None]}
UNIT = numpy.linspace(0.2, 1, N)
FAMILIES = {  # name -> ((K, g) of minires, the paper's step from x and h = f(...))
    "leaky": (kernels.leaky(0.3), lambda x, h: 0.7 * x + 0.3 * h),
    "leaky per unit": (kernels.leaky(UNIT), lambda x, h: (1 - UNIT) * x + UNIT * h),
    "jaeger 2001": (kernels.jaeger_leaky(0.5, 0.44, 0.9), lambda x, h: (1 - 0.5 * 0.44 * 0.9) * x + 0.5 * 0.44 * h),
    "additive": (kernels.additive(0.3), lambda x, h: 0.7 * x + h),
    "euler": (kernels.euler(0.02), lambda x, h: x + 0.02 * h),
    "edge of stability": (kernels.edge_of_stability(0.1, O), lambda x, h: 0.9 * O @ x + 0.1 * h),
    "edge of stability, cycle": (kernels.edge_of_stability(0.05, SHIFT), lambda x, h: 0.95 * numpy.roll(x, 1) + 0.05 * h),
    "residual": (kernels.residual(0.95, 0.01, O), lambda x, h: 0.95 * O @ x + 0.01 * h),
    "residual, cycle": (kernels.residual(0.95, 1e-4, SHIFT), lambda x, h: 0.95 * numpy.roll(x, 1) + 1e-4 * h),
    "residual, identity": (kernels.residual(0.01, 1.1), lambda x, h: 0.01 * x + 1.1 * h),
    "residual without its branch": (kernels.residual(0.0, 1.1, O), lambda x, h: 1.1 * h),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_its_papers_equation(name):
    setting, one_step = FAMILIES[name]
    rng = numpy.random.default_rng(1)
    params = {**weights(rng, feedback=False), **setting}
    u, x = rng.standard_normal((T, d)), rng.standard_normal(N)
    states, _ = run(params, u, x)
    for t in range(T):
        x = one_step(x, numpy.tanh(params["W"] @ x + params["W_in"] @ u[t] + params["b"]))
        numpy.testing.assert_allclose(states[t], x, atol=1e-13)


def test_jaegers_leak_is_the_convex_one_only_where_a_is_one():
    assert kernels.jaeger_leaky(0.5, 0.6, 1.0) == pytest.approx(kernels.leaky(0.3))
    two = kernels.jaeger_leaky(0.5, 0.6, 0.9)
    assert two["K"] + two["g"] != pytest.approx(1)


@pytest.mark.parametrize("loss, tree", [
    (lambda p: kernels.leaky(p["a"]), {"a": 0.3}), (lambda p: kernels.leaky(p["a"]), {"a": UNIT * 0.9}),
    (lambda p: kernels.jaeger_leaky(p["delta"], p["C"], p["a"]), {"delta": 0.5, "C": 0.4, "a": 0.9}),
    (lambda p: kernels.additive(p["a"]), {"a": 0.3}), (lambda p: kernels.euler(p["eps"]), {"eps": 0.1}),
    (lambda p: kernels.edge_of_stability(p["beta"], p["O"]), {"beta": 0.3, "O": O}),
    (lambda p: kernels.edge_of_stability(p["beta"], SHIFT), {"beta": 0.3}),
    (lambda p: kernels.residual(p["alpha"], p["beta"], p["O"]), {"alpha": 0.9, "beta": 0.2, "O": O}),
    (lambda p: kernels.residual(p["alpha"], p["beta"]), {"alpha": 0.9, "beta": 0.2})])
def test_every_setting_is_learned_through_the_states(loss, tree):
    rng = numpy.random.default_rng(2)
    params, u, x_0 = weights(rng, feedback=False), rng.standard_normal((T, d)), rng.standard_normal(N)
    of_states = lambda p: np.sum(run({**params, **loss(p)}, u, x_0)[0] ** 3)
    assert max(row.reverse for row in check_gradients(of_states, {k: numpy.array(v) for k, v in tree.items()}, rng)) < 1e-8


def test_a_scaled_operator_keeps_its_form_and_the_original():
    sparse = fixed_in_degree(RNG)
    before = sparse["values"].copy()
    x = RNG.standard_normal(N)
    numpy.testing.assert_allclose(apply(kernels.scaled(0.5, sparse), x), 0.5 * dense(sparse) @ x, atol=1e-14)
    numpy.testing.assert_array_equal(sparse["values"], before)


BAD = [
    (lambda: kernels.leaky(0.0), "leak rate a=0.0: expected above 0 and at most 1"),
    (lambda: kernels.leaky(1.2), "leak rate a=1.2: expected above 0"),
    (lambda: kernels.leaky(numpy.array([0.5, -0.1])), "leak rate a=-0.1: expected above 0"),
    (lambda: kernels.leaky(float("nan")), "leak rate a=nan"),
    (lambda: kernels.leaky("0.5"), "leak rate a of shape"),
    (lambda: kernels.leaky(True), "leak rate a of shape"),
    (lambda: kernels.leaky(numpy.ones((2, 2))), r"leak rate a of shape \(2, 2\)"),
    (lambda: kernels.jaeger_leaky(2.0, 0.9, 0.9), "leak rate delta C a=1.62"),
    (lambda: kernels.jaeger_leaky(-1.0, -0.5, 0.9), "delta=-1.0: expected a finite number above zero"),
    (lambda: kernels.additive(0.0), "leak rate a=0.0"),
    (lambda: kernels.euler(0.0), "eps=0.0: expected a finite number above zero"),
    (lambda: kernels.euler(float("inf")), "eps=inf"),
    (lambda: kernels.edge_of_stability(1.5, O), "leak rate beta=1.5"),
    (lambda: kernels.edge_of_stability(UNIT, O), r"beta of shape \(5,\): expected one number"),
    (lambda: kernels.residual(-0.1, 1.0), "alpha=-0.1: expected a number of at least 0"),
    (lambda: kernels.residual(0.9, 0.0), "beta=0.0: expected a finite number above zero"),
]


@pytest.mark.parametrize("wrong, message", BAD, ids=[message for _, message in BAD])
def test_a_setting_out_of_range_is_refused_in_one_line(wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        wrong()
    assert "\n" not in str(error.value)
