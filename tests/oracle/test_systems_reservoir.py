"""The reservoirs as systems of the oracle: their loop of steps is the library's fused run, and their cases hide nothing."""

import json

import numpy as np
import pytest
from golden_reservoirs import CASES, case, right

from minires.oracle.case import on_grid
from minires.oracle.systems import networks
from minires.oracle.tape import record
from minires.parameters import unflatten
from minires.reservoir import echo_state
from minires.reservoir.deep import run_bidirectional
from minires.reservoir.presets import PRESETS
from minires.reservoir.readouts import online, plasticity
from minires.reservoir.readouts.force import force
from minires.reservoir.readouts.ridge import predict, ridge
from minires.reservoir_resformer.model import ReservoirResFormer

ECHO = [id for id in CASES if id.startswith("echo_state/")]
TALKS = [id for id in CASES if id.startswith("reservoir_resformer/")]
CLOSE = {"rtol": 0, "atol": 1e-13}


def tree(id, name):
    """The parameters under a name."""
    return unflatten(case(id).params)[name]


@pytest.mark.parametrize("id", [id for id in ECHO if "preset" not in case(id).config["network"] and
                                not case(id).config.get("bidirectional")])
def test_the_loop_of_steps_is_the_fused_run(id):
    one = case(id)
    net, found, given = networks.network(one.config, tree(id, "reservoir")), right(id), one.inputs
    states, last = echo_state.run(net.layers[0], given["u"], given.get("x_0"), given.get("y"), given.get("y_0"), net.f[0],
                                  given.get("real"))
    for t in range(given["u"].shape[1]):
        np.testing.assert_allclose(found[f"steps.{t}.state"], states[:, t], **CLOSE)
    np.testing.assert_allclose(found["last"], last, **CLOSE)


@pytest.mark.parametrize("name", PRESETS)
def test_the_loop_of_steps_is_the_presets_run(name):
    id, preset = f"echo_state/{name}", PRESETS[name]
    one, p, given = case(id), tree(id, "reservoir"), case(id).inputs
    settings = one.config["network"].get("settings", {})
    params = preset.parameters(p) if isinstance(p, list) else preset.parameters(**p, **settings)
    starts = [given[key] for key in ("x_0", "x_0.0", "x_0.1") if key in given]
    x_0 = starts[0] if len(starts) == 1 else tuple(starts[::-1]) if name == "resrmn" else starts
    fed = {key: given[key] for key in ("y", "y_0") if key in given and (name, key) != ("pyesn", "y_0")}
    states = preset.run(params, given["u"], x_0, **fed)[0]
    states = states[-1] if isinstance(states, list) else states
    several = "layers.1." if len(starts) == 2 else ""
    for t in range(1 if name == "pyesn" else 0, given["u"].shape[1]):
        np.testing.assert_allclose(right(id)[f"steps.{t}.{several}state"], states[:, t], **CLOSE)


def test_the_bidirectional_case_is_the_librarys():
    id = "echo_state/bidirectional"
    p, given, found = tree(id, "reservoir"), case(id).inputs, right(id)
    nets = [networks.network(case(id).config, each).layers[0] for each in p]
    states, _ = run_bidirectional(*nets, given["u"], (given["x_0.0"], given["x_0.1"]))
    T = given["u"].shape[1]
    both = lambda t: (found[f"forward.steps.{t}.state"], found[f"backward.steps.{T - 1 - t}.state"])
    ours = [np.concatenate(both(t), 1) for t in range(T)]
    np.testing.assert_allclose(np.stack(ours, 1), states, **CLOSE)


@pytest.mark.parametrize("id", TALKS)
def test_the_conversation_is_the_models_own_answer(id):
    one = case(id)
    model = ReservoirResFormer(**one.config["model"])
    logits = model.apply(unflatten(one.params), one.inputs["tokens"], one.inputs["real"])
    np.testing.assert_allclose(right(id)["logits"], logits[one.inputs["real"].any(-1)], **CLOSE)


def test_readouts_are_the_librarys_own():
    for id in ("readout/ridge", "readout/ridge-penalised"):
        one, given = case(id), case(id).inputs
        F = np.concatenate([given["u"], given["states"]], -1)
        squares = one.config.get("squares") == "even"
        F[..., 3::2] = F[..., 3::2] ** 2 if squares else F[..., 3::2]
        w = one.config["washout"]
        fit = ridge(F[:, w:], given["targets"][:, w:], float(one.params["strength"]), one.config.get("penalise_bias", False))
        np.testing.assert_allclose(right(id)["readout"], [*fit["W_o"], fit["b_o"]], rtol=0, atol=1e-12)
        new = np.concatenate([given["new_u"], given["new_states"]], -1)
        new[..., 3::2] = new[..., 3::2] ** 2 if squares else new[..., 3::2]
        np.testing.assert_allclose(right(id)["predictions"], predict(fit, new), rtol=0, atol=1e-12)


def test_readouts_that_learn_row_by_row_are_the_librarys_own():
    for id in ("readout/rls", "readout/lms", "readout/lms-normalised"):
        one, given = case(id), case(id).inputs
        F, Y = np.concatenate([given["u"], given["states"]], -1)[0], given["targets"][0]
        learn = {"rls": lambda: online.rls(F, Y, float(one.params["strength"]), one.config["forgetting"])[0],
                 "lms": lambda: online.lms(F, Y, float(one.params["rate"]))[0],
                 "lms-normalised": lambda: online.normalised_lms(F, Y, float(one.params["rate"]))[0]}[id[8:]]()
        np.testing.assert_allclose(right(id)[f"steps.{len(F) - 1}.readout"], [*learn["W_o"], learn["b_o"]], **CLOSE)


def test_reservoirs_that_learn_are_the_librarys_own():
    id, given = "readout/force", case("readout/force").inputs
    done = force(tree(id, "reservoir"), given["targets"][0], given["u"][0], given["x_0"][0],
                 strength=float(case(id).params["strength"]))
    np.testing.assert_allclose(right(id)["steps.4.readout"], done.readout["W_o"], **CLOSE)
    np.testing.assert_allclose(right(id)["steps.4.feedback"], done.z, **CLOSE)
    id, one = "readout/plasticity", case("readout/plasticity")
    done = plasticity.towards_normal(tree(id, "reservoir"), one.inputs["u"][0], one.config["mean"], one.config["deviation"],
                                     one.config["rate"], x_0=one.inputs["x_0"][0])
    np.testing.assert_allclose(right(id)["steps.4.gain"], done.gain, **CLOSE)
    np.testing.assert_allclose(right(id)["steps.4.bias"], done.bias, **CLOSE)


@pytest.mark.parametrize("id", CASES)
def test_a_case_is_small_json_on_the_grid_and_every_tensor_reaches_its_tape(id):
    one = case(id)
    assert one.id == id and json.loads(json.dumps(one.config)) == one.config
    assert sum(np.size(array) for array in right(id).values()) < 9000
    for name, array in one.values.items():
        if array.dtype == float and not name.startswith("memory.") or name.endswith(("E_r", ".b")):
            assert np.array_equal(array, on_grid(array)), name
    assert "loss" in right(id) and len(record(one).tensors) > 3


@pytest.mark.parametrize("id", CASES)
def test_no_gradient_is_zero_everywhere_unless_it_must_be(id):
    for name, slope in right(id).items():
        if name.startswith("grad/") and not np.any(slope):
            frozen = "memory." in name or "states." in name or "ended." in name
            assert frozen and case(id).system == "reservoir_resformer" or unread(id, name), name


def unread(id, name):
    """Tensors after which nothing follows, and the key bias, to which softmax is blind."""
    if (id, name) in (("echo_state/alpha-0", "grad/reservoir.O"), ("echo_state/alpha-0", "grad/reservoir.O.values")):
        return True
    return name.endswith(("normal_matrix", "mean_state", "generated_state", "b_k", "last", "inputs.y_0")) or (
        "inputs.targets" in name or "readout/" in id)


def test_the_conversations_have_what_the_mistakes_need():
    one = case("reservoir_resformer/default")
    lengths, model = one.inputs["real"].sum(-1), one.config["model"]
    assert lengths.shape == (2, 3) and lengths.max() > model["maximum_length"] and 1 in lengths and 0 in lengths
    assert model["maximum_length"] in lengths and model["memory_tokens"] not in (1, model["width"], model["maximum_length"])
    assert len(set(model["units"])) == len(set(model["leak"])) == len(set(model["radius"])) == 2 and model["heads"] == 2
    assert not set(model["leak"]) & {0.5, 1.0}
    for i in (0, 1):
        values = np.linalg.eigvals(one.values[f"memory.reservoirs.{i}.W"])
        assert np.iscomplex(values[np.argmax(abs(values))]) or i == 0
        s = np.maximum(right(one.id)[f"states.{i}"] @ one.values[f"readouts.{i}.W_1"] + one.values[f"readouts.{i}.b_1"], 0)
        assert 0 < np.mean(s > 0) < 1
    assert not np.array_equal(case("reservoir_resformer/earlier").inputs["earlier.tokens"], one.inputs["tokens"][:, :2])
