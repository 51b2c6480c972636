"""The cases of the benchmark series: short, so that none is chaotic yet; numbers on the grid."""

import numpy as np

from minires.oracle.case import Case, on_grid
from minires.oracle.cases.transformers import generator

CONSTANTS = {"alpha": 0.2, "gamma": 0.1, "step": 0.5}
GLASS = {"series": "mackey_glass", "method": "rk4", "tau": 2.0, "delay": 4, "steps": 12, "kept": 2, "beta": 10}


def case(id, config, params, inputs, shape):
    """The Case, with random targets and cotangents of the series."""
    numbers = generator(id + " targets")
    given = {**params, **{f"inputs.{name}": value for name, value in inputs.items()}}
    given["inputs.targets"] = numbers.standard_normal(shape)
    values = {name: on_grid(value) for name, value in given.items()}
    return Case(id, "series", config, values, {"series": on_grid(numbers.standard_normal(shape))}, tuple(values))


def narma(id, order=3, B=2, T=9):
    """NARMA; order, series and steps differ."""
    numbers = generator(id)
    u = {"u": numbers.uniform(0, 0.5, (B, T)), "before": numbers.uniform(0, 0.5, (B, order))}
    return case(id, {"series": "narma", "order": order}, {"c1": 0.3, "c2": 0.25, "c3": 1.5, "c4": 0.1}, u, (B, T))


def glass(id, **changes):
    """Mackey-Glass of three series, at the values where production depends on x most."""
    config = {**GLASS, **changes}
    x_0 = {"x_0": generator(id).uniform(0.7, 1.3, 3)}
    return case(id, config, CONSTANTS, x_0, (config["steps"] // config["kept"] + 1, 3))


def lorenz63(id, rows=6):
    """Lorenz 1963 from a point near the attractor."""
    x_0 = {"x_0": np.array([3.0, -2.0, 21.0]) + generator(id).standard_normal(3)}
    params = {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3, "dt": 2.0 ** -6}
    return case(id, {"series": "lorenz63", "rows": rows, "substeps": 8}, params, x_0, (rows, 3))


def lorenz96(id, rows=4, size=5):
    """Lorenz 1996, a ring of five."""
    x_0 = {"x_0": 8 + generator(id).standard_normal(size)}
    return case(id, {"series": "lorenz96", "rows": rows, "substeps": 8}, {"F": 8.0, "dt": 2.0 ** -5}, x_0, (rows, size))


MADE = {"narma": narma, "mackey_glass": glass, "mackey_glass-euler": lambda id: glass(id, method="euler"),
        "lorenz63": lorenz63, "lorenz96": lorenz96}
CASES = {f"series/{name}": (lambda id=f"series/{name}", make=make: make(id)) for name, make in MADE.items()}
