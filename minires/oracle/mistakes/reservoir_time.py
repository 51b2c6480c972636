"""Mistakes in time: what a reservoir hears when, and which steps count."""

import autograd.numpy as np
import numpy

from minires.oracle.mistakes.reservoir_tools import kind, leaky, one

ROLLOUTS, NETWORKS = (f"minires.oracle.systems.{name}." for name in ("rollouts", "networks"))
RESFORMER = "minires.oracle.systems.reservoir_resformer."
STEPS_OF = "minires.reservoir_resformer.memory.steps_of"


def echo(case):
    """An echo-state network, in one direction."""
    return case.system == "echo_state" and not case.config.get("bidirectional")


def reservoir(case):
    """Any reservoir that is driven by a series."""
    return case.system in ("echo_state", "reservoir_resformer")


def given(name):
    """Cases that have this input."""
    return lambda case: case.system == "echo_state" and f"inputs.{name}" in case.values


def late(u, t):
    """The input of the step before, zeros at first."""
    return u[:, t - 1] if t else np.zeros_like(u[:, 0])


def late_rows(steps_of):
    """The same for the rows of an utterance."""
    def wrong(*arguments):
        u, real = steps_of(*arguments)
        return np.concatenate([np.zeros_like(u[:, :1]), u[:, :-1]], axis=1), real
    return wrong


def first_skipped(advance):
    """At t = 0 the states stay what they were."""
    def wrong(net, t, carried, u, y):
        new, records = advance(net, t, carried, u, y)
        return (carried if t == 0 else new), records
    return wrong


def unleaked(net):
    """The network without any leak."""
    return net._replace(layers=[{**layer, "K": 0.0, "g": 1.0} for layer in net.layers])


def leak_skipped(advance):
    """The first two steps have no leak."""
    return lambda net, t, *others: advance(unleaked(net) if t < 2 else net, t, *others)


def leak_skipped_in_utterances(stepped):
    """The first two steps of every utterance have no leak."""
    def wrong(params, x, u, s):
        without = [{**layer, "K": 0.0, "g": 1.0} for layer in params["reservoirs"]]
        return stepped({**params, "reservoirs": without} if s < 2 else params, x, u, s)
    return wrong


def always(kept):
    """Padding counts as a step."""
    return lambda real, after, before: after


def zero_padding(steps_of):
    """Padding is heard as zero."""
    def wrong(*arguments):
        u, real = steps_of(*arguments)
        return np.where(real[..., None], u, 0.0), real
    return wrong


MISTAKES = {
    "input-one-step-late": one("u_{t-1} is heard at step t", reservoir, {
        ROLLOUTS + "heard": lambda heard: late, STEPS_OF: late_rows}, "echo_state 5", "reservoir_resformer 8"),
    "first-input-skipped": one("the first input is not heard: the first row of the states is x_0", lambda case: echo(case) and
                               kind(case) != "pyesn", {NETWORKS + "advance": first_skipped}, "echo_state 20",
                               fix="update the state with u_0 as well", seen=("cknd/pyESN@de294b6, fit",)),
    "first-input-heard": one("the first input is heard, where this peer skips it", lambda case: kind(case) == "pyesn", {
        ROLLOUTS + "real_steps": lambda real_steps: lambda config, inputs: numpy.ones(inputs["u"].shape[:2], dtype=bool)},
        fix="row 0 of pyESN's states is x_0"),
    "feedback-of-the-same-step": one("y_t is fed back at step t, not y_{t-1}", given("y"), {
        ROLLOUTS + "feedback": lambda feedback: lambda inputs, t: inputs["y"][:, t]}, "echo_state 23"),
    "leak-skipped-at-first": one("the first two steps have no leak", lambda case: reservoir(case) and leaky(case), {
        NETWORKS + "advance": leak_skipped, RESFORMER + "stepped": leak_skipped_in_utterances}, "reservoir_resformer 5"),
    "padding-steps-the-state": one("padding is a step like others", lambda case: reservoir(case) and "inputs.real" in
                                   case.values, {ROLLOUTS + "kept": always, RESFORMER + "kept": always},
                                   "echo_state 48", "reservoir_resformer 26", fix="carry the state on where nothing is real"),
    "padding-steps-with-zero-input": one("padding is a step with input zero", lambda case: case.system == "reservoir_resformer",
                                         {STEPS_OF: zero_padding, RESFORMER + "kept": always}, "reservoir_resformer 27",
                                         fix="carry the state on where nothing is real"),
    "mean-over-the-padding": one("the mean state counts padding", given("real"), {
        ROLLOUTS + "mean_state": lambda mean: lambda states, real: mean(states, numpy.ones_like(real))}, "echo_state 48",
        fix="mean over the real steps only"),
}
