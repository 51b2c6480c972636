"""Free runs: the output takes the place of the input or of the teacher; the state continues."""

import autograd.numpy as np
import numpy
import pytest
from reservoir_cases import B, N, T, d, q, series, weights

from minires.errors import Diverged
from minires.gradients import check_gradients
from minires.reservoir.echo_state import run
from minires.reservoir.generation import generate

exactly = numpy.testing.assert_array_equal


def setting(seed=0, feedback=False, outputs=q):
    """Parameters, a readout of state and input, and everything that a free run continues from."""
    rng = numpy.random.default_rng(seed)
    params = weights(rng, feedback=feedback, outputs=outputs)
    W_x, W_u = 0.3 * rng.standard_normal((N, outputs)), 0.2 * rng.standard_normal((d, outputs))
    u, y, x_0, y_0 = series(rng, outputs=outputs)
    return params, lambda x, u: np.dot(x, W_x) + np.dot(u, W_u) + 0.1, u, y, x_0, y_0, (W_x, W_u, rng)


def test_in_a_closed_loop_each_output_is_the_next_input():
    params, read, u, _, x_0, _, _ = setting(outputs=d)
    outputs, last, back = generate(params, read, T, x_0, u[:, 0])
    inputs = numpy.concatenate([u[:, :1], outputs[:, :-1]], axis=1)
    states, end = run(params, inputs, x_0)
    numpy.testing.assert_allclose(read(states, inputs), outputs, atol=1e-13)
    numpy.testing.assert_allclose(last, end, atol=1e-13)
    exactly(back, outputs[:, -1])


def test_with_feedback_each_output_is_the_next_teacher():
    params, read, u, _, x_0, y_0, _ = setting(feedback=True)
    outputs, last, back = generate(params, read, T, x_0, u=u, y_0=y_0)
    states, end = run(params, u, x_0, outputs, y_0)
    numpy.testing.assert_allclose(read(states, u), outputs, atol=1e-13)
    numpy.testing.assert_allclose(last, end, atol=1e-13)
    exactly(back, outputs[:, -1])


@pytest.mark.parametrize("feedback", [False, True])
def test_a_free_run_in_two_parts_is_the_free_run(feedback):
    params, read, u, _, x_0, y_0, _ = setting(feedback=feedback, outputs=q if feedback else d)
    more = lambda steps, x, back, u: (generate(params, read, steps, x, u=u, y_0=back) if feedback
                                      else generate(params, read, steps, x, back))
    start = y_0 if feedback else u[:, 0]
    whole, last, _ = more(T, x_0, start, u)
    first, x, back = more(3, x_0, start, u[:, :3])
    second, end, _ = more(T - 3, x, back, u[:, 3:])
    numpy.testing.assert_allclose(numpy.concatenate([first, second], axis=1), whole, atol=1e-13)
    numpy.testing.assert_allclose(end, last, atol=1e-13)


@pytest.mark.parametrize("feedback", [False, True])
def test_a_batch_of_free_runs_is_its_free_runs(feedback):
    params, read, u, _, x_0, y_0, _ = setting(feedback=feedback, outputs=q if feedback else d)
    go = lambda x, u, y: generate(params, read, T, x, **({"u": u, "y_0": y} if feedback else {"u_0": u[..., 0, :]}))[0]
    outputs = go(x_0, u, y_0)
    for i in range(B):
        numpy.testing.assert_allclose(go(x_0[i], u[i], y_0[i]), outputs[i], atol=1e-13)


def test_a_network_that_was_taught_continues_the_teachers_series():
    """A linear network whose readout is exact: the free run is the series, with the first input given apart."""
    c, s, rotation = numpy.cos(0.3), numpy.sin(0.3), numpy.array([[1.0, 0.0], [0.0, 1.0]])
    truth = numpy.stack([numpy.cos(0.3 * numpy.arange(40)), numpy.sin(0.3 * numpy.arange(40))], axis=1)
    params = {"W": numpy.zeros((2, 2)), "W_in": rotation, "K": 0.0, "g": 1.0}
    read = lambda x, u: x @ numpy.array([[c, s], [-s, c]])
    _, last = run(params, truth[:20], f="identity")
    outputs, _, _ = generate(params, read, 19, last, truth[20], f="identity")
    numpy.testing.assert_allclose(outputs, truth[21:], atol=1e-12)


@pytest.mark.parametrize("feedback", [False, True])
def test_gradients_go_round_the_closed_loop(feedback):
    params, _, u, _, x_0, y_0, (W_x, W_u, rng) = setting(feedback=feedback, outputs=q if feedback else d)

    def loss(p):
        read = lambda x, u: np.dot(x, p["W_x"]) + np.dot(u, p["W_u"])
        start = {"u": p["u"], "y_0": p["y_0"]} if feedback else {"u_0": p["u"][:, 0]}
        outputs, last, back = generate(p["params"], read, T, p["x_0"], **start)
        return np.sum(outputs ** 3) + np.sum(last ** 2) + np.sum(back)
    tree = {"params": params, "W_x": W_x, "W_u": W_u, "x_0": x_0, "u": u, "y_0": y_0}
    assert max(row.reverse for row in check_gradients(loss, tree, rng)) < 1e-8


@pytest.mark.parametrize("read, output", [(lambda x, u: 10 * u, "1000000.0"),
                                          (lambda x, u: u / 0 if u[0] > 5 else 10 * u, "not finite")])
def test_a_free_run_that_diverges_says_at_which_step_and_keeps_what_came_before(read, output):
    params = setting()[0]
    with numpy.errstate(divide="ignore"), pytest.raises(Diverged, match=f"diverged at step .: the output is {output}") as error:
        generate(params, read, 50, numpy.zeros(N), numpy.ones(d), limit=999999)
    steps = len(error.value.outputs)
    assert f"at step {steps}:" in str(error.value) and "\n" not in str(error.value)
    exactly(error.value.outputs, numpy.repeat(10.0 ** numpy.arange(1, steps + 1)[:, None], d, axis=1))


def test_the_first_step_can_diverge_too():
    with pytest.raises(Diverged, match="at step 0") as error:
        generate(setting()[0], lambda x, u: u * numpy.nan, 5, numpy.zeros((B, N)), numpy.ones((B, d)))
    assert error.value.outputs.shape == (B, 0, d)


def test_an_output_as_large_as_the_limit_has_not_diverged():
    outputs, _, _ = generate(setting()[0], lambda x, u: 10 * u, 3, numpy.zeros(N), numpy.ones(d), limit=1000.0)
    assert outputs[-1, 0] == 1000.0


def test_no_steps_leave_everything_where_it_was():
    params, read, u, _, x_0, _, _ = setting(outputs=d)
    outputs, last, back = generate(params, read, 0, x_0, u[:, 0])
    assert outputs.shape == (B, 0, d)
    exactly(last, x_0)
    exactly(back, u[:, 0])


BAD = [
    (False, {"u_0": None}, "no u_0: expected the first input"),
    (False, {"u_0": numpy.zeros(d + 1)}, r"u_0 has shape \(3,\): expected \(2,\)"),
    (False, {"u_0": numpy.array([1.0, numpy.nan])}, r"u_0 is nan at \(1,\)"),
    (False, {"u": numpy.zeros((3, d))}, "u or y_0 without W_fb"),
    (False, {"steps": -1}, "steps=-1: expected a whole number of at least 0"),
    (False, {"steps": 2.5}, "steps=2.5: expected a whole number"),
    (False, {"x_0": numpy.zeros(N + 1)}, r"x_0 has shape \(6,\)"),
    (False, {"limit": -1.0}, "limit=-1.0: expected a bound"),
    (False, {"read": lambda x, u: x}, r"read gives an output of shape \(5,\): expected \(2,\)"),
    (True, {"u_0": numpy.zeros(d)}, "a free run with W_fb: expected u"),
    (True, {"y_0": None}, "a free run with W_fb: expected u"),
    (True, {"u": numpy.zeros((T + 1, d))}, r"u has shape \(8, 2\): expected \(7, 2\)"),
    (True, {"y_0": numpy.zeros(q + 1)}, r"y_0 has shape \(4,\): expected \(3,\)"),
]


@pytest.mark.parametrize("feedback, wrong, message", BAD, ids=[message for *_, message in BAD])
def test_bad_input_is_named_in_one_line(feedback, wrong, message):
    params, read, u, _, x_0, y_0, _ = setting(feedback=feedback, outputs=q if feedback else d)
    good = {"u": u[0], "y_0": y_0[0]} if feedback else {"u_0": u[0, 0]}
    good = {"params": params, "read": read, "steps": T, "x_0": x_0[0], **good}
    generate(**good)
    with pytest.raises(ValueError, match=message) as error:
        generate(**{**good, **wrong})
    assert "\n" not in str(error.value)
