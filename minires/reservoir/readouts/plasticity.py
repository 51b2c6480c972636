"""Intrinsic plasticity: each unit learns its own gain and bias until its activation has the wanted distribution.

    n_t = W x_{t-1} + W_in u_t + b + W_fb y_{t-1}        before gain and bias
    h_t = f(gain * n_t + bias)                           after: what the rule looks at
    x_t = K x_{t-1} + g * h_t

    normal, f = tanh:           dbias = - rate (- mu / s^2 + h / s^2 (2 s^2 + 1 - h^2 + mu h))
    exponential, f = logistic:  dbias = rate (1 - (2 + 1 / mu) h + h^2 / mu)
    both:                       dgain = rate / gain + dbias n

mu <-> mean, s <-> deviation. The rules descend the Kullback-Leibler divergence to N(mu, s^2), or to the exponential density of
mean mu. At the end gain and bias are absorbed, gain W, gain W_in, gain b + bias, gain W_fb, so that the plain kernel runs them.

source: Triesch 2005 (ICANN, 65-70), eqs. 6-7; Schrauwen, Wardermann, Verstraeten, Steil, Stroobandt 2008 (Neurocomputing 71,
1159), eqs. 8-9 and 13-14. ReservoirPy's IPReservoir keeps f outside the leak: the same where there is no leak (K = 0, g = 1).
Letters of the shapes: T time, d inputs, N units, q outputs, k in-degree.
"""

from typing import NamedTuple

import numpy as np

from minires.errors import number, positive, require, whole_number
from minires.reservoir.checks import check_series
from minires.reservoir.echo_state import drive
from minires.reservoir.operators import apply
from minires.reservoir.rollout import ACTIVATIONS


class Adapted(NamedTuple):
    """The result: parameters of the plain kernel, and what was learnt."""

    params: dict
    gain: np.ndarray  # (N,)
    bias: np.ndarray  # (N,)


def normal_rule(n, h, gain, rate, mean, deviation):
    """dgain and dbias (N,) of one step towards h ~ N(mean, deviation^2), f = tanh."""
    variance = deviation ** 2
    d_bias = -rate * (-mean / variance + h / variance * (2 * variance + 1 - h * h + mean * h))  # (N,)
    return rate / gain + d_bias * n, d_bias


def exponential_rule(n, h, gain, rate, mean):
    """dgain and dbias (N,) of one step towards h ~ exponential of that mean, f = logistic."""
    d_bias = rate * (1 - (2 + 1 / mean) * h + h * h / mean)  # (N,)
    return rate / gain + d_bias * n, d_bias


def towards_normal(params, u, mean=0.0, deviation=0.2, rate=5e-4, epochs=1, x_0=None, y=None):
    """Adapt a tanh reservoir to activations ~ N(mean, deviation^2) on the input u (T, d), `epochs` times; an Adapted.

    y (T, q) the teacher's outputs, with W_fb only. The state goes on from epoch to epoch.
    ValueError: |mean| not below 1; deviation or rate not above 0; a rate at which a gain turns negative.
    """
    mean = number("mean", mean, -1 + 1e-12, 1.0, "a number between -1 and 1, as tanh gives no other")
    deviation = positive("deviation", deviation)
    return adapt(params, u, lambda *now: normal_rule(*now, mean, deviation), rate, epochs, x_0, y, "tanh")


def towards_exponential(params, u, mean=0.2, rate=5e-4, epochs=1, x_0=None, y=None):
    """Adapt a logistic reservoir to activations of the exponential density of that mean, 0 < mean < 1; an Adapted."""
    mean = number("mean", mean, 1e-12, 1.0, "a number between 0 and 1, as the logistic function gives no other")
    return adapt(params, u, lambda *now: exponential_rule(*now, mean), rate, epochs, x_0, y, "logistic")


def adapt(params, u, rule, rate, epochs, x_0, y, f):
    """Run over u and let rule(n, h, gain, rate) change gain and bias after each step."""
    positive("rate", rate)
    u, x, before, _ = check_series(params, u, x_0, y, None, f, None, 0.0, None)
    require(u.ndim == 2, f"u has shape {u.shape}: expected one series (T, d)")
    z, f = drive(params, u, before), ACTIVATIONS[f].traced
    gain, bias = np.ones_like(z[0]), np.zeros_like(z[0])
    for _ in range(whole_number("epochs", epochs)):
        for t in range(len(z)):
            n = apply(params["W"], x) + z[t]  # (N,)
            h = f(gain * n + bias)  # (N,)
            x = apply(params["K"], x) + params["g"] * h  # (N,)
            d_gain, d_bias = rule(n, h, gain, rate)
            gain, bias = gain + d_gain, bias + d_bias
            require(np.all(gain > 0), f"rate={rate}: a gain was no longer positive at step {t}, expected a smaller rate")
    return Adapted(absorb(params, gain, bias), gain, bias)


def absorb(params, gain, bias):
    """The parameters whose pre-activation is gain * n + bias."""
    W = params["W"]
    W = {**W, "values": W["values"] * gain} if isinstance(W, dict) else gain[:, None] * W  # (k, N) or (N, N)
    fed = {name: gain[:, None] * params[name] for name in ("W_in", "W_fb") if name in params}
    return {**params, "W": W, **fed, "b": gain * params.get("b", 0.0) + bias}
