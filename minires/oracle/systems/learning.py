"""Reservoirs that learn while they run: FORCE and intrinsic plasticity, each step's tensors by name (`readout`)."""

import autograd.numpy as np

from minires.reservoir import echo_state
from minires.reservoir.readouts import online, plasticity, ridge
from minires.reservoir.rollout import ACTIVATIONS


def by_force(config, params, inputs):
    """FORCE: one series, the output after each update is fed back at the next step."""
    p, u, Y = params["reservoir"], inputs["u"][0], inputs["targets"][0]
    x, z, named, errors = inputs["x_0"][0], np.zeros_like(Y[0]), {}, []
    readout, P = online.rls_start(x.shape[0], Y.shape[1], 1.0, False, x.dtype)
    P = scaled(P, params["strength"])
    for t in range(len(u)):
        x = echo_state.step(p, x, u[t], z)
        before = readout
        readout, P, e = online.rls_step(readout, P, x, Y[t])
        z = fed_back(before, readout, x)
        named.update({f"steps.{t}.{name}": array for name, array in
                      {"state": x, "readout": readout["W_o"], "error": e, "feedback": z}.items()})
        errors.append(e)
    return {**named, "loss": sum(np.sum(e * e) for e in errors) / len(errors)}


def fed_back(before, readout, x):
    """The output after the update (Sussillo & Abbott 2009, eq. 3)."""
    return ridge.predict(readout, x)


def by_plasticity(config, params, inputs):
    """Intrinsic plasticity towards a normal distribution, step by step; the states are those of the adapting reservoir."""
    p, u, x = params["reservoir"], inputs["u"][0], inputs["x_0"][0]
    gain, bias, named, f = np.ones_like(x), np.zeros_like(x), {}, ACTIVATIONS["tanh"].traced
    for t in range(len(u)):
        n = echo_state.stages({**p, "K": 0.0, "g": 1.0}, x, u[t])["preactivation"]
        h = f(gain * n + bias)
        x = p["K"] * x + p["g"] * h
        d_gain, d_bias = plasticity.normal_rule(n, h, gain, config["rate"], config["mean"], config["deviation"])
        gain, bias = gain + d_gain, bias + d_bias
        named.update({f"steps.{t}.{name}": array for name, array in
                      {"preactivation": n, "activation": h, "state": x, "gain": gain, "bias": bias}.items()})
    return {**named, "loss": squared(x, inputs["targets"][0][-1])}


def scaled(P, strength):
    """P_0 = I / strength, from I."""
    return P / strength


def squared(outputs, targets):
    """The mean of (o - target)^2."""
    return np.sum((outputs - targets) ** 2) / targets.size
