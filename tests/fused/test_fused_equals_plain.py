"""A fused form and the operation as it stands are one function: values, every gradient, dtypes, nothing in place."""

import numpy
import pytest
from fused_cases import (ALL, CASES, DTYPES, NEAR, B, assert_near, blocks_of, cotangent, drawn, each, laid_out, plainly,
                         pulled)

from minires.differentiation import own_trace, rooted, value_and_gradient
from minires.fused import probabilities, rows
from minires.spelling import SPELLINGS, spelling


def assert_same(case, arrays, g, dtype):
    (y, slopes), (expected, plain_slopes) = pulled(case.operation, arrays, g), plainly(pulled, case.operation, arrays, g)
    assert_near(y, expected, NEAR[dtype], "value")
    for i, (own, plain) in enumerate(zip(slopes, plain_slopes, strict=True)):
        assert_near(own, plain, NEAR[dtype], f"gradient {i}")
    assert {y.dtype, *(slope.dtype for slope in slopes)} == {numpy.dtype(dtype)}
    return y, slopes


@each("block", [1, 17, rows.BLOCK])  # of single rows, of a few with a ragged last one, as it is
@each("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_value_and_every_gradient_equal_the_plain_spelling(name, dtype, block):
    arrays = drawn(ALL[name], dtype)
    with blocks_of(block):
        y, slopes = assert_same(ALL[name], arrays, None, dtype)
    assert [slope.shape for slope in slopes] == [array.shape for array in arrays]


@each("dtype", DTYPES)
@each("how", ["transposed", "sliced"])
@pytest.mark.parametrize("name", ALL)
def test_arrays_and_cotangents_may_lie_in_memory_in_any_way(name, how, dtype):
    case = ALL[name]
    arrays = [laid_out(array, how) for array in drawn(case, dtype)]
    y = numpy.asarray(case.operation(*arrays))
    g = laid_out(cotangent(y), how)
    assert y.ndim < 2 or not (arrays[0].flags.c_contiguous or g.flags.c_contiguous)
    assert_same(case, arrays, g, dtype)


@pytest.mark.parametrize("name", [name for name, case in ALL.items() if case.shapes(0) != case.shapes(1)  # it has a batch
                                  and name != "cross_entropy"])
def test_an_empty_batch_has_an_empty_result_and_gradients_of_zero(name):
    case = ALL[name]
    arrays = drawn(case, B=0)
    y, slopes = assert_same(case, arrays, None, "float64")
    assert y.size == 0 and not any(slope.any() for slope in slopes)


@pytest.mark.parametrize("name", ["layer_norm", "masked_softmax", "cross_entropy", "gelu_tanh", "gated"])
def test_more_than_a_block_with_a_ragged_last_one_is_the_same_function(name):
    case = CASES[name]
    arrays = drawn(case, B=2503)
    with blocks_of(2 ** 15):
        assert rows.BLOCK < arrays[0].size and arrays[0].size % rows.BLOCK
        if name == "masked_softmax":
            arrays = [arrays[0][:131]]
            assert rows.BLOCK < arrays[0].size
        assert_same(case, arrays, None, "float64")


# ---- how it is called ------------------------------------------------------------------------------------------------

@each("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_written_to(name, dtype):
    case, arrays = ALL[name], drawn(ALL[name], dtype)
    g = numpy.asarray(cotangent(case.operation(*arrays)))
    before = [array.copy() for array in (*arrays, g)]
    for array in (*arrays, g):
        array.flags.writeable = False
    pulled(case.operation, arrays, g)
    for array, kept in zip((*arrays, g), before, strict=True):
        numpy.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize("name", [name for name in CASES if "heads" not in name])  # these only turn axes: views
def test_a_result_and_a_gradient_share_no_memory_with_what_was_given(name):
    case, arrays = CASES[name], drawn(CASES[name])
    y, slopes = pulled(case.operation, arrays)
    again = cotangent(y)
    given = [*arrays, again] if numpy.ndim(y) else arrays
    for own in (y, *pulled(case.operation, arrays, again)[1]):
        assert not any(numpy.shares_memory(own, array) for array in given)


@pytest.mark.parametrize("name", CASES)
def test_the_derivative_may_be_taken_again_and_is_linear(name):
    """All arrays at once are in boxes of one trace: the node is the form's own."""
    arrays = drawn(CASES[name])
    with own_trace() as trace:
        y = CASES[name].operation(*(rooted(array, trace) for array in arrays))
    g, h = cotangent(y._value), cotangent(y._value, seed=6)
    first, second, twice = y._node.vjp(g), y._node.vjp(h), y._node.vjp(g)
    both = y._node.vjp(3 * g - h)
    expected = plainly(pulled, CASES[name].operation, arrays, g)[1]
    for a, b, c, ab, plain in zip(first, second, twice, both, expected, strict=True):
        numpy.testing.assert_array_equal(a, c)
        assert_near(ab, 3 * a - b, 1e-12)
        assert_near(a, plain, NEAR["float64"])


@each("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_gradients_of_all_arrays_at_once_equal_the_plain_spelling(name, dtype):
    operation, arrays = ALL[name].operation, drawn(ALL[name], dtype)
    tree = {f"array_{i}": array for i, array in enumerate(arrays)}

    def loss(tree):
        y = operation(*tree.values())
        return (y * y).sum() if numpy.ndim(y) else y * y
    found = {}
    for kind in SPELLINGS:
        with spelling(kind):
            found[kind] = value_and_gradient(loss, tree)
    assert_near(found["fused"][0], found["plain"][0], NEAR[dtype])
    for i in tree:
        assert_near(found["fused"][1][i], found["plain"][1][i], 4 * NEAR[dtype], i)


def test_every_form_is_in_the_table():
    from minires.fused import maps, norms, pointwise
    own = [function for module in (maps, norms, pointwise, probabilities) for function in vars(module).values()]
    forms = {f.__name__ for f in own if callable(f) and f.__module__.startswith("minires.fused")}
    helpers = {"norm", "slopes", "pieces", "blocks", "folded", "row_sums", "column_sums", "ones", "exponentials",
               "exponentials_over", "squares", "broadcasts", "at"}
    assert forms - helpers == {case.form for case in CASES.values()} and B > 1
