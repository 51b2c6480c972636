"""Each named option of the reservoir ResFormer against its equation, written out in loops."""

import numpy as np
import pytest
from resformer_cases import B, U, conversations, make
from resformer_port import attend, layer_norm, softmax

from minires.reservoir_resformer.fusion import FUSIONS
from minires.reservoir_resformer.memory import remember_corpus, steps_of
from minires.reservoir_resformer.readout import GROUPS, READOUTS, memory_tokens

TOKENS, REAL = conversations()
THERE = REAL.any(-1)
NAMES = ("W_q", "W_k", "W_v", "W_o")


# ---- readouts --------------------------------------------------------------------------------------------------------

def relu_mlp(s, p):
    return np.maximum(s @ p["W_1"] + p["b_1"], 0) @ p["W_2"] + p["b_2"]


def quadratic(s, p):
    """y_k = (1/N) sum_i ((A_k s)_i + c_ki) s_i; block k of A's columns gives the N numbers of output k."""
    N = len(s)
    y = []
    for k in range(len(p["c"])):
        total = 0.0
        for i in range(N):
            total += (sum(s[j] * p["A"][j, k * N + i] for j in range(N)) + p["c"][k, i]) * s[i]
        y.append(total / N)
    return np.array(y)


def neuron_attention(s, p):
    """z_i = s_i v + e_i; each unit attends to all units; M mixtures of the units, then W_o."""
    N, F = p["e"].shape
    z = np.array([s[i] * p["v"] + p["e"][i] for i in range(N)])
    q, k, v = z @ p["W_q"], z @ p["W_k"], z @ p["W_v"]
    out = np.array([sum(a * v[j] for j, a in enumerate(softmax(np.array([q[i] @ k[j] for j in range(N)]) / np.sqrt(F))))
                    for i in range(N)])
    return np.concatenate([sum(p["P"][i, m] * out[i] for i in range(N)) @ p["W_o"] for m in range(p["P"].shape[1])])


WRITTEN_OUT = {"relu_mlp": relu_mlp, "relu": lambda s, p: np.maximum(s @ p["W"] + p["b"], 0),
               "linear": lambda s, p: s @ p["W"] + p["b"], "quadratic": quadratic, "neuron_attention": neuron_attention}


@pytest.mark.parametrize("name", READOUTS)
def test_a_readout_is_its_equation(name):
    model, params = make(readout=name)
    s = np.random.default_rng(0).standard_normal((4, 9))
    found = READOUTS[name][1](s, **params["readouts"][0])
    assert found.shape == (4, model.memory_tokens * model.width)
    np.testing.assert_allclose(found, [WRITTEN_OUT[name](row, params["readouts"][0]) for row in s], atol=1e-12)


@pytest.mark.parametrize("name", READOUTS)
def test_what_a_readout_is_drawn_with_has_variance_one_over_its_fan_in(name):
    init, _ = READOUTS[name]
    made = init(np.random.default_rng(0), 40, 30, 5, 20)
    for key in set(made) & {"W", "W_1", "W_2", "A", "W_q", "W_k", "W_v", "W_o", "P"}:
        assert made[key].std() * np.sqrt(made[key].shape[0]) == pytest.approx(1, abs=0.12)
    assert all(not made[key].any() for key in set(made) & {"b", "b_1", "b_2"})


# ---- groups ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_its_equation(group):
    model, params = make(group=group)
    if group == "learned":
        params["mix"] = np.array([0.3, -1.7])
    states = [np.random.default_rng(n).standard_normal((4, n)) for n in model.units]
    tokens = [relu_mlp(s, p).reshape(4, model.memory_tokens, model.width) for s, p in zip(states, params["readouts"])]
    expected = {"mean": (tokens[0] + tokens[1]) / 2, "sum": tokens[0] + tokens[1],
                "concatenate": np.concatenate(tokens, axis=1), "learned": 0.3 * tokens[0] - 1.7 * tokens[1]}[group]
    np.testing.assert_allclose(memory_tokens(model, params, states), expected, atol=1e-12)


# ---- fusions ---------------------------------------------------------------------------------------------------------

def feed(X, f):
    return X + np.maximum(layer_norm(X, f["norm"]) @ f["W_1"] + f["b_1"], 0) @ f["W_2"] + f["b_2"]


def logits_by_hand(model, params, ids, length, R, seen):
    """One utterance through its fusion and a pre-norm encoder."""
    fusion, H, p = model.fusion, model.heads, params
    ids, length = ids[:model.maximum_length], min(length, model.maximum_length)
    X = (p["embedding"]["W_token"][ids] + p["embedding"]["W_position"][:len(ids)])[:length]  # padding left out altogether
    own = slice(None)
    if fusion in ("cross_attention", "gate") and (seen or fusion == "gate"):
        n = layer_norm(X, p["fusion"]["norm"])
        A = attend(n, R, p["fusion"], H, NAMES) if seen else np.zeros_like(X)
        gamma = 1 / (1 + np.exp(-(n @ p["fusion"]["W_g"] + p["fusion"]["b_g"]))) if fusion == "gate" else None
        X = X + A if fusion == "cross_attention" else gamma * A + (1 - gamma) * X
    if fusion == "addition" and seen:
        X = X + R.mean(0)
    if fusion == "prefix" and seen:
        X, own = np.concatenate([R, X]), slice(len(R), None)
    if fusion == "suffix" and seen:
        X, own = np.concatenate([X, R]), slice(0, length)
    for layer in p["layers"]:
        n = layer_norm(X, layer["attention"]["norm"])
        X = X + attend(n, n, layer["attention"], H, NAMES)
        if fusion == "every_layer":
            c = layer["cross_attention"]
            n = layer_norm(X, c["norm"])
            X = X + (attend(n, R, c, H, NAMES) if seen else c["b_o"])  # nothing to attend to leaves the output's bias
        X = feed(X, layer["feed_forward"])
    return layer_norm(X, p["final_norm"])[own].mean(0) @ p["head"]["W"] + p["head"]["b"]


@pytest.mark.parametrize("first", ["zero_state", "masked"])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_fusion_is_its_equation(fusion, first):
    model, params = make(fusion=fusion, first=first)
    states, _ = model.remember(params, TOKENS, REAL)
    logits = model.apply(params, TOKENS, REAL)
    for b, i in zip(*np.nonzero(THERE)):
        R = memory_tokens(model, params, [s[b, i][None] for s in states])[0]
        expected = logits_by_hand(model, params, TOKENS[b, i], REAL[b, i].sum(), R, i > 0 or first == "zero_state")
        np.testing.assert_allclose(logits[b, i], expected, atol=1e-12)


def test_a_variant_of_the_encoder_does_not_reach_into_the_fusion():
    """RealFormer's running mean divides by the layer; the fusion has none."""
    model, params = make(variant="realformer_mean", layers=2)
    assert np.isfinite(model.apply(params, TOKENS, REAL)[THERE]).all()
    silent = {**params, "readouts": [{**r, "W_2": 0 * r["W_2"], "b_2": 0 * r["b_2"]} for r in params["readouts"]]}
    plain = {name: leaf for name, leaf in silent.items() if name != "fusion"}
    without, _ = make(variant="realformer_mean", layers=2, fusion="addition")
    np.testing.assert_allclose(model.apply(silent, TOKENS, REAL), without.apply(plain, TOKENS, REAL), atol=1e-12)


# ---- steps -----------------------------------------------------------------------------------------------------------

def test_a_step_for_a_sentence_is_the_mean_of_its_real_tokens_and_silence_is_no_step():
    model, params = make(step="sentence_mean")
    u, heard = steps_of(params["memory"], "sentence_mean", TOKENS[:, 3], REAL[:, 3], None)
    for b in range(B):
        assert heard[b, 0] == THERE[b, 3]
        if THERE[b, 3]:
            np.testing.assert_allclose(u[b, 0], params["memory"]["E_r"][TOKENS[b, 3][REAL[b, 3]]].mean(0), atol=1e-14)


@pytest.mark.parametrize("reset", ["conversation", "never"])
def test_vectors_from_outside_are_heard_one_for_each_utterance_that_exists(reset):
    model, params = make(step="cls")
    vectors = np.random.default_rng(2).standard_normal((B, U, 13))
    states, last = remember_corpus(params["memory"], "cls", TOKENS, REAL, vectors, reset=reset)
    for r, s, end in zip(params["memory"]["reservoirs"], states, last):
        x = np.zeros(len(r["W"]))
        for b in range(B):
            x = np.zeros(len(r["W"])) if reset == "conversation" else x
            for i in range(THERE[b].sum()):
                np.testing.assert_allclose(s[b, i], x, atol=1e-13)
                x = (1 - r["g"]) * x + r["g"] * np.tanh(r["W"] @ x + r["W_in"] @ vectors[b, i] + r["b"])
            np.testing.assert_allclose(end[b if reset == "conversation" else 0], x if reset == "conversation" or b == B - 1
                                       else end[0], atol=1e-13)
