"""The backward pass over autograd's graph: sums, what is kept, what is forgotten, and that nothing shared is written to."""

import weakref

import autograd.numpy as np
import numpy
import pytest
from autograd import make_vjp
from autograd.core import VJPNode
from autograd.tracer import new_box, trace_stack
from numpy.testing import assert_array_equal

from minires.differentiation import added, backward, own_trace, rooted, value_and_gradient
from minires.spelling import node

X = numpy.random.default_rng(0).standard_normal((3, 4))
Y = numpy.random.default_rng(1).standard_normal((3, 4))


def graph(function, *arrays):
    """The roots and the end of a graph."""
    with own_trace() as trace:
        boxes = [rooted(array, trace) for array in arrays]
        return boxes, function(*boxes)


# ---- added -----------------------------------------------------------------------------------------------------------

def test_the_first_part_is_taken_as_it_is_and_never_written_to():
    first, second, third = X.copy(), Y.copy(), X + 1
    for part in (first, second, third):
        part.flags.writeable = False
    assert added(None, first)[0] is first and not added(None, first)[1]
    total, own = added(added(added(None, first), second), third)
    assert_array_equal(total, X + Y + (X + 1))
    assert own and not any(numpy.shares_memory(total, part) for part in (first, second, third))


def test_what_comes_third_is_added_in_place():
    two = added(added(None, X), Y)
    assert two[1] and two[0] is not X and two[0] is not Y
    three = added(two, X)
    assert three[0] is two[0] and three[1]
    assert_array_equal(three[0], X + Y + X)


@pytest.mark.parametrize("first, second", [
    (X, Y.astype("float32")), (X.astype("float32"), Y), (X[0, 0], Y[1, 2]), (numpy.array(0.5), numpy.float64(2))])
def test_parts_of_two_dtypes_and_numbers_are_added_too(first, second):
    before = numpy.array(first)
    assert_array_equal(added(added(None, first), second)[0], before + second)
    assert_array_equal(first, before)


# ---- backward --------------------------------------------------------------------------------------------------------

def test_a_part_that_two_parents_share_is_not_changed_by_the_sum_of_one():
    """x + y gives the same g to both; x has more to come, in place."""
    _, gradient = value_and_gradient(lambda p: np.sum((p["x"] + p["y"]) * X + 2 * p["x"] + 3 * p["x"] + 4 * p["x"]),
                                     {"x": X, "y": Y})
    assert_array_equal(gradient["y"], X)
    assert_array_equal(gradient["x"], X + 2 + 3 + 4)


def test_the_gradients_of_two_parameters_may_be_one_array_but_agree_with_autograds():
    function = lambda x, y: np.sum(np.exp(x + y) + x - y) + np.sum(x * x * y)
    boxes, end = graph(function, X, Y)
    slopes = backward(end)
    for i, box in enumerate(boxes):
        numpy.testing.assert_allclose(slopes[box._node], make_vjp(function, i)(X, Y)[0](1.0), rtol=1e-14)


def test_a_number_that_depends_on_nothing_has_no_gradients():
    assert backward(3.0) == {} and backward(numpy.float64(2)) == {}
    (x,), end = graph(np.sum, X)
    assert set(backward(end)) == {end._node, x._node}


def test_without_a_wish_every_node_is_kept_and_the_graph_serves_again():
    (x,), end = graph(lambda x: np.sum(np.exp(x) * x), X)
    first, second = backward(end), backward(end)
    assert first.keys() == second.keys() and len(first) == 4
    for each in first:
        assert_array_equal(first[each], second[each])
    assert_array_equal(first[end._node], 1)


def test_with_a_wish_nothing_else_is_kept_and_what_derivatives_held_is_given_back():
    class Held:
        """Stands for what a form keeps for its derivative."""

    held, root, given_back = Held(), VJPNode.new_root(), []
    seen = weakref.ref(held)
    inner = node([root], lambda g: (given_back.append(seen() is None), [2 * g])[1])
    outer = node([inner], lambda g, held=held: [g + 1])
    del held
    slopes = backward(new_box(numpy.array(1.5), 0, outer), lambda each: each is root)
    assert slopes == {root: 4}
    assert given_back == [True]  # before the pass was at its end


def test_a_form_that_a_number_depends_on_by_two_ways_gets_the_sum_of_both():
    calls = []
    root = VJPNode.new_root()
    middle = node([root], lambda g: (calls.append(g.copy()), [g])[1])
    ends = [node([middle], lambda g, k=k: [g * k * numpy.ones(2)]) for k in (2.0, 5.0)]
    last = node(ends, lambda g: [g, g])
    slopes = backward(new_box(numpy.array(0.0), 0, last))
    assert len(calls) == 1
    assert_array_equal(slopes[root], [7, 7])


def test_a_long_chain_needs_no_recursion():
    def chain(x):
        for _ in range(3000):
            x = x + 1.0
        return np.sum(x)
    (x,), end = graph(chain, X)
    assert_array_equal(backward(end, lambda each: each is x._node)[x._node], numpy.ones_like(X))


def test_an_end_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 4\), expected a single number"):
        value_and_gradient(lambda p: p["x"] * 2, {"x": X})


def test_an_exception_closes_the_trace():
    before = trace_stack.top
    with pytest.raises(ZeroDivisionError):
        value_and_gradient(lambda p: 1 / 0, {"x": X})
    assert trace_stack.top == before
