"""From the parameters of a family or of a peer to weights of the kernel, each written from the peer's own equation.

A layer is {"W", "W_in", "b", "W_fb", "K", "g"}; W or K may be {"values", "sources"}; K a number, (N,) or (N, N).
"""

import torch

from .torch_reservoir_parts import RadiusOfScaled


def family(name, p, wrong):
    """One layer under the library's names."""
    layer = {key: p[key] for key in ("W", "W_in", "b", "W_fb") if key in p}
    if "radius" in p:
        layer["W"] = RadiusOfScaled.apply(p["radius"], p["W"]) if "radius-gradient-of-the-scaled-weights" in wrong else (
            p["radius"] * p["W"])
    times = lambda number, O: {**O, "values": number * O["values"]} if isinstance(O, dict) else number * O
    if name == "leaky":
        layer.update(K=1 - p["a"], g=p["a"])
    elif name == "jaeger_leaky":
        layer.update(K=1 - p["delta"] * p["C"] * p["a"], g=p["delta"] * p["C"])
    elif name == "additive":
        layer.update(K=1 - p["a"], g=1.0)
    elif name == "euler":
        layer.update(K=1 - p["eps"] if "euler-retains-less" in wrong else 1.0, g=p["eps"])
    elif name == "edge_of_stability":
        layer.update(K=times(1 - p["beta"], p["O"]), g=p["beta"], O=p["O"])
    elif name == "residual":
        layer.update(K=times(p["alpha"], p["O"]), g=p["beta"], O=p["O"])
        if "alpha-0-becomes-leaky" in wrong and p["alpha"] == 0:
            layer.update(K=0.0, g=1.0)
    return [layer]


def leaky(W, W_in, b, a, W_fb=None):
    """A leaky layer."""
    layer = {"W": W, "W_in": W_in, "K": 1 - a, "g": a}
    layer.update({} if b is None else {"b": b * torch.ones(len(W), dtype=W.dtype) if b.ndim == 0 else b})
    return {**layer, **({} if W_fb is None else {"W_fb": W_fb})}


def pyesn(p, wrong):
    """tanh(W x + W_in (s u + c) + W_feedb (s' y + c'))."""
    s, c = p["teacher_scaling"], p["teacher_shift"]
    W_fb, shift = p["W_feedb"] * s, p["W_feedb"] @ c
    if "teacher-unscaled" in wrong:
        W_fb, shift = p["W_feedb"], 0
    if "teacher-shifted-before-scaled" in wrong:
        shift = W_fb @ c
    return {"W": p["W"], "W_in": p["W_in"] * p["input_scaling"], "b": p["W_in"] @ p["input_shift"] + shift, "W_fb": W_fb,
            "K": 0.0, "g": 1.0}


def easyesn(p, wrong):
    """A bias column in the input and in the feedback weights, each with a constant of its own."""
    b = p["WInput"][:, 0] * p["bias"] + p["WFeedback"][:, 0] * p["outputBias"]
    return leaky(p["W"], p["WInput"][:, 1:], b, p["leakingRate"], p["WFeedback"][:, 1:])


def reservoirpy04(p, wrong):
    """Feedback in the last columns of Win."""
    Win, q = p["Win"], 4
    if "feedback-columns-first" in wrong:
        return leaky(p["W"], Win[:, q:], p["bias"], p["lr"], Win[:, :q])
    return leaky(p["W"], Win[:, :-q], p["bias"], p["lr"], Win[:, -q:])


def euler_step(W, W_in, b, eps, wrong):
    """x + eps f(..)."""
    return {"W": W, "W_in": W_in, **({} if b is None else {"b": b}), "g": eps,
            "K": 1 - eps if "euler-retains-less" in wrong else 1.0}


def eusn(p, wrong):
    """(W - W^T - gamma I)."""
    gamma = -p["gamma"] if "friction-of-the-other-sign" in wrong else p["gamma"]
    W = p["W"] - p["W"].T - gamma * torch.eye(len(p["W"]), dtype=p["W"].dtype)
    return euler_step(W, p["W_in"], p["b"], p["epsilon"], wrong)


def pyrcn(p, wrong):
    """The kernel that hears v = tanh((u W_in) s + c + b s' + c'), and that map."""
    N = len(p["recurrent_weights"])
    inputs = {"W_in": p["input_scaling"] * p["input_weights"].T,
              "b": p["input_shift"] + p["bias_scaling"] * p["bias_weights"] + p["bias_shift"]}
    W, eye = p["recurrent_weights"].T, torch.eye(N, dtype=p["recurrent_weights"].dtype)
    if "gamma" in p:
        gamma = -p["gamma"] if "friction-of-the-other-sign" in wrong else p["gamma"]
        return {**euler_step(p["recurrent_scaling"] * W + gamma * eye, eye, None, p["epsilon"], wrong), "map": inputs}
    return {**leaky(p["spectral_radius"] * W, eye, None, p["leakage"]), "map": inputs}


def residual(p, names=("in_kernel", "recurrent_kernel", "ortho")):
    """alpha h O + beta tanh(i W_in + h W + b), rows."""
    W_in, W, O = (p[name].T for name in names)
    return {"W": W, "W_in": W_in, "b": p["bias"], "K": p["alpha"] * O, "g": p["beta"], "O": O}


def resrmn(p, wrong):
    """A linear memory, and a residual reservoir that hears [u, m]."""
    m, r = p["memory"], p["reservoir"]
    memory = {"W": m["recurrent_memory_kernel"].T, "W_in": m["in_kernel"].T, "b": m["bias"], "K": 0.0, "g": 1.0,
              "f": "identity"}
    heard = torch.cat([r["in_kernel"], r["memory_kernel"]])
    return [memory, residual({**r, "in_kernel": heard}, ("in_kernel", "recurrent_kernel", "O"))]


def echotorch(p, wrong):
    """w_in (s u)."""
    b = p["w_bias"] * p["input_scaling"] if "bias-scaled-with-input" in wrong else p["w_bias"]
    return leaky(p["w"], p["w_in"] * p["input_scaling"], b, p["leaky_rate"])


PEERS = {
    "minimal": lambda p, wrong: leaky(p["W"], p["Win"][:, 1:], p["Win"][:, 0], p["a"]),
    "jaeger2001": lambda p, wrong: {"W": p["W"], "W_in": p["W_in"], "W_fb": p["W_back"], "K": 0.0, "g": 1.0},
    "jaeger2001_leaky": lambda p, wrong: {"W": p["W"], "W_in": p["W_in"], "W_fb": p["W_back"],
                                          "K": 1 - p["d"] * p["C"] * p["a"], "g": p["d"] * p["C"]},
    "reservoirpy04": reservoirpy04,
    "reservoirpy03": lambda p, wrong: leaky(p["W"], p["Win"], p["bias"], p["lr"], p["Wfb"]),
    "reservoirpy03_external": lambda p, wrong: leaky(p["W"], p["Win"], p["bias"], p["lr"], p["Wfb"]),
    "pyesn": pyesn, "pyrcn": pyrcn, "pyrcn_euler": pyrcn, "easyesn": easyesn,
    "rescompy": lambda p, wrong: leaky(p["A"].T, p["B"], p["C"], p["leaking_rate"]),
    "bianchi": lambda p, wrong: {"W": p["internal_weights"], "W_in": p["input_weights"], "K": 1 - p["leak"], "g": 1.0},
    "echotorch": echotorch,
    "rcjl": lambda p, wrong: leaky(p["reservoir_matrix"], p["input_matrix"], p["bias"], p["leak_coefficient"]),
    "torchesn": lambda p, wrong: leaky(p["weight_hh_l0"], p["weight_ih_l0"], p["bias_ih_l0"], p["leaking_rate"]),
    "orc": lambda p, wrong: leaky(p["wr"], p["win"], p["bias"], p["leak"]),
    "eusn": eusn,
    "es2n": lambda p, wrong: {"W": p["W"], "W_in": p["Win"], "b": p["bias"], "K": (1 - p["proximity"]) * p["O"],
                              "g": p["proximity"], "O": p["O"]},
    "resesn": lambda p, wrong: residual(p, ("kernel", "recurrent_kernel", "ortho")),
    "resrmn": resrmn,
    "deepesn": lambda p, wrong: [leaky(layer["recurrent_kernel"].T, layer["kernel"].T, layer["bias"], layer["leaky"])
                                 for layer in p],
    "deepresesn": lambda p, wrong: [residual(layer) for layer in p],
}


def weights(network, p, wrong):
    """The layers of a network, lowest first."""
    if "preset" in network:
        made = PEERS[network["preset"]](p, wrong)
        return made if isinstance(made, list) else [made]
    return family(network["family"], p, wrong)
