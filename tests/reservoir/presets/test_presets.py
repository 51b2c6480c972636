"""Every preset yields the states of its peer, in the peer's names, dtype and orientation; and laws that all of them keep."""

import autograd.numpy as anp
import numpy as np
import pytest
import transcriptions_of_peers
from autograd import grad
from golden_presets import GOLDEN, call, difference

from minires.parameters import flatten, unflatten
from minires.reservoir.presets import PRESETS

NAMES = list(PRESETS)
TRANSCRIBED = {"jaeger2001": transcriptions_of_peers.jaeger2001, "jaeger2001_leaky": transcriptions_of_peers.jaeger2001_leaky,
               "rcjl": transcriptions_of_peers.rcjl}


@pytest.mark.parametrize("name", NAMES)
def test_the_states_are_the_peers(name, record_property):
    states, _ = call(PRESETS[name], GOLDEN[name])
    largest = difference(states, GOLDEN[name]["states"])
    record_property("largest difference", largest)
    print(f"{name:24} {largest:.1e}   {GOLDEN[name]['how']}")
    assert largest <= 1e-12


def test_every_preset_has_its_record_and_says_how_it_was_made():
    assert list(GOLDEN) == NAMES
    assert {name for name in NAMES if GOLDEN[name]["how"].startswith("transcribed: ")} == set(TRANSCRIBED)
    assert all(GOLDEN[name]["how"].startswith("run: ") for name in NAMES if name not in TRANSCRIBED)


@pytest.mark.parametrize("name", TRANSCRIBED)
def test_a_transcription_reproduces_its_record(name):
    record = GOLDEN[name]
    given = {key: record[key] for key in ("u", "y", "x_0") if key in record}
    assert difference(TRANSCRIBED[name](**record["arrays"], **given), record["states"]) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_a_record_hides_no_transpose_and_no_missing_term(name):
    """Asymmetric W, unequal sizes, no zero bias, states that differ from unit to unit."""
    record = GOLDEN[name]
    first = record["states"][0] if isinstance(record["states"], list) else record["states"]
    assert first.shape[-1] != first.shape[-2] != record["u"].shape[-1] >= 2
    for key, value in flatten(record["arrays"]).items():
        value = np.asarray(value)
        if value.ndim == 2 and value.shape[0] == value.shape[1]:
            assert not np.array_equal(value, value.T), key
        assert np.any(value) and (value.ndim == 0 or len(np.unique(value)) > 1), key


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pyesn"])  # its free run is below
def test_the_last_state_continues_the_run(name):
    record, peer = GOLDEN[name], PRESETS[name]
    params, s = peer.parameters(**record["arrays"]), 5
    y = record.get("y")
    start = {"x_0": record["x_0"]} if "x_0" in record else {}
    taught = {} if y is None else {"y": y[:s]}, {} if y is None else {"y": y[s:], "y_0": y[s - 1]}
    _, last = peer.run(params, record["u"][..., :s, :], **start, **taught[0])
    rest, _ = peer.run(params, record["u"][..., s:, :], last, **taught[1])
    whole, _ = call(peer, record)
    cut = [each[..., s:, :] for each in whole] if isinstance(whole, list) else whole[..., s:, :]
    assert difference(rest, cut) <= 1e-15


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_a_loop_over_its_series(name):
    record, peer = GOLDEN[name], PRESETS[name]
    params = peer.parameters(**record["arrays"])
    rng = np.random.default_rng(4)
    u = rng.standard_normal((3, 6, record["u"].shape[-1]))
    y = {"y": rng.standard_normal((3, 6, record["y"].shape[-1]))} if "y" in record else {}
    batch, _ = peer.run(params, u, **y)
    for i in range(3):
        one, _ = peer.run(params, u[i], **{key: value[i] for key, value in y.items()})
        assert difference(one, [each[i] for each in batch] if isinstance(batch, list) else batch[i]) <= 1e-14


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("pyesn", "reservoirpy03_external")])
def test_padding_is_passed_over(name):
    record, peer = GOLDEN[name], PRESETS[name]
    params, rng = peer.parameters(**record["arrays"]), np.random.default_rng(5)
    u, real = rng.standard_normal((3, 6, record["u"].shape[-1])), np.arange(6) < np.array([[6], [4], [2]])
    y = {"y": rng.standard_normal((3, 6, record["y"].shape[-1]))} if "y" in record else {}
    _, last = peer.run(params, u, mask=real, **y)
    tops = lambda last: np.asarray(last[-1] if isinstance(last, list | tuple) else last)  # the memory, or the last layer
    for i, T in enumerate((6, 4, 2)):
        _, one = peer.run(params, u[i, :T], **{key: value[i, :T] for key, value in y.items()})
        assert difference(tops(last)[i], tops(one)) <= 1e-14
        assert not isinstance(last, tuple) or difference(last[0][i], one[0]) <= 1e-14


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    record, peer = GOLDEN[name], PRESETS[name]
    small = lambda value: ([small(each) for each in value] if isinstance(value, list) else
                           {key: small(each) for key, each in value.items()} if isinstance(value, dict) else
                           value.astype(np.float32) if isinstance(value, np.ndarray) else value)
    rough = {key: small(value) for key, value in record.items()}
    states, last = call(peer, rough)
    every = [*(states if isinstance(states, list) else [states]), *(last if isinstance(last, list | tuple) else [last])]
    assert {each.dtype for each in every} == {np.dtype(np.float32)}
    assert 1e-9 < difference(states, record["states"]) < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_peers_own_weights(name):
    """Against a central difference along a random direction of all weights and inputs."""
    record, peer = GOLDEN[name], PRESETS[name]
    flat = {key: value for key, value in flatten(record["arrays"]).items() if isinstance(value, np.ndarray)}
    fixed = {key: value for key, value in flatten(record["arrays"]).items() if key not in flat}

    def loss(flat, u):
        states, _ = call(peer, {**record, "u": u}, unflatten({**flat, **fixed}))
        return sum(anp.sum(anp.sin(3 * each)) for each in (states if isinstance(states, list) else [states]))

    rng = np.random.default_rng(7)
    way = {key: rng.standard_normal(value.shape) for key, value in flat.items()}
    way_u, h = rng.standard_normal(record["u"].shape), 1e-5
    slope = sum(np.sum(g * way[key]) for key, g in grad(loss)(flat, record["u"]).items()) + np.sum(
        grad(loss, 1)(flat, record["u"]) * way_u)
    at = [loss({key: value + s * h * way[key] for key, value in flat.items()}, record["u"] + s * h * way_u) for s in (1, -1)]
    assert abs((at[0] - at[1]) / (2 * h) - slope) <= 1e-6 * abs(slope) + 1e-7
