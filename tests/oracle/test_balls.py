"""Balls contain what is exact, say so when they cannot decide, and keep what is the same number the same object."""

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint", reason="install the oracle: pip install '.[oracle]'")
from minires.layers import softmax  # noqa: E402
from minires.oracle.exact.balls import Ball, Undecided, balls, flint, precision, raw, solve  # noqa: E402


def contains(ball, fraction):
    return raw(ball).contains(flint.fmpq(fraction.numerator, fraction.denominator))


def test_every_operation_contains_the_exact_result():
    rng = np.random.default_rng(3)
    for a, b in rng.standard_normal((20, 2)):
        x, y, p, q = Ball(a), Ball(b), Fraction(a), Fraction(b)
        with precision(30):
            pairs = [(x + y, p + q), (x - y, p - q), (x * y, p * q), (x / y, p / q), (a - y, p - q), (a / y, p / q), (-x, -p),
                     (abs(x), abs(p)), (2 + y, 2 + q), (3 * y, 3 * q), (x ** 2, p * p)]
            assert all(contains(ball, fraction) for ball, fraction in pairs)


def test_functions_contain_what_more_bits_find():
    for name in ("exp", "tanh", "sin", "cos", "erf", "sqrt", "log", "cosh", "sinh"):
        with precision(40):
            wide = getattr(Ball(0.3), name)()
        with precision(400):
            assert wide.arb.contains(getattr(Ball(0.3), name)().arb)


def test_a_float_is_taken_as_what_it_is():
    assert contains(Ball(0.1), Fraction(0.1)) and not contains(Ball(0.1), Fraction(1, 10)) and Ball(0.1).arb.is_exact()
    assert raw(np.float32(0.1)) == raw(float(np.float32(0.1)))


def test_overlapping_balls_are_not_compared():
    with precision(40):
        third = Ball(1) / Ball(3)
        for compare in (lambda: third < third + 0 * third, lambda: third == Ball(1) / Ball(3), lambda: third >= Ball(1) / 3):
            with pytest.raises(Undecided, match="the balls overlap"):
                compare()
    assert third < 0.4 and third > 0.3 and third != 0.5 and Ball(2) == 2 and Ball(2) <= 2 and not Ball(2) < 2


def test_a_ball_minus_and_over_itself_is_exact_but_not_over_another_of_the_same_bounds():
    third, other = Ball(1) / Ball(3), Ball(1) / Ball(3)
    assert (third - third).arb.is_zero() and (third / third).arb == 1
    assert not (third - other).arb.is_exact() and not (third / other).arb.is_exact()


def test_what_nothing_is_done_to_is_the_same_object():
    x = Ball(1) / Ball(3)
    assert all(y is x for y in (x + 0, 0 + x, x - 0, x * 1, 1 * x, x / 1, x + Ball(0), Ball(0) + x, Ball(1) * x, +x))
    assert (0 - x).arb.contains((-x).arb) and (x * 0).arb.is_zero()


def test_infinities_and_zeros_do_not_cancel():
    infinity, zero = Ball(float("-inf")), Ball(0)
    about = Ball(flint.arb(0, 1))
    assert (infinity - infinity).arb.is_nan() and (infinity / infinity).arb.is_nan()
    assert (zero / zero).arb.is_nan() and not (about / about).arb.is_finite()


def test_a_softmax_over_one_key_is_one_and_a_row_without_any_is_zero():
    with precision(60):
        third = Ball(1) / Ball(3)
        p = softmax(np.array([[third, Ball(-np.inf)], [Ball(-np.inf), Ball(-np.inf)], [third, third]], dtype=object))
    assert raw(p[0, 0]) == 1 and raw(p[0, 1]) == 0 and all(raw(x) == 0 for x in p[1])
    assert not raw(p[2, 0]).is_exact() and contains(p[2, 0], Fraction(1, 2))


def test_solve_encloses_the_exact_solution():
    A, X = [[2, 1, 0], [1, 3, 1], [0, 1, 5]], [[Fraction(1, 3), 2], [Fraction(-1, 7), 1], [4, Fraction(2, 9)]]
    B = [[sum(a * X[k][j] for k, a in enumerate(row)) for j in range(2)] for row in A]
    with precision(100):
        ball = lambda f: Ball(f.numerator) / Ball(f.denominator)
        found = solve(balls(np.array(A, float)), np.array([[ball(Fraction(b)) for b in row] for row in B], dtype=object))
        assert all(contains(found[i, j], Fraction(X[i][j])) for i in range(3) for j in range(2))
    assert max(float(raw(x).rad()) for x in found.ravel()) < 1e-25


def test_the_precision_is_put_back():
    before = flint.ctx.prec
    with pytest.raises(ZeroDivisionError), precision(1000):
        assert flint.ctx.prec == 1000
        1 / 0
    assert flint.ctx.prec == before
