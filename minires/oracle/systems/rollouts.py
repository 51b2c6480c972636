"""One reservoir, or several, over a series: a loop of `networks.advance`, and the names of what it finds.

Letters of the shapes: B batch, T time, N units, d inputs, q outputs.
"""

import autograd.numpy as np
import numpy

from minires.oracle.systems import networks


def walk(net, inputs, real):
    """The tensors of all steps by name, and the states: for each t a list of the layers' (B, N)."""
    u, B, T = inputs["u"], *inputs["u"].shape[:2]
    x, named, states = start(net, inputs, B), kernel_of(net), []
    for t in range(T):
        if numpy.any(real[:, t]):
            y = feedback(inputs, t) if "W_fb" in net.layers[0] else None
            new, records = networks.advance(net, t, x, heard(u, t), y)
            x = [kept(real[:, t], after, before) for after, before in zip(new, x)]
            shown = x if not net.external else [record["state"] for record in records]
            named.update(names(t, records, shown))
        states.append(shown if numpy.any(real[:, :t + 1]) else x)
    named["last"] = x[-1]
    if not numpy.all(real):
        named["mean_state"] = mean_state(states, real)
    return named, states


def mean_state(states, real):
    """The mean over the real steps of each series, of the highest layer's states."""
    real = numpy.asarray(real, dtype=float)  # (B, T)
    return sum(real[:, t, None] * x[-1] for t, x in enumerate(states)) / numpy.sum(real, axis=1, keepdims=True)


def kernel_of(net):
    """What is kept and gained, {K, g}, of one layer, or of each."""
    several = len(net.layers) > 1
    return {f"layers.{i}.{name}" if several else name: layer[name] for i, layer in enumerate(net.layers)
            for name in ("K", "g") if not isinstance(layer[name], dict)}


def names(t, records, states):
    """The records of step t by name, the states as they are kept."""
    several = len(records) > 1
    return {f"steps.{t}.layers.{i}.{name}" if several else f"steps.{t}.{name}": states[i] if name == "state" else tensor
            for i, record in enumerate(records) for name, tensor in record.items()}


def start(net, inputs, B):
    """The states before the first step: x_0, or zeros."""
    given = [inputs.get("x_0" if len(net.layers) == 1 else f"x_0.{i}") for i in range(len(net.layers))]
    zeros = [np.zeros((B, len(layer["W_in"])), dtype=layer["W_in"].dtype) for layer in net.layers]
    return [zero if x is None else x for x, zero in zip(given, zeros)]


def heard(u, t):
    """The input of step t."""
    return u[:, t]


def feedback(inputs, t):
    """What comes back at step t: y_{t-1}, y_0 or zeros at the first."""
    y = inputs["y"]
    return y[:, t - 1] if t else inputs.get("y_0", np.zeros_like(y[:, 0]))


def kept(real, after, before):
    """The new state, or in a row without a real input the old one."""
    return after if numpy.all(real) else np.where(real[:, None], after, before)


def real_steps(config, inputs):
    """Which steps are real (B, T); pyESN never hears the first input."""
    real = numpy.array(inputs.get("real", numpy.ones(inputs["u"].shape[:2], dtype=bool)))
    if config["network"].get("preset") == "pyesn":
        real[:, 0] = False
    return real


def both_ways(config, params, inputs):
    """One reservoir from the first row to the last, one from the last to the first, which is then turned round again."""
    halves, named = [], {}
    for i, name in enumerate(("forward", "backward")):
        net = networks.network(config, params["reservoir"][i])
        u = inputs["u"] if i == 0 else turned(inputs["u"])
        found, states = walk(net, {**inputs, "u": u, "x_0": inputs[f"x_0.{i}"]}, numpy.ones(u.shape[:2], dtype=bool))
        halves.append([state for state, in states])
        named.update({f"{name}.{key}": tensor for key, tensor in found.items()})
    return [list(pair) for pair in zip(halves[0], again(halves[1]))], named


def turned(u):
    """The series (B, T, d) with time turned round."""
    return u[:, ::-1]


def again(states):
    """The states of the series that was turned round, in the order of the rows."""
    return states[::-1]
