"""Exact truth: the float64 nearest to the exact value of every tensor and every gradient of a case, proved by enclosure.

The case's own program runs in balls, again with twice the bits until each ball lies inside one rounding interval:

    value      the float64 nearest to the exact value v, ties to even
    remainder  (v - value) / ulp(value), rounded to a multiple of 2^-24, so that float32 holds it

ulp(value) is the distance to the next float64 away from zero. A zero that holds by an identity straddles zero with any
number of bits: it needs a clause of `zeros`, or so many bits (1100) that nothing but 0 is near. So value and remainder do
not depend on platform, order of summation or the bits used. A tie of float64 that is no exact ball is never decided.
"""

import math

import numpy as np

from minires.oracle.exact.balls import Undecided, balls, precision, raw
from minires.oracle.exact.zeros import clauses_of
from minires.oracle.packs.golden import Truth
from minires.oracle.tape import differentiate, record

BITS, CAP = 384, 3072
FINE = 24  # bits of a remainder below the unit in the last place


def truth(case, bits=BITS, cap=CAP):
    """The Truth of a case. Undecided where `cap` bits do not decide an entry: one line with case, tensor and index."""
    while True:
        try:
            with precision(bits):
                return rounded(case, enclosed(case), bits)
        except Undecided as reason:
            if 2 * bits > cap:
                raise Undecided(f"case {case.id}, {bits} bits: {reason}") from None
        bits *= 2


def enclosed(case):
    """{name, grad/name: array of balls} at the present precision. The run is recorded in balls: its constants are exact too."""
    in_balls = lambda arrays: {name: exactly(array) for name, array in arrays.items()}
    exact = case._replace(values=in_balls(case.values), cotangents=in_balls(case.cotangents))
    return differentiate(record(exact), exact.values)


def exactly(value):
    """A float array as exact balls; whole numbers and truth values as they are."""
    return balls(value) if np.asarray(value).dtype.kind == "f" else value


def rounded(case, named, bits):
    """The Truth of what is enclosed, or Undecided."""
    values, remainders, zeros, widest = {}, {}, {}, -math.inf
    for name, array in named.items():
        array, clauses = np.asarray(array, dtype=object), clauses_of(case, name)
        value, remainder = np.zeros(array.shape), np.zeros(array.shape, np.float32)
        for index in np.ndindex(array.shape):
            ball = raw(array[index])
            clause = next((each for each, holds in clauses.items() if holds(index)), None)
            if clause and not ball.is_exact() and ball.contains(0) and log2_radius(ball) < -bits / 2:
                zeros.setdefault(clause, {}).setdefault(name, 0)
                zeros[clause][name] += 1
                continue
            value[index], remainder[index] = decided(ball, f"{name}{list(index)}")
            widest = max(widest, log2_radius(ball) - last_place(value[index]) + 1)
        values[name], remainders[name] = value, remainder
    entries = sum(value.size for value in values.values())
    widest = None if widest == -math.inf else widest
    return Truth(values, remainders, {"bits": bits, "log2_radius": widest, "entries": entries, "zeros": zeros})


def log2_radius(ball):
    """The exponent of a power of two that the radius does not exceed; -inf for an exact ball."""
    mantissa, exponent = map(int, ball.rad().man_exp()) if ball.is_finite() else (0, 0)
    return mantissa.bit_length() + exponent if mantissa else -math.inf


def decided(ball, where):
    """The float64 and the remainder of every number in the ball, or Undecided where they differ."""
    if ball.is_exact() and not ball.is_finite() and not ball.is_nan():
        return float(ball), 0.0
    ends = [ball] if ball.is_exact() else [ball.lower(), ball.upper()]
    found = {rounded_number(*map(int, end.man_exp())) for end in ends} if ball.is_finite() else ()
    if len(found) != 1:
        raise Undecided(f"{where}: {ball.str(20)} does not round to one float64: expected more bits, or a case without a tie")
    return found.pop()


def rounded_number(mantissa, exponent):
    """The float64 nearest to mantissa 2^exponent, and what is left in its units in the last place.

    >>> rounded_number(2 ** 60 + 2 ** 5, -60)
    (1.0, 0.125)
    """
    place = max(mantissa.bit_length() + exponent - 53, -1074)
    value = math.ldexp(nearest(mantissa, exponent - place), place)
    place = last_place(value)
    fine = nearest(mantissa, exponent - place + FINE) - (int(math.ldexp(value, -place)) << FINE)
    return value, math.ldexp(fine, -FINE)


def last_place(value):
    """The exponent of the unit in the last place of a float64.

    >>> last_place(1.0), last_place(0.0)
    (-52, -1074)
    """
    return max(math.frexp(value)[1] - 53, -1074) if value else -1074


def nearest(mantissa, exponent):
    """The whole number nearest to mantissa 2^exponent, ties to even.

    >>> nearest(5, -1), nearest(7, -1), nearest(-5, -1)
    (2, 4, -2)
    """
    if exponent >= 0:
        return mantissa << exponent
    if mantissa.bit_length() < -exponent:  # below a half
        return 0
    whole, rest = divmod(mantissa, 1 << -exponent)
    half = 1 << (-exponent - 1)
    return whole + (rest > half or (rest == half and whole % 2 == 1))
