"""Readouts that learn step by step: recursive least squares, least mean squares.

    e_t = y_t - Theta_{t-1}^T z_t                a-priori error: before the update, an honest one
    Theta_t = Theta_{t-1} + k_t e_t^T

    recursive least squares   k_t = P_{t-1} z_t / (l + z_t^T P_{t-1} z_t)
                              P_t = (P_{t-1} - k_t z_t^T P_{t-1}) / l,  P_0 = I / alpha
    least mean squares        k_t = rate z_t
    normalised                k_t = rate z_t / (epsilon + z_t^T z_t)

Theta <-> W_o above b_o, z_t <-> features with a 1 below, alpha <-> strength, l <-> forgetting. A readout without "b_o" has no
bias, and z_t no 1. All state is passed in and out.

Letters of the shapes: T time, F features, q outputs, n = F + 1 with a bias, else F.
source: Haykin 2002, Adaptive Filter Theory; normalised Nagumo & Noda 1967.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.errors import Diverged, number, positive, require, truth
from minires.reservoir.readouts.arrays import numbers, row_pair


def rls(F, Y, strength=1.0, forgetting=1.0, bias=True, state=None):
    """The readout after all rows, its P, and the a-priori errors (T, q): readout, P, errors.

    F (T, F) and Y (T, q); strength alpha > 0; forgetting l in (0, 1]; state a (readout, P) to go on from.
    It is the exact minimum of  sum_t l^(T-t) |e_t|^2 + l^T alpha ||Theta||^2: with l = 1 `ridge(F, Y, alpha)` without a bias,
    and `ridge(F, Y, alpha, penalise_bias=True)` with one, as the bias stands inside P.

    ValueError: shapes that do not fit; strength not above 0; forgetting not in (0, 1].
    """
    F, Y = row_pair(F, Y)
    start = rls_start(F.shape[1], Y.shape[1], strength, truth("bias", bias), dtype_of(F, Y)) if state is None else state
    return fold(lambda readout, P, f, y: rls_step(readout, P, f, y, forgetting), start, F, Y)


def rls_start(features, outputs, strength=1.0, bias=True, dtype="float64"):
    """The state before the first step: a readout of zeros, with or without "b_o", and P = I / alpha (n, n)."""
    n = features + bias
    return readout_start(features, outputs, bias, dtype), np.eye(n, dtype=dtype) / positive("strength", strength)


def rls_step(readout, P, f, y, forgetting=1.0):
    """One step with features f (F,) and target y (q,): the new readout, the new P, and the a-priori error (q,)."""
    number("forgetting", forgetting, 1e-6, 1.0 + 1e-15, "a number above 0 and at most 1")
    Theta, z, y = together(readout, f, y)
    require(P.shape == (len(z), len(z)), f"P has shape {P.shape}: expected {(len(z), len(z))} for this readout")
    Pz = np.dot(P, z)  # (n,)
    size = forgetting + np.dot(z, Pz)
    e = y - np.dot(z, Theta)  # (q,)
    P = (P - np.outer(Pz, Pz) / size) / forgetting  # (n, n), symmetric to the last bit
    return apart(readout, Theta + np.outer(Pz / size, e)), P, e


def lms(F, Y, rate, readout=None):
    """The readout after all rows and the a-priori errors (T, q); stable for 0 < rate < 2 / |z|^2, else soon Diverged."""
    return one_by_one(lms_step, F, Y, rate, readout)


def normalised_lms(F, Y, rate, readout=None):
    """The same with the rate divided by |z|^2; stable for 0 < rate < 2 whatever the size of the features."""
    return one_by_one(normalised_lms_step, F, Y, rate, readout)


def lms_step(readout, f, y, rate):
    """One step of least mean squares: the new readout and the a-priori error (q,)."""
    Theta, z, y = together(readout, f, y)
    e = y - np.dot(z, Theta)  # (q,)
    return apart(readout, Theta + np.outer(rate * z, e)), e


def normalised_lms_step(readout, f, y, rate, epsilon=1e-8):
    """One step of normalised least mean squares: the new readout and the a-priori error (q,)."""
    _, z, _ = together(readout, f, y)
    return lms_step(readout, f, y, rate / (epsilon + np.dot(z, z)))


def one_by_one(step, F, Y, rate, readout):
    """`step` over all rows from a readout, by default zeros with a bias."""
    F, Y = row_pair(F, Y)
    positive("rate", rate)
    start = readout_start(F.shape[1], Y.shape[1], True, dtype_of(F, Y)) if readout is None else readout
    return fold(lambda readout, f, y: step(readout, f, y, rate), (start,), F, Y)


def fold(step, state, F, Y):
    """state <- step(*state, f_t, y_t) over the rows; the last state, and the errors (T, q) that the steps also return."""
    errors = []
    for t, (f, y) in enumerate(zip(F, Y)):
        with numpy.errstate(all="ignore"):
            *state, e = step(*state, f, y)
        if not numpy.isfinite(getval(e)).all():
            raise Diverged(f"learning diverged at row {t}: the error is not finite, expected a smaller rate")
        errors.append(e)
    return (*state, np.stack(errors))


def readout_start(features, outputs, bias=True, dtype="float64"):
    """A readout of zeros."""
    W_o = np.zeros((features, outputs), dtype=dtype)
    return {"W_o": W_o, "b_o": np.zeros(outputs, dtype=dtype)} if bias else {"W_o": W_o}


def dtype_of(F, Y):
    """The dtype in which the readout of F and Y is kept."""
    return np.result_type(F[0, 0], Y[0, 0])


def together(readout, f, y):
    """Theta (n, q) of a readout, and one row of features with its 1 (n,), and of targets (q,), both checked."""
    f, y, shape = numbers("features", f, (1,)), numbers("target", y, (1,)), readout["W_o"].shape
    require(f.shape == shape[:1], f"features have shape {f.shape}: expected ({shape[0]},), as W_o has rows")
    require(y.shape == shape[1:], f"target has shape {y.shape}: expected ({shape[1]},), as W_o has columns")
    if "b_o" not in readout:
        return readout["W_o"], f, y
    return np.concatenate([readout["W_o"], readout["b_o"][None]]), np.concatenate([f, np.ones_like(f[:1])]), y


def apart(readout, Theta):
    """The readout with the numbers of Theta."""
    return {"W_o": Theta[:-1], "b_o": Theta[-1]} if "b_o" in readout else {"W_o": Theta}
