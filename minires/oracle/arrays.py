"""Float64 arrays whose every operation errs as another precision would: by chance (`Noise`) or by rounding (`Rounding`).

What tolerances are derived from. An operation's result is multiplied by 1 +- u_store, signs at random; the operands of a
product by 1 +- u_multiply; a sum of n terms x_i gets sqrt(n) u_accumulate sqrt(sum x_i^2) times a normal number.
Copies, comparisons, negation and maxima are exact.
"""

from typing import NamedTuple

import numpy as np
from autograd.extend import VSpace
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vspaces import ArrayVSpace


class Profile(NamedTuple):
    """Unit roundoffs: of what is stored, of what enters a product, of what a sum is accumulated in."""

    store: float
    multiply: float
    accumulate: float


PROFILES = {
    "float64": Profile(2.0 ** -53, 2.0 ** -53, 2.0 ** -53),
    "float32": Profile(2.0 ** -24, 2.0 ** -24, 2.0 ** -24),
    "tf32": Profile(2.0 ** -24, 2.0 ** -11, 2.0 ** -24),
    "bfloat16": Profile(2.0 ** -8, 2.0 ** -8, 2.0 ** -24),
    "float16": Profile(2.0 ** -11, 2.0 ** -11, 2.0 ** -24),
}
EXACT = {np.negative, np.positive, np.maximum, np.minimum, np.absolute, np.sign, np.conjugate}


class Noise:
    """Errors of one profile by chance, from a numpy.random.Generator."""

    def __init__(self, profile, rng):
        self.profile, self.rng = profile, rng

    def stored(self, x):
        """x (1 +- u_store)."""
        return self.within(x, self.profile.store)

    def operand(self, x):
        """x (1 +- u_multiply)."""
        return self.within(x, self.profile.multiply)

    def within(self, x, u):
        """x (1 +- u), each sign by chance."""
        return x * (1 + u * self.rng.choice((-1.0, 1.0), np.shape(x)))

    def accumulated(self, total, squares, n):
        """The sum of n terms, the squares of which sum to `squares`."""
        return total + self.profile.accumulate * np.sqrt(n * squares) * self.rng.standard_normal(np.shape(total))


class Inexact(np.ndarray):
    """A float64 array that carries its rule of errors on to all that is computed from it."""

    errors = None

    def __array_finalize__(self, other):
        self.errors = getattr(other, "errors", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        errors = next(x.errors for x in inputs if isinstance(x, Inexact) and x.errors is not None)
        plain = [x.view(np.ndarray) if isinstance(x, Inexact) else x for x in inputs]
        if ufunc is np.matmul:
            a, b = (errors.operand(x) for x in plain)
            result = errors.accumulated(a @ b, (a * a) @ (b * b), np.shape(a)[-1])
        else:
            result = getattr(ufunc, method)(*plain, **options)
            if ufunc is np.add and method == "reduce":
                squares = np.add.reduce(plain[0] * plain[0], *plain[1:], **options)
                result = errors.accumulated(result, squares, max(1, plain[0].size // max(1, np.size(result))))
        if result is None:  # ufunc.at works in place
            return None
        if np.result_type(result) == float and ufunc not in EXACT:
            result = errors.stored(result)
        if out is not None:
            out[0][...] = result
            return out[0]
        return inexact(result, errors)

    def __array_function__(self, function, types, arguments, options):
        if function in (np.dot, np.tensordot, np.einsum):
            return product(self.errors, function, arguments, options)
        return inexact(super().__array_function__(function, types, arguments, options), self.errors)


def product(errors, function, arguments, options):
    """dot, tensordot and einsum: as the matrix product."""
    plain = [x.view(np.ndarray) if isinstance(x, Inexact) else x for x in arguments]
    real = lambda x: isinstance(x, np.ndarray) and x.dtype == float
    a = [errors.operand(x) if real(x) else x for x in plain]
    total, squares = function(*a, **options), function(*[x * x if real(x) else x for x in a], **options)
    n = max(1, max(np.size(x) for x in a if real(x)) // max(1, np.size(total)))
    return inexact(errors.stored(errors.accumulated(total, squares, n)), errors)


def inexact(x, errors):
    """The float array x with a rule of errors; anything else as it is."""
    if isinstance(x, (list, tuple)):
        return type(x)(inexact(each, errors) for each in x)
    if not isinstance(x, (np.ndarray, np.floating)) or x.dtype != float:
        return x
    x = np.asarray(x).view(Inexact)
    x.errors = errors
    return x


ArrayBox.register(Inexact)
VSpace.register(Inexact, ArrayVSpace)
