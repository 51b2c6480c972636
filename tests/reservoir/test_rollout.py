"""The rollout and its derivatives: the equation by loops, every coordinate by differences, by complex steps."""

import autograd.numpy as np
import numpy
import pytest
from reservoir_cases import ACTIVATIONS, FORMS, RETENTIONS, B, N, T, d, fixed_in_degree, q, series, transcription, weights

from minires.gradients import check_gradients, value_and_gradient
from minires.parameters import flatten, unflatten
from minires.reservoir.echo_state import run, step
from minires.reservoir.kernels import leaky

KINDS = [(form, retention, f) for form in FORMS for retention in RETENTIONS for f in ACTIVATIONS]


def floats(tree):
    """The leaves that can be differentiated, and the whole tree again from them."""
    flat = flatten(tree)
    fixed = {name: leaf for name, leaf in flat.items() if name.endswith("sources")}
    free = {name: leaf for name, leaf in flat.items() if name not in fixed}
    return unflatten(free), lambda free: unflatten({**flatten(free), **fixed})


def case(form, retention, seed=0):
    rng = numpy.random.default_rng(seed)
    u, y, x_0, y_0 = series(rng)
    tree = {"params": weights(rng, form, retention), "u": u, "y": y, "x_0": x_0, "y_0": y_0}
    return *floats(tree), rng


@pytest.mark.parametrize("form, retention, f", KINDS)
def test_states_are_the_equation_number_by_number(form, retention, f):
    rng = numpy.random.default_rng(1)
    params, (u, y, x_0, y_0) = weights(rng, form, retention), series(rng)
    states, last = run(params, u, x_0, y, y_0, f)
    assert states.shape == (B, T, N) and last.shape == (B, N)
    for i in range(B):
        expected = transcription(params, u[i], x_0[i], y[i], y_0[i], f)
        numpy.testing.assert_allclose(states[i], expected, rtol=0, atol=1e-12 * (1 + abs(expected).max()))
        numpy.testing.assert_array_equal(last[i], states[i, -1])


@pytest.mark.parametrize("form, retention, f", KINDS)
def test_a_rollout_is_its_steps(form, retention, f):
    rng = numpy.random.default_rng(2)
    params, (u, y, x_0, y_0) = weights(rng, form, retention), series(rng)
    x, before = x_0, y_0
    for t, state in enumerate(numpy.swapaxes(run(params, u, x_0, y, y_0, f)[0], 0, 1)):
        x, before = step(params, x, u[:, t], before, f), y[:, t]
        numpy.testing.assert_allclose(x, state, rtol=0, atol=1e-12 * (1 + abs(state).max()))


@pytest.mark.parametrize("form, retention, f", KINDS)
def test_gradients_agree_with_differences_in_every_coordinate(form, retention, f):
    """All of W, W_in, b, W_fb, K, g, u, y, x_0 and y_0, through the states and the last one, with rows that are masked."""
    free, whole, rng = case(form, retention)
    mask, c = rng.random((B, T)) < 0.7, rng.standard_normal((B, T, N))

    def loss(tree):
        tree = whole(tree)
        states, last = run(tree["params"], tree["u"], tree["x_0"], tree["y"], tree["y_0"], f, mask)
        return np.sum(c * states * states) + np.sum(last ** 3)
    rows = check_gradients(loss, free, rng)
    assert len(rows) == len(flatten(free)) and max(max(row.reverse, row.forward) for row in rows) < 1e-8


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_one_series_without_a_batch(form):
    free, whole, rng = case(form, "per unit")
    c = rng.standard_normal((T, N))

    def loss(tree):
        tree = whole(tree)
        return np.sum(c * run(tree["params"], tree["u"][0], tree["x_0"][0], tree["y"][0], tree["y_0"][0])[0] ** 2)
    assert max(max(row.reverse, row.forward) for row in check_gradients(loss, free, rng)) < 1e-8


@pytest.mark.parametrize("a", [0.35, numpy.linspace(0.2, 1, N)], ids=["one leak", "a leak per unit"])
def test_the_gradient_of_the_leak_goes_through_both_of_its_places(a):
    rng = numpy.random.default_rng(3)
    params, (u, y, x_0, _) = weights(rng), series(rng)
    loss = lambda tree: np.sum(run({**params, **leaky(tree["a"])}, u, x_0, y)[0][..., :2] ** 2)
    assert check_gradients(loss, {"a": a - 0.05}, rng)[0].reverse < 1e-9


# ---- the complex step ------------------------------------------------------------------------------------------------

def largest_exponent(params, states, x_0):
    """Mean growth of a tangent of x_t = (1-a) x + a tanh(p) per step, so that a tolerance can allow for chaos."""
    a, W, v, total = params["g"], params["W"], numpy.ones(len(x_0)), 0.0
    for before, state in zip(numpy.concatenate([x_0[None], states[:-1]]), states):
        h = (state - (1 - a) * before) / a
        v = (1 - a) * v + a * (1 - h * h) * (W @ v)
        total += numpy.log(numpy.linalg.norm(v))
        v /= numpy.linalg.norm(v)
    return total / len(states)


@pytest.mark.parametrize("rho, steps", [(0.5, 60), (0.9, 60), (1.0, 200), (1.3, 200), (2.0, 100)])
def test_the_hand_derived_product_is_exact_to_the_complex_step(rho, steps):
    """Tolerance: eps * exp(max(0, lyapunov * T)) * 100, relative to the gradient of each parameter."""
    rng, units, a = numpy.random.default_rng(4), 23, 0.5
    W = rng.standard_normal((units, units))
    W *= rho / max(abs(numpy.linalg.eigvals(W)))
    free = {"W": W, "W_in": rng.uniform(-1, 1, (units, d)), "b": 0.2 * rng.standard_normal(units), "a": numpy.array(a),
            "W_fb": rng.standard_normal((units, q)), "x_0": rng.uniform(-1, 1, units), "u": rng.standard_normal((steps, d))}
    y, c = rng.standard_normal((steps, q)), rng.standard_normal((steps, units))

    def loss(p):
        params = {"W": p["W"], "W_in": p["W_in"], "b": p["b"], "W_fb": p["W_fb"], "K": 1 - p["a"], "g": p["a"]}
        return np.sum(c * run(params, p["u"], p["x_0"], y)[0])
    _, gradient = value_and_gradient(loss, free)
    params = {**{name: free[name] for name in ("W", "W_in", "b", "W_fb")}, "K": 1 - a, "g": a}
    exponent = largest_exponent(params, run(params, free["u"], free["x_0"], y)[0], free["x_0"])
    tolerance = numpy.finfo(float).eps * numpy.exp(max(0, exponent * steps)) * 1e2
    assert tolerance < 1e-11
    for name, value in free.items():
        direction = rng.standard_normal(value.shape)
        along = loss({**free, name: value + 1e-30j * direction}).imag / 1e-30
        reach = abs(gradient[name]).max() * abs(direction).sum()
        assert abs(along - numpy.sum(gradient[name] * direction)) <= tolerance * reach, name


def test_the_complex_step_agrees_to_1e_13_in_every_coordinate_of_a_small_reservoir():
    free, whole, rng = case("sparse", "per unit")
    c = rng.standard_normal((B, T, N))

    def loss(tree):
        tree = whole(tree)
        return np.sum(c * run(tree["params"], tree["u"], tree["x_0"], tree["y"], tree["y_0"])[0])
    _, gradient = value_and_gradient(loss, free)
    flat = flatten(free)
    for name, value in flat.items():
        for i in numpy.ndindex(numpy.shape(value)):
            moved = numpy.array(value, dtype=complex)
            moved[i] += 1e-30j
            slope = loss(unflatten({**flat, name: moved})).imag / 1e-30
            assert abs(slope - gradient[name][i]) <= 1e-13 * abs(gradient[name]).max(), (name, i)


# ---- what goes in comes out ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", FORMS)
def test_float32_stays_float32_forward_and_back(form):
    free, whole, _ = case(form, "per unit")
    single = {name: numpy.asarray(leaf, dtype=numpy.float32) for name, leaf in flatten(free).items()}

    def loss(tree):
        tree = whole(tree)
        states, last = run(tree["params"], tree["u"], tree["x_0"], tree["y"], tree["y_0"])
        assert states.dtype == last.dtype == numpy.float32
        return np.sum(states)
    value, gradient = value_and_gradient(loss, unflatten(single))
    assert value.dtype == numpy.float32 and {slope.dtype for slope in gradient.values()} == {numpy.dtype("float32")}


def test_python_numbers_as_leak_keep_float32():
    params = {"W": numpy.eye(2, dtype="f4"), "W_in": numpy.ones((2, 1), dtype="f4"), **leaky(0.25)}
    assert run(params, numpy.ones((3, 1), dtype="f4"))[0].dtype == numpy.float32


def test_a_unit_that_hears_one_source_twice_adds_both():
    rng = numpy.random.default_rng(5)
    twice = {"values": rng.standard_normal((3, N)), "sources": rng.integers(0, 2, (3, N))}
    params = {**weights(rng, feedback=False), "W": twice}
    u, _, x_0, _ = series(rng)
    expected = transcription(params, u[0], x_0[0])
    numpy.testing.assert_allclose(run(params, u[0], x_0[0])[0], expected, atol=1e-13)
    loss = lambda tree: np.sum(run({**params, "W": {**twice, "values": tree["v"]}}, u, x_0)[0] ** 2)
    assert check_gradients(loss, {"v": twice["values"]}, rng)[0].reverse < 1e-9


def test_units_that_nobody_hears_get_no_adjoint_from_the_others():
    rng = numpy.random.default_rng(6)
    params = {**weights(rng, feedback=False), "W": {"values": rng.standard_normal((1, N)), "sources": numpy.full((1, N), 2)}}
    u, _, x_0, _ = series(rng)
    loss = lambda tree: np.sum(run(params, u, tree["x_0"])[0] ** 2)
    assert check_gradients(loss, {"x_0": x_0}, rng)[0].reverse < 1e-9


def test_fixed_in_degree_and_its_full_matrix_are_the_same_reservoir():
    from minires.reservoir.operators import dense
    rng = numpy.random.default_rng(7)
    params, (u, y, x_0, y_0) = weights(rng, "sparse", "sparse"), series(rng)
    full = {**params, "W": dense(params["W"]), "K": dense(params["K"])}
    numpy.testing.assert_allclose(run(params, u, x_0, y, y_0)[0], run(full, u, x_0, y, y_0)[0], atol=1e-13)
    assert fixed_in_degree(rng)["sources"].shape == (2, N)


def test_what_stands_in_padding_reaches_no_gradient():
    rng = numpy.random.default_rng(9)
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    mask = numpy.arange(T) < numpy.array([T, 3, 1, 5])[:, None]
    tree = {"params": params, "u": u, "y": y, "x_0": x_0, "y_0": y_0}
    loss = lambda p: np.sum(run(p["params"], p["u"], p["x_0"], p["y"], p["y_0"], mask=mask)[1] ** 3)
    _, gradient = value_and_gradient(loss, tree)
    assert not numpy.any(gradient["u"][~mask]) and numpy.any(gradient["u"][mask])
    dirty = numpy.where(mask[..., None], u, numpy.nan), numpy.where(mask[..., None], y, numpy.inf)
    _, again = value_and_gradient(loss, {**tree, "u": dirty[0], "y": dirty[1]})
    for name, slope in gradient.items():
        numpy.testing.assert_allclose(again[name], slope, atol=1e-13, err_msg=name)


def test_an_empty_series_has_gradients_too():
    """The last state is the first one, and depends on nothing else."""
    rng = numpy.random.default_rng(10)
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    loss = lambda p: np.sum(run(p["params"], u[:, :0], p["x_0"], y[:, :0], y_0)[0]) + np.sum(
        run(p["params"], u[:, :0], p["x_0"], y[:, :0], y_0)[1] ** 2)
    rows = check_gradients(loss, {"params": params, "x_0": x_0}, rng)
    assert max(max(row.reverse, row.forward) for row in rows) < 1e-8


def test_the_backward_pass_leaves_the_adjoint_that_it_is_given_as_it_was():
    """states + v hands one and the same array to both: v's gradient must still be c."""
    rng = numpy.random.default_rng(8)
    params, (u, _, x_0, _) = weights(rng, feedback=False), series(rng)
    c = rng.standard_normal((T, N))
    loss = lambda tree: np.sum(c * (run(tree["params"], u[0], x_0[0])[0] + tree["v"]))
    _, gradient = value_and_gradient(loss, {"params": params, "v": numpy.zeros((T, N))})
    numpy.testing.assert_array_equal(gradient["v"], c)
