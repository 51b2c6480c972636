"""Mistakes in what a reservoir carries on from step to step, series to series, call to call, and from layer to layer."""

import autograd.numpy as np
import numpy

from minires.oracle.mistakes.reservoir_time import NETWORKS, RESFORMER, ROLLOUTS, echo, given, reservoir
from minires.oracle.mistakes.reservoir_tools import kind, one, steps
from minires.oracle.systems import reservoir_resformer, rollouts

ECHO = "minires.oracle.systems.echo_state."
SERIES = ("u", "targets", "x_0", "y", "y_0", "real")


def one_after_another(walk):
    """Each series begins where the one before it ended."""
    def wrong(net, inputs, real):
        found, states = [], []
        for b in range(len(real)):
            own = {name: array[b:b + 1] for name, array in inputs.items() if name.split(".")[0] in SERIES}
            if states:
                x = states[-1][-1]
                own.update({"x_0": x[0]} if len(x) == 1 else {f"x_0.{i}": each for i, each in enumerate(x)})
            named, walked = walk(net, own, real[b:b + 1])
            found.append(named)
            states.append(walked)
        joined = {name: array if name.split(".")[-1] in ("K", "g") else np.concatenate([each[name] for each in found])
                  for name, array in found[0].items()}
        return joined, [[np.concatenate(parts) for parts in zip(*layers)] for layers in zip(*states)]
    return wrong


def left_over(start):
    """The state of the earlier call is still there."""
    def wrong(net, inputs, B):
        if "earlier.u" not in inputs:
            return start(net, inputs, B)
        u = inputs["earlier.u"]
        return rollouts.walk(net, {"u": u}, numpy.ones(u.shape[:2], dtype=bool))[1][-1]
    return wrong


def left_over_memory(begin):
    """The states of the earlier conversations are still there."""
    def wrong(description, params, inputs):
        x = begin(description, params, inputs)
        if "earlier.tokens" not in inputs:
            return x
        return reservoir_resformer.remembered(description, params, inputs["earlier.tokens"], inputs["earlier.real"], x)[1]
    return wrong


def by_view(collected):
    """(L, B, T, N) read as (B, T, L N) without moving the axis of the layers."""
    def wrong(states):
        stacked = np.stack([np.stack(layer, axis=1) for layer in zip(*states)])  # (L, B, T, N)
        L, B, T, N = stacked.shape
        return np.reshape(stacked, (B, T, L * N))
    return wrong


def hears_before(below):
    """A layer hears the state below of the step before."""
    return lambda net, u, new, old: below(net, u, old, old)


AGAIN = "the state is an argument: begin every series at x_0"
MISTAKES = {
    "initial-state-ignored": one("the run starts from zeros, not from the state that is given", given("x_0"), {
        ROLLOUTS + "start": lambda start: lambda net, inputs, B: start(net, {}, B)}, "echo_state 19", fix=AGAIN),
    "states-kept-by-reference": one("the kept states are one buffer: all rows equal the last", echo, {
        ECHO + "collected": lambda collected: lambda states: collected([states[-1]] * len(states))}, "echo_state 41",
        fix="keep a copy of each state"),
    "state-carried-between-series": one("a series begins where the one before it ended", lambda case: echo(case) and steps(
        case) and "inputs.real" not in case.values, {ROLLOUTS + "walk": one_after_another}, "echo_state 46", fix=AGAIN),
    "state-carried-between-calls": one("the state of an earlier call is still there", lambda case: reservoir(case) and any(
        name.startswith("inputs.earlier.") for name in case.values), {
        ROLLOUTS + "start": left_over, RESFORMER + "begin": left_over_memory}, "reservoir_resformer 29", fix=AGAIN),
    "backward-half-not-turned": one("the states of the backward half stay in reversed order", lambda case: bool(
        case.config.get("bidirectional")), {ROLLOUTS + "again": lambda again: lambda states: states}, "echo_state 49",
        fix="turn the backward states round again before they are joined"),
    "layer-hears-the-step-before": one("a layer hears x_{t-1} of the layer below", lambda case: kind(case).startswith("deep"), {
        NETWORKS + "below": hears_before}, "echo_state 29", fix="layer l hears the new state of layer l - 1"),
    "memory-of-the-step-before": one("the reservoir hears m_{t-1}", lambda case: kind(case) == "resrmn", {
        NETWORKS + "below": hears_before}, "echo_state 27", fix="the reservoir hears the new m_t"),
    "layers-joined-by-view": one("the layers' states are joined by a view of (L, B, T, N)", lambda case: kind(case).startswith(
        "deep") and len({len(case.values[f"reservoir.{i}.bias"]) for i in (0, 1)}) == 1, {ECHO + "collected": by_view},
        "echo_state 47", fix="concatenate the layers' states along the units", seen=("NennoMP/DeepResESN@d42972c",)),
}
