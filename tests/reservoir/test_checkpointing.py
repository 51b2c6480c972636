"""Gradients by checkpoints are the gradients; the memory is that of a short series."""

import tracemalloc

import autograd.numpy as np
import numpy
import pytest
from reservoir_cases import B, FORMS, N, T, d, q, series, weights

from minires.differentiation import value_and_gradient
from minires.reservoir.checkpointing import accumulate
from minires.reservoir.echo_state import run


def squared_error(weights, states, targets):
    return np.sum((np.dot(states, weights["W_o"]) - targets) ** 2)


def tree_of(rng, form):
    u, y, x_0, _ = series(rng)
    return {"weights": {"W_o": rng.standard_normal((N, q))}, "params": weights(rng, form, "per unit", feedback=False),
            "u": u, "y": y, "x_0": x_0}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chunk, f", [(None, "tanh"), (1, "logistic"), (3, "identity"), (T, "tanh"), (T + 5, "relu")])
def test_the_gradient_does_not_depend_on_the_checkpoints(form, chunk, f):
    rng = numpy.random.default_rng(0)

    def by_chunks(p):
        total, last = accumulate(squared_error, p["weights"], p["params"], p["u"], p["y"], x_0=p["x_0"], f=f, chunk=chunk)
        return total + np.sum(last ** 3)

    def at_once(p):
        states, last = run(p["params"], p["u"], p["x_0"], f=f)
        return squared_error(p["weights"], states, p["y"]) + np.sum(last ** 3)
    tree = tree_of(rng, form)
    (value, gradient), (expected, slopes) = value_and_gradient(by_chunks, tree), value_and_gradient(at_once, tree)
    assert abs(value - expected) < 1e-12 * abs(expected)
    for name in slopes:
        numpy.testing.assert_allclose(gradient[name], slopes[name], atol=1e-12 * abs(slopes[name]).max(initial=1), err_msg=name)
    assert {name for name, slope in slopes.items() if not numpy.any(slope)} <= {"params.W.sources"}


def test_a_statistic_may_be_an_array_and_needs_no_weights():
    """The Gram matrix of the states of one series, summed by chunks."""
    rng = numpy.random.default_rng(1)
    params, c = weights(rng, feedback=False), rng.standard_normal((N, N))
    u = rng.standard_normal((T, d))
    gram = lambda _, states: np.dot(np.transpose(states), states)
    total, last = accumulate(gram, {}, params, u, chunk=2)
    states, end = run(params, u)
    numpy.testing.assert_allclose(total, states.T @ states, atol=1e-13)
    numpy.testing.assert_allclose(last, end, atol=1e-13)  # bits depend on the sizes that BLAS is given
    loss = lambda p: np.sum(c * accumulate(gram, {}, p["params"], p["u"], chunk=2)[0])
    assert max(row.reverse for row in check_reverse(loss, {"params": params, "u": u}, rng)) < 1e-9


def check_reverse(loss, tree, rng):
    """`check_gradients` without its forward mode, which checkpoints do not have."""
    from minires.gradients import Row, central_differences, flatten
    _, gradient = value_and_gradient(loss, tree)
    for name in flatten(tree):
        numeric = central_differences(loss, tree, name)
        yield Row(name, 0, abs(numeric - gradient[name]).max() / abs(numeric).max(), 0.0, ())


def test_the_memory_of_a_long_series_is_that_of_a_short_one():
    rng = numpy.random.default_rng(2)
    params, u = weights(rng, feedback=False, units=50), rng.standard_normal((10000, d))
    loss_chunked = lambda p: accumulate(lambda _, states: np.sum(states ** 2), {}, p, u)[0]
    loss_whole = lambda p: np.sum(run(p, u)[0] ** 2)

    def peak(loss):
        tracemalloc.start()
        value_and_gradient(loss, params)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most
    assert peak(loss_chunked) < peak(loss_whole) / 20


@pytest.mark.parametrize("changes, message", [
    ({"W_fb": numpy.zeros((N, q))}, "W_fb in the parameters: expected none"),
    ({"rows": numpy.zeros((T - 1, q))}, r"rows\[0\] has shape \(6, 3\): expected 7 steps as in u"),
    ({"chunk": 0}, "chunk=0: expected a whole number of at least 1"),
    ({"u": numpy.zeros((0, d))}, "u has no rows"),
    ({"u": numpy.full((T, d), numpy.nan)}, r"u is nan at \(0, 0\)"),
])
def test_bad_input_is_named_in_one_line(changes, message):
    params = {**weights(numpy.random.default_rng(0), feedback=False), **{k: v for k, v in changes.items() if k == "W_fb"}}
    u = changes.get("u", numpy.zeros((T, d)))
    with pytest.raises(ValueError, match=message):
        accumulate(lambda _, states, rows: np.sum(states), {}, params, u, changes.get("rows", numpy.zeros((len(u), q))),
                   chunk=changes.get("chunk"))


def test_batches_are_cut_in_time_not_in_series():
    rng = numpy.random.default_rng(3)
    params, u = weights(rng, feedback=False), rng.standard_normal((B, T, d))
    seen = []
    accumulate(lambda _, states: seen.append(states.shape) or np.sum(states), {}, params, u, chunk=3)
    assert seen == [(B, 3, N), (B, 3, N), (B, 1, N)]
