"""The rollout's fused form, its form for everything else, and the loop spelled out are one function with one derivative."""

import tracemalloc

import autograd.numpy as np
import numpy
import pytest
from autograd import make_jvp
from reservoir_cases import ACTIVATIONS, FORMS, RETENTIONS, B, N, T, fixed_in_degree, series, transcription, weights

from minires.gradients import value_and_gradient
from minires.parameters import flatten, unflatten
from minires.reservoir import operators, rollout, unrolling
from minires.reservoir.echo_state import run
from minires.reservoir.kernels import leaky
from minires.reservoir.operators import better_full, hearers
from minires.spelling import spelling

KINDS = [(form, retention, f) for form in FORMS for retention in RETENTIONS for f in ACTIVATIONS]


@pytest.fixture(params=[128, 0], ids=["small as full matrices", "all by lookups"])
def small(request, monkeypatch):
    """Both ways to multiply by a small sparse matrix."""
    monkeypatch.setattr(operators, "SMALL", request.param)


def weighted(form, retention, f, seed=0, masked=True):
    """The parameters that can be differentiated by, and a loss of them: a weighted sum of squared states."""
    rng = numpy.random.default_rng(seed)
    u, y, x_0, y_0 = series(rng)
    mask, c = rng.random((B, T)) < 0.7 if masked else None, rng.standard_normal((B, T, N))
    flat = flatten({"params": weights(rng, form, retention), "x_0": x_0})
    fixed = {name: flat.pop(name) for name in list(flat) if name.endswith("sources")}

    def loss(tree):
        tree = unflatten({**flatten(tree), **fixed})
        return np.sum(c * run(tree["params"], u, tree["x_0"], y, y_0, f, mask)[0] ** 2)
    return unflatten(flat), loss


def same(found, expected, within=1e-12):
    """Two pairs of a value and its gradient agree, relative to the largest gradient of a parameter."""
    assert abs(found[0] - expected[0]) <= within * abs(expected[0])
    for name, slope in expected[1].items():
        assert numpy.max(abs(found[1][name] - slope)) <= within * (1 + numpy.max(abs(slope))), name


@pytest.mark.parametrize("form, retention, f", KINDS)
def test_the_loop_spelled_out_has_the_same_value_and_gradient(form, retention, f, small):
    params, loss = weighted(form, retention, f)
    fused = value_and_gradient(loss, params)
    with spelling("plain"):
        same(fused, value_and_gradient(loss, params))


@pytest.mark.parametrize("retention", ["number", "sparse"])
def test_what_the_fused_form_cannot_serve_gets_the_same_gradient(retention, monkeypatch, small):
    params, loss = weighted("sparse", retention, "logistic")
    fused = value_and_gradient(loss, params)
    served = []
    monkeypatch.setattr(rollout, "differentiated", lambda *arrays, places, f, mask, wanted: served.append(f) or (
        unrolling.unroll(*arrays, places, f, mask)))
    same(value_and_gradient(loss, params), fused, 1e-13)
    assert served == ["logistic"]


def test_tangents_agree_with_the_gradient(small):
    """<gradient, direction> = the derivative along the direction, by the rollout's own rule for each."""
    params, loss = weighted("sparse", "full", "tanh", masked=False)
    flat, rng = flatten(params), numpy.random.default_rng(1)
    direction = {name: rng.standard_normal(numpy.shape(value)) for name, value in flat.items()}
    _, gradient = value_and_gradient(loss, params)
    along = make_jvp(lambda s: loss(unflatten({name: flat[name] + s * direction[name] for name in flat})))(0.0)(1.0)[1]
    expected = sum(numpy.sum(gradient[name] * direction[name]) for name in flat)
    assert abs(along - expected) <= 1e-12 * sum(numpy.sum(abs(gradient[name] * direction[name])) for name in flat)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_leak_of_one_is_the_equation_without_memory(form, masked, small):
    rng = numpy.random.default_rng(2)
    params, (u, _, x_0, _) = {**weights(rng, form, feedback=False), **leaky(1.0)}, series(rng)
    mask = rng.random((B, T)) < 0.6 if masked else numpy.ones((B, T), dtype=bool)
    states, _ = run(params, u, x_0, mask=mask if masked else None)
    for b in range(B):
        real = mask[b]
        numpy.testing.assert_allclose(states[b][real], transcription(params, u[b][real], x_0[b]), rtol=0, atol=1e-12)
    c = rng.standard_normal((B, T, N))
    loss = lambda p: np.sum(c * run({**params, "W_in": p["W_in"], "b": p["b"]}, u, x_0, mask=mask if masked else None)[0])
    free = {name: params[name] for name in ("W_in", "b")}
    fused = value_and_gradient(loss, free)
    with spelling("plain"):
        same(fused, value_and_gradient(loss, free))


@pytest.mark.parametrize("form", FORMS)
def test_many_steps_and_few_give_the_same_states(form):
    """Beyond 64 rows the weights are laid out anew."""
    rng = numpy.random.default_rng(3)
    params = weights(rng, form, feedback=False)
    if form == "full":
        params["W"] *= 0.2
    u = rng.standard_normal((B, 40, params["W_in"].shape[1]))
    states, x = run(params, u)[0], None
    for t in range(40):
        now, x = run(params, u[:, t:t + 1], x)
        numpy.testing.assert_allclose(now[:, 0], states[:, t], rtol=0, atol=1e-11)


def test_only_what_is_asked_for_is_differentiated():
    """The gradient by u alone needs no product for dW, whose size it would have."""
    rng = numpy.random.default_rng(4)
    params, (u, _, x_0, _) = weights(rng, feedback=False), series(rng)
    z = numpy.swapaxes(u, 0, 1) @ params["W_in"].T
    X, vjp = rollout.remembering(*(params[name] for name in ("W", "K", "g")), z, x_0, [None, None], "tanh", None, [3])
    gradients = vjp(numpy.ones_like(X))
    assert [each is not None for each in gradients] == [False, False, False, True, False]


def test_one_first_state_for_all_series_gets_the_sum_of_their_adjoints():
    rng = numpy.random.default_rng(5)
    params, (u, _, x_0, _) = weights(rng, feedback=False), series(rng)
    loss = lambda tree: np.sum(run(params, u, tree["x_0"])[0] ** 2)
    _, one = value_and_gradient(loss, {"x_0": x_0[0]})
    _, each = value_and_gradient(loss, {"x_0": numpy.repeat(x_0[:1], B, axis=0)})
    numpy.testing.assert_allclose(one["x_0"], numpy.sum(each["x_0"], axis=0), rtol=1e-13)


# ---- sparse weights --------------------------------------------------------------------------------------------------

def test_the_transpose_of_a_fixed_in_degree_has_as_many_places_as_the_most_heard_unit_needs(monkeypatch):
    monkeypatch.setattr(operators, "SMALL", 0)
    A = {"values": numpy.array([[2.0, 3.0, 5.0, 7.0, 11.0]]), "sources": numpy.array([[1, 3, 1, 0, 4]])}
    turned = hearers(A)
    assert turned["values"].shape == turned["sources"].shape == (2, 5)
    numpy.testing.assert_array_equal(operators.dense(turned), operators.dense(A).T)
    everyone = {**A, "sources": numpy.zeros((1, 5), dtype=int)}  # hears unit 0
    numpy.testing.assert_array_equal(hearers(everyone), operators.dense(everyone).T)


def test_one_source_a_unit_is_always_a_lookup():
    assert not better_full(1, 1) and not better_full(10, 1000) and better_full(2, 5) and better_full(600, 1000)


def test_weights_by_lookups_have_the_gradient_of_the_full_matrix_at_their_places():
    """In-degree 2 of 211 units: below a hundredth, so that dW is made by lookups."""
    rng, units = numpy.random.default_rng(6), 211
    A, q, x = fixed_in_degree(rng, 2, units), rng.standard_normal((3, units)), rng.standard_normal((3, units))
    expected = (q.T @ x)[numpy.arange(units), A["sources"]]
    numpy.testing.assert_allclose(operators.outer(A, q, x), expected, rtol=0, atol=1e-13)
    few = {**A, "values": A["values"][:, :50], "sources": A["sources"][:, :50] % 50}
    numpy.testing.assert_allclose(operators.outer(few, q[:, :50], x[:, :50]),
                                  (q[:, :50].T @ x[:, :50])[numpy.arange(50), few["sources"]], rtol=0, atol=1e-13)


def test_the_activations_of_a_long_sparse_series_take_the_memory_of_its_states(monkeypatch):
    """Not k times as much: they are looked up again by blocks of steps."""
    monkeypatch.setattr(operators, "SMALL", 0)
    rng, units, steps, degree = numpy.random.default_rng(7), 40, 1000, 12
    W, X = fixed_in_degree(rng, degree, units), rng.standard_normal((steps, units))
    z, x_0 = rng.standard_normal((steps, units)), rng.standard_normal(units)
    tracemalloc.start()
    before, h, slope = unrolling.slopes(X, W, z, x_0, "tanh")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * X.nbytes
    numpy.testing.assert_allclose(h, numpy.tanh(before @ operators.dense(W).T + z), atol=1e-13)
    numpy.testing.assert_allclose(slope, 1 - h * h, atol=1e-15)
