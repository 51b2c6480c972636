"""Memory capacity: the loop, the bias that is taken away, the exact linear law, published figures."""

from itertools import permutations

import numpy as np
import pytest

from minires.reservoir.echo_state import run
from minires.reservoir.input_weights import input_weights
from minires.reservoir.kernels import edge_of_stability, leaky, residual
from minires.reservoir.measures.linear_memory import linear_memory
from minires.reservoir.measures.memory import memory_capacity, memory_of
from minires.reservoir.measures.subspace import adjusted, subspace
from minires.reservoir.topologies import orthogonal


def reservoir(rng, N, kernel, rho=0.9, scale=0.25):
    """A reservoir of the ResESN repository's memory task: normal W with std rho / sqrt(N), no bias."""
    return {"W": rng.standard_normal((N, N)) * rho / N ** 0.5, "W_in": input_weights(N, 1, rng, scale), **kernel}


def cycle(N, weight=1.0):
    """Unit i hears unit i - 1."""
    return {"values": np.full((1, N), weight), "sources": (np.arange(N) - 1)[None] % N}


# ---- the bias --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("prediction", (np.array([0.3, -1.0, 2.5, 0.1, 7.0]), np.arange(5.0)))
def test_chance_adds_one_over_t_minus_one_on_average_and_adjusted_takes_just_that_away(prediction):
    target = np.array([1.0, -2.0, 0.5, 4.0, 9.0])
    r2 = np.array([np.corrcoef(prediction, each)[0, 1] ** 2 for each in permutations(target)])
    assert np.isclose(r2.mean(), 1 / 4, rtol=1e-12) and abs(adjusted(r2, 1, 5).mean()) < 1e-12


def test_adjusted_leaves_a_share_of_one_as_it_is_and_needs_enough_rows():
    assert adjusted(1.0, 3, 10) == 1.0 and np.isclose(adjusted(0.4, 2, 11), 0.4 - 0.6 * 2 / 8)
    with pytest.raises(ValueError, match="4 rows for 3 predictors: expected at least 5"):
        adjusted(0.5, 3, 4)


def test_states_that_know_nothing_have_no_capacity_though_the_raw_sum_has():
    rng = np.random.default_rng(0)
    found = memory_of(rng.standard_normal((2000, 20)), rng.uniform(-1, 1, (2000, 1)), 100, 1500)
    assert found.test == 300 and abs(found.raw - 100 / 299) < 0.15 and abs(found.value) < 0.15


# ---- the loop --------------------------------------------------------------------------------------------------------

def test_the_curve_is_that_of_a_loop_over_the_delays():
    rng, k_max, train = np.random.default_rng(3), 6, 40
    u = rng.uniform(-0.8, 0.8, (75, 1))
    states = run({"W": 0.4 * rng.standard_normal((4, 4)), "W_in": rng.standard_normal((4, 1)), "b": rng.standard_normal(4),
                  **leaky(0.7)}, u)[0]
    found, test = memory_of(states, u, k_max, train), 75 - 2 * k_max - train
    raw = []
    for k in range(1, k_max + 1):
        rows = range(k_max, k_max + train)
        F = np.array([[1.0, *states[t]] for t in rows])
        w = np.linalg.lstsq(F, np.array([u[t - k, 0] for t in rows]), rcond=None)[0]
        after = range(k_max + train + k_max, 75)
        yhat, y = [w[0] + w[1:] @ states[t] for t in after], [u[t - k, 0] for t in after]
        assert len(y) == test == found.test
        raw.append(np.corrcoef(yhat, y)[0, 1] ** 2)
    np.testing.assert_allclose(found.raw, sum(raw), rtol=1e-9)
    np.testing.assert_allclose(found.curve, [r2 - (1 - r2) / (test - 2) for r2 in raw], rtol=1e-9)
    assert np.isclose(found.value, found.curve.sum()) and found.raw > found.value
    assert (found.N, found.k_max, found.train, found.rank) == (4, k_max, train, 4)


def test_no_test_row_shares_a_target_with_the_training_rows_and_nothing_wraps_around():
    rng = np.random.default_rng(4)
    u = rng.uniform(-1, 1, (60, 1))
    states = rng.standard_normal((60, 3))
    before, changed = memory_of(states, u, 5, 30), np.array(u)
    changed[-1] += 5  # the last input is no delayed target of any row
    np.testing.assert_array_equal(memory_of(states, changed, 5, 30).curve, before.curve)
    changed = np.array(states)
    changed[35:40] += 5  # states between the parts are used by neither
    np.testing.assert_array_equal(memory_of(changed, u, 5, 30).curve, before.curve)


def test_the_scale_and_an_offset_of_the_states_do_not_matter():
    rng = np.random.default_rng(5)
    u = rng.uniform(-0.8, 0.8, (400, 1))
    states = run(reservoir(rng, 12, leaky(0.6)), u)[0]
    curve = memory_of(states, u, 20, 250).curve
    np.testing.assert_allclose(memory_of(1e-7 * states - 3e-6, u, 20, 250).curve, curve, atol=1e-8)


def test_a_shift_register_remembers_just_its_length():
    params = {"W": np.eye(6, k=-1), "W_in": np.eye(6, 1), **leaky(1.0)}
    found = memory_capacity(params, np.random.default_rng(0), 12, f="identity")
    np.testing.assert_allclose(found.curve[:5], 1, atol=1e-12)  # unit 0 holds u(t) itself, k = 0, which does not count
    assert np.all(np.abs(found.curve[5:]) < 0.01) and abs(found.value - 5) < 0.03


def test_states_that_are_constant_have_no_capacity():
    found = memory_of(np.full((50, 2), 0.1), np.random.default_rng(0).uniform(-1, 1, (50, 1)), 3, 30)
    assert found.rank == 0 and found.raw == 0


def test_directions_below_the_tolerance_are_not_used():
    rng = np.random.default_rng(6)
    u = rng.uniform(-1, 1, (300, 1))
    states = np.stack([rng.standard_normal(300), 1e-6 * np.roll(u[:, 0], 1)], axis=1)
    assert memory_of(states, u, 4, 200).value > 0.9 and memory_of(states, u, 4, 200, tolerance=1e-4).value < 0.2
    for scale in (1e-5, 1.0, 1e5):  # the tolerance is relative
        assert memory_of(scale * states, u, 4, 200, tolerance=1e-4).rank == len(subspace(scale * states[4:204], 1e-4).S) == 1


def test_a_curve_shorter_than_the_reservoir_is_said():
    params = reservoir(np.random.default_rng(0), 8, leaky(1.0))
    short = memory_capacity(params, np.random.default_rng(1), 7, 60, 20, 10)
    assert "k_max < N: delays above 7 are not counted" in str(short)
    assert "k_max <" not in str(memory_capacity(params, np.random.default_rng(1), 8, 60, 20, 10))
    assert memory_capacity(params, np.random.default_rng(1), train=60, test=20).k_max == 16
    assert (short.train, short.test, len(short.curve)) == (60, 20, 7) and "tolerance 1e-10" in str(short)


def test_the_same_generator_gives_the_same_number():
    params = reservoir(np.random.default_rng(0), 8, leaky(1.0))
    assert memory_capacity(params, np.random.default_rng(1), 9, 60, 20).value == memory_capacity(
        params, np.random.default_rng(1), 9, 60, 20).value


# ---- figures ---------------------------------------------------------------------------------------------------------

def test_a_linear_cycle_has_what_the_exact_formula_says():
    params = {"W": cycle(20, 0.95), "W_in": np.eye(20, 1), **leaky(1.0)}
    found, exact = memory_capacity(params, np.random.default_rng(0), f="identity"), linear_memory(params)
    np.testing.assert_allclose(found.curve, exact.curve[1:], atol=0.02)
    assert abs(found.value - exact.curve[1:].sum()) < 0.1 and found.value < exact.value < 20


KERNELS = {  # name -> kernel, the figure of N = 100, its allowed distance for the mean of seeds
    "echo-state": (lambda rng: leaky(1.0), 24.8, 2.0),
    "leaky": (lambda rng: leaky(0.5), 15.8, 1.5),
    "random": (lambda rng: residual(0.95, 0.01, orthogonal(100, rng)), 97.7, 1.0),
    "cyclic": (lambda rng: residual(0.95, 1e-4, cycle(100)), 98.5, 1.0),
    "identity": (lambda rng: residual(0.01, 1.1), 23.7, 4.0),
    "ES2N random": (lambda rng: edge_of_stability(0.1, orthogonal(100, rng)), 70.6, 3.0),
    "ES2N cyclic": (lambda rng: edge_of_stability(0.05, cycle(100)), 98.5, 1.0),
}


@pytest.mark.parametrize("name", KERNELS)
def test_residual_reservoirs_remember_what_was_measured(name):
    kernel, figure, distance = KERNELS[name]
    found = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        found.append(memory_capacity(reservoir(rng, 100, kernel(rng)), rng).value)
    assert abs(np.mean(found) - figure) < distance and max(found) <= 100


@pytest.mark.slow
@pytest.mark.parametrize("N, low, high", ((50, 20.0, 25.0), (100, 26.0, 35.0)))
def test_reservoirpy_agrees(N, low, high):
    reservoirpy = pytest.importorskip("reservoirpy")
    from reservoirpy.observables import memory_capacity as theirs
    rng = np.random.default_rng(0)
    W = rng.standard_normal((N, N))
    params = {"W": 0.9 * W / np.max(np.abs(np.linalg.eigvals(W))), "W_in": input_weights(N, 1, rng, 0.1), **leaky(1.0)}
    nodes = reservoirpy.nodes
    model = nodes.Reservoir(W=params["W"], Win=params["W_in"], bias=np.zeros(N), lr=1.0) >> nodes.Ridge()
    k_max = 2 * N
    their_value = theirs(model, k_max, series=rng.uniform(-0.8, 0.8, (14000, 1)), test_size=4000)
    ours = memory_capacity(params, rng, k_max, 10000, 4000)
    assert low < ours.value < high and abs(ours.raw - their_value) < 1.0


# ---- refusals --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, message", [
    ({"u": np.ones((50, 1))}, "u is constant"), ({"u": np.ones((49, 1))}, r"expected u \(50, 1\)"),
    ({"u": np.ones((50, 2))}, "one input"),
    ({"train": 4}, "train=4 with N=4: expected more rows than units"), ({"train": 42}, "50 rows: expected 2 k_max [+] train"),
    ({"k_max": 0}, "k_max=0"), ({"tolerance": 1.0}, "tolerance=1.0"), ({"states": np.full((50, 4), np.nan)}, "states is nan"),
    ({"states": np.ones((2, 50, 4))}, "states has shape"),
])
def test_bad_series_are_named(change, message):
    rng = np.random.default_rng(0)
    given = {"states": rng.standard_normal((50, 4)), "u": rng.standard_normal((50, 1)), "k_max": 3, "train": 20, **change}
    with pytest.raises(ValueError, match=message):
        memory_of(**given)


def test_bad_reservoirs_and_sizes_are_named():
    rng = np.random.default_rng(0)
    params = reservoir(rng, 4, leaky(1.0))
    for options, message in (
            ({"params": {**params, "W_in": np.ones((4, 2))}}, "2 inputs and 0 feedback"),
            ({"params": {**params, "W_fb": np.ones((4, 1))}}, "1 feedback"), ({"scale": 0.0}, "scale=0.0"),
            ({"test": 2}, "test=2"), ({"rng": 3}, "rng=3: expected a numpy.random.Generator"), ({"washout": -1}, "washout=-1"),
            ({"train": 3}, "train=3 with N=4"), ({"f": "tan"}, "did you mean 'tanh'")):
        with pytest.raises(ValueError, match=message):
            memory_capacity(**{"params": params, "rng": rng, **options})
