"""The forms of the recurrent weights: each is its full matrix."""

import numpy as np
import pytest
from reservoir_cases import N, fixed_in_degree, number_of

from minires.reservoir import operators
from minires.reservoir.operators import applied, apply, dense, outer, transposed, values_of, with_values

RNG = np.random.default_rng(0)
TWICE = {"values": RNG.standard_normal((3, N)), "sources": RNG.integers(0, 2, (3, N))}
OPERATORS = {"full": RNG.standard_normal((N, N)), "diagonal": RNG.standard_normal(N), "number": np.array(0.3),
             "fixed in-degree": fixed_in_degree(RNG), "a source heard twice": TWICE}
LEADS = [(), (3,), (2, 3)]


def full(A):
    """The matrix, a number at a time; a source that is heard twice counts twice."""
    if A is TWICE:
        M = np.zeros((N, N))
        for j in range(3):
            for i in range(N):
                M[i, TWICE["sources"][j, i]] += TWICE["values"][j, i]
        return M
    return np.array([[number_of(A, i, j) for j in range(N)] for i in range(N)])


@pytest.mark.parametrize("name", OPERATORS)
def test_dense_is_the_matrix(name):
    np.testing.assert_allclose(dense(OPERATORS[name], N), full(OPERATORS[name]), atol=1e-15)


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("small", [128, 0], ids=["small as full matrices", "all by lookups"])
def test_products_are_those_of_the_matrix(small, name, lead, monkeypatch):
    monkeypatch.setattr(operators, "SMALL", small)
    A, x, M = OPERATORS[name], RNG.standard_normal((*lead, N)), full(OPERATORS[name])
    np.testing.assert_allclose(apply(A, x), x @ M.T, atol=1e-14)
    for product, expected in [(applied(A), x @ M.T), (applied(A, often=True), x @ M.T), (transposed(A), x @ M)]:
        np.testing.assert_allclose(product(x), expected, atol=1e-14)
        if len(lead) < 2:  # into a buffer, as in the loop over time; two shapes in turn
            out = np.empty((*lead, N))
            np.testing.assert_allclose(product(x, out), expected, atol=1e-14)
            np.testing.assert_allclose(product(np.stack([x, 2 * x]))[1], 2 * expected, atol=1e-14)
            np.testing.assert_allclose(product(x, out), expected, atol=1e-14)
            assert product(x, out) is out


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("name", OPERATORS)
def test_outer_is_the_gradient_at_the_places_of_the_operator(name, lead):
    """<outer(A, q, x), dA> = <q, dA x> for every change dA of the same form."""
    A, q, x = OPERATORS[name], RNG.standard_normal((*lead, N)), RNG.standard_normal((*lead, N))
    change = RNG.standard_normal(np.shape(values_of(A)))
    left = np.sum(outer(A, q, x) * change)
    np.testing.assert_allclose(left, np.sum(q * apply(with_values(A, change), x)), atol=1e-13)
    assert np.shape(outer(A, q, x)) == np.shape(values_of(A))


@pytest.mark.parametrize("name", OPERATORS)
def test_single_precision_stays(name):
    A = OPERATORS[name]
    A = {**A, "values": A["values"].astype("f4")} if isinstance(A, dict) else A.astype("f4")
    x = RNG.standard_normal((2, N)).astype("f4")
    assert dense(A, N).dtype == np.float32
    assert {apply(A, x).dtype, applied(A)(x).dtype, transposed(A)(x).dtype, outer(A, x, x).dtype} == {np.dtype("f4")}
