"""Laws of the kernel: what must hold for every echo-state network, whatever its score on a task."""

import numpy as np
import pytest
from reservoir_cases import FORMS, RETENTIONS, B, N, T, d, q, series, transcription, weights

from minires.reservoir.echo_state import run
from minires.reservoir.kernels import leaky
from minires.reservoir.operators import dense

KINDS = [(form, retention) for form in FORMS for retention in RETENTIONS]
exactly = np.testing.assert_array_equal


def close(a, b, atol=1e-12):
    np.testing.assert_allclose(a, b, rtol=0, atol=atol * (1 + np.max(np.abs(b))))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---- laws ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form, retention", KINDS)
def test_without_bias_the_states_are_odd_in_the_input(form, retention, rng):
    params = weights(rng, form, retention, feedback=False)
    u = series(rng)[0]
    unbiased = {name: value for name, value in params.items() if name != "b"}
    exactly(run(unbiased, -u)[0], -run(unbiased, u)[0])
    assert abs(run(params, -u)[0] + run(params, u)[0]).max() > 0.1  # the bias breaks it


@pytest.mark.parametrize("form, retention", KINDS)
@pytest.mark.parametrize("cut", [0, 1, 4, T])
def test_a_run_in_two_parts_is_the_run(form, retention, cut, rng):
    params, (u, y, x_0, y_0) = weights(rng, form, retention), series(rng)
    whole, last = run(params, u, x_0, y, y_0)
    first, carried = run(params, u[:, :cut], x_0, y[:, :cut], y_0)
    second, end = run(params, u[:, cut:], carried, y[:, cut:], y[:, cut - 1] if cut else y_0)
    close(np.concatenate([first, second], axis=1), whole)
    close(end, last)


@pytest.mark.parametrize("form, retention", KINDS)
def test_a_batch_is_its_series_one_by_one(form, retention, rng):
    params, (u, y, x_0, y_0) = weights(rng, form, retention), series(rng)
    states, last = run(params, u, x_0, y, y_0)
    for i in range(B):
        alone, end = run(params, u[i], x_0[i], y[i], y_0[i])
        close(states[i], alone)
        close(last[i], end)


@pytest.mark.parametrize("form, retention", KINDS)
def test_one_first_state_serves_all_series(form, retention, rng):
    params, (u, y, x_0, y_0) = weights(rng, form, retention), series(rng)
    exactly(run(params, u, x_0[1], y, y_0[1])[0], run(params, u, np.tile(x_0[1], (B, 1)), y, np.tile(y_0[1], (B, 1)))[0])


@pytest.mark.parametrize("form, retention", KINDS)
def test_renumbering_the_units_renumbers_the_states(form, retention, rng):
    params, (u, y, x_0, y_0) = weights(rng, form, retention), series(rng)
    P = np.eye(N)[rng.permutation(N)]
    K = dense(params["K"], N)
    moved = {"W": P @ dense(params["W"]) @ P.T, "W_in": P @ params["W_in"], "b": P @ params["b"], "W_fb": P @ params["W_fb"],
             "K": P @ K @ P.T, "g": P @ params["g"]}
    close(run(moved, u, x_0 @ P.T, y, y_0)[0], run(params, u, x_0, y, y_0)[0] @ P.T)


def test_the_state_fades_without_input_where_the_largest_singular_value_is_below_one(rng):
    W = rng.standard_normal((N, N))
    params = {"W": 0.95 * W / np.linalg.norm(W, 2), "W_in": rng.standard_normal((N, d)), **leaky(0.6)}
    norms = np.linalg.norm(run(params, np.zeros((400, d)), 3 * rng.standard_normal(N))[0], axis=-1)
    assert np.all(np.diff(norms) < 0) and norms[-1] < 1e-4


def test_two_first_states_are_forgotten_at_the_same_rate_by_every_series(rng):
    W = rng.standard_normal((N, N))
    params = {**weights(rng, feedback=False), "W": 0.5 * W / np.linalg.norm(W, 2), **leaky(0.7)}
    u = rng.standard_normal((B, 120, d))
    apart = np.linalg.norm(run(params, u, rng.standard_normal((B, N)))[0] - run(params, u)[0], axis=-1)
    assert np.all(apart[:, -1] < 1e-12) and np.all(apart[:, 0] > 1e-3)


def test_leak_one_keeps_nothing_and_the_leak_slows_the_state_down(rng):
    params, (u, _, x_0, _) = weights(rng, feedback=False), series(rng)
    plain = {name: params[name] for name in ("W", "W_in", "b")}
    close(run({**plain, **leaky(1.0)}, u, x_0)[0][:, 0], np.tanh(x_0 @ plain["W"].T + u[:, 0] @ plain["W_in"].T + plain["b"]))
    slow = run({**plain, **leaky(1e-9)}, u, x_0)[0]
    close(slow[:, -1], x_0, 1e-7)


def test_the_answer_does_not_depend_on_memory_order_and_nothing_given_is_changed(rng):
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    copies = [np.array(a) for a in (u, y, x_0, y_0, params["W"], params["b"])]
    states = run(params, u, x_0, y, y_0)[0]
    other = run({**params, "W": np.asfortranarray(params["W"])}, np.asfortranarray(u), x_0[::1], y, y_0)[0]
    close(other, states)
    for now, before in zip((u, y, x_0, y_0, params["W"], params["b"]), copies):
        exactly(now, before)
    assert np.linalg.matrix_rank(states[0]) == N  # rows are states of their own, not one buffer seen T times


def test_running_twice_gives_the_same_bits(rng):
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    exactly(run(params, u, x_0, y, y_0)[0], run(params, u, x_0, y, y_0)[0])


def test_an_empty_series_leaves_the_state_where_it_was(rng):
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    states, last = run(params, u[:, :0], x_0, y[:, :0], y_0)
    assert states.shape == (B, 0, N)
    exactly(last, x_0)


# ---- ragged series ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing_on_either_side(side, rng):
    params, (u, _, x_0, _) = weights(rng, feedback=False), series(rng)
    lengths = np.array([T, 3, 1, 5])
    mask = np.arange(T) < lengths[:, None]
    mask = mask if side == "right" else mask[:, ::-1]
    dirty = np.where(mask[..., None], u, np.nan)  # what stands in padding does not count
    states, last = run(params, dirty, x_0, mask=mask)
    for i in range(B):
        alone, end = run(params, u[i][mask[i]], x_0[i])
        close(states[i][mask[i]], alone)
        close(last[i], end)


def test_the_teacher_is_carried_past_the_padding_of_the_right_side(rng):
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    mask = np.arange(T) < np.array([T, 3, 1, 5])[:, None]
    states, last = run(params, u, x_0, np.where(mask[..., None], y, np.nan), y_0, mask=mask)
    for i in range(B):
        close(last[i], run(params, u[i][mask[i]], x_0[i], y[i][mask[i]], y_0[i])[1])


# ---- feedback and noise ----------------------------------------------------------------------------------------------

def test_the_teachers_output_enters_one_step_later(rng):
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    states = run(params, u, x_0, y, y_0)[0]
    other = y.copy()
    other[:, 3] += 1
    changed = np.any(run(params, u, x_0, other, y_0)[0] != states, axis=(0, 2))
    exactly(changed, np.arange(T) >= 4)
    exactly(np.any(run(params, u, x_0, y, y_0 + 1)[0] != states, axis=(0, 2)), np.ones(T, dtype=bool))


def test_the_output_before_the_first_step_is_zero_unless_given(rng):
    params, (u, y, x_0, _) = weights(rng), series(rng)
    exactly(run(params, u, x_0, y)[0], run(params, u, x_0, y, np.zeros((B, q)))[0])


def test_the_input_enters_at_its_own_step(rng):
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    other = u.copy()
    other[:, 3] += 1
    changed = np.any(run(params, other, x_0, y, y_0)[0] != run(params, u, x_0, y, y_0)[0], axis=(0, 2))
    exactly(changed, np.arange(T) >= 3)


def test_noise_is_only_where_asked_for_and_comes_from_the_generator_given(rng):
    params, (u, y, x_0, y_0) = weights(rng), series(rng)
    noisy = lambda seed: run(params, u, x_0, y, y_0, noise=0.1, rng=np.random.default_rng(seed))[0]
    exactly(noisy(1), noisy(1))
    assert np.any(noisy(1) != noisy(2)) and np.any(noisy(1) != run(params, u, x_0, y, y_0)[0])
    exactly(run(params, u, x_0, y, y_0, noise=0.0, rng=np.random.default_rng(1))[0], run(params, u, x_0, y, y_0)[0])


def test_noise_is_inside_the_activation_per_unit_of_zero_mean_and_of_the_deviation_asked_for():
    units, steps = 7, 4000
    params = {"W": np.zeros((units, units)), "W_in": np.zeros((units, 1)), "K": 0.0, "g": 1.0}
    xi = np.arctanh(run(params, np.zeros((steps, 1)), noise=0.1, rng=np.random.default_rng(0))[0])
    assert abs(xi.mean()) < 4 * 0.1 / np.sqrt(xi.size) and abs(xi.std() / 0.1 - 1) < 0.02
    assert np.linalg.matrix_rank(xi) == units and abs(np.corrcoef(xi.T) - np.eye(units)).max() < 0.07


def test_complex_states_are_not_cut_to_their_real_part(rng):
    params, (u, y, x_0, y_0) = weights(rng, retention="per unit"), series(rng)
    assert np.any(run(params, u + 1e-3j, x_0, y, y_0)[0].imag != 0)


def test_no_input_at_all_is_an_autonomous_network(rng):
    params = {**weights(rng, feedback=False), "W_in": np.zeros((N, 0))}
    states, _ = run(params, np.zeros((T, 0)), np.ones(N))
    close(states, transcription(params, np.zeros((T, 0)), np.ones(N)))


# ---- bad input -------------------------------------------------------------------------------------------------------

def change(**changes):
    return lambda a: a.update(changes)


def change_params(**changes):
    return lambda a: a["params"].update(changes)


def at(name, index, value):
    def put(a):
        a[name] = a[name].copy()
        a[name][index] = value
    return put


BAD = [
    (at("u", (1, 2, 0), np.nan), r"u is nan at \(1, 2, 0\): expected finite numbers"),
    (at("x_0", (1, 2), np.inf), r"x_0 is inf at \(1, 2\): expected finite"),
    (at("y", (1, 2, 1), np.nan), r"y is nan at \(1, 2, 1\)"),
    (change(u=np.zeros((B, T, d + 1))), r"u has shape \(4, 7, 3\): expected \(T, 2\) or \(B, T, 2\), as W_in has 2"),
    (change(u=np.zeros(T)), r"u has shape \(7,\): expected 2 or 3 dimensions"),
    (change(u=[["a", "b"]]), "u has type <U1: expected numbers"),
    (change(u=np.zeros((B, T, d), dtype=bool)), "u has type bool: expected numbers"),
    (change(x_0=np.zeros((B, N + 1))), r"x_0 has shape \(4, 6\): expected \(5,\) or \(4, 5\)"),
    (change(x_0=np.zeros((1, N))), r"x_0 has shape \(1, 5\): expected \(5,\) or \(4, 5\)"),
    (change(y=None), r"W_fb without y: expected the teacher's outputs y \(T, 3\)"),
    (change(y=np.zeros((B, T - 1, q))), r"y has shape \(4, 6, 3\): expected \(4, 7, 3\)"),
    (change(y_0=np.zeros(q + 1)), r"y_0 has shape \(4,\): expected \(3,\) or \(4, 3\)"),
    (change(f="tan"), "unknown activation 'tan': did you mean 'tanh'?"),
    (change(mask=np.ones((B, T))), r"mask of shape \(4, 7\) and type float64: expected \(4, 7\) of bool"),
    (change(mask=np.ones((B, T + 1), dtype=bool)), r"mask of shape \(4, 8\)"),
    (change(noise=-0.1), "noise=-0.1: expected a standard deviation of at least 0"),
    (change(noise=np.nan), "noise=nan: expected a standard deviation"),
    (change(noise=0.1), r"noise=0.1 without rng: expected rng=numpy.random.default_rng\(seed\)"),
    (change(params=[]), "params of type list: expected a dict"),
    (change_params(Win=1), "unknown parameter of a reservoir 'Win': did you mean 'W_in'"),
    (lambda a: a["params"].pop("K"), "params lack K: expected W, W_in, K, g"),
    (lambda a: a["params"].pop("W"), "params lack W: expected"),
    (lambda a: a["params"].pop("W_fb"), "y without W_fb in the parameters"),
    (change_params(W=np.zeros((N, N + 1))), r"W has shape \(5, 6\): expected \(6, 6\)"),
    (change_params(W=np.zeros(N)), r"W has shape \(5,\): expected \(N, N\) or values and sources"),
    (change_params(W=np.full((N, N), np.nan)), r"W is nan at \(0, 0\)"),
    (change_params(W={"values": np.zeros((2, N)), "source": np.zeros(2)}), "W has the keys values, source: expected"),
    (change_params(W={"values": np.zeros((3, N)), "sources": np.zeros((2, N), int)}), r"W.values \(3, 5\) and W.sou"),
    (change_params(W={"values": np.zeros((2, N)), "sources": np.full((2, N), N)}), "W.sources .*: expected unit numbers"),
    (change_params(W={"values": np.zeros((2, N)), "sources": np.full((2, N), -1)}), "W.sources .*: expected unit numbers"),
    (change_params(W={"values": np.zeros((2, N)), "sources": np.zeros((2, N))}), "W.sources of type float64"),
    (change_params(W_in=np.zeros((N + 1, d))), r"W_in has shape \(6, 2\): expected \(5, .\), a row per unit"),
    (change_params(b={"values": 1}), "b has type object: expected numbers"),
    (change_params(b=np.zeros((N, 1))), r"b has shape \(5, 1\): expected \(5,\)"),
    (change_params(K=np.zeros(N + 1)), r"K has shape \(6,\): expected \(5, 5\) or \(\) or \(5,\)"),
    (change_params(g=np.zeros((N, N))), r"g has shape \(5, 5\): expected \(\) or \(5,\)"),
]


@pytest.mark.parametrize("break_it, message", BAD, ids=[message for _, message in BAD])
def test_bad_input_is_named_in_one_line(break_it, message, rng):
    u, y, x_0, y_0 = series(rng)
    arguments = {"params": weights(rng), "u": u, "x_0": x_0, "y": y, "y_0": y_0}
    run(**arguments)
    break_it(arguments)
    with pytest.raises(ValueError, match=message) as error:
        run(**arguments)
    assert "\n" not in str(error.value)
