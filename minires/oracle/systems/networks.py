"""The reservoirs that the oracle's cases run: which parameters the kernel gets, and one step of all layers together.

    config["network"]   {"family": "leaky"}, the parameters under the library's names: W, W_in, b, W_fb, those of the family;
                        or {"preset": "pyesn", "settings": {..}}, under the peer's names; "f" if not tanh
    "radius" among the parameters: W <- radius W

Letters of the shapes: B batch, N units, d inputs, q outputs that are fed back.
"""

from typing import NamedTuple

import autograd.numpy as np

from minires.layers import linear
from minires.reservoir import echo_state
from minires.reservoir.network import FAMILIES
from minires.reservoir.operators import apply
from minires.reservoir.presets import PRESETS
from minires.reservoir.rollout import ACTIVATIONS

STACKS = ("deepesn", "deepresesn")


class Network(NamedTuple):
    """Layers of the kernel, and how they hang together."""

    layers: list                  # parameters of the kernel, lowest first
    f: tuple                      # the activation of each
    joined: bool = False          # layer 1 hears u and the layer below (ResRMN), else the layer below alone
    inputs: dict | None = None    # PyRCN's map of the input, {"W_in", "b"}, followed by tanh
    external: bool = False        # the activation stands outside the leak: what is carried is r, what is heard f(r)


def network(config, params):
    """The Network of the config's parameters."""
    given = config["network"]
    f = given.get("f", "tanh")
    if "preset" in given:
        return of_preset(given["preset"], params, given.get("settings", {}), f)
    kernel, options = FAMILIES[given["family"]]
    named = {name: params[name] for name in options if name in params}
    weights = {name: params[name] for name in ("W", "W_in", "b", "W_fb") if name in params}
    if "radius" in params:
        weights["W"] = params["radius"] * weights["W"]
    return Network([{**weights, **kernel(**named)}], (f,))


def of_preset(name, params, settings, f):
    """The Network of a peer's parameters."""
    made = PRESETS[name].parameters(params) if name in STACKS else PRESETS[name].parameters(**params, **settings)
    if name in STACKS:
        return Network(made, (f,) * len(made))
    if name == "resrmn":
        return Network([made["memory"], made["reservoir"]], ("identity", f), joined=True)
    if name.startswith("pyrcn"):
        return Network([made["reservoir"]], (f,), inputs=made["inputs"])
    return Network([made], (f,), external=name == "reservoirpy03_external")


def advance(net, t, carried, u, y):
    """Step t: the new carried states, a list of (B, N), and the record of each layer."""
    if net.inputs:
        u = ACTIVATIONS["tanh"].traced(linear(u, np.transpose(net.inputs["W_in"]), net.inputs["b"]))  # (B, N)
    new, records = [], []
    for layer, (params, f, x) in enumerate(zip(net.layers, net.f, carried)):
        heard = u if layer == 0 else below(net, u, new[-1], carried[layer - 1])
        record = outside(params, x, heard, y, f) if net.external else echo_state.stages(params, x, heard, y, f)
        new.append(record.get("leaked", record["state"]))
        records.append(record)
    return new, [{"heard": u, **records[0]}, *records[1:]] if net.inputs else records


def below(net, u, new, old):
    """What a layer above the first hears at t: the state below at the same t."""
    return np.concatenate([u, new], axis=-1) if net.joined else new


def outside(params, r, u, y, f):
    """One step with the activation outside: r_t = K r_{t-1} + g (W f(r_{t-1}) + z_t), the state is f(r_t)."""
    f, z = ACTIVATIONS[f].traced, echo_state.drive(params, u, y)
    p = apply(params["W"], f(r)) + z
    leaked = apply(params["K"], r) + params["g"] * p
    return {"drive": z, "preactivation": p, "leaked": leaked, "state": f(leaked)}
