"""ReservoirPy's generators of benchmark series, on our inputs and starting points.

The flows are solved to 1e-10, so that only the grid is judged; the profile of float32 covers that error.
"""

from importlib import import_module

import numpy as np

from minires.oracle.cases import CASES
from minires.oracle.cases.series import glass
from minires.oracle.peers.trial import Trial

PACKAGE, FILE = "reservoirpy", "reservoirpy/datasets/_chaos.py"
ACCURATE = {"rtol": 1e-10, "atol": 1e-12, "method": "DOP853"}


def datasets():
    """reservoirpy.datasets."""
    return import_module("reservoirpy.datasets")


def narma(case):
    """narma on each series of inputs; its first row is the zero before ours."""
    given, c, n = case.inputs, case.params, case.config["order"]

    def of(before, u):
        u = np.concatenate([before, u])[:, None]
        return datasets().narma(len(u) - n + 1, order=n, a1=c["c1"], a2=c["c2"], b=c["c3"], c=c["c4"], u=u)[1][1:, 0]
    return steps("y", np.stack([of(*each) for each in zip(given["before"], given["u"])]).T, 0)


def mackey_glass(case):
    """mackey_glass from a constant history."""
    p, config = case.params, case.config

    def of(x):
        made = datasets().mackey_glass(config["steps"] + 1, tau=config["tau"], a=float(p["alpha"]), b=float(p["gamma"]),
                                       n=config["beta"], x0=x, h=float(p["step"]), history=np.full(config["delay"], x))
        return made[1:, 0]
    return steps("x", np.stack([of(x) for x in case.inputs["x_0"]]).T, 1)


def lorenz(case):
    """lorenz."""
    p = {name: float(value) for name, value in case.params.items()}
    made = datasets().lorenz(case.config["rows"], rho=p["rho"], sigma=p["sigma"], beta=p["beta"], x0=case.inputs["x_0"],
                             h=p["dt"], **ACCURATE)
    return steps("x", made[1:].astype(np.float32), 1)


def lorenz96(case):
    """lorenz96."""
    start, p = case.inputs["x_0"], case.params
    made = datasets().lorenz96(case.config["rows"], N=len(start), F=float(p["F"]), h=float(p["dt"]), x0=start, **ACCURATE)
    return steps("x", made[1:].astype(np.float32), 1)


def steps(name, rows, first):
    """{steps.t.name: row} from the first t on."""
    return {f"steps.{t}.{name}": row for t, row in enumerate(rows, start=first)}


def whole_step():
    """Mackey-Glass with a step of 1, at which the missing factor is 1."""
    case = glass("peer/mackey_glass-1", tau=4.0)
    return case._replace(values={**case.values, "step": np.ones(())})


GLASS = "the stages of the Runge-Kutta step use 2 k for k and hold the delayed value"
TRIALS = {
    "reservoirpy/narma": Trial(
        PACKAGE, "narma", CASES["series/narma"], narma, "defect",
        "the sum is y[t-n..t-1] and the older input u[t-n]; its documentation has y[t-n+1..t] and u[t-n+1]", f"{FILE}, narma",
        "float64"),
    "reservoirpy/mackey_glass": Trial(
        PACKAGE, "mackey_glass, h=0.5", CASES["series/mackey_glass"], mackey_glass, "defect",
        f"the production term is not multiplied by h, and {GLASS}", f"{FILE}, _mg_rk4", "float64"),
    "reservoirpy/mackey_glass-1": Trial(
        PACKAGE, "mackey_glass, h=1", whole_step, mackey_glass, "defect", GLASS, f"{FILE}, _mg_rk4", "float64"),
    "reservoirpy/lorenz": Trial(
        PACKAGE, "lorenz", CASES["series/lorenz63"], lorenz, "defect",
        "the time between n rows is h n / (n - 1); its text says h", f"{FILE}, lorenz"),
    "reservoirpy/lorenz96": Trial(
        PACKAGE, "lorenz96", CASES["series/lorenz96"], lorenz96, "defect",
        "the time between n rows is h^2 n / (n - 1); its text says h", f"{FILE}, lorenz96"),
}
