"""A peer's readout: the order of its columns, and whether its ridge penalises the bias."""

import numpy as np
import pytest
from golden_presets import difference

from minires.reservoir.presets import PRESETS, peer_features, peer_readout
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict, ridge

NAMES = list(PRESETS)


@pytest.mark.parametrize("name", NAMES)
def test_a_peers_readout_reads_the_same_in_our_order(name):
    peer, rng = PRESETS[name], np.random.default_rng(3)
    x, u, y = rng.standard_normal((6, 5)), rng.standard_normal((6, 2)), rng.standard_normal((6, 3))
    rows = peer_features(peer, x, u, y)
    assert rows.shape == (6, sum({"1": 1, "u": 2, "x": 5, "y": 3}[each] for each in peer.reads))
    W_out = rng.standard_normal((3, rows.shape[1]))
    ours = features(x, u if "u" in peer.reads else None, y if "y" in peer.reads else None)
    assert np.allclose(predict(peer_readout(peer, W_out, d=2, N=5), ours), rows @ W_out.T, rtol=0, atol=1e-13)


def test_the_order_of_the_columns_is_the_peers():
    x, u, y = np.array([[2.0, 3.0]]), np.array([[5.0]]), np.array([[7.0]])
    rows = {"minimal": [1, 5, 2, 3], "easyesn": [1, 5, 2, 3], "pyesn": [2, 3, 5], "pyrcn": [2, 3, 1], "pyrcn_euler": [2, 3, 1],
            "jaeger2001": [5, 2, 3, 7], "jaeger2001_leaky": [5, 2, 3, 7], "rescompy": [2, 3], "rcjl": [2, 3], "orc": [2, 3]}
    rows = {name: rows.get(name, [1, 2, 3]) for name in NAMES}
    assert {name: peer_features(PRESETS[name], x, u, y)[0].tolist() for name in rows} == rows


@pytest.mark.parametrize("name", [name for name in NAMES if PRESETS[name].penalise_bias is not None])
def test_penalise_bias_agrees_with_the_normal_equations_of_either_camp(name):
    peer, rng = PRESETS[name], np.random.default_rng(5)
    x, u, Y = rng.standard_normal((40, 4)) + 0.5, rng.standard_normal((40, 2)), rng.standard_normal((40, 3)) + 2
    rows, strength = peer_features(peer, x, u, Y), 3.0
    penalty = strength * np.eye(rows.shape[1])
    if not peer.penalise_bias:
        at = 0 if peer.reads[0] == "1" else rows.shape[1] - 1
        penalty[at, at] = 0
    W_out = np.linalg.solve(rows.T @ rows + penalty, rows.T @ Y).T
    ours = ridge(features(x, u if "u" in peer.reads else None), Y, strength, penalise_bias=peer.penalise_bias)
    theirs = peer_readout(peer, W_out, d=2, N=4)
    assert difference([ours["W_o"], ours["b_o"]], [theirs["W_o"], theirs["b_o"]]) <= 1e-12


def test_the_camps_of_the_bias_are_those_of_the_survey():
    camps = {camp: {name for name in NAMES if PRESETS[name].penalise_bias is camp} for camp in (True, False, None)}
    assert camps[True] == {"minimal", "reservoirpy03", "reservoirpy03_external", "pyrcn", "pyrcn_euler", "easyesn", "echotorch",
                           "torchesn"}
    assert camps[None] == {"jaeger2001", "jaeger2001_leaky", "pyesn", "rescompy", "rcjl", "orc"}
