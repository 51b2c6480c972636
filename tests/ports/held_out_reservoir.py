"""Held-out faults of the reservoir, on the port in JAX."""

import jax
import jax.numpy as jnp

from .held_out_tools import Fault, after, before

LEAKY, FED = "echo_state/leaky", "echo_state/feedback"


def rational(up, port, p):
    """p (27 + p^2) / (27 + 9 p^2)."""
    return p * (27 + p * p) / (27 + 9 * p * p)


def short_memory(up, port, x, u, y, *at):
    """No gradient flows into the state before, but at every third step."""
    cut = at and int(at[0].split(".")[1]) % 3 == 0
    return up(jax.lax.stop_gradient(x) if cut else x, u, y, *at)


def straight(up, port, p):
    """tanh with the derivative of a straight line in [-1, 1]."""
    clipped = jnp.clip(p, -1, 1)
    return clipped + jax.lax.stop_gradient(up(p) - clipped)


def noted_before_update(up, port, u, real):
    """The readout gets the mean of the old and of the new state."""
    states = up(u, real)
    return [states[0], *((a + b) / 2 for a, b in zip(states, states[1:]))]


def drifting(x):
    """0.999 x."""
    return 0.999 * x


RESERVOIR = {
    "tanh-rational": Fault(
        "p (27 + p^2) / (27 + 9 p^2) for tanh", "activation", rational, r"activation$", (LEAKY, FED)),
    "retained-squared": Fault(
        "K^2 x for K x", "retained", lambda up, port, x: up(up(x)), r"\.state$", (LEAKY, FED)),
    "state-drifts": Fault(
        "0.999 of the retained state", "retained", after(drifting), r"\.state$", (LEAKY, FED)),
    "state-in-bfloat16": Fault(
        "the state is stored in bfloat16", "retained",
        before(lambda x: x + jax.lax.stop_gradient(x.astype(jnp.bfloat16).astype(x.dtype) - x)), r"\.state$", (LEAKY,)),
    "recurrent-symmetric": Fault(
        "(W + W^T) / 2 for W", "recurrent", after(lambda W: (W + W.T) / 2), r"preactivation$", (LEAKY, FED)),
    "recurrent-without-diagonal": Fault(
        "no unit hears itself", "recurrent", after(lambda W: W - jnp.diag(jnp.diag(W))), r"preactivation$", (LEAKY, FED)),
    "input-by-root": Fault(
        "the input over sqrt(d)", "heard", after(lambda z: z / 2 ** 0.5), r"drive$", (LEAKY, FED)),
    "drive-rectified": Fault(
        "negative drive is cut", "drive", after(lambda z: jnp.maximum(z, 0)), r"drive$", (LEAKY,)),
    "readout-blends-states": Fault(
        "the readout gets the mean of two states", "walk", noted_before_update, r"(outputs|last)$", (LEAKY,)),
    "teacher-of-another-series": Fault(
        "the outputs fed back are those of the series before in the batch", "back", after(lambda y: jnp.roll(y, 1, 0)),
        r"drive$", (FED,)),
    "loss-without-washout": Fault(
        "the loss counts every step", "counted", lambda up, port, real: up(real) * 0 + 1.0, r"^loss$", (LEAKY,)),
    "memory-of-three-steps": Fault(
        "the gradient through the state stops at every third step", "step", short_memory, r"^grad/.*", (LEAKY, FED)),
    "slope-of-a-line": Fault(
        "the derivative of clip(p, -1, 1) for that of tanh", "activation", straight, r"^grad/.*preactivation$", (LEAKY, FED)),
}
