"""Mistakes in the state update of a reservoir: the leak, the bias, the activation, the weights."""

import autograd.numpy as np
import numpy

from minires.activations import relu, sigmoid, tanh
from minires.oracle.mistakes.reservoir_tools import (
    active, biased, formula, full, leaky, nonlinear, one, other, steps, with_tanh)
from minires.reservoir.operators import apply
from minires.reservoir.rollout import ACTIVATIONS


def inside(stages, p, x, u, y, f):
    """x_t = f(K x_{t-1} + g p_t)."""
    now = stages(p, x, u, y, f)
    h = ACTIVATIONS[f].traced(apply(p["K"], x) + p["g"] * now["preactivation"])
    return {**now, "activation": h, "state": h}


def bias_outside(stages, p, x, u, y, f):
    """x_t = K x_{t-1} + g (f(W x_{t-1} + W_in u_t) + b)."""
    return active(stages({**p, "b": np.zeros_like(p["b"])}, x, u, y, f), p, x, lambda now: now["activation"] + p["b"])


def per_part(stages, p, x, u, y, f):
    """f(W x) + f(z)."""
    f_ = ACTIVATIONS[f].traced
    return active(stages(p, x, u, y, f), p, x, lambda now: f_(apply(p["W"], x)) + f_(now["drive"]))


def in_place(stages, p, x, u, y, f):
    """Unit after unit, each hears those before it as they are already."""
    z, W, N = stages(p, x, u, y, f)["drive"], p["W"], len(p["W"])
    g, kept, new, heard, acting = p["g"] * numpy.ones(N), apply(p["K"], x), [], [], []
    for i in range(N):
        now = np.concatenate([*[each[..., None] for each in new], x[..., i:]], axis=-1)  # (..., N)
        heard.append(np.sum(W[i] * now, axis=-1) + z[..., i])
        acting.append(ACTIVATIONS[f].traced(heard[-1]))
        new.append(kept[..., i] + g[i] * acting[-1])
    p, h, x = (np.stack(parts, axis=-1) for parts in (heard, acting, new))
    return {"drive": z, "preactivation": p, "activation": h, "state": x}


def across_batch(stages, p, x, u, y, f):
    """A leak per unit stands at the series."""
    now = stages(p, x, u, y, f)
    return {**now, "state": p["K"][:, None] * x + p["g"][:, None] * now["activation"]}


def single(stages, p, x, u, y, f):
    """The state passes through float32."""
    now = stages(p, x, u, y, f)
    return {**now, "state": now["state"].astype(numpy.float32).astype(numpy.float64)}


def other_activation(h):
    """f replaced."""
    def change(stages, p, x, u, y, f):
        now = stages(p, x, u, y, f)
        return active(now, p, x, lambda now: h(now["preactivation"])) if f == "tanh" else now
    return formula(change)


MISTAKES = {
    "leak-swapped": one("a and 1 - a are exchanged", leaky, other(K=lambda p: p["g"], g=lambda p: p["K"]),
                        "echo_state 2", "reservoir_resformer 1", fix="a weighs the new value: (1 - a) x + a f(p)"),
    "leak-ignored": one("there is no leak: x_t = f(p_t)", leaky, other(K=lambda p: 0.0, g=lambda p: 1.0),
                        "echo_state 4", "reservoir_resformer 2", seen=("cknd/pyESN issue 8",)),
    "gain-without-leak": one("f is not multiplied by the leak: (1 - a) x + f(p)", leaky, other(g=lambda p: 1.0),
                             "echo_state 3", "reservoir_resformer 3"),
    "leak-inside-activation": one("the leak is inside f: x_t = f((1 - a) x + a p)",
                                  lambda case: leaky(case) and nonlinear(case), formula(inside), "reservoir_resformer 4"),
    "bias-outside-activation": one("the bias is added after f", biased, formula(bias_outside),
                                   "echo_state 6", "reservoir_resformer 13"),
    "bias-dropped": one("there is no bias", biased, other(b=lambda p: np.zeros_like(p["b"])),
                        "echo_state 10", "reservoir_resformer 12"),
    "activation-per-part": one("f of the recurrent part and of the rest apart: f(W x) + f(W_in u + b)",
                               lambda case: steps(case) and nonlinear(case),
                               formula(per_part), "echo_state 7"),
    "state-updated-in-place": one("units are updated one after another and hear the new values", full, formula(in_place),
                                  "echo_state 8", "reservoir_resformer 7", fix="compute all of x_t from the whole of x_{t-1}"),
    "recurrent-weights-transposed": one("W is transposed", full, other(W=lambda p: np.transpose(p["W"])),
                                        "echo_state 9", "reservoir_resformer 6", fix="W x for a column, x W^T for a row"),
    "activation-logistic": one("f is the logistic function, not tanh", with_tanh, other_activation(sigmoid),
                               "echo_state 16", "reservoir_resformer 11"),
    "activation-identity": one("there is no f: the reservoir is linear", with_tanh, other_activation(lambda p: p),
                               "echo_state 17", "reservoir_resformer 10"),
    "activation-relu": one("f is max(0, p), not tanh", with_tanh, other_activation(relu), "reservoir_resformer 9"),
    "state-in-float32": one("the state is kept in float32", steps, formula(single), "echo_state 18", "reservoir_resformer 85",
                            fix="keep the state in the precision that is promised"),
    "leak-along-the-batch": one("a leak per unit is broadcast along the series, which passes where B = N",
                                lambda case: leaky(case) and case.values.get("reservoir.a", numpy.array(0)).ndim == 1,
                                formula(across_batch), "echo_state 22", fix="the units are the last axis of (B, N)"),
    "noise-mean-not-zero": one("one-sided noise of level 0.01: its mean 0.005 stays inside f", with_tanh,
                               other_activation(lambda p: tanh(p + 0.005)), "echo_state 13",
                               fix="noise of mean zero, and none where states are compared"),
}
