"""Derivatives of fused forms beyond one reverse pass, and what a form leaves to the operation as it stands."""

from types import SimpleNamespace

import autograd.numpy as np
import numpy
import pytest
from autograd import elementwise_grad, grad, hessian_vector_product, jacobian, make_jvp
from fused_cases import (ALL, CASES, DTYPES, NEAR, B, D, F, G, H, K, S, T, V, assert_near, cotangent, drawn, each, here,
                         plainly, pulled)

from minires.activations import gated, gelu_tanh
from minires.attention import masked_softmax, scaled_product
from minires.differentiation import own_trace, rooted
from minires.heads import group_product
from minires.layers import cross_entropy, layer_norm, linear, rms_norm
from minires.positions import rotate
from minires.spelling import SPELLINGS, spelling

ONCE = {"rollout"}  # its derivative is not differentiated again but in the plain spelling
TWICE = [(name, i) for name, case in ALL.items() if case.form not in ONCE for i in range(len(case.shapes(B)))]


def squared(case, arrays, i):
    """x -> sum c y^3, a function of array i that is curved even where the operation is linear."""
    c = cotangent(case.operation(*arrays))

    def loss(x):
        y = case.operation(*arrays[:i], x, *arrays[i + 1:])
        return np.sum(c * y * y * y)
    return loss


@pytest.mark.parametrize("name, i", TWICE)
def test_a_hessian_times_a_vector_equals_the_plain_spelling(name, i):
    arrays = drawn(ALL[name])
    loss, direction = squared(ALL[name], arrays, i), drawn(ALL[name], seed=3)[i]
    along = lambda: hessian_vector_product(loss)(arrays[i], direction)
    assert_near(along(), plainly(along), 1e-11)


@pytest.mark.parametrize("name, i", [(name, i) for name, i in TWICE if name in CASES])
def test_where_g_alone_is_differentiated_the_derivative_is_linear_in_it(name, i):
    """d/dg of <d, J^T g> is J d, whichever array the Jacobian J is by."""
    case, arrays = CASES[name], drawn(CASES[name])
    y, direction = case.operation(*arrays), drawn(case, seed=3)[i]

    def mixed(g):
        slope = elementwise_grad(lambda x: np.sum(g * case.operation(*arrays[:i], x, *arrays[i + 1:])))(arrays[i])
        return np.sum(direction * slope)
    own = grad(mixed)(cotangent(y))
    along = make_jvp(lambda x: case.operation(*arrays[:i], x, *arrays[i + 1:]))(arrays[i])(direction)[1]
    assert_near(own, along, 1e-11)
    assert_near(own, plainly(grad(mixed), cotangent(y)), 1e-11)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if len(case.shapes(B)) > 1])
def test_one_array_outside_and_another_inside_agree_in_either_order(name):
    """d/dx_1 d/dx_0 and d/dx_0 d/dx_1: boxes of two traces meet in one call."""
    case, arrays = CASES[name], drawn(CASES[name])
    rest, c = arrays[2:], cotangent(case.operation(*arrays))
    loss = lambda x, y: np.sum(c * case.operation(x, y, *rest) ** 2)
    u, v = drawn(case, seed=3)[:2]
    one = lambda: grad(lambda y: np.sum(u * grad(loss, 0)(arrays[0], y)))(arrays[1])
    other = lambda: grad(lambda x: np.sum(v * grad(loss, 1)(x, arrays[1])))(arrays[0])
    assert abs(np.sum(v * one()) - np.sum(u * other())) < 1e-11 * (np.sum(abs(v * one())) + np.sum(abs(u * other())))
    assert_near(one(), plainly(one), 1e-11)


@each("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_forward_mode_equals_the_plain_spelling_and_is_the_transpose_of_reverse_mode(name, dtype):
    case, arrays = ALL[name], drawn(ALL[name], dtype)
    y, slopes = pulled(case.operation, arrays)
    for i, (slope, direction) in enumerate(zip(slopes, drawn(case, dtype, seed=3), strict=True)):
        along = lambda: make_jvp(lambda x: case.operation(*arrays[:i], x, *arrays[i + 1:]))(arrays[i])(direction)
        value, own = along()
        assert_near(own, plainly(along)[1], NEAR[dtype])
        assert_near(value, y, NEAR[dtype])
        assert own.dtype == dtype
        left, right = np.sum(cotangent(y) * own), np.sum(slope * direction)
        assert abs(left - right) <= NEAR[dtype] * (np.sum(abs(cotangent(y) * own)) + np.sum(abs(slope * direction)))


@pytest.mark.parametrize("name", [name for name in CASES if name != "cross_entropy"])
def test_autograds_jacobian_takes_the_derivative_again_for_each_entry(name):
    case, arrays = CASES[name], [array[:1] if array.ndim > 2 else array for array in drawn(CASES[name])]
    find = lambda: jacobian(case.operation)(*arrays)
    assert_near(find(), plainly(find), 1e-12)


# ---- what a form does not serve --------------------------------------------------------------------------------------

def array(*shape, dtype="float64", seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape).astype(dtype)


# what is unusual -> the operation, its arrays
OTHERS = {
    "a gain for each row": (lambda x, gain: rms_norm(x, gain, epsilon=0.1), [array(B, T, D), array(T, D)]),
    "a gain that is a number": (lambda x, gain: layer_norm(x, gain, epsilon=0.1), [array(B, T, D), array(1)]),
    "a bias for each row": (lambda x, gain, b: layer_norm(x, gain, b, epsilon=0.1), [array(B, T, D), array(D), array(T, D)]),
    "a norm of a vector": (lambda x, gain: layer_norm(x, gain, epsilon=0.1), [array(D), array(D)]),
    "a map of a vector": (linear, [array(D), array(D, F), array(F)]),
    "a map with a bias for each row": (linear, [array(T, D), array(D, F), array(T, F)]),
    "a map with one bias": (linear, [array(T, D), array(D, F), array(1)]),
    "scores of two axes": (lambda z: masked_softmax(z, here(mask=numpy.zeros(S))), [array(T, S)]),
    "a mask that makes the scores larger": (lambda z: masked_softmax(z, here(mask=numpy.tri(T, S))), [array(B, H, 1, S)]),
    "a bias that is differentiated": (lambda z, bias: masked_softmax(z, here(bias)), [array(B, H, T, S), array(H, T, S)]),
    "a mask that is differentiated": (lambda z, mask: masked_softmax(z, here(None, mask)), [array(B, H, T, S), array(T, S)]),
    "keys that all sequences share": (group_product, [array(B, H, T, S), array(1, G, S, K)]),
    "queries of one sequence and many keys": (lambda q, k: scaled_product(q, k, SimpleNamespace(head_width_=K)),
                                              [array(B, H, T, K), array(1, G, K, S)]),
    "one vector turned to many positions": (lambda x: rotate(x, numpy.arange(T)), [array(B, H, 1, K)]),
    "a gate that broadcasts": (gated, [array(B, 1, F), array(B, T, F)]),
    "a number": (gelu_tanh, [array()]),
    "a gate that is a number": (gated, [array(), array()]),
    "weights that broadcast": (lambda z: cross_entropy(z, numpy.arange(B * T).reshape(B, T) % V, numpy.arange(1.0, 1 + T)),
                               [array(B, T, V)]),
    "a vector of logits": (lambda z: cross_entropy(z, numpy.array(2), numpy.array(0.5)), [array(V)]),
    "arguments by name": (lambda x, gain, b: layer_norm(x, gain, bias=b, epsilon=0.1), [array(B, T, D), array(D), array(D)]),
    "one array twice": (lambda x: gated(x, x), [array(B, T, F)]),
    "one matrix twice": (lambda x: linear(x, x, x[0]), [array(D, D)]),
    "a single precision map of doubles": (linear, [array(T, D), array(D, F, dtype="float32"), array(F)]),
    "a double precision bias": (linear, [array(T, D, dtype="float32"), array(D, F, dtype="float32"), array(F)]),
    "a double precision gain": (lambda x, gain: rms_norm(x, gain, epsilon=0.1), [array(T, D, dtype="float32"), array(D)]),
    "a gate of another precision": (gated, [array(T, F, dtype="float32"), array(T, F)]),
    "whole numbers": (lambda x, W: linear(x, W), [numpy.arange(6).reshape(2, 3), array(3, F)]),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_a_form_does_not_serve_is_the_operation_as_it_stands(what):
    operation, arrays = OTHERS[what]
    y, expected = operation(*arrays), plainly(operation, *arrays)
    assert y.dtype == expected.dtype
    assert_near(y, expected, 1e-14)
    floats = [i for i, own in enumerate(arrays) if own.dtype.kind == "f"]
    c = cotangent(expected)
    for i in floats:
        slope = lambda: grad(lambda x: np.sum(c * operation(*arrays[:i], x, *arrays[i + 1:])))(arrays[i])
        assert_near(slope(), plainly(slope), 1e-6 if "float32" in {own.dtype.name for own in arrays} else 1e-12, i)


@pytest.mark.parametrize("kind", SPELLINGS)
@pytest.mark.parametrize("call", [
    lambda: linear(array(T, D), array(F, D)), lambda: group_product(array(B, H, T, S), array(B, G, T, K)),
    lambda: layer_norm(array(T, D), array(F), epsilon=0.1), lambda: gated(array(T, D), array(T, F)),
    lambda: masked_softmax(array(B, H, T, S), here(mask=array(T, F))), lambda: rotate(array(B, H, T, K), numpy.arange(T + 1))])
def test_shapes_that_do_not_fit_are_an_error_in_both_spellings(call, kind):
    with spelling(kind), pytest.raises(ValueError, match="."):
        call()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.form in ("linear", "group_product")])
def test_arrays_of_objects_are_computed_as_they_stand(name):
    """Python's numbers in arrays; the operations that ask objects for more than sums and products: see test_fused_exact."""
    arrays = drawn(CASES[name])
    y = CASES[name].operation(*(own.astype(object) for own in arrays))
    assert y.dtype == object
    assert_near(y.astype(float), CASES[name].operation(*arrays), 1e-14)


@pytest.mark.parametrize("name", CASES)
def test_the_form_is_one_node_of_the_graph_and_without_boxes_none(name):
    arrays = drawn(CASES[name])
    assert type(CASES[name].operation(*arrays)) in (numpy.ndarray, numpy.float64)
    with own_trace() as trace:
        boxes = [rooted(own, trace) for own in arrays]
        y = CASES[name].operation(*boxes)
    assert y._node.parents == [box._node for box in boxes]
