"""How the input and the bias enter, and the draws that every weight shares.

`density` is the fraction of weights that are NOT zero (1 is full); what pyESN calls sparsity is 1 - density. Each
function takes a Generator and moves it on, so that W, W_in and b from one Generator are independent; an integer seed is
refused, as the same one for two of them makes them equal (in ReservoirPy 0.3 the bias then is the input weights).
"""

import numpy as np

from minires.checks import check_generator
from minires.errors import number, one_of, require, whole_number

DISTRIBUTIONS = {
    "normal": lambda shape, rng: rng.standard_normal(shape),
    "uniform": lambda shape, rng: rng.uniform(-1.0, 1.0, shape),
    "bernoulli": lambda shape, rng: rng.choice([-1.0, 1.0], shape),
}


def draw(shape, rng, distribution, density=1.0):
    """Independent weights: normal (mean 0, variance 1), uniform on (-1, 1), or bernoulli (-1 or 1 by a fair coin).

        round(density * size) of them, without replacement, keep their value; the others are zero
    shape: of the result; density in (0, 1]: the fraction that is not zero. With the same Generator, what a low density keeps
    a higher one keeps as well, with the same values.
    Errors: a distribution of another name; density outside (0, 1] or so low that no weight is left.
    """
    values = one_of("distribution", distribution, DISTRIBUTIONS)(shape, check_generator(rng))
    density = number("density", density)
    require(0 < density <= 1, f"density={density}: expected above 0 and at most 1, the fraction of weights not zero")
    kept = round(density * values.size)
    require(kept > 0, f"density={density} leaves none of {values.size} weights: expected at least {1 / values.size:.3g}")
    if kept < values.size:
        values.flat[rng.permutation(values.size)[kept:]] = 0.0
    return values


def scales(scale, d):
    """`scale` as a number, or as an array (d,) of one per channel; ValueError where one is negative or not finite."""
    if np.ndim(scale) == 0:
        return number("scale", scale, 0.0, expected="a number of at least 0")
    try:
        values = np.asarray(scale, dtype=np.float64)  # (d,)
    except (TypeError, ValueError):
        raise ValueError(f"scale={scale!r}: expected a number, or one for each of {d} channels") from None
    require(values.shape == (d,), f"scale has shape {values.shape}: expected a number or ({d},), one for each channel")
    require(np.all(np.isfinite(values) & (values >= 0)), f"scale={values.tolist()}: expected finite numbers of at least 0")
    return values


def input_weights(N, d, rng, scale=1.0, distribution="uniform", density=1.0):
    """W_in (N, d): what unit i hears of channel c.

        W_in[i, c] = scale_c * draw
    N units, d input channels; scale: a number, or (d,) one per channel. The bias is no column of it: see `bias`.
    Errors: as `draw`; a scale of another length, negative, or not finite.

    >>> input_weights(4, 2, np.random.default_rng(0), scale=[1.0, 0.0]).shape
    (4, 2)
    """
    N, d = whole_number("N", N), whole_number("d", d)
    return draw((N, d), rng, distribution, density) * scales(scale, d)  # (N, d)


def bias(N, rng, scale=1.0, distribution="uniform", density=1.0):
    """b (N,): scale * draw, with its own scale and its own draw. Errors: as `input_weights`, but scale is one number."""
    N, scale = whole_number("N", N), number("scale", scale, 0.0, expected="a number of at least 0")
    return draw((N,), rng, distribution, density) * scale  # (N,)


# ---- without any chance ----------------------------------------------------------------------------------------------

def pi_digits(count):
    """The first `count` decimals of pi, 1 4 1 5 9 ..., by Machin's formula in whole numbers.

        pi = 16 arctan(1/5) - 4 arctan(1/239),    arctan(1/x) = 1/x - 1/(3 x^3) + 1/(5 x^5) - ...

    >>> pi_digits(10)
    [1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    """
    count, guard = whole_number("count", count), 20  # the terms' roundings spoil fewer than the last 20 digits
    unit = 10 ** (count + guard)

    def arctangent(x):
        power, total, n = unit // x, 0, 1
        while power:
            total += power // n if n % 4 == 1 else -(power // n)
            power, n = power // (x * x), n + 2
        return total

    rest, digits = (16 * arctangent(5) - 4 * arctangent(239)) // 10 ** guard, []
    for _ in range(count):
        rest, digit = divmod(rest, 10)
        digits.append(digit)
    return digits[::-1]


def input_signs(N, d=1):
    """(N, d) of -1 and +1 by the decimals of pi: input weights v * input_signs(N, d) need no random number.

        sign = -1 for the digits 0 to 4, +1 for 5 to 9
    Unit n of the first channel has the n-th decimal, the second channel goes on where the first one ends.
    Source: Rodan & Tino 2011, IEEE Trans. Neural Networks 22, "Minimum complexity echo state network", and 2012 (one
    channel). ReservoirComputing.jl differs: it makes the odd digits negative.

    >>> input_signs(5).T
    array([[-1., -1., -1.,  1.,  1.]])
    """
    N, d = whole_number("N", N), whole_number("d", d)
    digits = np.reshape(pi_digits(N * d), (d, N)).T  # (N, d)
    return np.where(digits > 4, 1.0, -1.0)  # (N, d)
