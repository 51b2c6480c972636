"""The weights that a peer would draw: distributions, radii, and what `parameters` takes."""

import numpy as np
import pytest

from minires.parameters import flatten
from minires.reservoir.presets import PRESETS
from minires.reservoir.spectra import effective_radius, spectral_radius

DRAWN = [name for name in PRESETS if PRESETS[name].initialise]
OPTIONS = {"orc": {"density": 0.2}, "resrmn": {"M": 5}, "reservoirpy04": {"q": 3}, "reservoirpy03": {"q": 3}, "pyesn": {"q": 3},
           "easyesn": {"q": 3}, "reservoirpy03_external": {"q": 3}}


@pytest.mark.parametrize("name", DRAWN)
def test_initial_weights_are_what_parameters_takes(name):
    peer, options = PRESETS[name], OPTIONS.get(name, {})
    draw = lambda seed: peer.parameters(**peer.initialise(np.random.default_rng(seed), 23, 2, **options))
    params, rng = draw(1), np.random.default_rng(0)
    y = {"y": rng.standard_normal((9, 3))} if options.get("q") else {}
    states, _ = peer.run(params, rng.standard_normal((9, 2)), **y)
    assert all(np.isfinite(each).all() and np.std(each) > 0 for each in (states if isinstance(states, list) else [states]))
    again, other = flatten(draw(1)), flatten(draw(2))
    assert all(np.array_equal(value, again[key]) for key, value in flatten(params).items())
    assert any(not np.array_equal(value, other[key]) for key, value in flatten(params).items())


@pytest.mark.parametrize("name, rho", [
    ("minimal", 1.25), ("reservoirpy04", 1.0), ("pyesn", 0.95), ("pyrcn", 1.0), ("easyesn", 1.0), ("rescompy", 0.99),
    ("bianchi", 0.99), ("torchesn", 0.9), ("es2n", 1.0), ("orc", 0.8)])
def test_the_default_radius_is_the_peers(name, rho):
    params = PRESETS[name].parameters(**PRESETS[name].initialise(np.random.default_rng(3), 60, 2))
    assert abs(spectral_radius(params.get("reservoir", params)["W"]) - rho) <= 1e-12


def test_deepesn_sets_the_effective_radius_and_resesn_an_approximate_one():
    drawn = PRESETS["deepesn"].initialise(np.random.default_rng(3), 20, 2, rho=0.9, leaky=0.3)
    layer = PRESETS["deepesn"].parameters(**drawn)[1]
    assert abs(effective_radius(layer["W"], layer["K"], layer["g"]) - 0.9) <= 1e-12
    W = PRESETS["resesn"].parameters(**PRESETS["resesn"].initialise(np.random.default_rng(3), 200, 2, rho=0.9))["W"]
    assert 1e-4 < abs(spectral_radius(W) - 0.9) < 0.1


def test_the_peers_distributions():
    rng = np.random.default_rng
    drawn = {name: PRESETS[name].initialise(rng(8), 400, 2, **OPTIONS.get(name, {})) for name in DRAWN if name != "orc"}
    assert np.max(np.abs(drawn["minimal"]["Win"])) <= 0.5 and drawn["minimal"]["Win"].shape == (400, 3)
    assert set(np.unique(drawn["reservoirpy04"]["Win"])) == {-1.0, 0.0, 1.0}
    assert abs(np.mean(drawn["reservoirpy04"]["W"] != 0) - 0.1) < 1e-3
    assert spectral_radius(drawn["reservoirpy03"]["W"]) > 3  # not rescaled
    assert not np.array_equal(drawn["reservoirpy03"]["bias"], drawn["reservoirpy03"]["Win"][:, :1])  # the peer's seeds do that
    assert drawn["pyrcn"]["input_weights"].shape == (2, 400) and drawn["pyrcn"]["bias_weights"].shape == (400, 1)
    A = drawn["pyrcn_euler"]["recurrent_weights"]
    assert np.array_equal(A, -A.T)
    assert set(np.unique(np.abs(drawn["bianchi"]["input_weights"]))) == {0.2}
    sparse = PRESETS["pyesn"].initialise(rng(8), 400, 2, sparsity=0.7)["W"]
    assert abs(np.mean(sparse == 0) - 0.7) < 0.01  # the fraction of zeros
    scaled = PRESETS["easyesn"].initialise(rng(8), 400, 2, inputScaling=0.01)["WInput"]
    assert abs(np.mean(drawn["easyesn"]["W"] != 0) - 0.2) < 0.01
    assert np.max(np.abs(scaled[:, 1:])) < 0.01 < np.max(np.abs(scaled[:, 0]))  # the bias column is spared
    assert abs(np.mean(drawn["rescompy"]["A"] != 0) * 400 - 10) < 0.1
    C = drawn["resrmn"]["memory"]["recurrent_memory_kernel"]
    assert np.array_equal(np.linalg.matrix_power(C, len(C)), np.eye(len(C))) and C[0, -1] == 1


def test_settings_reach_the_weights_that_they_name():
    rng = np.random.default_rng
    one = PRESETS["torchesn"].initialise(rng(8), 400, 2, w_ih_scale=np.array([0.1, 0.2, 0.5]))
    sizes = [np.max(np.abs(one["bias_ih_l0"])), *np.max(np.abs(one["weight_ih_l0"]), axis=0)]
    assert np.allclose(sizes, [0.1, 0.2, 0.5], rtol=0.05)  # the first scale is the bias's
    layers = PRESETS["deepresesn"].initialise(rng(8), 9, 2, 3, first={"alpha": 0.7}, inter={"alpha": 0.4})["layers"]
    assert [layer["alpha"] for layer in layers] == [0.7, 0.4, 0.4]
    assert [layer["in_kernel"].shape for layer in layers] == [(2, 9), (9, 9), (9, 9)]
    sized = PRESETS["deepesn"].initialise(rng(8), 200, 2, input_scaling=0.5, bias_scaling=0.1)["layers"][0]
    assert abs(np.max(np.abs(sized["kernel"])) - 0.5) < 0.02 and abs(np.max(np.abs(sized["bias"])) - 0.1) < 0.02
    sized = PRESETS["eusn"].initialise(rng(8), 200, 2, recur_scaling=0.3, input_scaling=0.5, bias_scaling=0.1)
    assert np.allclose([np.max(np.abs(sized[key])) for key in ("W", "W_in", "b")], [0.3, 0.5, 0.1], rtol=0.05)


@pytest.mark.parametrize("name", ["es2n", "resesn", "deepresesn", "resrmn"])
def test_what_is_kept_of_the_state_is_rotated(name):
    drawn = PRESETS[name].initialise(np.random.default_rng(8), 9, 2)
    drawn = drawn["layers"][1] if "layers" in drawn else drawn.get("reservoir", drawn)
    O = drawn["O"] if "O" in drawn else drawn["ortho"]
    assert np.allclose(O.T @ O, np.eye(9), rtol=0, atol=1e-13)
