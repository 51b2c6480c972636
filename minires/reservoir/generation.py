"""Free runs: the output takes the place of the input, or goes back through W_fb. The state continues where it was."""

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.errors import Diverged, number, require, whole_number
from minires.reservoir.checks import array, check_parameters, shaped
from minires.reservoir.echo_state import step

LIMIT = 1e6  # an output beyond it has diverged


def generate(params, read, steps, x_0, u_0=None, u=None, y_0=None, f="tanh", limit=LIMIT):
    """`steps` outputs of the reservoir left to itself, its last state and its next input.

        without W_fb   x_t = step(x_{t-1}, u_t)             y_t = read(x_t, u_t)   u_{t+1} = y_t, the first is u_0
        with W_fb      x_t = step(x_{t-1}, u_t, y_{t-1})    y_t = read(x_t, u_t)   u_t given, y_{-1} = y_0

    read   (x (..., N), u (..., d)) -> y (..., q), for example lambda x, u: predict(readout, features(x, u))
    x_0    (N,) or (B, N), the state to continue from: the last of the teacher-forced run
    u_0    (d,) or (B, d), the first input: the last value observed, which the state has not seen yet
    u      (steps, d) or (B, steps, d), with W_fb: the inputs from outside
    limit  an output that is not finite or larger than this has diverged

    Returns outputs (steps, q) or (B, steps, q), x and y: the last state, and the output that comes back next.
    Diverged names the step; its attribute `outputs` has the rows before it.
    """
    N, d, q = check_parameters(params)
    steps, limit = whole_number("steps", steps, 0), number("limit", limit, 0.0, expected="a bound above 0")
    lead = numpy.shape(getval(x_0))[:-1]
    shaped("x_0", x_0, (N,), (*lead, N))
    back = first(q, d, steps, lead, u_0, u, y_0)
    x, outputs = x_0, []
    for t in range(steps):
        u_t = u[..., t, :] if q else back
        x = step(params, x, u_t, back if q else None, f)
        back = read(x, u_t)
        require(t or np.shape(back) == (*lead, q or d),
                f"read gives an output of shape {np.shape(back)}: expected {(*lead, q or d)}")
        if not numpy.all(numpy.abs(getval(back)) <= limit):  # so that NaN counts as well
            raise stopped(t, getval(back), outputs, limit)
        outputs.append(back)
    return (np.stack(outputs, axis=-2) if outputs else np.zeros((*lead, 0, q or d))), x, back


def first(q, d, steps, lead, u_0, u, y_0):
    """What comes back at the first step: u_0, or with feedback y_0; ValueError for the arguments of the other way."""
    if not q:
        require(u is None and y_0 is None, "u or y_0 without W_fb in the parameters: expected u_0, the loop's first input")
        require(u_0 is not None, f"no u_0: expected the first input ({d},), the last value observed")
        shaped("u_0", u_0, (*lead, d))
        return u_0
    require(u_0 is None and u is not None and y_0 is not None,
            f"a free run with W_fb: expected u (steps, {d}) and y_0 ({q},), the last output before it, and no u_0")
    require(array("u", u).shape == (*lead, steps, d), f"u has shape {np.shape(u)}: expected {(*lead, steps, d)}")
    shaped("y_0", y_0, (*lead, q))
    return y_0


def stopped(t, output, outputs, limit):
    """Diverged, with the rows before the step."""
    largest = numpy.max(numpy.abs(output)) if numpy.isfinite(output).all() else "not finite"
    error = Diverged(f"the free run diverged at step {t}: the output is {largest}, beyond {limit:g}")
    nothing = numpy.zeros((*output.shape[:-1], 0, output.shape[-1]))
    error.outputs = numpy.stack([getval(y) for y in outputs], axis=-2) if outputs else nothing
    return error
