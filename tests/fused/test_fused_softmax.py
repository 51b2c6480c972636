"""Softmax and cross-entropy at the extremes: both spellings, float64 and float32, blocks of one row or of all."""

import math

import numpy
import pytest
from fused_cases import DTYPES, H, T, assert_near, blocks_of, cotangent, each, here, plainly, pulled
from numpy.testing import assert_allclose, assert_array_equal

from minires.attention import masked_softmax
from minires.layers import cross_entropy

INFINITE = numpy.inf
CAUSAL = numpy.where(numpy.tri(T, T, 0, bool), 0.0, -INFINITE)
MASKS = {"none": None, "causal": CAUSAL, "soft": 3 * numpy.sin(numpy.arange(T * T).reshape(T, T)),
         "rows hidden": numpy.where(numpy.arange(T)[:, None] % 2 == 1, -INFINITE, CAUSAL),
         "soft, rows hidden": numpy.where(numpy.arange(T)[:, None] == 2, -INFINITE, numpy.linspace(-1, 2, T))}
SIZES = (0.01, 59, 61, 90, 499, 501, 800, 1e4, 1e30)  # of the logits, about the bounds beyond which exp is not taken at once


def logits(size, dtype, seed=0):
    """(2, H, T, T) with entries up to about the size, both signs."""
    return (size * numpy.random.default_rng(seed).uniform(-1, 1, (2, H, T, T))).astype(dtype)


def under(mask, bias=None):
    """softmax(z + bias + mask), the terms in the dtype of z."""
    own = lambda term, z: None if term is None else term.astype(z.dtype)
    return lambda z: masked_softmax(z, here(own(bias, z), own(mask, z)))


def agreed(operation, *arrays):
    """Value and gradients, fused, in blocks of single rows and in one; the plain spelling agrees."""
    dtype = arrays[0].dtype
    g = cotangent(operation(*arrays))
    y, slopes = pulled(operation, arrays, g)
    expected, plain_slopes = plainly(pulled, operation, arrays, g)
    with blocks_of(1):
        one, slopes_of_one = pulled(operation, arrays, g)
    bound = 20 * numpy.finfo(dtype).eps
    for own, plain in zip([y, *slopes, one, *slopes_of_one], 2 * [expected, *plain_slopes], strict=True):
        assert own.dtype == dtype
        assert_near(own, plain, bound, least=1)  # the derivative is a difference of numbers of the size of g
    return y, slopes


@each("dtype", DTYPES)
@each("size", SIZES)
@pytest.mark.parametrize("mask", MASKS)
def test_rows_sum_to_one_or_are_hidden_at_any_size_of_the_logits(mask, size, dtype):
    z, mask = logits(size, dtype), MASKS[mask]
    p, (slope,) = agreed(under(mask), z)
    visible = numpy.ones(T) if mask is None else numpy.any(mask > -INFINITE, axis=-1)
    assert_allclose(p.sum(axis=-1), numpy.broadcast_to(visible, z.shape[:-1]), rtol=20 * numpy.finfo(dtype).eps)
    assert numpy.all(numpy.isfinite(slope)) and not slope[:, :, visible == 0].any()
    assert mask is None or not p[numpy.broadcast_to(mask == -INFINITE, p.shape)].any()


@each("dtype", DTYPES)
@each("ahead", [50, 100, 700, 800, 1e4, 1e30])
def test_a_hidden_logit_far_above_the_others_takes_nothing_from_them(ahead, dtype):
    z = logits(1, dtype)
    far = z + numpy.where(CAUSAL == 0, 0, ahead).astype(dtype)
    p, _ = agreed(under(CAUSAL), far)
    assert_near(p, under(CAUSAL)(z), 20 * numpy.finfo(dtype).eps)


@each("dtype", DTYPES)
@each("size", [1, 70, 1e4])
def test_a_bias_that_falls_with_the_distance(size, dtype):
    bias = -size * abs(numpy.arange(T)[:, None] - numpy.arange(T)) * numpy.linspace(0.1, 1, H)[:, None, None]
    for mask in MASKS.values():
        agreed(under(mask, bias), logits(2, dtype))


@each("dtype", DTYPES)
@each("size", [1, 1e4])
@pytest.mark.parametrize("mask", ["none", "causal", "soft"])
def test_one_logit_of_minus_infinity_is_hidden(mask, size, dtype):
    z = logits(size, dtype)
    z[0, 1, 2, 1] = -INFINITE
    p, (slope,) = agreed(under(MASKS[mask]), z)
    assert p[0, 1, 2, 1] == 0 == slope[0, 1, 2, 1] and numpy.all(numpy.isfinite(slope))
    assert_allclose(p[0, 1, 2].sum(), 1, rtol=1e-6)


@each("dtype", DTYPES)
@pytest.mark.parametrize("place", [(0, 1, 2, 1), (1, 3, 2, 4)], ids=["visible", "hidden when causal"])
@pytest.mark.parametrize("mask", ["none", "causal", "soft"])
def test_one_logit_that_is_not_a_number_spoils_its_row_and_no_other(mask, place, dtype):
    z = logits(1, dtype)
    z[place] = numpy.nan
    p, (slope,) = agreed(under(MASKS[mask]), z)
    spoilt = numpy.zeros(z.shape, bool)
    spoilt[place[:-1]] = True
    assert_array_equal(numpy.isnan(p), spoilt)
    assert_array_equal(numpy.isnan(slope), spoilt)


@each("dtype", DTYPES)
def test_a_single_key_has_all_the_weight(dtype):
    z = logits(1e4, dtype)[..., :1]
    p, (slope,) = agreed(under(None), z)
    assert numpy.all(p == 1) and not slope.any()


# ---- cross-entropy ---------------------------------------------------------------------------------------------------

TARGETS = numpy.array([[4, 0, 2], [1, 1, 3]])
WEIGHTS = numpy.array([[0.5, 0.0, 2.0], [1.0, 0.3, 0.0]])


def cross_entropy_of(targets=TARGETS, weights=WEIGHTS):
    return lambda z: cross_entropy(z, targets, weights)


@each("dtype", DTYPES)
@each("size", [0.01, 59, 90, 800, 1e4, 1e30])
def test_cross_entropy_at_any_size_of_the_logits(size, dtype):
    z = (size * numpy.random.default_rng(0).uniform(-1, 1, (2, 3, 5))).astype(dtype)
    loss, (slope,) = agreed(cross_entropy_of(), z)
    assert numpy.isfinite(loss) and numpy.all(numpy.isfinite(slope)) and not slope[WEIGHTS == 0].any()


@each("dtype", DTYPES)
@each("shift", [1e4, -1e4])
def test_cross_entropy_does_not_see_a_large_shift_of_all_logits(shift, dtype):
    z = (numpy.random.default_rng(0).integers(-99, 99, (2, 3, 5)) / 64).astype(dtype)  # exact after the shift
    bound = 20 * numpy.finfo(dtype).eps
    far, (slope,) = agreed(cross_entropy_of(), z + numpy.asarray(shift, dtype))
    near, (expected,) = agreed(cross_entropy_of(), z)
    assert_near(far, near, bound)
    assert_near(slope, expected, bound)


@each("dtype", DTYPES)
@each("ahead", [0, 50, 100, 700, 800, 1e4, 1e30])
def test_a_target_far_below_the_other_logits_costs_their_distance(ahead, dtype):
    z = logits(1, dtype)[0, :2, :3]
    numpy.put_along_axis(z, TARGETS[..., None], -ahead, axis=-1)
    loss, (slope,) = agreed(cross_entropy_of(), z)
    assert numpy.isfinite(loss) and numpy.all(numpy.isfinite(slope)) and loss >= 0.9 * ahead


@each("dtype", DTYPES)
def test_a_target_of_minus_infinity_costs_infinitely_much_and_spoils_no_other_row(dtype):
    z = logits(1, dtype)[0, :2, :3]
    _, (expected,) = pulled(cross_entropy_of(), [z], numpy.asarray(0.7, dtype))
    z[1, 0, :2] = -INFINITE  # its target is 1
    loss, (slope,) = pulled(cross_entropy_of(), [z], numpy.asarray(0.7, dtype))
    assert loss == INFINITE and slope.dtype == dtype
    others = numpy.arange(6).reshape(2, 3) != 3  # all but the row [1, 0]
    assert_allclose(slope[others], expected[others], rtol=20 * numpy.finfo(dtype).eps)
    assert numpy.any(slope[1, 0] != expected[1, 0])


@each("dtype", DTYPES)
def test_a_vocabulary_of_one_costs_nothing(dtype):
    loss, (slope,) = agreed(cross_entropy_of(0 * TARGETS), logits(1e4, dtype)[0, :2, :3, :1])
    assert loss == 0 and not slope.any()


@each("dtype", DTYPES)
def test_weights_that_are_zero_but_one_leave_one_token(dtype):
    z = (3 * numpy.random.default_rng(0).standard_normal((2, 3, 5))).astype(dtype)
    one = 0 * WEIGHTS
    one[1, 2] = 0.25
    loss, (slope,) = agreed(cross_entropy_of(weights=one), z)
    row = z[1, 2].astype(float)
    assert_allclose(loss, math.log(numpy.exp(row).sum()) - row[3], rtol=20 * numpy.finfo(dtype).eps)
    assert numpy.count_nonzero(slope) == 5


@each("dtype", DTYPES)
def test_weights_that_broadcast_are_taken_as_they_are(dtype):
    z = logits(2, dtype)[0, :2, :3, :5]
    agreed(cross_entropy_of(weights=WEIGHTS[1]), z)
