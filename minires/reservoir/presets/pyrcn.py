"""PyRCN: its input passes an activation of its own before the reservoir hears it; weights in row form."""

import autograd.numpy as np

from minires.errors import one_of, require
from minires.layers import linear
from minires.reservoir import echo_state, kernels
from minires.reservoir.checks import array
from minires.reservoir.presets import initial
from minires.reservoir.presets.record import Preset, row_form
from minires.reservoir.rollout import ACTIVATIONS


def nodes(recurrent_weights, input_weights, bias_weights, input_scaling=1.0, input_shift=0.0, bias_scaling=1.0, bias_shift=0.0):
    """PyRCN's InputToNode, {"W_in" (N, d), "b" (N,)} of (u W_in) s + c + b s' + c'; and {"W", "W_in": I} in column form."""
    p = row_form(("recurrent_weights", recurrent_weights), ("input_weights", input_weights), ("bias_weights", bias_weights))
    b = bias_scaling * p["b"] + (input_shift + bias_shift)
    return {"W_in": input_scaling * p["W_in"], "b": b}, {"W": p["W"], "W_in": np.eye(len(p["W"]), dtype=p["W"].dtype)}


def pyrcn(input_weights, recurrent_weights, bias_weights=0.0, spectral_radius=1.0, leakage=1.0, **scales):
    """PyRCN: the input part has a tanh of its own, the radius multiplies W anew at each step.

        x_t = (1 - leakage) x_{t-1} + leakage f(v_t + spectral_radius x_{t-1} W)
        v_t = f_in(u_t W_in input_scaling + input_shift + b bias_scaling + bias_shift)

    W_in <-> input_weights (d, N), W <-> recurrent_weights (N, N), row form: unit i sends along row i; b <-> bias_weights (N, 1)
    scales  input_scaling=1, input_shift=0, bias_scaling=1, bias_shift=0, as in the second line
    Returns {"inputs", "reservoir"}: the map u -> v, which is not part of the kernel, and the kernel that hears v (W_in = I).

    Unusual: f_in is tanh unless asked otherwise (`run_mapped`, input_activation="identity"). Each series begins at zero.
    W has unit radius by ARPACK on at most 10 eigenvalues. `sparsity` is the fraction of NONZERO weights.
    The readout reads [x; 1], solved with the inverse of (Gram + alpha I): the bias is penalised.
    Source: TUD-STKS/PyRCN@a526349 (0.1.0), base/blocks.
    """
    inputs, kernel = nodes(recurrent_weights, input_weights, bias_weights, **scales)
    return {"inputs": inputs, "reservoir": {**kernel, "W": spectral_radius * kernel["W"], **kernels.leaky(leakage)}}


def pyrcn_euler(input_weights, recurrent_weights, bias_weights=0.0, recurrent_scaling=1.0, gamma=0.001, epsilon=0.01, **scales):
    """PyRCN's Euler state network: gamma is added, where the Euler state network subtracts it.

        x_t = x_{t-1} + epsilon f(v_t + x_{t-1} (recurrent_scaling W + gamma I)),   v_t as in `pyrcn`

    W <-> recurrent_weights (N, N), antisymmetric, row form: in column form W^T = -W; the others as in `pyrcn`

    Unusual: + gamma I moves the eigenvalues to the right, away from stability; `eusn` has - gamma I.
    Source: TUD-STKS/PyRCN@a526349 (0.1.0), EulerNodeToNode; against Gallicchio 2022 (2203.09382).
    """
    inputs, kernel = nodes(recurrent_weights, input_weights, bias_weights, **scales)
    W = recurrent_scaling * kernel["W"] + gamma * kernel["W_in"]  # W_in is the identity
    return {"inputs": inputs, "reservoir": {**kernel, "W": W, **kernels.euler(epsilon)}}


def run_mapped(params, u, x_0=None, input_activation="tanh", f="tanh", mask=None):
    """v_t = f_in(W_in u_t + b), then `echo_state.run` of v; the default activations are PyRCN's."""
    f_in = one_of("input activation", input_activation, ACTIVATIONS).traced
    W_in, b = params["inputs"]["W_in"], params["inputs"]["b"]
    d, shape = W_in.shape[1], array("u", u, (2, 3), finite=False).shape
    require(shape[-1] == d, f"u has shape {shape}: expected (T, {d}) or (B, T, {d}), as input_weights has {d} rows")
    return echo_state.run(params["reservoir"], f_in(linear(u, W_in.T, b)), x_0, f=f, mask=mask)


PYRCN = Preset(pyrcn, ("x", "1"), True, "TUD-STKS/PyRCN@a526349 (0.1.0)", run=run_mapped, initialise=initial.pyrcn)
PYRCN_EULER = PYRCN._replace(parameters=pyrcn_euler, initialise=initial.pyrcn_euler)
