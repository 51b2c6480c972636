"""Precisions: the unit roundoffs that a port declares, and how a number errs in them, by chance (`Noise`) or by rounding.

An operation's result is multiplied by 1 +- u_store, signs at random; the operands of a product by 1 +- u_multiply; a sum of
n terms x_i gets sqrt(n) u_accumulate sqrt(sum x_i^2) times a normal number. `Rounding` rounds to nearest at the same places.
"""

import math
from typing import NamedTuple

import numpy as np

MANY = 1 << 14        # random numbers drawn at a time
NEGLIGIBLE = 1e-30    # no gradient is so small that the smallest number of such a precision matters


class Profile(NamedTuple):
    """Unit roundoffs of what is stored, of what enters a product, of what a sum is accumulated in; the range of what is stored.

    u = 2^-p rounds to p significant bits, at most by u relative to the number.
    """

    store: float
    multiply: float
    accumulate: float
    smallest: float = 0.0     # half the distance of the numbers next to zero
    largest: float = np.inf   # beyond it a number becomes infinite


PROFILES = {
    "float64": Profile(2.0 ** -53, 2.0 ** -53, 2.0 ** -53),
    "float32": Profile(2.0 ** -24, 2.0 ** -24, 2.0 ** -24, 2.0 ** -150, 2.0 ** 128 * (1 - 2.0 ** -25)),
    "tf32": Profile(2.0 ** -24, 2.0 ** -11, 2.0 ** -24, 2.0 ** -150, 2.0 ** 128 * (1 - 2.0 ** -25)),
    "bfloat16": Profile(2.0 ** -8, 2.0 ** -8, 2.0 ** -24, 2.0 ** -134, 2.0 ** 128 * (1 - 2.0 ** -9)),
    "float16": Profile(2.0 ** -11, 2.0 ** -11, 2.0 ** -24, 2.0 ** -25, 65520.0),
}


def rounded(x, u):
    """x to the nearest number of p significant bits, u = 2^-p, ties to even.

    >>> rounded([1.01, 257.0], 2.0 ** -8)
    array([  1.0078125, 256.       ])
    """
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.rint(fraction / u) * u, exponent)


class Noise:
    """Errors of one profile by chance, from a numpy.random.Generator."""

    def __init__(self, profile, rng):
        self.profile = profile
        self.signs = Drawn(lambda n: 2.0 * rng.integers(0, 2, n) - 1)
        self.normal = Drawn(lambda n: rng.standard_normal(n))

    def stored(self, x):
        """x (1 +- u_store)."""
        return self.within(x, self.profile.store, self.profile.smallest)

    def operand(self, x):
        """x (1 +- u_multiply)."""
        return self.within(x, self.profile.multiply)

    def within(self, x, u, smallest=0.0):
        """x (1 +- u) and, where x is not zero, +- smallest, each sign by chance."""
        signs = self.signs(np.shape(x))
        near = x * (1 + u * signs)
        return near + smallest * signs * (x != 0) if smallest > NEGLIGIBLE else near

    def accumulated(self, total, squares, n):
        """The sum of n terms, the squares of which sum to `squares`."""
        return total + self.profile.accumulate * np.sqrt(n * squares) * self.normal(np.shape(total))

    def constant(self, x):
        """A constant array of the program, as a port may compute it: entries of no more than 8 significant bits are exact."""
        if not isinstance(x, np.ndarray) or x.dtype != float or x.ndim == 0:
            return x
        single = x.astype(np.float32)
        exact = (single == x) & (single.view(np.int32) & 0xFFFF == 0)  # what bfloat16 holds, infinities too
        return x if exact.all() else np.where(exact, x, self.stored(x))


class Drawn:
    """Random numbers of a draw(n), in the shape asked for; drawn many at a time."""

    def __init__(self, draw):
        self.draw, self.kept, self.next = draw, np.zeros(0), 0

    def __call__(self, shape):
        n = math.prod(shape)
        if self.next + n > len(self.kept):
            self.kept, self.next = self.draw(max(n, MANY)), 0
        self.next += n
        return self.kept[self.next - n:self.next].reshape(shape)


class Rounding(Noise):
    """Errors of one profile as a machine makes them: to nearest, infinite beyond the largest number."""

    def __init__(self, profile):
        self.profile = profile

    def within(self, x, u, smallest=0.0):
        """x to the nearest number of the precision."""
        near = rounded(x, u)
        if smallest:
            near = np.where(np.abs(x) < smallest / u, np.rint(x / (2 * smallest)) * (2 * smallest), near)
        return np.where(np.abs(near) >= self.profile.largest, np.copysign(np.inf, x), near)

    def accumulated(self, total, squares, n):
        """The sum, rounded once."""
        return self.within(total, self.profile.accumulate)
