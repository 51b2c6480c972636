"""Laws of the activations and of the feed-forward sublayer."""

import math

import autograd.numpy as np
import pytest
from autograd import elementwise_grad, make_jvp
from autograd.test_util import check_grads
from numpy.testing import assert_allclose, assert_array_equal

from minires.activations import ACTIVATIONS, erf, feed_forward, gelu_erf, gelu_tanh, relu, sigmoid, silu
from minires.gradients import check_gradients, value_and_gradient

B, T, D, F = 2, 3, 4, 5
X = np.array([[-3.25, -1.5, -0.4, -1e-3], [1e-3, 0.3, 1.25, 4.5]])  # not at the corner of relu


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# name -> the operation, and its literal transcription for one number
CASES = {
    "sigmoid": (sigmoid, lambda x: 1 / (1 + math.exp(-x))),
    "erf": (erf, math.erf),
    "gelu_tanh": (gelu_tanh, lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))),
    "gelu_erf": (gelu_erf, lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    "relu": (relu, lambda x: x if x > 0 else 0.0),
    "silu": (silu, lambda x: x / (1 + math.exp(-x))),
}


@pytest.mark.parametrize("name", CASES)
def test_an_activation_equals_its_formula(name):
    operation, formula = CASES[name]
    assert_allclose(operation(X), np.vectorize(formula)(X), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("name", CASES)
def test_both_derivatives_equal_central_differences_in_every_coordinate(name):
    probe = draw(*X.shape)
    rows = check_gradients(lambda p: np.sum(CASES[name][0](p["x"]) * probe), {"x": X}, np.random.default_rng(3))
    assert rows[0].coordinates == X.size and rows[0].reverse < 1e-10 and rows[0].forward < 1e-10, rows


@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_derivatives_pass_autograds_own_check(name):
    np.random.seed(7)  # check_grads draws its directions from the global generator
    check_grads(CASES[name][0], modes=["fwd", "rev"], order=2)(X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_keep_the_dtype(name, dtype):
    operation, x = CASES[name][0], X.astype(dtype)
    value, gradient = value_and_gradient(lambda p: np.sum(operation(p["x"])), {"x": x})
    along = make_jvp(operation)(x)(np.ones_like(x))[1]
    assert operation(x).dtype == value.dtype == gradient["x"].dtype == along.dtype == dtype


def test_erf_is_the_standard_librarys_to_one_unit_in_the_last_place():
    for dtype in ("float32", "float64"):
        x = np.linspace(-6, 6, 4001).astype(dtype)
        expected = np.array([math.erf(v) for v in x.tolist()])
        assert np.all(abs(erf(x) - expected) <= np.spacing(abs(expected).astype(dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, size, low, high", [
    ("sigmoid", 1e3, 0, 1), ("silu", 1e3, 0, 1e3), ("gelu_tanh", 50, 0, 50), ("gelu_erf", 50, 0, 50),
    ("relu", 1e4, 0, 1e4), ("erf", 50, -1, 1)])
def test_far_from_zero_an_activation_reaches_its_limits_without_a_warning(name, size, low, high, dtype):
    operation, x = CASES[name][0], np.array([-size, size], dtype=dtype)
    assert_array_equal(operation(x), np.array([low, high], dtype=dtype))
    flat = [0, 0] if name in ("sigmoid", "erf") else [0, 1]
    assert_array_equal(elementwise_grad(operation)(x), flat)


def test_the_slope_of_relu_at_zero_is_zero():
    assert elementwise_grad(relu)(np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("gelu", [gelu_tanh, gelu_erf], ids=["tanh", "erf"])
def test_a_gelu_of_x_minus_that_of_minus_x_is_x(gelu):
    assert_allclose(gelu(X) - gelu(-X), X, rtol=1e-14)


def test_the_two_gelus_differ_by_less_than_a_thousandth_and_do_differ():
    x = np.linspace(-6, 6, 241)
    assert 4e-4 < np.max(abs(gelu_tanh(x) - gelu_erf(x))) < 1e-3


# ---- the feed-forward sublayer ---------------------------------------------------------------------------------------

WEIGHTS = {"W_1": draw(D, F), "W_2": draw(F, D, seed=1), "b_1": draw(F, seed=2), "b_2": draw(D, seed=3)}
GATE = {"W_gate": draw(D, F, seed=4), "b_gate": draw(F, seed=5)}
FORMULAS = {"gelu_tanh": CASES["gelu_tanh"][1], "gelu_erf": CASES["gelu_erf"][1], "relu": CASES["relu"][1],
            "swiglu": CASES["silu"][1]}


def feed_forward_loop(x, f, W_1, W_2, b_1=None, b_2=None, W_gate=None, b_gate=None):
    """One vector at a time: f(x W_1 + b_1) W_2 + b_2, or f(x W_gate + b_gate) (x W_1 + b_1) W_2 + b_2."""
    b_1, b_gate, b_2 = (np.zeros(size) if b is None else b for b, size in ((b_1, F), (b_gate, F), (b_2, D)))
    out = np.zeros(D)
    for j in range(F):
        inner = math.fsum(x[d] * W_1[d, j] for d in range(D)) + b_1[j]
        if W_gate is None:
            active = f(inner)
        else:
            active = f(math.fsum(x[d] * W_gate[d, j] for d in range(D)) + b_gate[j]) * inner
        out = out + active * W_2[j]
    return out + b_2


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_feed_forward_sublayer_equals_the_loop(activation, biases):
    weights = {**WEIGHTS, **(GATE if activation == "swiglu" else {})}
    weights = {name: W for name, W in weights.items() if biases or name.startswith("W_")}
    x = draw(B, T, D, seed=6)
    output, record = feed_forward(x, activation, **weights)
    expected = [[feed_forward_loop(x[i, t], FORMULAS[activation], **weights) for t in range(T)] for i in range(B)]
    assert_allclose(output, expected, rtol=1e-12)
    assert record["output"] is output and record["x"] is x
    assert record["inner"].shape == record["active"].shape == (B, T, F)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_the_feed_forward_sublayer_equals_central_differences(activation):
    params = {"x": draw(B, T, D, seed=6), **WEIGHTS, **(GATE if activation == "swiglu" else {})}
    probe = draw(B, T, D, seed=7)
    rows = check_gradients(lambda p: np.sum(feed_forward(p["x"], activation, **{
        name: W for name, W in p.items() if name != "x"})[0] * probe), params, np.random.default_rng(3))
    assert {row.parameter for row in rows} == set(params)
    assert max(max(row.reverse, row.forward) for row in rows) < 1e-9, rows


def test_an_unknown_activation_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="^unknown activation 'gelu_tan': did you mean 'gelu_tanh'"):
        feed_forward(draw(B, T, D), "gelu_tan", **WEIGHTS)
