"""The generators of benchmark series as a system of the oracle: NARMA, Mackey-Glass and Lorenz, step after step.

    narma         y(t+1) = c1 y(t) + c2 y(t) S(t) + c3 u(t-n+1) u(t) + c4,  S(t) = y(t) + .. + y(t-n+1),  y = 0 before
    mackey_glass  dx/dt = alpha x(t - tau) / (1 + x(t - tau)^beta) - gamma x;  x(t) = x_0 for t <= 0
    lorenz63      dx/dt = sigma (y - x), x (rho - z) - y, x y - beta z
    lorenz96      dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F

    config  series; of narma: order; of mackey_glass: method (rk4, euler), tau, delay = tau / step, steps, kept (a row is
            every kept-th step), beta; of the Lorenz systems: rows, substeps
    params  c1 .. c4; alpha, gamma, step; sigma, rho, beta or F, dt
    inputs  u (B, T), before (B, n) the inputs before it; x_0 (B,), or the coordinates (D,); targets, of the shape of the series
    tensors steps.0.memory (S) and steps.0.y; steps.1.x, ..; series (B, T), (rows, B) or (rows, D); loss, the mean of
            (series - targets)^2
"""

import autograd.numpy as np

from minires.errors import one_of
from minires.oracle.systems.learning import squared
from minires.tasks.series import lorenz, mackey_glass, narma
from minires.tasks.series.integrate import runge_kutta


def run(config, params, inputs):
    """The tensors of one series."""
    named, rows, axis = one_of("series", config["series"], MADE)(config, params, inputs)
    series = np.stack(rows, axis=axis)
    return {**named, "series": series, "loss": squared(series, inputs["targets"])}


# ---- NARMA -----------------------------------------------------------------------------------------------------------

def of_narma(config, params, inputs):
    """y(1), y(2), .., each (B,)."""
    (newest, oldest), lag, u = window(config["order"]), lag_of(config["order"]), heard(inputs["u"])
    past = config["order"]
    u = np.concatenate([heard(inputs["before"]), u], axis=-1)  # (B, n + T)
    y, named = [0.0 * u[:, 0]] * (past + 2), {}
    for t in range(u.shape[-1] - past):
        memory = sum(y[-1 - i] for i in range(newest, oldest + 1))  # (B,)
        now = narma.following(y[-1], memory, u[:, past + t - lag], u[:, past + t], [params[f"c{i}"] for i in range(1, 5)])
        named.update({f"steps.{t}.memory": memory, f"steps.{t}.y": now})
        y.append(now)
    return named, y[past + 2:], -1


def window(n):
    """The newest and the oldest y(t-i) of the sum."""
    return 0, n - 1


def lag_of(n):
    """How old the older input is."""
    return n - 1


def heard(u):
    """The input."""
    return u


# ---- Mackey-Glass ----------------------------------------------------------------------------------------------------

def of_mackey_glass(config, params, inputs):
    """x after each step, each (B,); a row is every kept-th."""
    method = one_of("method", config["method"], {"rk4": mackey_glass.rk4, "euler": mackey_glass.euler})
    x = method(inputs["x_0"], config["steps"], params["step"], delay_of(config), constants(config, params))
    return {f"steps.{t}.x": x[t] for t in range(1, config["steps"] + 1)}, x[::config["kept"]], 0


def delay_of(config):
    """tau in steps."""
    return config["delay"]


def constants(config, params):
    """alpha, beta, gamma."""
    return params["alpha"], config["beta"], params["gamma"]


# ---- Lorenz ----------------------------------------------------------------------------------------------------------

def of_lorenz(config, params, inputs):
    """x(0), x(dt), .., each (D,)."""
    if config["series"] == "lorenz63":
        field = lambda x: lorenz.convection(x, params["sigma"], params["rho"], params["beta"])
    else:
        field = lambda x: lorenz.ring(x, params["F"])
    rows, named, h = [inputs["x_0"]], {}, spacing(config, params["dt"]) / config["substeps"]
    for row in range(1, config["rows"]):
        x = rows[-1]
        for _ in range(config["substeps"]):
            x = runge_kutta(field, x, h)
        named[f"steps.{row}.x"] = x
        rows.append(x)
    return named, rows, 0


def spacing(config, dt):
    """The time between rows."""
    return dt


MADE = {"narma": of_narma, "mackey_glass": of_mackey_glass, "lorenz63": of_lorenz, "lorenz96": of_lorenz}
