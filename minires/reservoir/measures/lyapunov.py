"""Conditional Lyapunov exponents: how fast two states of the driven reservoir come together (< 0) or part (> 0), per step.

    J_t = K + diag(g f'(p_t)) W,    p_t = W x_{t-1} + W_in u_t + b + W_fb y_{t-1}
    V_t R_t = J_t V_{t-1}  (QR),    lambda_i = mean_t ln |R_t,ii|

K is part of the Jacobian. lambda_1 is the largest: below 0 small differences of the state vanish under this input, so that
a reservoir with rho(W) > 1 may well contract when driven. In nats per step; divide by the time step for a rate in time.
Sources: Bertschinger & Natschlaeger 2004, Neural Computation 16:1413; Benettin et al. 1980, Meccanica 15:9 (the QR method).
T time, N units, m exponents.
"""

from typing import NamedTuple

import numpy as np

from minires.checks import check_generator
from minires.errors import require, whole_number
from minires.reservoir.checks import check_series
from minires.reservoir.echo_state import drive
from minires.reservoir.operators import applied
from minires.reservoir.rollout import rollout
from minires.reservoir.unrolling import slopes

BLOCKS = 10  # of steps, whose means give the standard error


class Lyapunov(NamedTuple):
    """The largest exponents and how sure they are."""

    exponents: np.ndarray  # (m,), the largest first, nats per step; -inf where a direction is lost at once
    standard_error: np.ndarray  # (m,), from the means of ten blocks of steps
    steps: int  # averaged over, after the washout
    washout: int

    def __str__(self):
        """The exponents with their errors."""
        each = ", ".join(f"{value:+.4g} (se {error:.1g})" for value, error in zip(self.exponents, self.standard_error))
        return f"conditional Lyapunov exponents {each} nats per step ({self.steps} steps after {self.washout} of washout)"


def growth(W, K, gains, V):
    """ln |R_t,ii| for each step: (T, m). gains (T, N) is g f'(p_t); V (m, N), the first directions as rows."""
    W, K = applied(W), applied(K)
    logs = np.empty((len(gains), len(V)))
    for t, gain in enumerate(gains):
        V = K(V) + gain * W(V)  # (m, N), each row J_t v
        Q, R = np.linalg.qr(V.T)
        V = np.ascontiguousarray(Q.T)  # (m, N)
        with np.errstate(divide="ignore"):  # a lost direction: ln 0 = -inf
            logs[t] = np.log(np.abs(np.diag(R)))
    return logs


def lyapunov_exponents(params, u, rng, m=1, washout=100, x_0=None, y=None, y_0=None, f="tanh"):
    """The m largest conditional exponents of the reservoir driven by u (T, d), as Lyapunov.

    rng      draws the first directions; what is found does not depend on them
    washout  steps at the start that are not averaged: the state and the directions settle
    x_0, y, y_0  as in `echo_state.run`; with W_fb the exponents are also conditional on the teacher's outputs y
    Errors: as `run`; m above N; fewer than ten steps after the washout; a batch.

    >>> from minires.reservoir.kernels import leaky
    >>> rotation = {"W": np.array([[0.0, -0.5], [0.5, 0.0]]), "W_in": np.ones((2, 1)), **leaky(1.0)}
    >>> found = lyapunov_exponents(rotation, np.ones((40, 1)), np.random.default_rng(0), 2, washout=9, f="identity")
    >>> np.exp(found.exponents).round(12)
    array([0.5, 0.5])
    """
    require(np.ndim(u) == 2, f"u has shape {np.shape(u)}: expected one series (T, d)")
    u, x_0, y_before, _ = check_series(params, u, x_0, y, y_0, f, None, 0.0, None)
    m, washout, (T, N) = whole_number("m", m), whole_number("washout", washout, 0), (len(u), len(x_0))
    require(m <= N, f"m={m}: expected at most N = {N}")
    require(T - washout >= BLOCKS, f"washout={washout} of {T} steps: expected at least {BLOCKS} steps after it")
    z = drive(params, u, y_before)  # (T, N)
    X = rollout(params["W"], params["K"], params["g"], z, x_0, f)  # (T, N)
    gains = params["g"] * slopes(X, params["W"], z, x_0, f)[2]  # (T, N)
    V = np.linalg.qr(check_generator(rng).standard_normal((N, m)))[0].T  # (m, N)
    logs = growth(params["W"], params["K"], gains, V)[washout:]  # (T - washout, m)
    blocks = np.stack([block.mean(axis=0) for block in np.array_split(logs, BLOCKS)])  # (BLOCKS, m)
    with np.errstate(invalid="ignore"):  # -inf less -inf
        error = blocks.std(axis=0, ddof=1) / BLOCKS ** 0.5  # (m,)
    mean = logs.mean(axis=0)  # (m,)
    order = np.argsort(-mean, kind="stable")  # equal ones, as of a complex pair, come in any order
    return Lyapunov(mean[order], error[order], len(logs), washout)
