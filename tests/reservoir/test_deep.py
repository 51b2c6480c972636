"""Reservoirs one above the other, with a linear memory, in both directions of time."""

import autograd.numpy as np
import numpy
import pytest
from reservoir_cases import B, T, d, fixed_in_degree, number_of, weights

from minires.gradients import check_gradients
from minires.reservoir.deep import run_bidirectional, run_deep, run_residual_memory
from minires.reservoir.echo_state import run
from minires.reservoir.kernels import leaky, residual

exactly = numpy.testing.assert_array_equal
SIZES = (5, 4, 6)


def layers(rng):
    """Three layers of different sizes, leaks and forms."""
    made = [weights(rng, form, feedback=False, units=units, inputs=below)
            for form, units, below in zip(("full", "sparse", "full"), SIZES, (d, *SIZES))]
    return [{**params, **leaky(a)} for params, a in zip(made, (0.9, 0.5, 0.3))]


def memory_and_reservoir(rng, M=5, N=4):
    C = {"values": numpy.ones((1, M)), "sources": numpy.roll(numpy.arange(M), 1)[None]}
    O, _ = numpy.linalg.qr(rng.standard_normal((N, N)))
    memory = {"W": C, "W_in": rng.standard_normal((M, d)), "b": rng.standard_normal(M), "K": 0.0, "g": 1.0}
    reservoir = {**weights(rng, feedback=False, units=N, inputs=d + M), **residual(0.8, 0.35, O)}
    return memory, reservoir


@pytest.fixture
def rng():
    return numpy.random.default_rng(0)


def test_a_layer_reads_the_layer_below_at_the_same_step(rng):
    """x^l_t = (1-a) x^l_{t-1} + a tanh(W x^l_{t-1} + W_in x^{l-1}_t + b), number by number."""
    params, u, x_0 = layers(rng), rng.standard_normal((T, d)), [rng.standard_normal(units) for units in SIZES]
    states, last = run_deep(params, u, x_0)
    x = [list(start) for start in x_0]
    for t in range(T):
        below = u[t]
        for layer, p in enumerate(params):
            old = x[layer]
            x[layer] = [number_of(p["K"], i, i) * old[i] + p["g"] * numpy.tanh(
                sum(number_of(p["W"], i, j) * old[j] for j in range(len(old)))
                + sum(p["W_in"][i, j] * below[j] for j in range(len(below))) + p["b"][i]) for i in range(len(old))]
            below = x[layer]
            numpy.testing.assert_allclose(states[layer][t], below, atol=1e-12)
    assert [state.shape for state in states] == [(T, units) for units in SIZES]
    for end, now in zip(last, x):
        numpy.testing.assert_allclose(end, now, atol=1e-12)


def test_one_layer_is_the_network(rng):
    params, u = layers(rng)[:1], rng.standard_normal((B, T, d))
    exactly(run_deep(params, u)[0][0], run(params[0], u)[0])


def test_a_deep_run_in_two_parts_is_the_run(rng):
    params, u = layers(rng), rng.standard_normal((B, T, d))
    whole, last = run_deep(params, u)
    first, carried = run_deep(params, u[:, :3])
    second, end = run_deep(params, u[:, 3:], carried)
    for i in range(len(params)):
        numpy.testing.assert_allclose(numpy.concatenate([first[i], second[i]], axis=1), whole[i], atol=1e-13)
        numpy.testing.assert_allclose(end[i], last[i], atol=1e-13)


def test_the_memory_feeds_the_reservoir_at_the_same_step_and_has_no_nonlinearity(rng):
    memory, reservoir = memory_and_reservoir(rng)
    u, m, h = rng.standard_normal((T, d)), 3 * rng.standard_normal(5), rng.standard_normal(4)
    (hs, ms), (h_last, m_last) = run_residual_memory(memory, reservoir, u, m, h)
    W_in, V_m = reservoir["W_in"][:, :d], reservoir["W_in"][:, d:]
    for t in range(T):
        m = numpy.roll(m, 1) + memory["W_in"] @ u[t] + memory["b"]
        h = reservoir["K"] @ h + reservoir["g"] * numpy.tanh(reservoir["W"] @ h + V_m @ m + W_in @ u[t] + reservoir["b"])
        numpy.testing.assert_allclose(ms[t], m, atol=1e-12)
        numpy.testing.assert_allclose(hs[t], h, atol=1e-12)
    exactly(m_last, ms[-1])
    exactly(h_last, hs[-1])


def test_both_directions_are_two_networks_and_the_second_one_reads_the_series_turned_round(rng):
    forward, backward = layers(rng)[0], weights(rng, "sparse", feedback=False, units=4)
    u = rng.standard_normal((B, T, d))
    x_0 = rng.standard_normal((B, 5)), rng.standard_normal((B, 4))
    states, (ahead, back) = run_bidirectional(forward, backward, u, x_0)
    assert states.shape == (B, T, 9)
    numpy.testing.assert_array_equal(states[..., :5], run(forward, u, x_0[0])[0])
    for i in range(B):
        alone, end = run(backward, u[i][::-1], x_0[1][i])
        numpy.testing.assert_allclose(states[i, :, 5:], alone[::-1], atol=1e-12)
        numpy.testing.assert_allclose(back[i], end, atol=1e-12)
    exactly(ahead, states[:, -1, :5])
    exactly(back, states[:, 0, 5:])


def test_the_state_of_a_row_depends_on_both_its_sides(rng):
    forward, backward = layers(rng)[0], weights(rng, feedback=False, units=4)
    u = rng.standard_normal((T, d))
    other = u.copy()
    other[3] += 1
    changed = run_bidirectional(forward, backward, other)[0] != run_bidirectional(forward, backward, u)[0]
    exactly(changed[:, :5].any(axis=1), numpy.arange(T) >= 3)
    exactly(changed[:, 5:].any(axis=1), numpy.arange(T) <= 3)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(side, rng):
    forward, backward, deep = layers(rng)[0], weights(rng, feedback=False, units=4), layers(rng)
    u, mask = rng.standard_normal((B, T, d)), numpy.arange(T) < numpy.array([T, 3, 1, 5])[:, None]
    mask = mask if side == "right" else mask[:, ::-1]
    states, ends = run_bidirectional(forward, backward, u, mask=mask)
    stacked, tops = run_deep(deep, u, mask=mask)
    memory, reservoir = memory_and_reservoir(rng)
    (h, _), _ = run_residual_memory(memory, reservoir, u, mask=mask)
    for i in range(B):
        alone, alone_ends = run_bidirectional(forward, backward, u[i][mask[i]])
        numpy.testing.assert_allclose(states[i][mask[i]], alone, atol=1e-12)
        for end, alone_end in zip(ends, alone_ends):
            numpy.testing.assert_allclose(end[i], alone_end, atol=1e-12)
        for layer, (state, top) in enumerate(zip(*run_deep(deep, u[i][mask[i]]))):
            numpy.testing.assert_allclose(stacked[layer][i][mask[i]], state, atol=1e-12)
            numpy.testing.assert_allclose(tops[layer][i], top, atol=1e-12)
        numpy.testing.assert_allclose(h[i][mask[i]], run_residual_memory(memory, reservoir, u[i][mask[i]])[0][0], atol=1e-12)


def test_gradients_go_through_all_of_them(rng):
    memory, reservoir = memory_and_reservoir(rng)
    sources = memory["W"]["sources"]
    tree = {"deep": [{**params, "W": numpy.asarray(params["W"]["values"] if isinstance(params["W"], dict) else params["W"])}
                     for params in layers(rng)], "C": memory["W"]["values"], "V": memory["W_in"], "reservoir": reservoir,
            "u": rng.standard_normal((2, 4, d))}
    places = fixed_in_degree(numpy.random.default_rng(9), units=SIZES[1])["sources"]

    def loss(p):
        deep = [p["deep"][0], {**p["deep"][1], "W": {"values": p["deep"][1]["W"], "sources": places}}, p["deep"][2]]
        states, _ = run_deep(deep, p["u"])
        shifting = {**memory, "W": {"values": p["C"], "sources": sources}, "W_in": p["V"]}
        (h, _), _ = run_residual_memory(shifting, p["reservoir"], p["u"])
        both, _ = run_bidirectional(p["deep"][0], p["deep"][0], p["u"])
        return sum(np.sum(s ** 3) for s in states) + np.sum(h ** 3) + np.sum(both ** 3)
    assert max(row.reverse for row in check_gradients(loss, tree, rng)) < 1e-8


def test_a_stack_without_layers_and_starts_for_other_layers_are_refused(rng):
    with pytest.raises(ValueError, match="a deep reservoir without layers: expected at least one"):
        run_deep([], numpy.zeros((T, d)))
    with pytest.raises(ValueError, match="x_0 for 1 layers: expected 3"):
        run_deep(layers(rng), numpy.zeros((T, d)), [None])
    with pytest.raises(ValueError, match=r"u has shape \(7, 5\): expected \(T, 3\)"):
        run_deep([layers(rng)[0], weights(rng, feedback=False, inputs=3)], numpy.zeros((T, d)))
