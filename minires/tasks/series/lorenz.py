"""Lorenz's two systems: three equations of convection (1963) and a ring of weather (1996).

    lorenz63    dx/dt = sigma (y - x)    dy/dt = x (rho - z) - y    dz/dt = x y - beta z
    lorenz96    dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F,    i = 0 .. size-1 around a ring

source: Lorenz 1963 (J. Atmos. Sci. 20:130); Lorenz 1996, "Predictability: a problem partly solved" (ECMWF seminar).
Both are integrated by `integrate.trajectory`. The time between rows is dt, the error that of h = dt / substeps.
"""

import autograd.numpy as np

from minires.errors import number, positive, require, whole_number
from minires.tasks.series.integrate import trajectory
from minires.tasks.series.series import forecasting, starting_point

LYAPUNOV_TIME_63 = 1 / 0.9056  # at sigma=10, rho=28, beta=8/3
LYAPUNOV_TIME_96 = 1 / 1.67    # at size=40, F=8; Lorenz & Emanuel 1998 give a doubling time of 0.42 = ln 2 / 1.65


def convection(x, sigma, rho, beta):
    """dx/dt of lorenz63: (3,) -> (3,)."""
    return np.array([sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]])  # (3,)


def ring(x, F):
    """dx/dt of lorenz96: (D,) -> (D,)."""
    around = np.concatenate([x[-2:], x, x[:1]])  # (D + 3,): entry j is x_{j-2}
    return (around[3:] - around[:-3]) * around[1:-2] - x + F  # (D,)


def flow(name, field, start, options, rng, **fields):
    """The forecasting series of a flow from `start` (D,), its first `washout` rows discarded."""
    options = {**options, "dt": positive("dt", options["dt"]), "washout": whole_number("washout", options["washout"], 0),
               "spread": number("spread", options["spread"], 0.0, expected="a number from 0 on"),
               **{key: whole_number(key, options[key]) for key in ("length", "substeps", "horizon")}}
    start = starting_point(start, options["spread"], rng)  # (D,)
    rows = options["washout"] + options["length"] + options["horizon"]
    values = trajectory(field, start, rows, options["dt"], options["substeps"], name)  # (rows, D)
    return forecasting(values[options["washout"]:], options["horizon"], name=name, options=options, dt=options["dt"], **fields)


def lorenz63(length, rng=None, dt=0.02, substeps=4, sigma=10.0, rho=28.0, beta=8 / 3, initial=(1.0, 1.0, 1.0), spread=0.5,
             washout=1000, horizon=1):
    """Forecast (x, y, z) by `horizon` rows of dt: inputs and targets (length, 3).

    Starts at `initial`, plus spread * U(-1, 1) in each coordinate when a generator is given. The Lyapunov time is 1.104,
    so 55 rows of dt=.02; it is None where sigma, rho or beta are others. With 4 substeps (h = .005) the error after one
    unit of time is about 5e-6; it grows like any other disturbance.

    >>> lorenz63(4, dt=0.01).inputs.shape
    (4, 3)
    """
    options = {"length": length, "dt": dt, "substeps": substeps, "sigma": number("sigma", sigma), "rho": number("rho", rho),
               "beta": number("beta", beta), "initial": coordinates(initial, 3), "spread": spread, "washout": washout,
               "horizon": horizon}
    known = (options["sigma"], options["rho"], options["beta"]) == (10.0, 28.0, 8 / 3)
    return flow("lorenz63", lambda x: convection(x, sigma, rho, beta), np.array(options["initial"]), options, rng,
                columns=("x", "y", "z"), lyapunov_time=LYAPUNOV_TIME_63 if known else None)


def lorenz63_observer(length, rng=None, dt=0.02, substeps=4, sigma=10.0, rho=28.0, beta=8 / 3, initial=(1.0, 1.0, 1.0),
                      spread=0.5, washout=1000):
    """Say y(t) and z(t) from x up to t: inputs (length, 1), targets (length, 2), on the trajectory of lorenz63.

    source: Lu et al. 2017, "Reservoir observers" (Chaos 27:041102).
    """
    made = lorenz63(length, rng, dt, substeps, sigma, rho, beta, initial, spread, washout)
    options = {name: value for name, value in made.options.items() if name != "horizon"}
    return made._replace(name="lorenz63_observer", inputs=made.inputs[:, :1], targets=made.inputs[:, 1:], options=options,
                         columns=("x",))


def lorenz96(length, rng=None, size=40, F=8.0, dt=0.05, substeps=4, spread=0.5, washout=1000, horizon=1):
    """Forecast all `size` sites by `horizon` rows of dt (.05 is six hours of weather): inputs and targets (length, size).

    Starts at F everywhere but .01 more at site 0; with a generator at F + spread * U(-1, 1) instead. The Lyapunov time .6 is
    that of size=40, F=8 and None elsewhere.
    """
    size, F = whole_number("size", size, 4), number("F", F)
    start = np.full(size, F)  # (D,)
    start[0] += 0.01 if rng is None else 0.0
    options = {"length": length, "size": size, "F": F, "dt": dt, "substeps": substeps, "spread": spread, "washout": washout,
               "horizon": horizon}
    return flow("lorenz96", lambda x: ring(x, F), start, options, rng, columns=tuple(f"x_{i}" for i in range(size)),
                lyapunov_time=LYAPUNOV_TIME_96 if (size, F) == (40, 8.0) else None)


def coordinates(initial, size):
    """The starting point as a list of floats, which JSON keeps."""
    require(isinstance(initial, (tuple, list, np.ndarray)) and len(initial) == size,
            f"initial={initial!r}: expected {size} numbers")
    return [number(f"initial[{i}]", value) for i, value in enumerate(initial)]
