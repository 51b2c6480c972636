"""What is peculiar to one peer: rows that are skipped, halves that are not turned round, matrices that are transposed."""

import numpy as np
import pytest
from golden_presets import GOLDEN, call, difference

from minires.reservoir.echo_state import run
from minires.reservoir.generation import generate
from minires.reservoir.presets import PRESETS, peer_features, peer_readout
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict


def test_pyesn_leaves_row_0_zero_and_never_hears_u_0():
    record, peer = GOLDEN["pyesn"], PRESETS["pyesn"]
    assert np.all(record["states"][0] == 0)
    other = {**record, "u": record["u"] + np.eye(len(record["u"]))[0][:, None]}
    assert difference(call(peer, other)[0], record["states"]) <= 1e-12
    given = peer.parameters(**record["arrays"])
    first, _ = peer.run(given, record["u"], x_0=np.arange(7.0), y=record["y"])
    assert np.array_equal(first[0], np.arange(7.0))


def test_pyesns_free_run_applies_out_activation_once_and_its_predict_twice():
    """Its states, and what goes back through W_feedb, have it once: so have ours. Its returned outputs have it again."""
    record, peer = GOLDEN["pyesn"], PRESETS["pyesn"]
    s, c = record["arrays"]["teacher_scaling"], record["arrays"]["teacher_shift"]
    heard = record["arrays"]["input_scaling"] * record["u_free"] + record["arrays"]["input_shift"]
    W_o = peer_readout(peer, record["W_out"], d=2, N=7)

    def read(x, u):
        scaled = record["arrays"]["input_scaling"] * u + record["arrays"]["input_shift"]
        return (np.tanh(predict(W_o, features(x[None], scaled[None]))[0]) - c) / s

    params = peer.parameters(**record["arrays"])
    outputs, last, _ = generate(params, read, 6, record["states"][-1], u=record["u_free"], y_0=record["y"][-1])
    once = s * outputs + c
    assert difference(last, record["states_free"][-1]) <= 1e-10  # W_out has weights of several tens
    assert difference((np.tanh(once) - c) / s, record["predicted"]) <= 1e-10
    assert np.max(np.abs(outputs - record["predicted"])) > 1e-2
    assert difference(np.tanh(peer_features(peer, record["states_free"], heard) @ record["W_out"].T), once) <= 1e-10


def test_pyesns_pseudo_inverse_gives_its_readout():
    """It reads [x; s u + c] without a 1; row 0, the state that was never computed, counts as well."""
    record = GOLDEN["pyesn"]
    arrays = record["arrays"]
    rows = peer_features(PRESETS["pyesn"], record["states"], arrays["input_scaling"] * record["u"] + arrays["input_shift"])
    targets = np.arctanh(arrays["teacher_scaling"] * record["y"] + arrays["teacher_shift"])
    assert difference(np.linalg.lstsq(rows, targets)[0].T, record["W_out"]) <= 1e-9


def test_pyesn_without_teacher_forcing_has_no_feedback():
    arrays = {key: value for key, value in GOLDEN["pyesn"]["arrays"].items() if key != "W_feedb"}
    params = PRESETS["pyesn"].parameters(**arrays)
    assert "W_fb" not in params
    assert np.array_equal(params["b"], arrays["W_in"] @ arrays["input_shift"])


def test_bianchis_reversed_half_is_not_turned_round_again():
    record = GOLDEN["bianchi"]
    params = PRESETS["bianchi"].parameters(**record["arrays"])
    ahead, back = run(params, record["u"])[0], run(params, record["u"][:, ::-1])[0]
    assert difference(np.concatenate([ahead, back], axis=-1), record["bidirectional"]) <= 1e-12


def test_bianchis_gain_lets_states_exceed_1_and_no_leak_means_tanh_alone():
    arrays = GOLDEN["bianchi"]["arrays"]
    assert np.max(np.abs(GOLDEN["bianchi"]["states"])) > 1
    params = PRESETS["bianchi"].parameters(arrays["internal_weights"], arrays["input_weights"])
    assert (params["K"], params["g"]) == (0.0, 1.0)


def test_rescompy_follows_the_transpose_of_its_matrix():
    record = GOLDEN["rescompy"]
    straight = {**record["arrays"], "A": record["arrays"]["A"].T}
    assert difference(call(PRESETS["rescompy"], record, straight)[0], record["states"]) > 0.01


def test_resesn_falls_back_to_the_leaky_network_at_alpha_0():
    arrays = {**GOLDEN["resesn"]["arrays"], "alpha": 0.0, "leaky": 0.3}
    params = PRESETS["resesn"].parameters(**arrays)
    assert (params["K"], params["g"]) == (0.7, 0.3)
    layer = {("in_kernel" if key == "kernel" else key): value for key, value in arrays.items() if key != "leaky"}
    deep = PRESETS["deepresesn"].parameters([layer])[0]
    assert np.all(deep["K"] == 0) and deep["g"] == arrays["beta"]  # DeepResESN has no such fall-back


def test_resesn_without_ortho_keeps_the_state_as_it_is():
    arrays = {**GOLDEN["resesn"]["arrays"], "ortho": None}
    assert PRESETS["resesn"].parameters(**arrays)["K"] == arrays["alpha"]


def test_the_two_euler_networks_differ_in_the_sign_of_gamma():
    W = np.random.default_rng(2).standard_normal((4, 4))
    ours = PRESETS["eusn"].parameters(W, np.ones((4, 1)), gamma=0.3)["W"]
    theirs = PRESETS["pyrcn_euler"].parameters(np.ones((1, 4)), (W - W.T).T, gamma=0.3)["reservoir"]["W"]
    assert np.allclose(ours - np.diag(np.diag(ours)), theirs - np.diag(np.diag(theirs)))
    assert np.allclose(np.diag(ours), -0.3) and np.allclose(np.diag(theirs), 0.3)


def test_resrmns_memory_is_recorded_as_well():
    record = GOLDEN["resrmn"]
    params = PRESETS["resrmn"].parameters(**record["arrays"])
    assert difference(run(params["memory"], record["u"], f="identity")[0], record["memory"]) <= 1e-12


def test_orc_takes_one_chunk_or_none():
    arrays = GOLDEN["orc"]["arrays"]
    flat = PRESETS["orc"].parameters(arrays["wr"][0], arrays["win"][0], arrays["bias"], arrays["leak"])
    assert np.array_equal(flat["W"], PRESETS["orc"].parameters(**arrays)["W"])
    with pytest.raises(ValueError, match=r"wr has shape \(2, 7, 7\): expected 2 dimensions"):
        PRESETS["orc"].parameters(np.concatenate([arrays["wr"]] * 2), arrays["win"])


def test_the_defaults_are_the_peers():
    """Those that are unusual: orc's bias and leak; all others take no leak, no bias and no scale."""
    orc = PRESETS["orc"].parameters(np.eye(3), np.ones((3, 2)))
    assert np.array_equal(orc["b"], np.full(3, 1.6)) and (orc["K"], orc["g"]) == (0.4, 0.6)
    for name in ("reservoirpy04", "reservoirpy03", "rcjl"):
        params = PRESETS[name].parameters(np.ones((3, 2)), np.eye(3))
        assert not np.any(params["b"]) and (params["K"], params["g"]) == (0.0, 1.0)
    names = {"echotorch": ("w", "w_in"), "easyesn": ("W", "WInput"), "rescompy": ("A", "B"),
             "torchesn": ("weight_hh_l0", "weight_ih_l0")}
    for name, (W, W_in) in names.items():
        params = PRESETS[name].parameters(**{W: np.eye(3), W_in: np.ones((3, 2))})
        assert (params["K"], params["g"]) == (0.0, 1.0) and np.all(params["W_in"] == 1)
        assert np.array_equal(params["b"], np.full(3, 1.0 if name == "easyesn" else 0.0))


def test_easyesn_without_feedback_has_only_the_input_bias():
    arrays = {key: value for key, value in GOLDEN["easyesn"]["arrays"].items() if key != "WFeedback"}
    params = PRESETS["easyesn"].parameters(**arrays)
    assert "W_fb" not in params and np.array_equal(params["b"], 0.8 * arrays["WInput"][:, 0])


def test_a_bias_of_one_number_is_that_of_every_unit():
    for name, key in (("reservoirpy04", "bias"), ("orc", "bias"), ("rescompy", "C")):
        arrays = {**GOLDEN[name]["arrays"], key: 0.7}
        assert np.array_equal(PRESETS[name].parameters(**arrays)["b"], np.full(7, 0.7))


@pytest.mark.parametrize("shape", [(7,), (7, 1), (1, 7)])
def test_a_bias_of_any_orientation_is_one_row(shape):
    arrays, b = GOLDEN["reservoirpy03"]["arrays"], np.arange(1.0, 8.0)
    assert np.array_equal(PRESETS["reservoirpy03"].parameters(**{**arrays, "bias": b.reshape(shape)})["b"], b)
