"""Mistakes in back-propagation through time: the states are right, the gradients are not.

In each the value of the right step stands, and the slope is that of another expression: right + (other - stopped(other)).
"""

import autograd.numpy as np

from minires.oracle.mistakes.mistake import stopped
from minires.oracle.mistakes.reservoir_tools import FORMULA, formula, full, gained, kept, leaky, one, steps, with_tanh
from minires.reservoir.operators import apply
from minires.reservoir.rollout import ACTIVATIONS

ADVANCE = "minires.oracle.systems.networks.advance"


def own(case):
    """An echo-state network: the reservoirs of a conversation have no gradient."""
    return case.system == "echo_state" and steps(case)


def with_slope(value, other):
    """The number `value`, the slope of `other`."""
    return stopped(value) + (other - stopped(other))


def rebuilt(p, x, u, z, product, f, kept=None, h=None):
    """The record of a step from its pre-activation z + product."""
    pre = product + z
    h = ACTIVATIONS[f].traced(pre) if h is None else h(pre)
    return {"drive": z, "preactivation": pre, "activation": h,
            "state": (apply(p["K"], x) if kept is None else kept) + p["g"] * h}


def transposed(stages, p, x, u, y, f):
    """x hears W q, not W^T q."""
    now, still = stages(p, x, u, y, f), stopped(x)
    back = apply(stopped(np.transpose(p["W"])), x)
    return rebuilt(p, x, u, now["drive"], apply(p["W"], still) + (back - stopped(back)), f)


def no_carry(stages, p, x, u, y, f):
    """What is kept hands no gradient on."""
    now = stages(p, x, u, y, f)
    return rebuilt(p, x, u, now["drive"], apply(p["W"], x), f, kept=apply(p["K"], stopped(x)))


def slope_of_state(stages, p, x, u, y, f):
    """1 - x_t^2 for 1 - h_t^2."""
    now = stages(p, x, u, y, f)
    if f != "tanh":
        return now
    slope = stopped(1 - now["state"] * now["state"])
    return rebuilt(p, x, u, now["drive"], apply(p["W"], x), f,
                   h=lambda pre: with_slope(ACTIVATIONS[f].traced(pre), slope * pre))


def no_gain(stages, p, x, u, y, f):
    """The adjoint of h is that of x, not g times it."""
    now = stages(p, x, u, y, f)
    h = now["activation"]
    return {**now, "state": apply(p["K"], x) + p["g"] * stopped(h) + (h - stopped(h))}


def new_state(stages, p, x, u, y, f):
    """dW = sum q_t x_t^T."""
    now = stages(p, x, u, y, f)
    product = apply(p["W"], stopped(now["state"]))
    return rebuilt(p, x, u, now["drive"], apply(stopped(p["W"]), x) + (product - stopped(product)), f)


def no_retention(stages, p, x, u, y, f):
    """da lacks the term of what is kept."""
    now = stages(p, x, u, y, f)
    return rebuilt(p, x, u, now["drive"], apply(p["W"], x), f, kept=apply(stopped(p["K"]), x))


def overwritten(advance):
    """Only the first step's share is left of the sum over time: of W, W_in, b and W_fb."""
    def wrong(net, t, *others):
        still = lambda layer: {name: stopped(array) if name in ("W", "W_in", "b", "W_fb") and not isinstance(array, dict) else
                               array for name, array in layer.items()}
        return advance(net._replace(layers=list(map(still, net.layers))) if t else net, t, *others)
    return wrong


def truncated(advance):
    """No gradient flows from step 4 into step 3."""
    return lambda net, t, carried, u, y: advance(net, t, [stopped(x) for x in carried] if t == 4 else carried, u, y)


def slips(does, applies, patches, number, fix=FORMULA):
    """A Mistake of this file."""
    return one(does, applies, patches, f"echo_state {number}", fix=fix, family="gradient", gradient=True)


def recurrent(case):
    """An echo-state network with a full W."""
    return own(case) and full(case)


MISTAKES = {
    "adjoint-through-W": slips("the adjoint goes through W, not W^T", recurrent, formula(transposed), 83,
                               "G_t = dL/dx_t + K^T G_{t+1} + W^T q_{t+1}"),
    "adjoint-without-carry": slips("the adjoint is not carried by what is kept", lambda case: own(case) and kept(case),
                                   formula(no_carry), 84, "G_t = dL/dx_t + K^T G_{t+1} + W^T q_{t+1}"),
    "slope-at-the-state": slips("the slope is 1 - x^2, not 1 - h^2", lambda case: own(case) and with_tanh(case) and (
        kept(case) or gained(case)), formula(slope_of_state), 85, "q_t = g G_t (1 - h_t^2)"),
    "adjoint-without-gain": slips("the factor g is missing in q", lambda case: own(case) and gained(case), formula(no_gain), 86,
                                  "q_t = g G_t (1 - h_t^2)"),
    "weights-gradient-of-the-new-state": slips("dW uses x_t, not x_{t-1}", recurrent, formula(new_state), 87,
                                               "dW = sum_t q_t x_{t-1}^T"),
    "leak-gradient-without-retention": slips("da lacks x_{t-1}", lambda case: own(case) and leaky(case) or own(case) and
                                             "reservoir.a" in case.values, formula(no_retention), 88,
                                             "da = sum_t G_t (h_t - x_{t-1})"),
    "gradient-overwritten": slips("gradients of the weights are overwritten at each step, not summed", own, {
        ADVANCE: overwritten}, 89, "dW = sum over t"),
    "gradient-truncated": slips("back-propagation stops before step 4", own, {ADVANCE: truncated}, 90,
                                "go back to the first step, or say how far"),
}
