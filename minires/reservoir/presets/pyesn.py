"""pyESN: teacher forcing, scaled inputs and teachers, a first row that is never computed."""

import autograd.numpy as np

from minires.errors import require
from minires.reservoir import echo_state
from minires.reservoir.checks import array
from minires.reservoir.presets import initial
from minires.reservoir.presets.record import Preset, column_form, vector


def pyesn(W_in, W, W_feedb=None, input_scaling=1.0, input_shift=0.0, teacher_scaling=1.0, teacher_shift=0.0):
    """pyESN: no leak and no bias of its own, but scales and shifts on input and teacher, here taken into the weights.

        x_t = tanh(W x_{t-1} + W_in (s u_t + c) + W_feedb (s' y_{t-1} + c')),   t >= 1;   x_0 = 0 is row 0 of the states
        hence  W_in' = W_in s,   W_fb' = W_feedb s',   b' = W_in c + W_feedb c'

    W_in (N, d), W (N, N), W_feedb (N, q), or None for teacher_forcing=False
    s, c    <-> input_scaling, input_shift: numbers or (d,);    s', c' <-> teacher_scaling, teacher_shift: numbers or (q,)

    Unusual: `fit` leaves row 0 zero, u_0 is never heard (`run_from_second_row`); `predict` hears all its inputs: run it with
    `echo_state.run` or `generate`. Noise, 0.001 by default, stands outside tanh and acts at predict too. `sparsity` is
    the fraction of zeros. The readout reads [x; s u + c] and is a pseudo-inverse without ridge.
    The transient is min(T' / 10, 100) with T' the number of inputs for the number of steps, so 0 in practice.
    Contradictions: `predict` applies out_activation to its outputs once in the loop and once again at the end; what is fed
    back has it once, as here. The kept last input is unscaled (it is not used).
    Source: cknd/pyESN@de294b6.
    """
    params = column_form(("W", W), ("W_in", W_in), W_fb=("W_feedb", W_feedb))
    W_in, b = scaled("input", params["W_in"], input_scaling, input_shift)
    params = {**params, "W_in": W_in, "b": b, "K": 0.0, "g": 1.0}
    if W_feedb is None:
        return params
    W_fb, b_fb = scaled("teacher", params["W_fb"], teacher_scaling, teacher_shift)
    return {**params, "b": b + b_fb, "W_fb": W_fb}


def scaled(name, A, scaling, shift):
    """A (s v + c) = (A s) v + A c: the matrix and the bias. s and c are numbers or one per column of A."""
    s = vector(f"{name}_scaling", scaling, A.shape[1], A.dtype)
    return A * s, np.dot(A, vector(f"{name}_shift", shift, A.shape[1], A.dtype))


def run_from_second_row(params, u, x_0=None, y=None):
    """pyESN's `fit`: row 0 of the states is x_0 (default zero), the loop begins at u_1 with y_0; otherwise `echo_state.run`."""
    T = array("u", u, (2, 3), finite=False).shape[-2]
    require(T > 1, f"u has {T} rows: expected at least two, as the first is skipped")
    taught = {} if y is None else {"y": y[..., 1:, :], "y_0": y[..., 0, :]}
    states, last = echo_state.run(params, u[..., 1:, :], x_0, **taught)
    first = np.zeros_like(states[..., :1, :]) + (0.0 if x_0 is None else np.array(x_0)[..., None, :])  # (..., 1, N)
    return np.concatenate([first, states], axis=-2), last


PYESN = Preset(pyesn, ("x", "u"), None, "cknd/pyESN@de294b6", run=run_from_second_row, initialise=initial.pyesn)
