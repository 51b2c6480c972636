"""Exercises of tutorial 11, the reservoir ResFormer: readout, kept states, fusion, pooling."""

import numpy as np

from minires.activations import gelu_erf, relu, tanh
from minires.exercises.records import ByValue, Exercise, InModel, Wrong
from minires.layers import linear, softmax
from minires.reservoir_resformer.readout import READOUTS


# ---- the readout -----------------------------------------------------------------------------------------------------

def readout(s, W_1, b_1, W_2, b_2):
    """relu(s W_1 + b_1) W_2 + b_2."""
    return linear(relu(linear(s, W_1, b_1)), W_2, b_2)


def in_readouts(function):
    """Places: the entry relu_mlp of the library's table, told its parameters by place."""
    apply = lambda s, W_1, b_1, W_2, b_2: function(s, W_1, b_1, W_2, b_2)
    return {"minires.reservoir_resformer.readout.READOUTS": {**READOUTS, "relu_mlp": (READOUTS["relu_mlp"][0], apply)}}


def with_activation(f):
    """The readout with another activation."""
    return lambda s, W_1, b_1, W_2, b_2: linear(f(linear(s, W_1, b_1)), W_2, b_2)


READOUT = InModel("reservoir_resformer/default", readout, in_readouts, {
    "readout-linear": with_activation(lambda p: p),
    "readout-gelu": with_activation(gelu_erf),
    "readout-tanh": with_activation(tanh),
    "readout-relu-last": lambda *arguments: relu(readout(*arguments)),
    "readout-without-biases": lambda s, W_1, b_1, W_2, b_2: linear(relu(linear(s, W_1)), W_2)})


# ---- the state before each sentence ----------------------------------------------------------------------------------

def kept_states(W, W_in, b, a, rows, real):
    """s (U, N): the state before each sentence."""
    return run_over(W, W_in, b, a, rows, real)[0]


def run_over(W, W_in, b, a, rows, real, start=None):
    """The states before each sentence, and the one at the end; `start`: the state at which each sentence begins anew."""
    x, kept = np.zeros(len(W)), []
    for sentence, there in zip(rows, real):
        kept.append(x)
        x = x if start is None else start(x)
        for u in sentence[there]:
            x = (1 - a) * x + a * np.tanh(W_in @ u + W @ x + b)
    return np.array(kept), x


def inclusive(*arguments):
    """The state after each sentence."""
    kept, last = run_over(*arguments)
    return np.concatenate([kept[1:], last[None]])


def too_old(*arguments):
    """The state before the sentence before."""
    kept = kept_states(*arguments)
    return np.concatenate([kept[:1], kept[:-1]])


def kept_arguments(rng):
    """Four sentences of 1 to 3 words; padding has numbers of its own."""
    real = np.arange(3) < np.array([2, 3, 1, 2])[:, None]
    return (0.5 * rng.standard_normal((5, 5)), rng.standard_normal((5, 4)), 0.5 * rng.standard_normal(5),
            rng.uniform(0.2, 0.45), rng.standard_normal((4, 3, 4)), real)


def mean_word(W, W_in, b, a, rows, real):
    """One step for the mean of the words."""
    mean = np.sum(rows * real[..., None], axis=1, keepdims=True) / np.sum(real, axis=1)[:, None, None]
    return kept_states(W, W_in, b, a, mean, np.ones((len(rows), 1), bool))


def reversed_words(W, W_in, b, a, rows, real):
    """The words of each sentence in reverse."""
    turned = [np.concatenate([row[there][::-1], row[~there]]) for row, there in zip(rows, real)]
    return kept_states(W, W_in, b, a, np.array(turned), real)


KEPT = ByValue(kept_states, kept_arguments, {
    "memory-includes-the-utterance": Wrong(inclusive),
    "memory-one-utterance-too-old": Wrong(too_old),
    "state-reset-at-every-utterance": Wrong(lambda *arguments: run_over(*arguments, start=np.zeros_like)[0]),
    "states-kept-as-views": Wrong(lambda *arguments: np.tile(run_over(*arguments)[1], (len(arguments[-1]), 1))),
    "padding-steps-the-state": Wrong(lambda W, W_in, b, a, rows, real: kept_states(W, W_in, b, a, rows, np.ones_like(real))),
    "padding-steps-with-zero-input": Wrong(
        lambda W, W_in, b, a, rows, real: kept_states(W, W_in, b, a, rows * real[..., None], np.ones_like(real))),
    "tokens-in-reverse": Wrong(reversed_words),
    "sentence-mean-for-tokens": Wrong(mean_word),
    "leak-swapped": Wrong(lambda W, W_in, b, a, rows, real: kept_states(W, W_in, b, 1 - a, rows, real)),
    "recurrent-weights-transposed": Wrong(lambda W, *others: kept_states(W.T, *others)),
    "bias-dropped": Wrong(lambda W, W_in, b, *others: kept_states(W, W_in, 0 * b, *others))})


# ---- the fusion ------------------------------------------------------------------------------------------------------

def fuse(X, R, C_q, C_k, C_v, C_o):
    """X + softmax(X C_q (R C_k)^T / sqrt(D)) R C_v C_o."""
    return X + asked(X, R, C_q, C_k, C_v, C_o)


def asked(X, R, C_q, C_k, C_v, C_o, scale=True, probabilities=softmax):
    """The attention alone."""
    scores = (X @ C_q) @ (R @ C_k).T
    return probabilities(scores / np.sqrt(X.shape[1]) if scale else scores) @ (R @ C_v) @ C_o


FUSE = ByValue(
    fuse, lambda rng: (rng.standard_normal((3, 4)), rng.standard_normal((5, 4)), *rng.standard_normal((4, 4, 4))), {
        "fusion-without-residual": Wrong(asked),
        "memory-unused": Wrong(lambda X, *others: 1 * X),
        "memory-scores-unscaled": Wrong(lambda X, *others: X + asked(X, *others, scale=False)),
        "memory-softmax-over-queries": Wrong(
            lambda X, *others: X + asked(X, *others, probabilities=lambda z: softmax(z.T).T)),
        "memory-queries-and-keys-exchanged": Wrong(lambda X, R, C_q, C_k, *others: fuse(X, R, C_k, C_q, *others)),
        "mean-of-the-memory-added": Wrong(lambda X, R, *others: X + np.mean(R, axis=0)),
        "first-memory-token-only": Wrong(lambda X, R, *others: fuse(X, R[:1], *others))})


# ---- the mean over what is there ---------------------------------------------------------------------------------------

def pool(x, real):
    """The mean over the real tokens (B, D)."""
    return np.sum(x * real[..., None], axis=1) / np.sum(real, axis=1)[:, None]


POOL = ByValue(
    pool, lambda rng: (rng.standard_normal((3, 4, 5)), np.arange(4) < np.array([2, 4, 3])[:, None]), {
        "pooled-over-padding": Wrong(lambda x, real: np.mean(x, axis=1)),
        "first-token-pooled": Wrong(lambda x, real: x[:, 0]),
        "divided-by-all": Wrong(lambda x, real: np.mean(x * real[..., None], axis=1), "the sum is divided by T",
                                "divide by the number of real tokens of each sentence"),
        "not-divided": Wrong(lambda x, real: np.sum(x * real[..., None], axis=1), "the sum is not divided",
                             "divide by the number of real tokens of each sentence")})


EXERCISES = {
    "readout": Exercise("from the state to the memory tokens", 1, 5, READOUT),
    "kept": Exercise("the state before each sentence", 2, 15, KEPT),
    "fuse": Exercise("ask the memory", 3, 15, FUSE),
    "pool": Exercise("the mean over what is there", 2, 5, POOL),
}
