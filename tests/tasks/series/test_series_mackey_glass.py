"""Mackey-Glass: the equation, the delay in units of time, the measured order of both integrators."""

import math

import numpy as np
import pytest

from minires.tasks.series.mackey_glass import mackey_glass, rate, trajectory

CONSTANTS = (0.2, 10.0, 0.1)
ODD = (0.23, 9.0, 0.12)  # constants that nobody's code has as defaults


def loop(x_0, rows, tau, dt, h, alpha, beta, gamma):
    """Euler, one Python number at a time, the past kept by its time."""
    at = lambda n: x_0 if n <= 0 else x[n]
    x, delay = [x_0], round(tau / h)
    for n in range((rows - 1) * round(dt / h)):
        past = at(n - delay)
        x.append(x[n] + h * (alpha * past / (1 + past ** beta) - gamma * x[n]))
    return x[::round(dt / h)]


def test_euler_is_its_equation():
    for tau, dt, h in ((17, 1.0, 0.1), (6, 1.5, 0.25), (2, 3.0, 1.0)):
        np.testing.assert_allclose(trajectory(1.3, 40, tau, dt, h, ODD, "euler"), loop(1.3, 40, tau, dt, h, *ODD), rtol=1e-12)


def test_jaegers_recipe_is_every_tenth_euler_step_of_a_tenth_through_tanh():
    made = mackey_glass(60, tau=30, method="euler", transform="tanh", washout=25)
    x = loop(1.2, 86, 30, 1.0, 0.1, *CONSTANTS)[25:]
    np.testing.assert_allclose(made.inputs[:, 0], [math.tanh(value - 1) for value in x[:60]], rtol=1e-11)
    np.testing.assert_allclose(made.targets[:, 0], [math.tanh(value - 1) for value in x[1:61]], rtol=1e-11)


@pytest.mark.parametrize("method, order", [("euler", 1), ("rk4", 4)])
def test_the_error_of_an_integrator_falls_with_its_order(method, order):
    """Up to t = 72, past four delays of 17: no chaos yet, but every interval reads what the integrator itself has written."""
    exact = trajectory(1.2, 73, 17, 1.0, 0.0125, CONSTANTS, "rk4")
    errors = [np.abs(trajectory(1.2, 73, 17, 1.0, h, CONSTANTS, method) - exact).max() for h in (0.5, 0.25, 0.125)]
    found = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(found - order) < 0.25), found


def test_the_accurate_integrator_is_accurate_at_its_default_step():
    exact = trajectory(1.2, 101, 17, 1.0, 0.0125, CONSTANTS)
    assert np.abs(trajectory(1.2, 101, 17, 1.0, 0.1, CONSTANTS) - exact).max() < 5e-9


def test_in_the_first_delay_the_solution_is_the_one_on_paper():
    """With a constant history the production p is constant until t = tau: x = p/gamma + (x_0 - p/gamma) exp(-gamma t)."""
    alpha, beta, gamma = ODD
    x_0, t = 1.3, np.arange(0, 18)
    p = alpha * x_0 / (1 + x_0 ** beta)
    exact = p / gamma + (x_0 - p / gamma) * np.exp(-gamma * t)
    np.testing.assert_allclose(trajectory(x_0, 18, 17, 1.0, 0.1, ODD), exact, rtol=1e-9)
    after = trajectory(x_0, 22, 17, 1.0, 0.1, ODD)[18:]
    line = p / gamma + (x_0 - p / gamma) * np.exp(-gamma * np.arange(18, 22))
    assert np.all(np.abs(after - line) > 1e-4)  # from tau on production answers to what x was


def test_in_the_second_delay_the_solution_is_the_integral_on_paper():
    """x(t) = exp(-gamma (t - tau)) x(tau) + int_tau^t exp(-gamma (t - s)) p(x(s - tau)) ds, by Simpson's rule."""
    alpha, beta, gamma = ODD
    x_0, tau, t = 1.3, 17.0, 25.0
    p = lambda x: alpha * x / (1 + x ** beta)
    first = lambda s: p(x_0) / gamma + (x_0 - p(x_0) / gamma) * np.exp(-gamma * s)
    s = np.linspace(tau, t, 2001)
    values = np.exp(-gamma * (t - s)) * p(first(s - tau))
    weights = np.ones(2001)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    exact = np.exp(-gamma * (t - tau)) * first(tau) + np.sum(weights * values) * (t - tau) / 2000 / 3
    assert abs(trajectory(x_0, 26, tau, 1.0, 0.1, ODD)[25] - exact) < 1e-9


@pytest.mark.parametrize("method, tolerance", [("euler", 0.05), ("rk4", 1e-5)])
def test_the_delay_is_in_units_of_time_not_in_steps(method, tolerance):
    one, other = (trajectory(1.2, 60, 17, 1.0, h, CONSTANTS, method) for h in (0.5, 0.25))
    assert np.abs(one - other).max() < tolerance
    assert np.abs(one - trajectory(1.2, 60, 8.5, 1.0, 0.5, CONSTANTS, method)).max() > 0.1


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_a_row_is_dt_units_of_time(method):
    every, third = (trajectory(1.2, rows, 17, dt, 0.25, CONSTANTS, method) for rows, dt in ((31, 0.5), (11, 1.5)))
    assert np.array_equal(every[::3], third)
    assert mackey_glass(5, dt=0.5).dt == 0.5


def test_production_is_part_of_the_step():
    """Without production only decay is left, exp(-gamma t); both terms are multiplied by the step, with weights of sum 1."""
    still = trajectory(1.2, 3, 17, 1.0, 1.0, (1e-300, 10.0, 0.1))
    np.testing.assert_allclose(still[1:] / 1.2, np.exp([-0.1, -0.2]), rtol=1e-6)
    for method in ("euler", "rk4"):
        level = (0.2 / 0.1 - 1) ** 0.1  # the fixed point, x^beta = alpha / gamma - 1
        np.testing.assert_allclose(trajectory(level, 9, 17, 1.0, 0.5, CONSTANTS, method), level, rtol=1e-12)


def test_the_attractor_is_where_it_is_known_to_be():
    for tau, wide in ((17, 0.21), (30, 0.25)):
        x = mackey_glass(3000, tau=tau).inputs
        assert 0.15 < x.min() < 0.5 and 1.2 < x.max() < 1.5 and 0.8 < x.mean() < 1.0 and wide < x.std() < wide + 0.06


def test_jaegers_series_of_tau_30_has_about_the_variance_that_he_divides_by():
    """He gives sigma^2 = .067 (GMD report 148, section 6): this is that of tanh(x - 1), .069; that of x itself is .081."""
    x = mackey_glass(20000, tau=30, method="euler").inputs
    assert abs(x.var() - 0.0815) < 0.002 and abs(np.tanh(x - 1).var() - 0.0693) < 0.0015


def test_the_rate_is_production_less_decay():
    assert rate(0.7, 1.3, *ODD) == pytest.approx(0.23 * 1.3 / (1 + 1.3 ** 9) - 0.12 * 0.7, rel=1e-15)


@pytest.mark.parametrize("options, message", [
    ({"tau": 17.05}, "tau=17.05: expected a multiple of step=0.1, such as 17$"),
    ({"tau": 0.01}, "tau=0.01: expected a multiple of step=0.1, such as 0.1$"),
    ({"dt": 0.25}, "dt=0.25: expected a multiple of step=0.1, such as 0.2$"),
    ({"step": 0.3}, "tau=17.0: expected a multiple of step=0.3, such as 17.1$"),
    ({"method": "rk"}, "unknown method 'rk': did you mean 'rk4'?"),
    ({"transform": "tan"}, "unknown transform 'tan': did you mean 'tanh'?"),
    ({"spread": 1.2}, "spread=1.2: expected a number from 0 to below initial=1.2"),
    ({"tau": 1e12}, "step=0.1: 10000000010510 steps; expected 100000000 or fewer"),
    ({"step": 1e-9}, "step=1e-09: .* steps; expected 100000000 or fewer"),
    ({"alpha": 1e6, "beta": 300.0}, "mackey_glass diverges at step=0.1: expected a smaller step"),
    ({"gamma": 30.0, "method": "euler"}, "mackey_glass diverges at step=0.1: expected a smaller step"),
    ({"gamma": 15.0, "beta": 9.5, "method": "euler"}, "mackey_glass diverges at step=0.1: expected a smaller step")])
def test_an_impossible_mackey_glass_is_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        mackey_glass(50, **options)
