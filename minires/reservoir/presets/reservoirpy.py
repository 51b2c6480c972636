"""ReservoirPy before and after its rewriting: 0.3 with two equations, 0.4 with one."""

import autograd.numpy as np

from minires.errors import require, whole_number
from minires.reservoir import kernels
from minires.reservoir.checks import check_series
from minires.reservoir.echo_state import drive
from minires.reservoir.operators import apply
from minires.reservoir.presets import initial
from minires.reservoir.presets.record import Preset, column_form
from minires.reservoir.rollout import ACTIVATIONS


def reservoirpy04(Win, W, bias=0.0, lr=1.0, feedback_dim=0):
    """ReservoirPy 0.4: the leaky network; feedback is nothing but more columns of Win.

        x_t = (1 - lr) x_{t-1} + lr f(W x_{t-1} + Win [u_t; y_{t-1}] + bias)

    Win           (N, d + feedback_dim), the columns of the feedback last; W (N, N); either may be a sparse matrix of SciPy
    bias          a number or (N,), 0 by default; lr a number or (N,)
    feedback_dim  q, how many columns of Win hear y_{t-1}; y_{-1} = 0

    Unusual: with the defaults of the class W is normal at density 0.1 with radius 1, Win +-1 at density 0.1, ridge 0.
    Contradiction: `Model.partial_fit` puts the feedback before the output of another node, `step` and `run` after it.
    The states of several series all begin at the state the node is in, not at zero.
    Source: reservoirpy/reservoirpy@1fc1135 (0.4.2), nodes/reservoir.py and model.py.
    """
    params = {**column_form(("W", W), ("Win", Win), ("bias", bias)), **kernels.leaky(lr)}
    Win, columns = params["W_in"], params["W_in"].shape[1]
    q = whole_number("feedback_dim", feedback_dim, 0)
    require(q < columns, f"feedback_dim={q} of {columns} columns of Win: expected 0 to {columns - 1}")
    return {**params, "W_in": Win[:, :columns - q], "W_fb": Win[:, columns - q:]} if q else params


def reservoirpy03(Win, W, bias=0.0, lr=1.0, Wfb=None):
    """ReservoirPy 0.3, equation="internal": the leaky network with a feedback matrix of its own.

        x_t = (1 - lr) x_{t-1} + lr f(W x_{t-1} + Win u_t + bias + Wfb y_{t-1})

    Win (N, d), W (N, N), bias a number, (N,) or (N, 1), Wfb (N, q) or None; lr a number or (N,); fb_activation the identity

    Unusual: by default the bias is random and W is not rescaled (sr=None); both changed silently in 0.4, and so did the
    ridge, which here penalises the bias. An integer seed draws Win and the bias alike: with one input they are equal.
    Source: ReservoirPy 0.3.11, nodes/reservoirs/base.py, forward_internal.
    """
    return {**column_form(("W", W), ("Win", Win), ("bias", bias), ("Wfb", Wfb)), **kernels.leaky(lr)}


def reservoirpy03_external(Win, W, bias=0.0, lr=1.0, Wfb=None):
    """ReservoirPy 0.3, equation="external": the activation stands outside the leak.

        r_t = (1 - lr) r_{t-1} + lr (W x_{t-1} + Win u_t + bias + Wfb y_{t-1}),   x_t = f(r_t)

    The arguments are those of `reservoirpy03`. The kernel does not cover it: what leaks, r, is not what is heard, x; so it
    has a loop of its own (`run_external`), whose x_0 and last state are those of r.

    Unusual: the peer's `reset` and `from_state` set x alone, r is left as it was.
    Source: ReservoirPy 0.3.11, nodes/reservoirs/base.py, forward_external; 0.4 keeps it in IPReservoir only.
    """
    return reservoirpy03(Win, W, bias, lr, Wfb)


def run_external(params, u, x_0=None, y=None, y_0=None, f="tanh"):
    """r_t = K r_{t-1} + g (W f(r_{t-1}) + z_t): the states x_t = f(r_t) (T, N) or (B, T, N), and the last r.

    x_0 is r before the first step; the other arguments, and the errors, are those of `echo_state.run`.
    """
    u, r, y_before, _ = check_series(params, u, x_0, y, y_0, f, None, 0.0, None)
    z, f, states = drive(params, u, y_before), ACTIVATIONS[f].traced, []  # z (..., T, N)
    for t in range(z.shape[-2]):
        r = params["K"] * r + params["g"] * (apply(params["W"], f(r)) + z[..., t, :])  # (..., N)
        states.append(f(r))
    return np.stack(states, axis=-2) if states else z, r


SOURCE_03 = "ReservoirPy 0.3.11, nodes/reservoirs/base.py"
RESERVOIRPY04 = Preset(reservoirpy04, ("1", "x"), False, "reservoirpy/reservoirpy@1fc1135 (0.4.2)",
                       initialise=initial.reservoirpy04)
RESERVOIRPY03 = Preset(reservoirpy03, ("1", "x"), True, SOURCE_03, initialise=initial.reservoirpy03)
RESERVOIRPY03_EXTERNAL = RESERVOIRPY03._replace(parameters=reservoirpy03_external, run=run_external)
