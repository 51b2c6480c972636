"""The benchmark series as a system of the oracle: exact truth, an independent port, and every mistake of their list."""

import numpy as np
import pytest
from listed_series import PARTS
from numpy.testing import assert_allclose

from minires.oracle.case import program
from minires.oracle.cases.series import CASES
from minires.oracle.mistakes import planted
from minires.oracle.mistakes.series import MISTAKES
from minires.oracle.tape import differentiate, record
from minires.tasks.series import lorenz
from minires.tasks.series.integrate import trajectory
from minires.tasks.series.mackey_glass import trajectory as delayed
from minires.tasks.series.narma import response

pytest.importorskip("torch", reason="the independent port is in PyTorch (pip install 'minires[peers]')")
from ports.torch_series import run  # noqa: E402

PAIRS = [(name, id) for name, mistake in MISTAKES.items() for id, make in CASES.items() if mistake.applies(make())]


def library(case, *names):
    """The library's float64 numbers with mistakes planted."""
    with planted(case, *(MISTAKES[name] for name in names)) as wrong:
        return differentiate(record(wrong), wrong.values)


def farthest(ours, theirs):
    """The largest difference of what both name, of a tensor's size."""
    return max(np.max(abs(ours[name] - theirs[name])) / (1e-3 + np.max(abs(ours[name]))) if
               np.shape(ours[name]) == np.shape(theirs[name]) else np.inf for name in ours if name in theirs)


@pytest.mark.parametrize("id", CASES)
def test_the_port_is_the_library(id):
    case = CASES[id]()
    ours = library(case)
    assert farthest(ours, run(case)) < 1e-11 and set(ours) <= set(run(case))
    assert farthest(ours, run(case, fused=True)) < 1e-11


@pytest.mark.parametrize("name, id", PAIRS)
def test_a_mistake_shows_and_is_the_one_of_the_wrong_port(name, id):
    case = CASES[id]()
    ours, base = library(case, name), library(case)
    assert farthest(ours, run(case, wrong=(name,))) < 1e-10
    assert np.max(abs(ours["series"] - base["series"])) > 1e-3
    others = [other for other, where in PAIRS if where == id and other != name]
    assert all(farthest(ours, library(case, other)) > 1e-4 for other in others)


def test_every_part_of_the_list_is_a_mistake_under_its_number():
    for number, parts in PARTS.items():
        listed = {name for name, mistake in MISTAKES.items() if f"echo_state {number}" in mistake.listed}
        assert set(parts.values()) <= listed and len(set(parts.values())) == len(parts)
    assert {number for mistake in MISTAKES.values() for number in mistake.listed} == {f"echo_state {n}" for n in PARTS}


# ---- the system is the tasks' own series -----------------------------------------------------------------------------

def test_narma_is_the_series_of_the_tasks():
    case = CASES["series/narma"]()
    p, given = case.params, case.inputs
    u = np.concatenate([np.zeros_like(given["before"]), given["u"]], axis=1)
    case = case._replace(values={**case.values, "inputs.before": 0 * given["before"]})
    expected = response(given["u"], 3, coefficients=[float(p[f"c{i}"]) for i in range(1, 5)])
    assert u.shape[1] == 12
    assert_allclose(program(case, case.values)["series"], expected, rtol=1e-14)


@pytest.mark.parametrize("method, name", [("rk4", ""), ("euler", "-euler")])
def test_mackey_glass_is_the_series_of_the_tasks(method, name):
    case = CASES[f"series/mackey_glass{name}"]()
    found = program(case, case.values)["series"]
    p, config = case.params, case.config
    for i, x_0 in enumerate(case.inputs["x_0"]):
        rows = delayed(float(x_0), len(found), config["tau"], config["kept"] * float(p["step"]), float(p["step"]),
                       (float(p["alpha"]), config["beta"], float(p["gamma"])), method)
        assert_allclose(found[:, i], rows, rtol=1e-12)


def test_the_lorenz_systems_are_the_series_of_the_tasks():
    for id in ("series/lorenz63", "series/lorenz96"):
        case = CASES[id]()
        p = {name: float(value) for name, value in case.params.items()}
        field = (lambda x: lorenz.convection(x, p["sigma"], p["rho"], p["beta"])) if "63" in id else (
            lambda x: lorenz.ring(x, p["F"]))
        rows = trajectory(field, case.inputs["x_0"], case.config["rows"], p["dt"], case.config["substeps"])
        assert_allclose(program(case, case.values)["series"], rows, rtol=1e-12)


def test_the_truth_is_near_the_float64_run():
    flint = pytest.importorskip("flint", reason="exact truth needs python-flint (pip install 'minires[oracle]')")
    from minires.oracle.exact.truth import truth
    assert flint
    for id in ("series/narma", "series/mackey_glass-euler", "series/mackey_glass"):
        case = CASES[id]()
        found = truth(case)
        assert found.certificate["bits"] == 384 and not found.certificate["zeros"]
        assert all(np.max(abs(value - found.values[name])) <= 1e-12 * (1e-3 + np.max(abs(value)))
                   for name, value in library(case).items())
