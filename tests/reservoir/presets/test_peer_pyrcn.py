"""PyRCN 0.1.0 live: the same weights on both sides give the same states and the same readout."""

import numpy as np
import pytest

from minires.reservoir.presets import peer_features, peer_readout, preset
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict, ridge

pytest.importorskip("pyrcn")
blocks = pytest.importorskip("pyrcn.base.blocks")
IncrementalRegression = pytest.importorskip("pyrcn.linear_model").IncrementalRegression

N, d, T, q = 9, 2, 31, 3
SCALES = {"input_scaling": 0.7, "input_shift": 0.1, "bias_scaling": 0.4, "bias_shift": -0.2}
SEEDS = (0, 1, 2)


def weights(rng):
    """Weights under PyRCN's names, row form."""
    return {"input_weights": rng.uniform(-1, 1, (d, N)), "bias_weights": rng.uniform(-1, 1, (N, 1)),
            "recurrent_weights": rng.standard_normal((N, N)) / 3}


def heard(given, u, **settings):
    """What its InputToNode makes of u."""
    node = blocks.InputToNode(hidden_layer_size=N, predefined_input_weights=given["input_weights"],
                              predefined_bias_weights=given["bias_weights"], **SCALES, **settings)
    return node.fit_transform(u)


def far(a, b):
    """The largest difference of two arrays of one shape."""
    assert np.shape(a) == np.shape(b)
    return float(np.max(np.abs(a - b)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("input_activation", ["tanh", "identity", "logistic", "relu"])
@pytest.mark.parametrize("reservoir_activation", ["tanh", "identity", "logistic", "relu"])
def test_states(seed, input_activation, reservoir_activation):
    rng = np.random.default_rng(seed)
    given, u = weights(rng), rng.standard_normal((T, d))
    v = heard(given, u, input_activation=input_activation)
    node = blocks.NodeToNode(hidden_layer_size=N, predefined_recurrent_weights=given["recurrent_weights"], spectral_radius=0.8,
                             leakage=0.3, reservoir_activation=reservoir_activation)
    params = preset("pyrcn").parameters(**given, spectral_radius=0.8, leakage=0.3, **SCALES)
    states, _ = preset("pyrcn").run(params, u, input_activation=input_activation, f=reservoir_activation)
    assert far(states, node.fit(v).transform(v)) <= 1e-12


def test_the_defaults_are_its_defaults():
    rng = np.random.default_rng(4)
    given, u = weights(rng), rng.standard_normal((T, d))
    v = blocks.InputToNode(hidden_layer_size=N, predefined_input_weights=given["input_weights"],
                           predefined_bias_weights=given["bias_weights"]).fit_transform(u)
    node = blocks.NodeToNode(hidden_layer_size=N, predefined_recurrent_weights=given["recurrent_weights"])
    assert far(preset("pyrcn").run(preset("pyrcn").parameters(**given), u)[0], node.fit(v).transform(v)) <= 1e-12
    node = blocks.EulerNodeToNode(hidden_layer_size=N).fit(v)
    given["recurrent_weights"] = np.asarray(node.recurrent_weights)
    assert far(preset("pyrcn_euler").run(preset("pyrcn_euler").parameters(**given), u)[0], node.transform(v)) <= 1e-12


@pytest.mark.parametrize("seed", SEEDS)
def test_euler_states_with_weights_that_it_draws(seed):
    rng = np.random.default_rng(seed)
    given, u = weights(rng), rng.standard_normal((T, d))
    v = heard(given, u)
    node = blocks.EulerNodeToNode(hidden_layer_size=N, recurrent_scaling=0.6, gamma=0.05, epsilon=0.2, random_state=seed).fit(v)
    given["recurrent_weights"] = np.asarray(node.recurrent_weights)
    params = preset("pyrcn_euler").parameters(**given, recurrent_scaling=0.6, gamma=0.05, epsilon=0.2, **SCALES)
    assert np.array_equal(given["recurrent_weights"], -given["recurrent_weights"].T)
    assert far(preset("pyrcn_euler").run(params, u)[0], node.transform(v)) <= 1e-12


@pytest.mark.parametrize("alpha", [1e-5, 1e-2, 1.0])
def test_its_readout_is_ridge_with_a_penalised_bias(alpha):
    """Its inverse of (Gram + alpha I) agrees to 1e-8 here, where the condition of F is below 1e3."""
    rng = np.random.default_rng(5)
    given, u, y = weights(rng), rng.standard_normal((200, d)), rng.standard_normal((200, q)) + 2
    peer = preset("pyrcn")
    states, _ = peer.run(peer.parameters(**given, spectral_radius=0.8, leakage=0.3), u)
    theirs = IncrementalRegression(alpha=alpha).fit(states, y)
    ours = ridge(features(states), y, alpha, penalise_bias=peer.penalise_bias)
    asked = peer_readout(peer, np.asarray(theirs._output_weights).T, d, N)
    assert np.linalg.cond(peer_features(peer, states)) < 1e3
    assert far(ours["W_o"], asked["W_o"]) <= 1e-8 and far(ours["b_o"], asked["b_o"]) <= 1e-8
    assert far(predict(asked, states), theirs.predict(states)) <= 1e-11
