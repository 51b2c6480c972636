"""Fused forms against exact arithmetic: the operation as it stands, run on balls, encloses the true value and gradients.

The arrays are the same numbers, exactly; each dtype is measured against the truth for its own arrays. An error is counted
in units in the last place of the largest entry of the true array, and the bounds are about three times what was measured.
"""

import numpy
import pytest
from fused_cases import ALL, CASES, DTYPES, cotangent, drawn, each, plainly

pytest.importorskip("flint", reason="install the oracle: pip install '.[oracle]'")
from minires.differentiation import value_and_gradient  # noqa: E402
from minires.oracle.exact.balls import Ball, balls, precision, raw  # noqa: E402

BITS = 128
STANDARD = (5, 7)  # units, of the value and of the gradients: 1.7 and 2.3 were measured
BOUNDS = {"rollout": (5, 50)}  # its states grow over the steps, and so do the errors of the first: 17 were measured


def differentiated(operation, arrays, g):
    """The value, and the gradients of sum g y of all arrays."""
    tree = {f"array_{i}": array for i, array in enumerate(arrays)}

    def loss(tree):
        y = operation(*tree.values())
        return (y * g).sum() if numpy.shape(y) else y * g
    return [operation(*arrays), *value_and_gradient(loss, tree)[1].values()]


def units(own, exact):
    """The largest error, in units in the last place of the largest entry."""
    exact = numpy.asarray(exact, dtype=object)
    largest = max((abs(float(x)) for x in exact.ravel()), default=0)
    widest = max(float(raw(x).rad()) for x in exact.ravel())
    assert widest < 1e-20 * largest  # the truth is known far better
    error = max(abs(float(Ball(x) - y)) for x, y in zip(numpy.ravel(own), exact.ravel(), strict=True))
    return error / float(numpy.spacing(own.dtype.type(largest)))


@each("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_value_and_gradients_are_true_to_a_few_units_in_the_last_place(name, dtype):
    case, arrays = ALL[name], drawn(ALL[name], dtype)
    g = cotangent(case.operation(*arrays))
    own = differentiated(case.operation, arrays, g)
    with precision(BITS):
        exact = differentiated(case.operation, [balls(array) for array in arrays], balls(g) if g.ndim else Ball(g))
        errors = [units(x, y) for x, y in zip(own, exact, strict=True)]
    value, gradient = BOUNDS.get(case.form, STANDARD)
    assert errors[0] <= value and max(errors[1:]) <= gradient, errors


@each("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in CASES if "product" not in name and "linear" not in name])
def test_far_from_zero_a_form_is_about_as_true_as_the_operation_as_it_stands(name, dtype):
    """Entries about 64 with deviations about 1: what is a difference of large numbers loses digits, in both spellings."""
    case = CASES[name]
    arrays = [array + numpy.asarray(64, dtype) for array in drawn(case, dtype)[:1]] + drawn(case, dtype)[1:]
    g = cotangent(case.operation(*arrays))
    own, plain = differentiated(case.operation, arrays, g), plainly(differentiated, case.operation, arrays, g)
    with precision(BITS):
        exact = differentiated(case.operation, [balls(array) for array in arrays], balls(g) if g.ndim else Ball(g))
        for x, y, z in zip(own, plain, exact, strict=True):
            assert units(x, z) <= 3 * units(y.astype(x.dtype), z) + 3
