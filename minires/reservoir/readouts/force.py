"""FORCE: a reservoir with feedback learns while it hears its own output, not the teacher's.

    x_t = K x_{t-1} + g * f(W x_{t-1} + W_in u_t + b + W_fb z_{t-1})
    e_t = y_t - x_t Theta_{t-1}            a-priori error, before the update
    Theta_t = Theta_{t-1} + k_t e_t^T      recursive least squares (`online`), every step or every n-th
    z_t = x_t Theta_t                      the output AFTER the update: what is fed back at t+1

The first update already brings z near y, so the feedback never leaves the target far, and yet carries the small errors that the
readout must learn to damp: what teacher forcing cannot show it.

source: Sussillo & Abbott 2009 (Neuron 63, 544), eqs. 2-6; alpha <-> strength, P_0 = I / alpha. By eq. 3 the output after the
update is w(t)^T r(t), and that is used here; the authors' script force_external_feedback_loop.m feeds back w(t - dt)^T r(t).
The paper's network keeps its leak before tanh (the state is x, the rate tanh x); here the one kernel is used as it is.
Letters of the shapes: T time, d inputs, N units, q outputs.
"""

from typing import NamedTuple

import numpy

from minires.errors import require, whole_number
from minires.reservoir.checks import array, check_parameters
from minires.reservoir.echo_state import step
from minires.reservoir.generation import generate
from minires.reservoir.readouts.arrays import numbers
from minires.reservoir.readouts.online import rls_start, rls_step
from minires.reservoir.readouts.ridge import predict


class Forced(NamedTuple):
    """A training by FORCE: what it learnt, where it stands, and how it went. `free_run` goes on from here."""

    readout: dict           # {"W_o": (N, q)}
    P: numpy.ndarray        # (N, N) of recursive least squares
    x: numpy.ndarray        # (N,) last state
    z: numpy.ndarray        # (q,) last output
    outputs: numpy.ndarray  # (T, q) before the update of each step
    errors: numpy.ndarray   # (T, q) a priori: target minus these


def force(params, Y, u=None, x_0=None, state=None, strength=1.0, forgetting=1.0, every=1, f="tanh"):
    """Train the readout of a reservoir with W_fb on the targets Y (T, q) while its own output is fed back.

    u      (T, d), default zeros: the target is then made from nothing but the feedback
    x_0    (N,), default zeros; state (readout, P) to go on from, default no weights and no bias
    every  updates at steps n-1, 2n-1, ..; in between the readout rests

    ValueError: no W_fb; shapes that do not fit; strength not above 0.
    """
    N, d, q = check_parameters(params)
    require(q, "params have no W_fb: FORCE feeds the output back, expected W_fb (N, q)")
    Y, T = numbers("Y", Y, (2,)), len(Y)
    require(Y.shape[1] == q, f"Y has shape {Y.shape}: expected (T, {q}), as W_fb has {q} columns")
    u, every = inputs(u, T, d), whole_number("every", every)
    x = numpy.zeros(N) if x_0 is None else x_0
    require(array("x_0", x).shape == (N,), f"x_0 has shape {numpy.shape(x)}: expected ({N},)")
    readout, P = rls_start(N, q, strength, bias=False) if state is None else state
    z, outputs = numpy.zeros(q), []
    for t in range(T):
        x = step(params, x, u[t], z, f)  # (N,)
        outputs.append(predict(readout, x))
        if (t + 1) % every == 0:
            readout, P, _ = rls_step(readout, P, x, Y[t], forgetting)
        z = predict(readout, x)  # (q,)
    outputs = numpy.stack(outputs)  # (T, q)
    return Forced(readout, P, x, z, outputs, Y - outputs)


def free_run(params, forced, steps, u=None, f="tanh"):
    """The outputs (steps, q) after the training `forced`, without teacher or learning, going on from its state and output.

    u (steps, d), default zeros. Diverged: the output is not finite (see `generate`).
    """
    steps = whole_number("steps", steps)
    u = inputs(u, steps, check_parameters(params)[1])
    read = lambda x, u: predict(forced.readout, x)
    return generate(params, read, steps, forced.x, u=u, y_0=forced.z, f=f)[0]


def inputs(u, T, d):
    """The input (T, d), checked, or zeros."""
    if u is None:
        return numpy.zeros((T, d))
    require(array("u", u, (2,)).shape == (T, d), f"u has shape {numpy.shape(u)}: expected {(T, d)}")
    return u
