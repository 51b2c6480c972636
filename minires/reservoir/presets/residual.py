"""Reservoirs that keep a rotated or whole state: EuSN, ES2N, ResESN, one layer each."""

import autograd.numpy as np
from autograd.tracer import getval

from minires.errors import require
from minires.reservoir import kernels
from minires.reservoir.presets import initial_residual as initial
from minires.reservoir.presets.record import Preset, column_form, matrix, row_form


def eusn(W, W_in, b=0.0, epsilon=0.01, gamma=0.01):
    """Euler state network: one Euler step of an antisymmetric system with some friction.

        x_t = x_{t-1} + epsilon tanh((W - W^T - gamma I) x_{t-1} + W_in u_t + b)

    W (N, N), any matrix: it is made antisymmetric here; W_in (N, d), b a number or (N,); epsilon > 0 step, gamma friction

    Unusual: everything is kept (K = 1), so that |x| is not bounded by 1; no radius is set.
    Contradictions: PyRCN adds gamma (`pyrcn_euler`); RC.jl's EuSNCell keeps (1 - epsilon) x.
    Source: Gallicchio 2022 (2203.09382); code andreaceni/ResESN@a4e8a3f, EulerReservoirCell, in row form.
    """
    params = column_form(("W", W), ("W_in", W_in), ("b", b))
    W = params["W"]
    return {**params, "W": W - W.T - gamma * np.eye(len(W), dtype=W.dtype), **kernels.euler(epsilon)}


def es2n(W, Win, O, bias=0.0, proximity=1.0):
    """Edge-of-stability network: a convex mix of an orthogonal map of the state and the usual step.

        x_t = (1 - beta) O x_{t-1} + beta f(W x_{t-1} + Win u_t + bias)

    W (N, N), Win (N, d), O (N, N) orthogonal, bias a number or (N,); beta <-> proximity, one number

    Unusual: at beta = 1 the plain network, towards 0 a lossless rotation.
    Source: Ceni & Gallicchio 2024, Edge of stability echo state network, IEEE TNNLS; names of ReservoirPy 0.4.2's ES2N.
    """
    params = column_form(("W", W), ("Win", Win), ("bias", bias))
    require(np.ndim(proximity) == 0, f"proximity has shape {np.shape(proximity)}: expected one number")
    N = len(params["W"])
    return {**params, **kernels.edge_of_stability(proximity, matrix("O", O, N, N))}


def resesn(kernel, recurrent_kernel, bias=0.0, ortho=None, alpha=0.0, beta=1.0, leaky=1.0):
    """Residual echo-state network, in row form: two independent numbers for what is kept and what is gained.

        h_t = alpha h_{t-1} O + beta tanh(u_t kernel + h_{t-1} recurrent_kernel + bias),   alpha > 0
        h_t = (1 - leaky) h_{t-1} + leaky tanh(...),                                        alpha = 0

    kernel (d, N), recurrent_kernel (N, N), O <-> ortho (N, N) or None for the identity: rows send, so each is transposed here

    Unusual: alpha = 0 does not leave beta tanh(...) but falls back to the leaky network. O is random, a cycle or the identity.
    The radius of a full W is set by the circular law, (rho / sqrt(N)) 6 / sqrt(12), which is some percent off.
    Its benchmark series narma10.csv lacks the term y * sum(y); its NRMSE divides by the root mean square of the target.
    Source: Ceni & Gallicchio 2024, Neurocomputing 127966; andreaceni/ResESN@a4e8a3f, esn.py, ReservoirCell.
    """
    params = row_form(("recurrent_kernel", recurrent_kernel), ("kernel", kernel), ("bias", bias))
    N = len(params["W"])
    O = None if ortho is None else matrix("ortho", ortho, N, N).T
    return {**params, **(kernels.residual(alpha, beta, O) if getval(alpha) > 0 else kernels.leaky(leaky))}


EUSN = Preset(eusn, ("1", "x"), False, "Gallicchio 2022 (2203.09382); andreaceni/ResESN@a4e8a3f", initialise=initial.eusn)
ES2N = Preset(es2n, ("1", "x"), False, "Ceni & Gallicchio 2024; ReservoirPy 0.4.2", initialise=initial.es2n)
RESESN = Preset(resesn, ("1", "x"), False, "andreaceni/ResESN@a4e8a3f", initialise=initial.resesn)
