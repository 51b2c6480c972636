"""Mackey-Glass: blood cells whose production answers to their number tau earlier.

    dx/dt = alpha x(t - tau) / (1 + x(t - tau)^beta) - gamma x(t),       x(t) = x_0 for t <= 0

    euler   x(t+h) = x(t) + h x'(t)                                                       order 1 in h
    rk4     the classic Runge-Kutta step; x(t + h/2 - tau) between two grid points is
            (x_- + x_+)/2 + h/8 (x'_- - x'_+), the middle of the cubic Hermite curve      order 4 in h

tau is in units of time: the delay is tau / h steps. The only kink of this solution that the order 4 could feel is that of x' at
t = 0, a grid point, where the slope from the right is used on the right and the slope 0 of the history on the left.
source: Mackey & Glass 1977 (Science 197:287); Jaeger 2001 (GMD report 148, section 6): euler, h = .1, every 10th
    sample kept, tanh(x - 1), alpha = .2, beta = 10, gamma = .1, tau = 17 (mildly chaotic) and 30 (wilder).
"""

import numpy as np

from minires.errors import number, one_of, positive, require, whole_number
from minires.tasks.series.series import forecasting, starting_point


def rate(x, delayed, alpha, beta, gamma):
    """dx/dt from x(t) and x(t - tau)."""
    return alpha * delayed / (1.0 + delayed ** beta) - gamma * x


def euler(x_0, steps, h, delay, constants):
    """x(0), x(h), ..., x(steps h) as a list; delay in steps."""
    x = [x_0] * (delay + 1)
    for _ in range(steps):
        x.append(x[-1] + h * rate(x[-1], x[-1 - delay], *constants))
    return x[delay:]


def rk4(x_0, steps, h, delay, constants):
    """x(0), x(h), ..., x(steps h) as a list; delay in steps. middles[n] is x half a step after x[n]."""
    x, middles = [x_0] * (delay + 1), [x_0] * delay
    k1 = rate(x_0, x_0, *constants)
    for n in range(delay, delay + steps):
        half, end = middles[n - delay], x[n + 1 - delay]  # x(t + h/2 - tau), x(t + h - tau)
        k2 = rate(x[n] + h / 2 * k1, half, *constants)
        k3 = rate(x[n] + h / 2 * k2, half, *constants)
        k4 = rate(x[n] + h * k3, end, *constants)
        x.append(x[n] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
        slope = rate(x[n + 1], end, *constants)
        middles.append((x[n] + x[n + 1]) / 2 + h / 8 * (k1 - slope))
        k1 = slope
    return x[delay:]


METHODS = {"rk4": rk4, "euler": euler}
MOST_STEPS = 10 ** 8  # beyond some GB of numbers another step was meant
TRANSFORMS = {"identity": lambda x: x, "tanh": lambda x: np.tanh(x - 1.0)}


def whole_steps(name, time, step):
    """time / step where that is whole, to a rounding; ValueError elsewhere: half a step would be another delay."""
    count = round(time / step)
    require(count >= 1 and abs(time / step - count) < 1e-9 * count,
            f"{name}={time}: expected a multiple of step={step}, such as {max(count, 1) * step:.6g}")
    return count


def trajectory(x_0, rows, tau, dt, step, constants, method="rk4"):
    """x(0), x(dt), ..., x((rows - 1) dt): (rows,), from the constant history x_0; constants (alpha, beta, gamma)."""
    integrate = one_of("method", method, METHODS)
    delay, kept = whole_steps("tau", tau, step), whole_steps("dt", dt, step)
    require(delay + rows * kept <= MOST_STEPS, f"step={step}: {delay + rows * kept} steps; expected {MOST_STEPS} or fewer")
    try:
        x = np.array(integrate(x_0, (rows - 1) * kept, step, delay, constants))[::kept]  # (rows,)
    except ArithmeticError:  # Python's own floats raise where NumPy's would become inf
        x = np.array([np.inf])  # (1,)
    require(x.dtype.kind == "f" and np.all(np.isfinite(x)), f"mackey_glass diverges at step={step}: expected a smaller step")
    return x


def mackey_glass(length, rng=None, tau=17.0, method="rk4", transform="identity", dt=1.0, step=0.1, alpha=0.2, beta=10.0,
                 gamma=0.1, initial=1.2, spread=0.1, washout=1000, horizon=1):
    """Forecast x by `horizon` rows of dt units of time: inputs and targets (length, 1).

    The history is the constant `initial`, plus spread * U(-1, 1) when a generator is given; `washout` rows are discarded.
    method="euler", transform="tanh" is Jaeger's recipe, 2e-2 off the equation after 100 units of time; "rk4" is 1e-9 off.
    lyapunov_time stays None, as the exponent depends on the integrator too: measured .0052 (rk4) and .0062 (euler, step .1) at
    tau=17, .0068 and .0070 at tau=30.

    >>> mackey_glass(4, tau=30, method="euler", transform="tanh").targets.shape
    (4, 1)
    """
    length, horizon = whole_number("length", length), whole_number("horizon", horizon)
    washout = whole_number("washout", washout, 0)
    tau, dt, step, initial = (positive(name, value) for name, value in
                              (("tau", tau), ("dt", dt), ("step", step), ("initial", initial)))
    alpha, beta, gamma = positive("alpha", alpha), positive("beta", beta), positive("gamma", gamma)
    spread = number("spread", spread, 0.0, initial, expected=f"a number from 0 to below initial={initial}")
    change = one_of("transform", transform, TRANSFORMS)
    x_0 = float(starting_point(np.array([initial]), spread, rng)[0])
    x = trajectory(x_0, washout + length + horizon, tau, dt, step, (alpha, beta, gamma), method)  # (rows,)
    options = {"length": length, "tau": tau, "method": method, "transform": transform, "dt": dt, "step": step, "alpha": alpha,
               "beta": beta, "gamma": gamma, "initial": initial, "spread": spread, "washout": washout, "horizon": horizon}
    return forecasting(change(x[washout:, None]), horizon, name="mackey_glass", options=options, columns=("x",), dt=dt)
