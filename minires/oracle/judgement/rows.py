"""The comparison of one tensor: the error against what is expected, in units of the tolerance and in the usual ones."""

import numpy as np

from minires.oracle.judgement.tolerance import limits
from minires.oracle.judgement.verdict import Row

TYPICAL = 0.22    # rms z of correct runs (measured): rounding to nearest errs less than u, often in one place where several may
LARGEST = 1e100   # of z: a tolerance of zero would make it infinite


def z_of(error, sigma):
    """error / sigma, within +- LARGEST; 0 where the error is not a number."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.clip(error / sigma, -LARGEST, LARGEST), nan=0.0)


def error_of(given, expected, remainder=0.0):
    """(given - expected) - remainder ulp(expected), 0 where either is not finite."""
    finite = np.isfinite(given) & np.isfinite(expected)
    a, b = np.where(finite, given, 0.0), np.where(finite, expected, 0.0)
    return (a - b) - remainder * np.spacing(np.abs(b)) * finite if np.any(remainder) else a - b


def row(name, scope, given, expected, error, sigma, precision, allowed=None):
    """The Row of one tensor.

    precision: the unit roundoff of the port's dtype and the profile; errors in units in the last place are in the coarser.
    allowed: (rtol, atol) instead of the tolerance.
    """
    unit, profile = max(precision[0], precision[1].store), precision[1]
    z, size = np.abs(z_of(error, sigma)), np.abs(error)
    finite = np.isfinite(given) & np.isfinite(expected)
    a, b = np.where(finite, given, 0.0).ravel(), np.where(finite, expected, 0.0).ravel()
    rms, most = root_mean_square(z), float(np.max(z, initial=0.0))
    same = np.array_equal(np.where(finite, 0, given), np.where(finite, 0, expected), equal_nan=True)
    limit = limits(profile, z.size)
    within = rms <= limit[0] and most <= limit[1]
    if allowed is not None:
        within = bool(np.all(size.ravel() <= allowed[1] + allowed[0] * np.abs(b)))
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(z), z.shape)) if z.ndim and z.size else ()
    largest, absolute = float(np.max(np.abs(b), initial=0.0)), float(np.max(size, initial=0.0))
    ulps = float(np.max(size.ravel() / ulp(b, unit), initial=0.0))
    return Row(name, scope, bool(within and (same or scope == "local")), rms, most, worst, absolute,
               absolute / largest if largest else float(absolute > 0), ulps,
               max(profile.store, profile.multiply) * rms / TYPICAL, ratio(a @ b, b @ b),
               ratio(a @ b, np.sqrt(a @ a) * np.sqrt(b @ b)))


def root_mean_square(x):
    """sqrt(mean x^2), 0 of nothing; x may be as large as LARGEST."""
    return float(np.sqrt(np.mean(np.square(x)))) if np.size(x) else 0.0


def ulp(x, u):
    """The distance of neighbouring numbers at x in a precision of unit roundoff u; at zero, at u times the largest."""
    _, exponent = np.frexp(np.where(x == 0, u * max(np.max(np.abs(x), initial=0.0), np.finfo(float).tiny / u), x))
    return np.ldexp(2 * u, exponent - 1)


def ratio(a, b):
    """a / b, 1 where both are zero."""
    return float(a / b) if b else float(a == b)
