"""Mistakes between the states and the memory tokens: the readouts and the group."""

import autograd.numpy as np

from minires.activations import gelu_erf as gelu, tanh
from minires.layers import linear, standardize
from minires.oracle.mistakes.conversation import SYSTEM, having, recalls, talks

READ, TOKENS = "minires.reservoir_resformer.readout.", "minires.reservoir_resformer.model.memory_tokens"
MLP = having(readout="relu_mlp")
SHAPE = "R = reshape(relu(s W_1 + b_1) W_2 + b_2, (M, D)), the first D numbers are the first token"


def alike(stepped):
    """Every member of the group has the weights of the first."""
    return lambda params, x, *others: stepped({**params, "reservoirs": params["reservoirs"][:1] * len(x)}, x, *others)


def reading(change):
    """relu_mlp replaced by change."""
    return {READ + "READOUTS": lambda readouts: {**readouts, "relu_mlp": (readouts["relu_mlp"][0], change)}}


def without_biases(s, W_1, b_1, W_2, b_2):
    """relu(s W_1) W_2."""
    return linear(np.maximum(linear(s, W_1), 0), W_2)


def across(tokens):
    """Reshaped to (D, M) and transposed."""
    return lambda description, params, states: np.swapaxes(np.reshape(
        tokens(description, params, states), (len(states[0]), description.width, -1)), 1, 2)


def of_the_mean(tokens):
    """The first readout of the mean state."""
    def wrong(description, params, states):
        return tokens(description, {**params, "readouts": params["readouts"][:1]}, [sum(states) / len(states)])
    return wrong


def standardised(tokens):
    """The states standardised over the rows of the batch."""
    def wrong(description, params, states):
        centred = [s - np.sum(s, axis=0) / len(s) for s in states]
        return tokens(description, params, [s / np.sqrt(np.sum(s * s, axis=0) / len(s)) for s in centred])
    return wrong


MISTAKES = {
    "readout-linear": recalls("the readout has no ReLU", reading(
        lambda s, W_1, b_1, W_2, b_2: linear(linear(s, W_1, b_1), W_2, b_2)), 48, SHAPE, MLP),
    "readout-relu-last": recalls("a ReLU after the readout's last layer", reading(lambda s, W_1, b_1, W_2, b_2: np.maximum(
        linear(np.maximum(linear(s, W_1, b_1), 0), W_2, b_2), 0)), 49, SHAPE, MLP),
    "readout-gelu": recalls("GELU for ReLU in the readout", reading(
        lambda s, W_1, b_1, W_2, b_2: linear(gelu(linear(s, W_1, b_1)), W_2, b_2)), "50a", SHAPE, MLP),
    "readout-tanh": recalls("tanh for ReLU in the readout", reading(
        lambda s, W_1, b_1, W_2, b_2: linear(tanh(linear(s, W_1, b_1)), W_2, b_2)), "50b", SHAPE, MLP),
    "readout-without-biases": recalls("the readout has no biases", reading(without_biases), 51, SHAPE, MLP),
    "memory-reshaped-transposed": recalls("the memory is reshaped to (D, M) and transposed", {TOKENS: across},
                                          52, SHAPE, lambda case: talks(case, group="mean")),
    "memory-normed": recalls("the memory is layer-normed", {TOKENS: lambda tokens: lambda *arguments: standardize(
        tokens(*arguments), 1e-5)}, 53, "no norm on the memory"),
    "group-summed": recalls("the memories of the group are summed, not averaged", {READ + "GROUPS": lambda groups: {
        **groups, "mean": groups["sum"]}}, 54, "R is the mean over the group", lambda case: talks(case, group="mean") and
        "memory.reservoirs.1.W" in case.values),
    "group-members-alike": recalls("all reservoirs of the group are the first one", {SYSTEM + "stepped": alike}, 55,
                                   "each member has arrays of its own", lambda case: "equal-group" in case.id),
    "readout-of-the-mean-state": recalls("the first readout reads the mean state of the group", {TOKENS: of_the_mean}, 56,
                                         "each member has a readout of its own", lambda case: "equal-group" in case.id),
    "states-standardised": recalls("the states are standardised over the batch", {TOKENS: standardised}, 57,
                                   "the readout reads the states as they are"),
}
