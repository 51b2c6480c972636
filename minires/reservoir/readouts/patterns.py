"""Storing driven patterns in a reservoir and recalling each by its conceptor.

    stored    W' x_{t-1} = W x_{t-1} + W_in u_t      as well as ridge can, over the states of all patterns
    recalled  x_t = C (K x_{t-1} + g * f(W' x_{t-1} + b))

W' makes the reservoir feed itself what the input fed it; without C the patterns mix, C of one pattern keeps to it.
Letters of the shapes: T time, d inputs, N units.
source: Jaeger 2014 (1403.3369), on storing and recalling patterns; the paper's network is K = 0, g = 1, f = tanh.
"""

import autograd.numpy as np
import numpy

from minires.errors import require, whole_number
from minires.layers import linear
from minires.reservoir.checks import array
from minires.reservoir.echo_state import run, step
from minires.reservoir.operators import apply
from minires.reservoir.readouts.ridge import ridge_without_bias
from minires.reservoir.readouts.series import washout


def store(params, patterns, strength, drop=100, f="tanh"):
    """The parameters with W' for W, and the list of driven states (T - drop, N), one array per pattern.

    patterns  list of inputs (T, d); drop, the washout of each; strength lambda of the ridge for W'
    """
    require(isinstance(patterns, (list, tuple)) and len(patterns), "patterns: expected a list of inputs (T, d), at least one")
    driven, before, wanted = [], [], []
    for u in patterns:
        states, _ = run(params, u, f=f)
        earlier = numpy.concatenate([numpy.zeros_like(states[:1]), states[:-1]])  # (T, N)
        inside = apply(params["W"], earlier) + linear(u, np.transpose(params["W_in"]))  # (T, N)
        for kept, each in zip((driven, before, wanted), washout(drop, states, earlier, inside)):
            kept.append(each)
    readout = ridge_without_bias(numpy.concatenate(before), numpy.concatenate(wanted), strength)
    return {**params, "W": readout["W_o"].T}, driven


def recall(params, C, x, steps, f="tanh"):
    """The states (steps, N) of the reservoir running by itself under the conceptor C, from the state x (N,)."""
    N = array("x", x, (1,)).shape[0]
    require(array("C", C, (2,)).shape == (N, N), f"C has shape {np.shape(C)}: expected {(N, N)}")
    silent, states = numpy.zeros(params["W_in"].shape[1]), []
    for _ in range(whole_number("steps", steps)):
        x = numpy.dot(C, step(params, x, silent, f=f))  # (N,)
        states.append(x)
    return numpy.stack(states)
