"""The cases of the readouts: ridge regression in its camps, and the readouts that learn row by row."""

import numpy as np

from minires.oracle.case import Case, on_grid
from minires.oracle.cases.presets import Draw
from minires.parameters import flatten


def fitted(seed=1, B=2, T=9, S=3, N=4, d=2, q=3, params=None, **config):
    """States, inputs and targets to fit, and others to predict."""
    draw = Draw(np.random.default_rng(seed), N, d, q)
    inputs = {"states": draw.normal(B, T, N, scale=0.5), "u": draw.normal(B, T, d),
              "targets": on_grid(1.5 + draw.normal(B, T, q)),
              "new_states": draw.normal(B, S, N, scale=0.5), "new_u": draw.normal(B, S, d), "new_targets": draw.normal(B, S, q)}
    if params and "teacher_shift" in params:
        params = {**params, "teacher_shift": draw.normal(q, scale=0.3),
                  "teacher_scaling": on_grid(1.5 + draw.normal(q, scale=0.2))}
    return config, params or {"strength": 0.375}, inputs, {"predictions": draw.normal(B, S, q)}


def driven(method, params=None, seed=1, T=5, N=4, d=2, q=3, fed=True, **config):
    """A reservoir that learns while it runs: one series."""
    draw = Draw(np.random.default_rng(seed), N, d, q)
    reservoir = {"W": draw.W(), "W_in": draw.W_in(), "b": draw.b(), "K": 0.625, "g": 0.375}
    if fed:
        reservoir["W_fb"] = draw.W_in(columns=q)
    inputs = {"u": draw.normal(1, T, d), "targets": draw.normal(1, T, N if method == "plasticity" else q),
              "x_0": draw.normal(1, N, scale=0.5)}
    return {"method": method, **config}, {"reservoir": reservoir, **(params or {})}, inputs, {
        f"steps.{T - 1}.state": draw.normal(N)}


def case(id, config, params, inputs, cotangents):
    """The Case; every number is differentiated."""
    values = {**flatten(params), **{f"inputs.{name}": value for name, value in inputs.items()}}
    values = {name: np.array(value, dtype=float) for name, value in values.items()}
    return Case(id, "readout", config, values, cotangents, tuple(values))


KINDS = {
    "ridge": lambda: fitted(method="ridge", washout=1),
    "ridge-penalised": lambda: fitted(method="ridge", washout=2, penalise_bias=True, squares="even"),
    "ridge-restored": lambda: fitted(2, method="ridge", out_activation=True,
                                     params={"strength": 0.375, "teacher_shift": 0.0}),
    "rls": lambda: fitted(method="rls", B=1, T=4, forgetting=0.9375),
    "rls-plain": lambda: fitted(method="rls", B=1, T=4, bias=False),
    "lms": lambda: fitted(method="lms", B=1, T=5, params={"rate": 0.125}),
    "lms-normalised": lambda: fitted(method="lms", B=1, T=5, normalised=True, params={"rate": 0.625}),
    "force": lambda: driven("force", {"strength": 0.375}),
    "plasticity": lambda: driven("plasticity", fed=False, rate=0.0625, mean=0.25, deviation=0.5),
}
CASES = {f"readout/{kind}": (lambda kind=kind, make=make: case(f"readout/{kind}", *make())) for kind, make in KINDS.items()}
