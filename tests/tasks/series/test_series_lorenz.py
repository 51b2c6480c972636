"""Lorenz's systems: the equations, the measured order of the integrator, the grid, divergence."""

import numpy as np
import pytest

from minires.tasks.series import make_series
from minires.tasks.series.integrate import runge_kutta, trajectory
from minires.tasks.series.lorenz import convection, lorenz63, lorenz63_observer, lorenz96, ring

START = np.array([1.3, -0.7, 24.0])


def field63(state):
    return convection(state, 10.0, 28.0, 8 / 3)


def test_lorenz63_is_its_equation_with_constants_that_all_differ():
    x, y, z = 1.3, -0.7, 2.1
    assert convection(np.array([x, y, z]), 9.0, 25.0, 2.5) == pytest.approx(
        [9.0 * (y - x), x * (25.0 - z) - y, x * y - 2.5 * z], rel=1e-15)


def test_lorenz96_is_its_equation_around_the_ring():
    for size in (4, 5, 9):
        x = np.random.default_rng(size).standard_normal(size)
        loop = [(x[(i + 1) % size] - x[(i - 2) % size]) * x[(i - 1) % size] - x[i] + 7.5 for i in range(size)]
        np.testing.assert_allclose(ring(x, 7.5), loop, rtol=1e-13, atol=1e-14)


def test_lorenz96_keeps_energy_but_for_friction_and_forcing():
    """sum_i x_i dx_i/dt = - sum x^2 + F sum x: the quadratic terms cancel."""
    x = np.random.default_rng(0).standard_normal(11)
    assert np.sum(x * ring(x, 8.0)) == pytest.approx(-np.sum(x * x) + 8.0 * np.sum(x), rel=1e-12)


def test_the_step_is_the_classic_runge_kutta_step():
    """For dx/dt = x one step is the Taylor polynomial of degree 4."""
    h = 0.3
    assert runge_kutta(lambda x: x, np.array([2.0]), h)[0] == pytest.approx(
        2.0 * (1 + h + h ** 2 / 2 + h ** 3 / 6 + h ** 4 / 24), rel=1e-15)


@pytest.mark.parametrize("field, start", [(field63, START), (lambda x: ring(x, 8.0), np.random.default_rng(2).normal(2, 3, 7))],
                         ids=["lorenz63", "lorenz96"])
def test_the_error_falls_with_the_fourth_power_of_the_step(field, start):
    last = lambda substeps: trajectory(field, start, 6, 0.1, substeps)[-1]  # at t = .5
    exact = last(640)
    errors = [np.abs(last(substeps) - exact).max() for substeps in (20, 40, 80)]
    found = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(found - 4) < 0.2), found


def test_rows_lie_on_the_grid_exactly():
    """Twice the rows at half the dt, the same substep: the same states, bit for bit; a linspace or a squared step is not."""
    coarse, fine = trajectory(field63, START, 12, 0.02, 4), trajectory(field63, START, 23, 0.01, 2)
    assert np.array_equal(coarse, fine[::2])
    clock = trajectory(lambda x: np.ones(1), np.zeros(1), 11, 0.3, 7)[:, 0]  # dx/dt = 1 reads the time
    np.testing.assert_allclose(clock, 0.3 * np.arange(11), rtol=1e-13)


@pytest.mark.parametrize("name, options", [("lorenz63", {}), ("lorenz96", {"size": 6})])
def test_a_series_is_its_trajectory_from_the_stated_point(name, options):
    field = field63 if name == "lorenz63" else lambda x: ring(x, 8.0)
    start = np.array([1.0, 1.0, 1.0]) if name == "lorenz63" else np.array([8.01, 8, 8, 8, 8, 8])
    made = make_series(name, 9, dt=0.03, substeps=5, washout=4, **options)
    values = trajectory(field, start, 14, 0.03, 5)
    assert np.array_equal(made.inputs, values[4:13]) and np.array_equal(made.targets, values[5:14]) and made.dt == 0.03
    drawn = np.random.default_rng(3).uniform(-1, 1, len(start))
    moved = make_series(name, 1, np.random.default_rng(3), washout=0, spread=0.25, **options)
    np.testing.assert_allclose(moved.inputs[0], np.round(start) + 0.25 * drawn, rtol=1e-15)


def test_the_options_of_lorenz63_reach_the_equation():
    made = lorenz63(3, dt=0.01, substeps=3, sigma=9.0, rho=25.0, beta=2.5, initial=[0.5, -1.0, 20.0], washout=0)
    values = trajectory(lambda x: convection(x, 9.0, 25.0, 2.5), np.array([0.5, -1.0, 20.0]), 4, 0.01, 3)
    assert np.array_equal(made.inputs, values[:3]) and made.options["initial"] == [0.5, -1.0, 20.0]
    other = lorenz96(3, size=5, F=6.0, washout=0)
    values = trajectory(lambda x: ring(x, 6.0), np.array([6.01, 6.0, 6.0, 6.0, 6.0]), 4, 0.05, 4)
    assert np.array_equal(other.inputs, values[:3]) and other.columns == ("x_0", "x_1", "x_2", "x_3", "x_4")


def test_the_observer_says_y_and_z_of_the_same_row_from_x():
    whole = lorenz63(21, np.random.default_rng(4), dt=0.03, washout=6)
    made = lorenz63_observer(21, np.random.default_rng(4), dt=0.03, washout=6)
    assert np.array_equal(made.inputs, whole.inputs[:, :1]) and np.array_equal(made.targets, whole.inputs[:, 1:])
    assert made.columns == ("x",) and made.name == "lorenz63_observer" and made.lyapunov_time == whole.lyapunov_time


def test_accurate_integrators_of_others_agree():
    scipy = pytest.importorskip("scipy.integrate")
    for field, start in ((field63, START), (lambda x: ring(x, 8.0), np.random.default_rng(5).normal(2, 3, 5))):
        theirs = scipy.solve_ivp(lambda t, x: field(x), (0, 1.0), start, "DOP853", np.arange(51) * 0.02, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(trajectory(field, start, 51, 0.02, 4), theirs.y.T, atol=3e-5)
        np.testing.assert_allclose(trajectory(field, start, 51, 0.02, 64), theirs.y.T, atol=2e-9)


def growth(step, state, rows, seed=0):
    """The mean log growth per step of a small difference, brought back to 1e-7 after each step."""
    difference = np.random.default_rng(seed).standard_normal(len(state))
    total = 0.0
    for _ in range(rows):
        difference *= 1e-7 / np.linalg.norm(difference)
        state, other = step(state), step(state + difference)
        difference = other - state
        total += np.log(np.linalg.norm(difference) / 1e-7)
    return total / rows


def test_the_lyapunov_time_of_lorenz63_is_the_measured_one():
    made = lorenz63(1, dt=0.05)
    found = growth(lambda x: trajectory(field63, x, 2, 0.05, 4)[1], made.inputs[0], 4000) / 0.05
    assert abs(found - 0.9056) < 0.05 and made.lyapunov_time == pytest.approx(1.104, abs=5e-4)
    assert lorenz63(1, rho=27.0).lyapunov_time is None


@pytest.mark.slow
def test_the_lyapunov_time_of_lorenz96_is_the_measured_one():
    made = lorenz96(1)
    found = growth(lambda x: trajectory(lambda x: ring(x, 8.0), x, 2, 0.05, 2)[1], made.inputs[0], 8000) / 0.05
    assert abs(found - 1 / made.lyapunov_time) < 0.1


def test_the_lyapunov_time_of_lorenz96_is_given_for_40_sites_at_forcing_8_only():
    assert lorenz96(1).lyapunov_time == pytest.approx(0.6, abs=0.01)
    assert lorenz96(1, size=39).lyapunov_time is None and lorenz96(1, F=8.1).lyapunov_time is None


def test_a_row_without_a_finite_state_is_an_error_that_names_it():
    with pytest.raises(ValueError) as error:
        lorenz63(400, dt=0.5, substeps=1)
    message = str(error.value)
    assert message.startswith("lorenz63 is not finite at row ") and message.endswith(
        " (dt=0.5, substeps=1): expected a smaller dt or more substeps")
    row, x = int(message.split()[6]), np.ones(3)
    with np.errstate(all="ignore"):
        for _ in range(row - 1):
            x = runge_kutta(field63, x, 0.5)
        assert np.isfinite(x).all() and not np.isfinite(runge_kutta(field63, x, 0.5)).all()
    with pytest.raises(ValueError, match="^lorenz96 is not finite at row "):
        lorenz96(400, dt=1.0, substeps=1)


@pytest.mark.parametrize("initial, message", [
    ((1.0, 2.0), r"initial=\(1.0, 2.0\): expected 3 numbers"), ("abc", "initial='abc': expected 3 numbers"),
    ((1.0, float("nan"), 0.0), r"initial\[1\]=nan: expected a finite number"), (None, "initial=None: expected 3 numbers")])
def test_an_impossible_start_is_refused(initial, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        lorenz63(5, initial=initial)
