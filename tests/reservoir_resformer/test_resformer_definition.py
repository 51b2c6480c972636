"""The reservoir ResFormer is its definition: a micro-fixture by hand, an independent port, and every mistake in it found."""

import numpy as np
import pytest
from resformer_cases import V, conversations, make
from resformer_port import port

from minires.reservoir.echo_state import run
from minires.reservoir.kernels import leaky
from minires.reservoir_resformer.memory import remember
from minires.reservoir_resformer.readout import relu_mlp

# ---- by hand ---------------------------------------------------------------------------------------------------------

MICRO = {"W_in": np.array([[1.0], [-1.0]]), "W": np.array([[0.5, 0.25], [0.0, -0.5]]), "b": np.array([0.0, 0.1]), **leaky(0.4)}
X = [[0.304637662382, -0.286519148080], [0.024242681180, 0.080532703824], [0.124541768909, -0.026881640259]]
READOUT = {"W_1": np.array([[1, -1, 0.5], [0, 2, -1]]), "b_1": np.array([0.1, 0, -0.05]),
           "W_2": np.array([[1, 0, 2, -1], [0.5, 1, 0, 0], [0, -1, 1, 1]]), "b_2": np.array([0, 0.1, 0, -0.1])}
R = [[0.224541768909, 0.060847475287], [0.488236062530, -0.285389244196]]


def test_the_micro_fixture_of_the_reservoir_to_12_digits():
    states, _ = run(MICRO, np.array([[1.0], [-0.5], [0.25]]))
    np.testing.assert_allclose(states, X, atol=6e-13)


def test_the_micro_fixture_through_the_memory_of_a_conversation():
    """Three utterances of one token each: the memory of the n-th is the state after n - 1 tokens, exclusive of its own."""
    memory = {"E_r": np.array([[1.0], [-0.5], [0.25], [7.0]]), "reservoirs": [MICRO]}
    tokens = np.array([[[0], [1], [2]]])
    (s,), (last,) = remember(memory, "token", tokens, np.ones(tokens.shape, dtype=bool))
    np.testing.assert_allclose(s[0], [[0, 0], *X[:2]], atol=6e-13)
    np.testing.assert_allclose(last[0], X[2], atol=6e-13)


def test_the_micro_fixture_of_the_readout_to_12_digits():
    state = run(MICRO, np.array([[1.0], [-0.5], [0.25]]))[1]
    np.testing.assert_allclose(relu_mlp(state[None], **READOUT).reshape(2, 2), R, atol=6e-13)


# ---- an independent port ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def fixture():
    model, params = make(seed=19)  # the leading pair of both reservoirs is complex
    for r in params["memory"]["reservoirs"]:
        r["g"] = float(r["g"])
    tokens, real = conversations()
    params["memory"]["E_r"][0] = 0.5  # the row of the padding must not be zero, or a step on it hides
    return model, params, tokens, real


def with_raw_radius(params):
    """The port's `divided by the raw radius` needs weights from before the scaling."""
    made = [{**r, "A": 2.5 * r["W"]} for r in params["memory"]["reservoirs"]]
    return {**params, "memory": {**params["memory"], "reservoirs": made}}


def differences(fixture, fault=None):
    """Largest difference of the states and of the logits of real utterances, and whether it shows at the first utterance."""
    model, params, tokens, real = fixture
    there = real.any(-1)
    states, _ = model.remember(params, tokens, real)
    groups, logits = port(model, with_raw_radius(params), tokens, real, fault)
    s = max(abs(a - b)[there].max() for a, b in zip(states, groups))
    return s, abs(model.apply(params, tokens, real) - logits)[there].max()


def test_the_model_is_its_definition_to_12_digits(fixture):
    assert max(differences(fixture)) < 1e-12


STATE = ["leak swapped", "leak ignored", "leak missing on tanh", "leak inside tanh", "leak skipped for two steps",
         "W transposed", "in place, unit by unit", "input one step late", "ReLU reservoir", "identity for tanh",
         "sigmoid for tanh", "bias dropped", "bias outside tanh", "input scale doubled",
         "divided by the raw radius", "padding steps the state",
         "padding steps with zero input", "reset at every utterance", "never reset", "inclusive", "one utterance too old",
         "aliased", "rows rolled", "tokens in reverse", "sentence mean for tokens", "mean of the states",
         "only what the Transformer reads", "random start", "one state for the batch"]
LOGITS = ["linear readout", "ReLU after the last layer", "tanh for ReLU", "readout biases dropped", "reshaped transposed",
          "memory normed", "group summed", "memory unused", "first memory token only", "mean of the memory added",
          "prefix for cross-attention", "no residual", "not scaled", "scaled by the width, not the head's",
          "softmax over the queries", "C_q and C_k swapped", "heads split without the transpose", "no norm on the query",
          "key padding not masked", "pooled over the padding", "first token for the mean", "positions shifted"]


@pytest.mark.parametrize("fault", STATE)
def test_a_mistake_in_the_memory_moves_the_states_and_the_logits(fixture, fault):
    s, z = differences(fixture, fault)
    assert s > 1e-3 and z > 1e-4


@pytest.mark.parametrize("fault", LOGITS)
def test_a_mistake_after_the_memory_moves_the_logits_alone(fixture, fault):
    s, z = differences(fixture, fault)
    assert s < 1e-12 and z > 1e-3


def test_the_fixture_has_what_the_mistakes_need(fixture):
    model, params, tokens, real = fixture
    lengths = real.sum(-1)
    assert lengths.max() > model.maximum_length and lengths[lengths > 0].min() == 1 and len(set(lengths[0])) > 1
    assert {0, 1, 2} <= set(real.any(-1).sum(1) - 3)
    for r in params["memory"]["reservoirs"]:
        top = np.linalg.eigvals(r["W"])
        assert abs(top[np.argmax(abs(top))].imag) > 1e-3 and abs(r["W"] - r["W"].T).max() > 0.1 and np.all(r["b"] != 0)
    s = model.remember(params, tokens, real)[0]
    p = params["readouts"][0]
    hidden = s[0][real.any(-1)] @ p["W_1"] + p["b_1"]
    assert 0.1 < (hidden > 0).mean() < 0.9 and tokens.max() < V
