"""What mistakes in reservoirs are made of: which cases have the thing at all, and a step of the kernel that is changed."""

from contextlib import contextmanager
from unittest.mock import patch

import numpy

from minires.oracle.mistakes.mistake import Mistake
from minires.reservoir.operators import apply

LEAKY = ("minimal", "reservoirpy04", "reservoirpy03", "pyrcn", "easyesn", "rescompy", "echotorch", "rcjl", "torchesn", "orc",
         "deepesn")
UNBIASED = ("jaeger2001", "jaeger2001_leaky", "bianchi", "pyrcn", "pyrcn_euler")
FORMULA = "x_t = K x_{t-1} + g * f(W x_{t-1} + W_in u_t + b + W_fb y_{t-1})"


def kind(case):
    """The family or the preset of an echo-state case; "leaky" of a conversation's; "" of other systems."""
    if case.system == "reservoir_resformer":
        return "leaky"
    network = case.config["network"] if case.system == "echo_state" else {}
    return network.get("family", network.get("preset", ""))


def steps(case):
    """Whether the case runs the one kernel."""
    return kind(case) not in ("", "reservoirpy03_external")


def full(case):
    """Whether its W is a full matrix."""
    return steps(case) and "reservoir.W.values" not in case.values


def leaky(case):
    """Whether K = 1 - a and g = a, with a below 1."""
    return (kind(case) == "leaky" or kind(case) in LEAKY) and case.values.get("reservoir.a", numpy.array(0.5)).max() < 1


def nonlinear(case):
    """Whether f is not the identity."""
    return case.config.get("network", {}).get("f") != "identity"


def kept(case):
    """Whether anything is kept of the state: K is not 0."""
    zero = any(case.values.get(name, numpy.array(other)).max() == one for name, other, one in (
        ("reservoir.a", 0.5, 1), ("reservoir.alpha", 0.5, 0)))
    return kind(case) not in ("jaeger2001", "pyesn") and not (zero and kind(case) in ("leaky", "residual"))


def gained(case):
    """Whether f has a gain: g is not 1."""
    return kind(case) not in ("jaeger2001", "pyesn", "additive", "bianchi") and (kept(case) or kind(case) == "residual")


def biased(case):
    """Whether the kernel adds a bias inside f."""
    return steps(case) and kind(case) not in UNBIASED


def with_tanh(case):
    """Whether f is tanh."""
    return steps(case) and case.config.get("network", {}).get("f", "tanh") == "tanh"


def formula(change):
    """The step replaced: change(stages, params, x, u, y, f), where stages is the right one."""
    return {"minires.reservoir.echo_state.stages": lambda stages: lambda params, x, u, y=None, f="tanh":
            change(stages, params, x, u, y, f)}


def other(**parameters):
    """The step with other parameters: each a function of the right ones."""
    return formula(lambda stages, p, *rest: stages({**p, **{name: new(p) for name, new in parameters.items()}}, *rest))


def active(now, p, x, h):
    """The record with another activation h(now)."""
    h = h(now)
    return {**now, "activation": h, "state": apply(p["K"], x) + p["g"] * h}


def one(does, applies, patches, *listed, fix=FORMULA, seen=(), family="state", config=None, gradient=False):
    """A Mistake in a reservoir."""
    return Mistake(family, does, fix, applies, patches, config=config, listed=listed, seen=seen, gradient=gradient)


def inside_call(place, name, stand_in):
    """A change of a function: while it runs, module `place` has stand_in (of the original) under `name`."""
    def change(original):
        def wrong(*arguments, **options):
            with replaced(place, name, stand_in):
                return original(*arguments, **options)
        return wrong
    return change


@contextmanager
def replaced(place, name, stand_in):
    """place.name is stand_in(what it was)."""
    with patch.object(place, name, stand_in(getattr(place, name))):
        yield
