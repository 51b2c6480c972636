"""Float64 arrays whose every operation errs as another precision would, by a rule of `profiles`: `Noise` or `Rounding`.

What tolerances are derived from. Copies, comparisons, negation and maxima are exact.
"""

import numpy as np
from autograd.extend import VSpace
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vspaces import ArrayVSpace
from autograd.tracer import isbox

from minires.oracle.judgement.profiles import PROFILES, Noise, Profile, Rounding

EXACT = {np.negative, np.positive, np.maximum, np.minimum, np.absolute, np.sign, np.conjugate}


class Inexact(np.ndarray):
    """A float64 array that carries its rule of errors on to all that is computed from it."""

    errors = None

    def __array_finalize__(self, other):
        self.errors = getattr(other, "errors", None)

    def view(self, *arguments):
        """autograd takes what it has concatenated as a plain array, and would lose the rule of errors."""
        return self if arguments == (np.ndarray,) else super().view(*arguments)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if any(isbox(x) for x in inputs):  # a box comes first: it unpacks itself and calls again
            return NotImplemented
        errors = next(x.errors for x in inputs if isinstance(x, Inexact) and x.errors is not None)
        plain = [np.asarray(x) if isinstance(x, Inexact) else x for x in inputs]
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
        if function.__module__ == "numpy.linalg":  # a stable algorithm errs as if its operands did
            arguments = [self.errors.operand(np.asarray(x)) if isinstance(x, Inexact) else x for x in arguments]
            return stored(function(*arguments, **options), self.errors)
        return inexact(super().__array_function__(function, types, arguments, options), self.errors)


def product(errors, function, arguments, options):
    """dot, tensordot and einsum: as the matrix product."""
    plain = [np.asarray(x) if isinstance(x, Inexact) else x for x in arguments]
    real = lambda x: isinstance(x, (np.ndarray, np.floating)) and x.dtype == float
    a = [errors.operand(x) if real(x) else x for x in plain]
    total, squares = function(*a, **options), function(*[x * x if real(x) else x for x in a], **options)
    n = max(1, max(np.size(x) for x in a if real(x)) // max(1, np.size(total)))
    return inexact(errors.stored(errors.accumulated(total, squares, n)), errors)


def stored(results, errors):
    """What a function of numpy.linalg returns, an array or a tuple of them, as it is stored."""
    if isinstance(results, tuple):
        return type(results)(*(stored(each, errors) for each in results)) if hasattr(results, "_fields") else tuple(
            stored(each, errors) for each in results)
    return inexact(errors.stored(results) if np.result_type(results) == float else results, errors)


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

__all__ = ["PROFILES", "Inexact", "Noise", "Profile", "Rounding", "inexact"]
