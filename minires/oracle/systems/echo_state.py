"""Echo-state networks as a system of the oracle: step after step, so that every state is a tensor of its own.

    x_t = K x_{t-1} + g * f(W x_{t-1} + W_in u_t + b + W_fb y_{t-1})        o_t = W_o [u_t; s(x_t)] + b_o
    loss = mean of (o_t - target_t)^2 over the real steps t >= washout of all series

    config  network (`networks`); washout; squares (s, as `features` has it); generate: steps of a free run afterwards;
            bidirectional: reservoir.0 reads forwards, reservoir.1 backwards, side by side
    params  reservoir.* as the network wants them; readout.W_o, readout.b_o; for a preset readout.W_out, columns as it reads
    inputs  u (B, T, d), targets (B, T, q); x_0 (B, N), x_0.0, x_0.1, .. of a stack; y (B, T, q) the teacher's outputs, y_0;
            real (B, T) bool; u_0 (B, d) or future (B, steps, d) of the free run; earlier.*: of a call before this one, which
            must leave no trace
    tensors K, g; steps.0.drive, .preactivation, .activation, .state, ..; steps.0.layers.0.state of a stack; last; mean_state;
            outputs (B, T, q); loss; generated, generated_state
"""

import autograd.numpy as np
import numpy

from minires.oracle.systems import networks, rollouts
from minires.reservoir.generation import generate
from minires.reservoir.presets import PRESETS, peer_features
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict


def run(config, params, inputs):
    """The tensors of one call."""
    if config.get("bidirectional"):
        states, named = rollouts.both_ways(config, params, inputs)
    else:
        net = networks.network(config, params["reservoir"])
        named, states = rollouts.walk(net, inputs, rollouts.real_steps(config, inputs))
    u, y = inputs["u"], teacher_before(inputs)
    outputs = read(config, params["readout"], collected(states), u, y)
    loss = mean_square(outputs, inputs["targets"], rollouts.real_steps(config, inputs), config.get("washout", 0))
    named = {**named, "outputs": outputs, "loss": loss}
    if config.get("generate"):
        named.update(free_run(config, params, net, named["last"], inputs))
    return named


def collected(states):
    """The states of all layers side by side, (B, T, N)."""
    return np.stack([np.concatenate(layers, axis=-1) for layers in states], axis=1)


def read(config, readout, states, u, y):
    """o_t (B, T, q), columns of the features as the config, or the preset, has them. ResRMN's readout sees h only."""
    name = config["network"].get("preset")
    if name is None:
        return predict(readout, features(states, u, squares=config.get("squares", "none")))
    states = states[..., -readout["W_out"].shape[1] + 1:] if name == "resrmn" else states
    F = peer_features(PRESETS[name], states, u, y)
    return np.dot(F, readout["W_out"].T)


def teacher_before(inputs):
    """y_{t-1} for every t (B, T, q), or None."""
    return np.stack([rollouts.feedback(inputs, t) for t in range(inputs["u"].shape[1])], axis=1) if "y" in inputs else None


def mean_square(outputs, targets, real, washout):
    """The mean of (o - target)^2 over the real steps that are not washed out, and over the outputs."""
    counted = (real & (numpy.arange(real.shape[1]) >= washout))[..., None].astype(float)  # (B, T, 1)
    return np.sum(counted * (outputs - targets) ** 2) / int(numpy.sum(counted) * targets.shape[-1])


def free_run(config, params, net, x, inputs):
    """The reservoir left to itself for some steps, from its last state: {"generated", "generated_state"}."""
    layer, f = net.layers[0], net.f[0]
    look = lambda x, u: read(config, params["readout"], x[:, None], u[:, None], None)[:, 0]
    given = {"u": inputs["future"], "y_0": inputs["y"][:, -1]} if "W_fb" in layer else {"u_0": inputs["u_0"]}
    outputs, state, _ = generate(layer, look, config["generate"], x, f=f, **given)
    return {"generated": outputs, "generated_state": state}
