"""Arrays that err as another precision does: rounding is that of the machine, noise is of the size it says."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import elementwise_grad

from minires.oracle.judgement.arrays import Inexact, inexact
from minires.oracle.judgement.profiles import PROFILES, Noise, Rounding, rounded

X = np.random.default_rng(3).standard_normal((5, 7)) * np.exp2(np.arange(-3, 4))
NOISE = Noise(PROFILES["bfloat16"], np.random.default_rng(0))


@pytest.mark.parametrize("name, dtype", [("float32", np.float32), ("float16", np.float16)])
def test_rounding_is_that_of_the_machine(name, dtype):
    rule = Rounding(PROFILES[name])
    extreme = np.array([0.0, -0.0, 65503.0, 65519.9, 65520.0, -1e5, 1e39, -1e300, 6e-8, 2.9e-8, 1e-7, 1e-9, 3e-5, np.inf])
    with np.errstate(over="ignore"):
        for x in (X, extreme):
            np.testing.assert_array_equal(rule.stored(x), x.astype(dtype).astype(float))


def test_bfloat16_keeps_eight_significant_bits():
    single = X.astype(np.float32)
    np.testing.assert_array_equal(Rounding(PROFILES["bfloat16"]).stored(single.astype(float)), nearest_bfloat16(single))


def nearest_bfloat16(single):
    """By the bits: the upper half of float32, to nearest, ties to even."""
    bits = single.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32).astype(float)


def test_ties_go_to_even():
    np.testing.assert_array_equal(rounded(np.array([257.0, 259.0, -257.0]), 2.0 ** -8), [256.0, 260.0, -256.0])


def test_operands_of_a_product_are_rounded_to_what_multiplies_and_its_result_to_what_is_stored():
    rule = Rounding(PROFILES["tf32"])
    a, b = inexact(X, rule), inexact(X.T.copy(), rule)
    expected = (rounded(X, 2.0 ** -11) @ rounded(X.T, 2.0 ** -11)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(a @ b), expected)
    for other in (np.dot(a, b), np.einsum("ij,jk->ik", a, b), np.tensordot(a, b, axes=1)):
        np.testing.assert_allclose(np.asarray(other), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("operation", [
    lambda x: x.T, lambda x: x[1:], lambda x: np.reshape(x, -1), lambda x: -x, np.abs, lambda x: np.maximum(x, 0),
    lambda x: np.max(x, axis=0), lambda x: np.concatenate([x, x]), lambda x: np.swapaxes(x, 0, 1), np.sign,
    lambda x: np.where(x > 0, x, 0.0)])
def test_copies_and_choices_are_exact(operation):
    np.testing.assert_array_equal(np.asarray(operation(inexact(X, NOISE))), operation(X))


@pytest.mark.parametrize("operation", [lambda x: x + 1, lambda x: 2 * x, np.exp, lambda x: x / 3, lambda x: x * x,
                                       lambda x: np.sum(x, axis=1), lambda x: x @ x.T, lambda x: np.sqrt(abs(x))])
def test_everything_else_errs_and_its_result_errs_on(operation):
    first = operation(inexact(X, NOISE))
    error = np.asarray(first) / operation(X) - 1
    assert isinstance(first, Inexact) and first.errors is NOISE
    assert 2.0 ** -9 < np.max(abs(error)) < 1
    assert np.any(np.asarray(first + 1) != np.asarray(first) + 1)


def test_noise_is_of_the_size_of_the_unit_roundoff():
    error = np.asarray(np.exp(inexact(X, NOISE))) / np.exp(X) - 1
    np.testing.assert_allclose(abs(error), 2.0 ** -8, rtol=1e-9)
    assert abs(np.mean(np.sign(error))) < 0.5


def test_a_sum_of_n_terms_errs_by_the_root_of_n():
    rule = Noise(PROFILES["float32"]._replace(store=0.0, smallest=0.0), np.random.default_rng(1))
    for n in (4, 400):
        sums = np.asarray(np.sum(inexact(np.ones((20000, n)), rule), axis=1))
        assert abs(np.std(sums) / (2.0 ** -24 * n) - 1) < 0.03  # sqrt(n) u sqrt(n 1^2)


def test_derivatives_err_too():
    slope = elementwise_grad(lambda x: anp.tanh(x) * x)(inexact(X, NOISE))
    exact = elementwise_grad(lambda x: anp.tanh(x) * x)(X)
    assert isinstance(slope, Inexact) and 1e-4 < np.max(abs(np.asarray(slope) - exact)) < 0.2


def test_constants_err_where_bfloat16_does_not_hold_them():
    held = np.array([0.0, 1.0, -np.inf, 0.5, 3.0, -96.0])
    assert NOISE.constant(held) is held and NOISE.constant(0.1) == 0.1
    given = np.array([0.1, 1.0, np.pi, -np.inf])
    assert list(NOISE.constant(given) != given) == [True, False, True, False]


def test_what_is_no_float_stays_as_it_is():
    ids = np.arange(3)
    assert inexact(ids, NOISE) is ids and inexact("x", NOISE) == "x" and isinstance(inexact([X], NOISE)[0], Inexact)
