"""Laws of the differentiable operations: values against loops, both derivatives, dtypes, extremes."""

import math

import autograd.numpy as np
import numpy
import pytest
from autograd import make_jvp
from autograd.test_util import check_grads
from numpy.testing import assert_allclose, assert_array_equal

from minires.gradients import check_gradients, value_and_gradient
from minires.layers import (NORMS, cross_entropy, deviation, dropout, embedding, layer_norm, linear, mean, normalize,
                            product, rms_norm, rms_scale, root_mean_square, scatter_add, softmax, standardize)

B, T, D, F, V = 2, 3, 4, 5, 7
IDS = np.array([[6, 1, 1], [0, 6, 1]])  # with repeats, and rows of the table that are never read
TARGETS = np.array([[4, 0, 2], [1, 1, 3]])
WEIGHTS = np.array([[0.5, 0.0, 2.0], [1.0, 0.3, 0.7]])
HIDDEN = np.where(np.arange(F) == 1, -np.inf, 0.0)
EPSILON = 0.01


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# name -> the operation as a function of named arrays, and the arrays
CASES = {
    "product": (lambda x, W: product(x, W), {"x": draw(B, T, D), "W": draw(D, F)}),
    "linear": (lambda x, W, b: linear(x, W, b), {"x": draw(B, T, D), "W": draw(D, F), "b": draw(F)}),
    "linear without bias": (lambda x, W: linear(x, W), {"x": draw(B, T, D), "W": draw(D, F)}),
    "embedding": (lambda W: embedding(W, IDS), {"W": draw(V, D)}),
    "scatter_add": (lambda g: scatter_add(g, IDS, V), {"g": draw(B, T, D)}),
    "softmax": (lambda z: softmax(z), {"z": draw(B, T, F)}),
    "softmax of hidden entries": (lambda z: softmax(z + HIDDEN.astype(z.dtype)), {"z": draw(B, T, F)}),
    "cross_entropy": (lambda z: cross_entropy(z, TARGETS, WEIGHTS), {"z": draw(B, T, F)}),
    "mean": (lambda x: mean(x), {"x": draw(B, T, D)}),
    "standardize": (lambda x: standardize(x, EPSILON), {"x": draw(B, T, D)}),
    "deviation": (lambda x: deviation(x, EPSILON), {"x": draw(B, T, D)}),
    "rms_scale": (lambda x: rms_scale(x, EPSILON), {"x": draw(B, T, D)}),
    "root_mean_square": (lambda x: root_mean_square(x, EPSILON), {"x": draw(B, T, D)}),
    "layer_norm": (lambda x, gain, bias: layer_norm(x, gain, bias, epsilon=EPSILON),
                   {"x": draw(B, T, D), "gain": draw(D), "bias": draw(D, seed=1)}),
    "layer_norm without bias": (lambda x, gain: layer_norm(x, gain, epsilon=EPSILON),
                                {"x": draw(B, T, D), "gain": draw(D)}),
    "rms_norm": (lambda x, gain: rms_norm(x, gain, epsilon=EPSILON), {"x": draw(B, T, D), "gain": draw(D)}),
    "dropout": (lambda x: dropout(x, 0.3, np.random.default_rng(0)), {"x": draw(B, T, D)}),
}


def probed(operation):
    """sum of the output times fixed random numbers: a scalar whose gradient sees every entry."""
    def scalar(params):
        y = operation(**params)
        return np.sum(y * draw(*np.shape(y), seed=5).astype(y.dtype))
    return scalar


def each_row(function, x):
    """function(list) of each row of the last axis."""
    return np.array([function(row) for row in x.reshape(-1, x.shape[-1]).tolist()]).reshape(x.shape[:-1] + (-1,))


# ---- derivatives and dtypes of all -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", CASES)
def test_both_derivatives_equal_central_differences_in_every_coordinate(name):
    operation, arrays = CASES[name]
    for row in check_gradients(probed(operation), arrays, np.random.default_rng(3)):
        assert row.coordinates == arrays[row.parameter].size
        assert row.reverse < 1e-10 and row.forward < 1e-10, row


@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_derivatives_pass_autograds_own_check(name):
    operation, arrays = CASES[name]
    np.random.seed(7)  # check_grads draws its directions from the global generator
    check_grads(lambda arrays: operation(**arrays), modes=["fwd", "rev"], order=2)(arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_values_gradients_and_directional_derivatives_keep_the_dtype(name, dtype):
    operation, arrays = CASES[name]
    arrays = {key: array.astype(dtype) for key, array in arrays.items()}
    value, gradient = value_and_gradient(probed(operation), arrays)
    assert operation(**arrays).dtype == value.dtype == dtype
    assert {key: g.dtype for key, g in gradient.items()} == dict.fromkeys(arrays, dtype)
    for key, array in arrays.items():
        along = make_jvp(lambda array: operation(**{**arrays, key: array}))(array)(np.ones_like(array))[1]
        assert along.dtype == dtype


# ---- linear maps -----------------------------------------------------------------------------------------------------

def test_linear_is_a_sum_of_products_plus_a_bias():
    x, W, b = draw(B, T, D), draw(D, F), draw(F)
    expected = [[[math.fsum(x[i, t, d] * W[d, f] for d in range(D)) + b[f] for f in range(F)] for t in range(T)]
                for i in range(B)]
    assert_allclose(linear(x, W, b), expected, rtol=1e-13, atol=1e-15)
    assert_allclose(linear(x, W), expected - b, rtol=1e-13, atol=1e-15)


def test_a_product_does_not_depend_on_how_the_leading_axes_are_folded():
    x, W = draw(B, T, F, D), draw(D, F)
    assert product(x, W).shape == (B, T, F, F)
    assert_array_equal(product(x, W).reshape(-1, F), product(x.reshape(-1, D), W))
    assert_allclose(product(x[0, 0, 0], W), x[0, 0, 0] @ W, rtol=1e-14)


def test_embedding_reads_rows():
    W = draw(V, D)
    assert_array_equal(embedding(W, IDS), [[W[6], W[1], W[1]], [W[0], W[6], W[1]]])


@pytest.mark.parametrize("shape", [(11,), (5, 4), (2, 3, 4)])
def test_scatter_add_equals_add_at(shape):
    rng = np.random.default_rng(0)
    ids, g = rng.integers(0, V - 1, shape), rng.integers(-9, 9, shape + (D,)) / 8  # exact sums in any order
    expected = np.zeros((V, D))
    numpy.add.at(expected, ids, g)
    assert_array_equal(scatter_add(g, ids, V), expected)
    assert not scatter_add(g, ids, V)[V - 1].any()


def test_scatter_add_is_the_transpose_of_embedding():
    W, g = draw(V, D), draw(B, T, D, seed=1)
    assert_allclose(np.sum(embedding(W, IDS) * g), np.sum(W * scatter_add(g, IDS, V)), rtol=1e-13)


# ---- softmax and losses ----------------------------------------------------------------------------------------------

def softmax_row(z):
    e = [math.exp(v - max(z)) for v in z]
    return [v / math.fsum(e) for v in e]


def test_softmax_equals_the_loop_and_its_rows_sum_to_one():
    z = 3 * draw(B, T, F)
    assert_allclose(softmax(z), each_row(softmax_row, z), rtol=1e-14)
    assert_allclose(np.sum(softmax(z), axis=-1), np.ones((B, T)), rtol=1e-15)


def test_softmax_does_not_see_a_shift_of_a_row():
    z = np.array([[0.5, -1.0, 2.0], [3.0, 3.0, 0.25]])  # shifts by whole numbers are exact
    assert_array_equal(softmax(z + np.array([[8.0], [-16.0]])), softmax(z))


def test_softmax_of_a_fully_masked_row_is_zero():
    z = draw(T, F)
    z[1] = -np.inf
    assert_array_equal(softmax(z)[1], np.zeros(F))
    assert_array_equal(softmax(z)[[0, 2]], softmax(z[[0, 2]]))


def test_a_hidden_entry_is_as_if_it_were_not_there():
    z = draw(T, F)
    z[:, 2] = -np.inf
    rest = [0, 1, 3, 4]
    assert not softmax(z)[:, 2].any()
    assert_allclose(softmax(z)[:, rest], softmax(z[:, rest]), rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_neither_overflow_nor_warn(dtype):
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [-np.inf, 1e4, -np.inf]], dtype=dtype)
    assert_array_equal(softmax(z)[[0, 2]], [[1, 0, 0], [0, 1, 0]])
    assert_allclose(softmax(z)[1], np.full(3, 1 / 3), rtol=1e-7)
    value, gradient = value_and_gradient(lambda p: np.sum(softmax(p["z"]) * z[0]), {"z": z})
    assert np.all(np.isfinite(gradient["z"])) and np.isfinite(value)
    loss, gradient = value_and_gradient(lambda p: cross_entropy(p["z"], np.array([1, 1]), np.ones(2)), {"z": z[:2]})
    assert_allclose(loss, (2e4 + math.log(3)) / 2, rtol=1e-6)
    assert_allclose(gradient["z"], [[0.5, -0.5, 0], [1 / 6, -1 / 3, 1 / 6]], rtol=1e-6)


def test_cross_entropy_equals_the_loop():
    z = 3 * draw(B, T, F)
    losses = [[-math.log(softmax_row(z[i, t].tolist())[TARGETS[i, t]]) for t in range(T)] for i in range(B)]
    expected = math.fsum((WEIGHTS * losses).ravel()) / math.fsum(WEIGHTS.ravel())
    assert_allclose(cross_entropy(z, TARGETS, WEIGHTS), expected, rtol=1e-14)


def test_cross_entropy_of_equal_logits_is_the_log_of_their_number():
    assert_allclose(cross_entropy(np.full((B, T, F), 3.0), TARGETS, WEIGHTS), math.log(F), rtol=1e-15)


def test_cross_entropy_does_not_see_the_scale_of_the_weights():
    z = draw(B, T, F)
    assert cross_entropy(z, TARGETS, 8 * WEIGHTS) == cross_entropy(z, TARGETS, WEIGHTS)
    assert_allclose(cross_entropy(z, TARGETS, 7 * WEIGHTS), cross_entropy(z, TARGETS, WEIGHTS), rtol=1e-14)


def test_a_token_of_weight_zero_neither_counts_nor_gets_a_gradient():
    z = draw(B, T, F)
    loss, gradient = value_and_gradient(lambda p: cross_entropy(p["z"], TARGETS, WEIGHTS), {"z": z})
    assert not gradient["z"][0, 1].any() and gradient["z"][0, 2].all()
    z[0, 1] += 5 * draw(F)
    assert cross_entropy(z, TARGETS, WEIGHTS) == loss


# ---- norms -----------------------------------------------------------------------------------------------------------

def standardized_row(x):
    m = math.fsum(x) / len(x)
    variance = math.fsum((v - m) ** 2 for v in x) / len(x)
    return [(v - m) / math.sqrt(variance + EPSILON) for v in x]


def rms_row(x):
    return [v / math.sqrt(math.fsum(u * u for u in x) / len(x) + EPSILON) for v in x]


def test_norms_equal_their_loops():
    x, gain, bias = 3 * draw(B, T, D) + 1, draw(D), draw(D, seed=1)
    expected = each_row(standardized_row, x) * gain + bias
    assert_allclose(layer_norm(x, gain, bias, epsilon=EPSILON), expected, rtol=1e-12)
    assert_allclose(layer_norm(x, gain, epsilon=EPSILON), each_row(standardized_row, x) * gain, rtol=1e-12)
    assert_allclose(rms_norm(x, gain, epsilon=EPSILON), each_row(rms_row, x) * gain, rtol=1e-12)
    assert_allclose(deviation(x, EPSILON) ** 2, np.var(x, axis=-1, keepdims=True) + EPSILON, rtol=1e-13)
    assert_allclose(root_mean_square(x, EPSILON) ** 2, mean(x * x) + EPSILON, rtol=1e-13)


def test_a_standardized_row_has_mean_zero_and_the_variance_that_epsilon_leaves():
    x = 3 * draw(B, T, D) + 1
    y, variance = standardize(x, EPSILON), np.var(x, axis=-1)
    assert_allclose(np.mean(y, axis=-1), np.zeros((B, T)), atol=1e-15)
    assert_allclose(np.var(y, axis=-1), variance / (variance + EPSILON), rtol=1e-13)
    assert np.all(np.var(y, axis=-1) < 1 - 1e-5)


def test_an_rms_scaled_row_has_the_mean_square_that_epsilon_leaves():
    x = 3 * draw(B, T, D) + 1
    square = np.mean(x * x, axis=-1)
    assert_allclose(np.mean(rms_scale(x, EPSILON) ** 2, axis=-1), square / (square + EPSILON), rtol=1e-13)


def test_without_epsilon_norms_do_not_see_the_scale_of_a_row():
    x, scale = draw(B, T, D), np.array([2.0, 0.25, 1024.0])[:, None]  # powers of two are exact
    assert_array_equal(standardize(scale * x, 0), standardize(x, 0))
    assert_array_equal(rms_scale(scale * x, 0), rms_scale(x, 0))
    assert np.all(abs(standardize(2 * x, EPSILON)) > abs(standardize(x, EPSILON)))


def test_layer_norm_does_not_see_a_shift_but_rms_norm_does():
    x, one = draw(B, T, D), np.ones(D)
    assert_allclose(layer_norm(x + 3, one, epsilon=0), layer_norm(x, one, epsilon=0), rtol=1e-12)
    assert np.max(abs(rms_norm(x + 3, one, epsilon=0) - rms_norm(x, one, epsilon=0))) > 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constant_and_zero_rows_give_the_bias_and_zero(dtype):
    gain, bias = draw(D).astype(dtype), draw(D, seed=1).astype(dtype)
    assert_array_equal(layer_norm(np.full((T, D), 2, dtype), gain, bias, epsilon=1e-12), [bias] * T)
    assert_array_equal(rms_norm(np.zeros((T, D), dtype), gain, epsilon=1e-5), np.zeros((T, D)))


@pytest.mark.parametrize("kind", NORMS)
def test_normalize_takes_the_norm_by_name_and_its_own_parameters(kind):
    x, parameters = draw(B, T, D), {"gain": draw(D)}
    assert_array_equal(normalize(kind, x, parameters, EPSILON), NORMS[kind](x, draw(D), epsilon=EPSILON))


def test_there_is_no_bias_in_an_rms_norm():
    with pytest.raises(TypeError):
        normalize("rms", draw(B, T, D), {"gain": draw(D), "bias": draw(D)}, EPSILON)


# ---- dropout ---------------------------------------------------------------------------------------------------------

def test_dropout_zeroes_at_its_rate_and_divides_the_rest():
    rate, n = 0.3, 100_000
    y = dropout(np.ones((n // 5, 5)), rate, np.random.default_rng(0))
    assert set(np.unique(y)) == {0.0, 1 / (1 - rate)}
    deviation_of_mean = math.sqrt(rate * (1 - rate) / n)
    assert abs(np.mean(y == 0) - rate) < 4 * deviation_of_mean
    assert abs(np.mean(y) - 1) < 4 * deviation_of_mean / (1 - rate)


def test_without_a_generator_or_a_rate_dropout_returns_what_it_gets():
    x = draw(B, T, D)
    assert dropout(x, 0.3, None) is x and dropout(x, 0.0, np.random.default_rng(0)) is x


def test_dropout_follows_its_generator():
    x = draw(B, T, D)
    once, again, other = (dropout(x, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert once.tobytes() == again.tobytes() != other.tobytes()
