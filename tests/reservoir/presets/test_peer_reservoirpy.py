"""ReservoirPy 0.4.2 live: the same weights give the same states and readouts; its defects, where they touch these."""

import numpy as np
import pytest

from minires.reservoir.deep import run_deep
from minires.reservoir.echo_state import run, step
from minires.reservoir.generation import generate
from minires.reservoir.kernels import leaky
from minires.reservoir.presets import PRESETS, preset
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict, ridge

reservoirpy = pytest.importorskip("reservoirpy")
nodes = pytest.importorskip("reservoirpy.nodes")
observables = pytest.importorskip("reservoirpy.observables")

SEEDS = (0, 1, 2)
EXACT = 1e-12


def weights(rng, N=9, d=2, q=0):
    """Weights and settings under their names; a leak per unit."""
    return {"Win": rng.uniform(-1, 1, (N, d + q)), "W": rng.standard_normal((N, N)) / 3, "bias": rng.uniform(-0.5, 0.5, N),
            "lr": rng.uniform(0.2, 0.9, N)}


def far(a, b):
    """The largest difference of two arrays of one shape."""
    assert np.shape(a) == np.shape(b)
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))))


def test_the_version_is_the_pinned_one():
    assert reservoirpy.__version__ == "0.4.2"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("activation, f", [(f, f) for f in ("tanh", "identity", "relu")] + [("sigmoid", "logistic")])
def test_states(seed, activation, f):
    rng = np.random.default_rng(seed)
    given, u, x_0 = weights(rng), rng.standard_normal((31, 2)), rng.standard_normal(9)
    node = nodes.Reservoir(activation=activation, **given)
    node.initialize(u[0])
    node.state = {"out": x_0}
    states, last = preset("reservoirpy04").run(preset("reservoirpy04").parameters(**given), u, x_0, f=f)
    assert far(states, node.run(u)) <= EXACT and far(last, node.state["out"]) <= EXACT


@pytest.mark.parametrize("seed", SEEDS)
def test_its_own_sparse_weights_pass_through(seed):
    """Its defaults: csr W, coo Win, one leak for all, no bias."""
    rng = np.random.default_rng(seed)
    node = nodes.Reservoir(60, lr=0.3, sr=1.2, seed=seed)
    u = rng.standard_normal((25, 3))
    theirs = node.run(u)
    params = preset("reservoirpy04").parameters(node.Win, node.W, node.bias, node.lr)
    assert not isinstance(node.W, np.ndarray) and far(run(params, u)[0], theirs) <= EXACT


@pytest.mark.parametrize("seed", SEEDS)
def test_many_series_in_one_array(seed):
    rng = np.random.default_rng(seed)
    given, u = weights(rng), rng.standard_normal((4, 13, 2))
    theirs = nodes.Reservoir(**given).run(u)
    assert far(run(preset("reservoirpy04").parameters(**given), u)[0], theirs) <= EXACT


@pytest.mark.parametrize("seed", SEEDS)
def test_its_series_start_where_the_node_is_not_at_zero(seed):
    rng = np.random.default_rng(seed)
    given, u, warm = weights(rng), rng.standard_normal((4, 13, 2)), rng.standard_normal((5, 2))
    node, params = nodes.Reservoir(**given), preset("reservoirpy04").parameters(**given)
    node.run(warm)
    _, x_0 = run(params, warm)
    assert far(run(params, u, x_0)[0], node.run(u)) <= EXACT
    assert far(run(params, u)[0], run(params, u, x_0)[0]) > 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_edge_of_stability_node(seed):
    rng = np.random.default_rng(seed)
    given, u = weights(rng), rng.standard_normal((31, 2))
    del given["lr"]
    given = {**given, "O": np.linalg.qr(rng.standard_normal((9, 9)))[0], "proximity": 0.3}
    assert far(run(PRESETS["es2n"].parameters(**given), u)[0], nodes.ES2N(**given).run(u)) <= EXACT


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chain_of_reservoirs_is_a_deep_one(seed):
    rng = np.random.default_rng(seed)
    below, above, u = weights(rng), weights(rng, N=5, d=9), rng.standard_normal((4, 21, 2))
    model = nodes.Reservoir(**below) >> nodes.Reservoir(**above)
    states, _ = run_deep([PRESETS["reservoirpy04"].parameters(**each) for each in (below, above)], u)
    assert far(states[1], model.run(u)) <= EXACT


# ---- feedback --------------------------------------------------------------------------------------------------------

def with_feedback(rng, ridge=0.1):
    """A model whose readout, of q = 3 outputs, is heard by its reservoir, the parameters, and a readout of ours."""
    given = weights(rng, q=3)
    reservoir, readout = nodes.Reservoir(**given), nodes.Ridge(ridge=ridge)
    model = (reservoir >> readout) & (reservoir << readout)
    return model, reservoir, readout, PRESETS["reservoirpy04"].parameters(**given, feedback_dim=3)


@pytest.mark.parametrize("seed", SEEDS)
def test_feedback_is_taught_in_fit_and_its_own_in_step(seed):
    """Columns [u, y]; y(t-1) of the teacher while fitting, of the model afterwards."""
    rng = np.random.default_rng(seed)
    model, reservoir, readout, params = with_feedback(rng)
    u, y = rng.standard_normal((60, 2)), rng.standard_normal((60, 3))
    model.fit(u, y, warmup=7)
    states, last = run(params, u, y=y)
    ours = ridge(states[7:], y[7:], 0.1)
    assert far(ours["W_o"], readout.Wout) <= 1e-10 and far(ours["b_o"], np.ravel(readout.bias)) <= 1e-10
    assert far(reservoir.state["out"], last) <= EXACT
    model.reset()
    more = rng.standard_normal((15, 2))
    theirs = np.stack([model.step(each) for each in more])
    free, _, _ = generate(params, lambda x, u: predict({"W_o": np.asarray(readout.Wout), "b_o": np.ravel(readout.bias)}, x), 15,
                          np.zeros(9), u=more, y_0=np.zeros(3))
    assert far(free, theirs) <= EXACT


def test_defect_1_a_run_with_feedback_loses_its_states():
    """After `run` the nodes' states read zero, so that two halves are not the whole; a loop of steps is, and so are we."""
    rng = np.random.default_rng(5)
    model, reservoir, readout, params = with_feedback(rng)
    u, y = rng.standard_normal((50, 2)), rng.standard_normal((50, 3))
    model.fit(u, y)
    model.reset()
    whole = model.run(u)
    states_kept = {node: node.state for node in model.nodes}
    model.reset()
    halves = np.concatenate([model.run(u[:25]), model.run(u[25:])])
    model.reset()
    steps = np.stack([model.step(each) for each in u])
    assert far(whole, steps) <= EXACT < 1e-3 < far(whole, halves)
    assert all(not np.any(state["out"]) for state in states_kept.values() if state)
    (first, x), one = run(params, u[:25], y=y[:25]), run(params, u, y=y)[0]
    assert far(np.concatenate([first, run(params, u[25:], x, y=y[25:], y_0=y[24])[0]]), one) <= EXACT


def test_defect_2_partial_fit_puts_the_feedback_before_an_input_node():
    rng = np.random.default_rng(6)
    given = weights(rng, d=2, q=2)
    source, reservoir, readout = nodes.Input(), nodes.Reservoir(**given), nodes.RLS(alpha=1.0, fit_bias=False)
    model = (source >> reservoir >> readout) & (reservoir << readout)
    u, y = rng.standard_normal((2, 2)), rng.standard_normal((2, 2))
    first = model.partial_fit(u[:1], y[:1])
    x_1 = reservoir.state["out"]
    model.partial_fit(u[1:], y[1:])
    right = PRESETS["reservoirpy04"].parameters(**given, feedback_dim=2)
    swapped = {**right, "W_in": right["W_fb"], "W_fb": right["W_in"]}
    ours = [step(params, step(params, np.zeros(9), u[0], np.zeros(2)), u[1], np.ravel(first)) for params in (swapped, right)]
    assert far(x_1, step(swapped, np.zeros(9), u[0], np.zeros(2))) <= EXACT
    assert far(reservoir.state["out"], ours[0]) <= EXACT < 1e-2 < far(reservoir.state["out"], ours[1])


# ---- readouts --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("strength", [1e-6, 1e-3, 10.0])
def test_ridge_with_several_series_and_a_warmup(strength):
    """Centred normal equations: the same problem as ours; here the condition of F is about 1e2."""
    rng = np.random.default_rng(1)
    given, u, y = weights(rng), rng.standard_normal((4, 40, 2)), rng.standard_normal((4, 40, 3)) + 5
    model = nodes.Reservoir(**given) >> nodes.Ridge(ridge=strength)
    model.fit(u, y, warmup=6)
    F = run(preset("reservoirpy04").parameters(**given), u)[0][:, 6:]
    ours = ridge(F, y[:, 6:], strength, penalise_bias=preset("reservoirpy04").penalise_bias)
    readout = model.nodes[-1] if isinstance(model.nodes, list) else next(node for node in model.nodes if hasattr(node, "Wout"))
    assert np.linalg.cond(F.reshape(-1, 9)) < 1e3
    assert far(ours["W_o"], readout.Wout) <= 1e-10 and far(ours["b_o"], np.ravel(readout.bias)) <= 1e-10


def test_input_to_readout_reads_the_input_as_well():
    """Its readout gets the columns of its parents in their order: [x, u] or [u, x]; the predictions do not depend on it."""
    rng = np.random.default_rng(2)
    given, u, y = weights(rng), rng.standard_normal((80, 2)), rng.standard_normal((80, 3))
    model = reservoirpy.ESN(**given, ridge=1e-2, input_to_readout=True)
    model.fit(u, y)
    F = features(run(preset("reservoirpy04").parameters(**given), u)[0], u)
    model.reset()
    assert far(predict(ridge(F, y, 1e-2), F), model.run(u)) <= 1e-10


def test_defect_8_recursive_least_squares_with_a_bias_is_not_ridge():
    rng = np.random.default_rng(3)
    F, y = rng.standard_normal((60, 4)), rng.standard_normal((60, 2)) + 3
    without, with_bias = nodes.RLS(alpha=0.5, fit_bias=False), nodes.RLS(alpha=0.5, fit_bias=True)
    for node in (without, with_bias):
        node.partial_fit(F, y)
    alone = np.linalg.solve(F.T @ F + 0.5 * np.eye(4), F.T @ y)
    assert far(without.Wout, alone) <= 1e-10
    for camp in (True, False):
        ours = ridge(F, y, 0.5, penalise_bias=camp)
        assert far(ours["W_o"], with_bias.Wout) > 1e-2 and far(ours["b_o"], np.ravel(with_bias.bias)) > 1e-1


def test_defect_9_nrmse_by_variance_divides_by_the_variance():
    rng = np.random.default_rng(4)
    y = 3 * rng.standard_normal(200)
    prediction = y + rng.standard_normal(200)
    rmse = np.sqrt(np.mean((prediction - y) ** 2))
    assert abs(observables.nrmse(y, prediction, norm="var") - rmse / np.var(y)) <= EXACT
    assert abs(rmse / np.var(y) - rmse / np.std(y)) > 0.1


def test_defect_10_its_ridge_loses_digits_where_the_features_have_an_offset():
    """Centring by subtraction of products costs digits; ours is exact to about the rounding of the features themselves."""
    rng = np.random.default_rng(7)
    F, y = rng.standard_normal((200, 4)), rng.standard_normal((200, 2))
    moved = F + 1e6
    readout = nodes.Ridge(ridge=1e-3).fit(moved, y)
    exact = ridge(moved - 1e6, y, 1e-3)["W_o"]  # subtracted without rounding: the same problem
    assert far(ridge(moved, y, 1e-3)["W_o"], exact) <= 1e-8 < 1e-5 < far(readout.Wout, exact)


def test_a_scalar_leak_is_a_vector_of_it():
    rng = np.random.default_rng(8)
    given, u = {**weights(rng), "lr": 0.4}, rng.standard_normal((9, 2))
    params = preset("reservoirpy04").parameters(**given)
    assert far(run(params, u)[0], run({**params, **leaky(np.full(9, 0.4))}, u)[0]) <= EXACT
