"""Attention-enhanced reservoir computing (AERC): an echo-state network whose readout weights depend on the state.

    x_t = tanh(W x_{t-1} + W_in u_t + b)                       the kernel with leak 1, frozen
    s_t = (x_t - mean) / deviation                             of the training series, unit by unit
    y_k = (1/N) sum_i (A_k s_t + c_k)_i s_i                    quadratic in the state: `readout.quadratic`
    deep: the same of h_t = tanh(s_t W_h + b_h) for s_t

symbols: x (N,) state, A_k (N, N) and c_k (N,) for each output k = 1 .. q. There is no softmax: "attention" is A_k s + c_k.
y is linear in A and c, so that for the first form ridge regression on the products s_i s_j and the s_i finds them at once; the
authors train by Adam. Only the symmetric part of A_k counts.

What the authors' code does beside these equations (fekoester/AERes at 9576c98): the argument `leakage=0.15` is accepted and
never used; b is normal of deviation 1; a deviation of exactly 0 is taken as 1, but that of a unit that never moves is mostly
about 1e-16 by rounding. Here there is no such argument, and a unit whose states are all equal is divided by 1. The statistics
are those of the training series, whatever comes later (`standardised_on`).
LAERC, by the same author, is `nearest.laerc`.
source: Koester & Uchida 2023, "Attention-Enhanced Reservoir Computing" (2312.16503).
"""

import autograd.numpy as np
import numpy

from minires.activations import tanh
from minires.errors import number, require, whole_number
from minires.layers import linear
from minires.reservoir.echo_state import run
from minires.reservoir.kernels import leaky
from minires.reservoir.scaling import rescale
from minires.reservoir_resformer.neighbours.record import network
from minires.reservoir_resformer.readout import draw as normal
from minires.reservoir_resformer.readout import init_quadratic, quadratic


def attention_enhanced(inputs, outputs, units=100, radius=0.95, density=0.2, input_density=0.5):
    """d inputs, q outputs, N units; density: the share of weights that are not zero.

    apply(params, u, x_0=None) -> y (T, q) or (B, T, q), for u (T, d) or (B, T, d)
    """
    init = lambda rng, N, q: init_quadratic(rng, N, None, 1, q)
    return described(init, quadratic, inputs, outputs, units, radius, density, input_density)


def attention_enhanced_deep(inputs, outputs, units=100, radius=0.95, density=0.2, input_density=0.5):
    """The same with tanh(s W_h + b_h) for the state in the readout."""
    init = lambda rng, N, q: {"W_h": normal(rng, N, N), "b_h": np.zeros(N), **init_quadratic(rng, N, None, 1, q)}
    return described(init, deep, inputs, outputs, units, radius, density, input_density)


def deep(s, W_h, b_h, A, c):
    """quadratic(tanh(s W_h + b_h)), the hidden state on both sides of the product."""
    return quadratic(tanh(linear(s, W_h, b_h)), A, c)  # (B, q)


def described(init_readout, readout, inputs, outputs, units, radius, density, input_density):
    """The Network with readout(s, **parameters) on the standardised states."""
    d, q, N = whole_number("inputs", inputs), whole_number("outputs", outputs), whole_number("units", units)
    for name, share in (("density", density), ("input_density", input_density)):
        require(0 < number(name, share) <= 1, f"{name}={share}: expected above 0 and at most 1")

    def draw(rng):
        drawn = reservoir(rng, N, d, radius, density, input_density)
        memory = {"reservoir": drawn, "mean": np.zeros(N), "deviation": np.ones(N)}
        return {"memory": memory, "readout": init_readout(rng, N, q)}

    def apply(params, u, x_0=None):
        s = standardised_states(params["memory"], u, x_0)  # (T, N) or (B, T, N)
        return np.reshape(readout(np.reshape(s, (-1, N)), **params["readout"]), (*s.shape[:-1], q))

    return network(draw, apply)


def reservoir(rng, N, d, radius, density, input_density):
    """W normal at a share `density` of the places, scaled to the radius; W_in of variance 1 / d, at a share too; b normal."""
    W = rng.standard_normal((N, N)) * (rng.random((N, N)) < density)
    W_in = rng.standard_normal((N, d)) * (rng.random((N, d)) < input_density) / np.sqrt(d * input_density)
    return {"W": rescale(W, "spectral_radius", radius), "W_in": W_in, "b": rng.standard_normal(N), **leaky(1.0)}


def standardised_states(memory, u, x_0=None):
    """(x_t - mean) / deviation of the states after each u_t."""
    return (run(memory["reservoir"], u, x_0)[0] - memory["mean"]) / memory["deviation"]


def standardised_on(params, u, x_0=None):
    """The parameters with mean and deviation of the states that the training series u (T, d) or (B, T, d) gives."""
    states = run(params["memory"]["reservoir"], u, x_0)[0]
    states = numpy.reshape(states, (-1, states.shape[-1]))  # (rows, N)
    deviation = numpy.std(states, axis=0)
    deviation[numpy.ptp(states, axis=0) == 0] = 1  # the deviation of equal numbers is rounding, not always zero
    return {**params, "memory": {**params["memory"], "mean": numpy.mean(states, axis=0), "deviation": deviation}}
