"""The classic Runge-Kutta method of order four on a fixed grid, the only integrator that the flows need.

    k1 = f(x)   k2 = f(x + h k1 / 2)   k3 = f(x + h k2 / 2)   k4 = f(x + h k3)   x <- x + h (k1 + 2 k2 + 2 k3 + k4) / 6

Row n is at time n dt exactly, with `substeps` steps of h = dt / substeps between rows; the error at a fixed time falls as h^4.
A linspace to n dt with n points has the step dt n / (n - 1), which is a different series.
source: Kutta 1901; Hairer, Norsett & Wanner 1993, Solving Ordinary Differential Equations I, table II.1.2.
"""

import numpy as np

from minires.errors import require


def runge_kutta(field, x, h):
    """One step from x (D,) to the state h later; field(x) is dx/dt (D,)."""
    k1 = field(x)  # (D,)
    k2 = field(x + h / 2 * k1)  # (D,)
    k3 = field(x + h / 2 * k2)  # (D,)
    k4 = field(x + h * k3)  # (D,)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def trajectory(field, x, rows, dt, substeps, name="the flow"):
    """x(0), x(dt), ..., x((rows - 1) dt): (rows, D), from x (D,); ValueError that names the row where it is no longer finite.

    >>> decay = trajectory(lambda x: -x, np.array([1.0]), rows=3, dt=0.5, substeps=50)
    >>> bool(np.allclose(decay[:, 0], np.exp([0.0, -0.5, -1.0]), rtol=1e-9))
    True
    """
    values = np.empty((rows, len(x)), dtype=x.dtype)  # (rows, D)
    with np.errstate(over="ignore", invalid="ignore"):
        for row in range(rows):
            if row:
                for _ in range(substeps):
                    x = runge_kutta(field, x, dt / substeps)
            require(np.all(np.isfinite(x)), f"{name} is not finite at row {row} (dt={dt}, substeps={substeps}): "
                                            "expected a smaller dt or more substeps")
            values[row] = x
    return values
