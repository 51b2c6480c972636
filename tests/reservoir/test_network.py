"""The description of an echo-state network: what it draws, and what it refuses."""

import numpy as np
import pytest

from minires.reservoir.checks import check_parameters
from minires.reservoir.echo_state import run
from minires.reservoir.network import FAMILIES, ROTATIONS, EchoState, as_dtype
from minires.reservoir.operators import dense
from minires.reservoir.spectra import effective_radius, spectral_norm, spectral_radius
from minires.reservoir.topologies import TOPOLOGIES

N, d = 24, 3


def make(**changes):
    return EchoState(**{"units": N, "inputs": d, **changes})


def drawn(seed=0, **changes):
    return make(**changes).init(np.random.default_rng(seed))


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_topology_makes_a_network_that_runs(topology):
    scaled_by, radius = ("none", None) if topology in ("delay_line", "euler") else ("spectral_radius", 0.8)
    params = drawn(topology=topology, scaled_by=scaled_by, radius=radius)
    assert check_parameters(params) == (N, d, 0)
    states, _ = make(f="tanh").run(params, np.random.default_rng(1).standard_normal((9, d)))
    assert states.shape == (9, N) and np.ptp(states) > 0
    if radius:
        assert float(spectral_radius(params["W"])) == pytest.approx(radius, rel=1e-7)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_sets_its_kernel(family):
    params = drawn(family=family)
    kernel, defaults = FAMILIES[family]
    expected = kernel(**{**defaults, **({"O": np.eye(N)} if "O" in defaults else {})})
    assert params["g"] == expected["g"]
    assert np.shape(params["K"]) == (N, N) if "O" in defaults else params["K"] == expected["K"]


@pytest.mark.parametrize("O", ROTATIONS)
def test_the_rotation_of_a_residual_network_is_orthogonal_and_scaled_by_alpha(O):
    K = dense(drawn(family="residual", family_options={"alpha": 0.7, "beta": 0.2, "O": O})["K"], N)
    np.testing.assert_allclose(K @ K.T, 0.49 * np.eye(N), atol=1e-13)
    if O != "random":
        assert np.count_nonzero(K) == N and bool(np.all(np.diag(K))) == (O == "identity")


def test_each_way_of_scaling_reaches_the_size_that_was_asked_for():
    leak = {"family_options": {"a": 0.4}}
    assert float(spectral_norm(drawn(scaled_by="spectral_norm", radius=0.7)["W"])) == pytest.approx(0.7)
    for by in ("effective_radius", "effective_radius_by_factor"):
        params = drawn(scaled_by=by, radius=0.9, **leak)
        assert float(effective_radius(params["W"], params["K"], params["g"])) == pytest.approx(0.9)


def test_the_same_seed_draws_the_same_network_and_another_seed_another():
    same, other = drawn(3), drawn(4)
    for name, value in drawn(3).items():
        np.testing.assert_array_equal(value, same[name])
    assert np.any(same["W"] != other["W"]) and np.any(same["W_in"] != other["W_in"])


def test_weights_input_weights_and_bias_are_drawn_apart():
    params = drawn(inputs=1, outputs=1, input_scale=1.0, bias_scale=1.0, topology_options={"distribution": "uniform"})
    columns = np.stack([params["W"][0], params["W"][:, 0], params["W_in"][:, 0], params["W_fb"][:, 0], params["b"]])
    assert abs(np.corrcoef(columns) - np.eye(5)).max() < 0.9


def test_scales_are_those_of_input_channels_bias_and_feedback():
    params = drawn(units=400, input_scale=(0.1, 0.0, 2.0), bias_scale=0.3, outputs=2, feedback_scale=0.05, radius=0.9)
    np.testing.assert_allclose(abs(params["W_in"]).max(axis=0), [0.1, 0, 2], rtol=0.02)
    assert abs(params["b"]).max() == pytest.approx(0.3, rel=0.02) and params["W_fb"].shape == (400, 2)
    assert abs(params["W_fb"]).max() == pytest.approx(0.05, rel=0.02)
    assert "b" not in drawn(bias_scale=0) and "W_fb" not in drawn() and drawn(inputs=0)["W_in"].shape == (N, 0)


def test_run_uses_the_activation_of_the_description():
    params, u = drawn(f="relu"), np.random.default_rng(0).standard_normal((5, d))
    np.testing.assert_array_equal(make(f="relu").run(params, u)[0], run(params, u, f="relu")[0])
    assert np.any(make(f="relu").run(params, u)[0] != make().run(params, u)[0])


@pytest.mark.parametrize("topology", ["dense", "cycle"])
def test_a_network_in_single_precision_runs_in_single_precision(topology):
    params = as_dtype(drawn(topology=topology, outputs=0), "float32")
    states, _ = make().run(params, np.zeros((3, d), dtype="float32"))
    assert states.dtype == np.float32
    if topology == "cycle":
        assert np.issubdtype(params["W"]["sources"].dtype, np.integer)


BAD = [
    ({"units": 0}, "units=0: expected a whole number of at least 1"),
    ({"inputs": -1}, "inputs=-1: expected a whole number of at least 0"),
    ({"outputs": 1.5}, "outputs=1.5: expected a whole number"),
    ({"family": "leaki"}, "unknown family 'leaki': did you mean 'leaky'"),
    ({"family_options": {"leak": 0.3}}, "unknown option of leaky 'leak'.*choose from a"),
    ({"family_options": {"a": 0.0}}, "leak rate a=0.0: expected above 0"),
    ({"family": "residual", "family_options": {"O": "circle"}}, "unknown O 'circle': did you mean"),
    ({"topology": "dens"}, "unknown topology 'dens': did you mean 'dense'"),
    ({"topology_options": {"in_degree": 3}}, "unknown option of dense 'in_degree'"),
    ({"topology": "delay_line"}, "the spectral radius of W is 0"),
    ({"radius": -0.9}, "target=-0.9: expected a positive number"),
    ({"radius": None}, "target=None: expected a positive number"),
    ({"scaled_by": "radius"}, "unknown scaling 'radius': did you mean"),
    ({"input_scale": (0.1, 0.2)}, r"scale has shape \(2,\): expected a number or \(3,\)"),
    ({"bias_scale": -1.0}, "scale=-1.0: expected a number of at least 0"),
    ({"distribution": "gauss"}, "unknown distribution 'gauss'"),
    ({"f": "tangent"}, "unknown activation 'tangent'"),
]


@pytest.mark.parametrize("changes, message", BAD, ids=[message for _, message in BAD])
def test_a_network_that_cannot_be_is_refused_in_one_line(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        drawn(**changes)
    assert "\n" not in str(error.value)


def test_a_dtype_that_is_no_floating_type_is_refused():
    with pytest.raises(ValueError, match="dtype=int64: expected a floating type"):
        as_dtype(drawn(), "int64")
