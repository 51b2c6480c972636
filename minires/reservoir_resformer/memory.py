"""The long-term memory: what the reservoirs have heard before each utterance.

    x <- (1 - alpha) x + alpha tanh(W_in u + W x + b)      one step for each real token, u its row of the frozen table E_r
    s_i = x before utterance i ("exclusive"; s_1 is the start), or after it ("inclusive")

Padding does not step. Only the state is kept, not the history: its size does not depend on the length of a conversation.
Letters of the shapes: B conversations, U utterances, T tokens of an utterance, N units, r width of the reservoir's input.
"""

import autograd.numpy as np
import numpy

from minires.errors import require
from minires.layers import embedding
from minires.reservoir.echo_state import run


def steps_of(memory, step, tokens, real, vectors):
    """What the reservoirs hear of one utterance: inputs (B, steps, r) and which of them are real (B, steps).

    token          one step for each token
    sentence_mean  one step for the mean of the tokens' rows
    cls            one step for a vector (B, r) from outside, of a sentence encoder for example
    """
    if step == "cls":
        return vectors[:, None], np.any(real, axis=1, keepdims=True)
    rows = embedding(memory["E_r"], tokens)  # (B, T, r)
    if step == "token":
        return rows, real
    count = numpy.maximum(numpy.sum(real, axis=1), 1).astype(rows.dtype)  # (B)
    weight = real.astype(rows.dtype) / count[:, None]  # (B, T)
    return np.sum(rows * weight[..., None], axis=1, keepdims=True), np.any(real, axis=1, keepdims=True)


def listen(memory, step, tokens, real, x, vectors=None):
    """The states after one utterance: tokens and real (B, T), x a list of (B, N), one for each reservoir of the group."""
    u, heard = steps_of(memory, step, tokens, real, vectors)
    return [run(reservoir, u, start, mask=heard)[1] for reservoir, start in zip(memory["reservoirs"], x)]


def silence(memory, conversations):
    """The states before anything was heard: zeros (B, N) for each reservoir."""
    units = [reservoir["W"].shape[0] for reservoir in memory["reservoirs"]]
    return [numpy.zeros((conversations, N), dtype=memory["E_r"].dtype) for N in units]


def remember(memory, step, tokens, real, x=None, vectors=None, inclusive=False):
    """s_i for every utterance of a batch of conversations, and the states at the end.

    tokens, real (B, U, T); x a list of (B, N) to start from, or None for silence; vectors (B, U, r) with step "cls"
    Returns a list of (B, U, N), one for each reservoir, and a list of (B, N).
    """
    B, U, _ = tokens.shape
    require(U > 0, "a conversation without utterances: expected at least one")
    x, kept = silence(memory, B) if x is None else x, []
    for i in range(U):
        before = x
        x = listen(memory, step, tokens[:, i], real[:, i], x, None if vectors is None else vectors[:, i])
        kept.append(x if inclusive else before)
    return [np.stack(states, axis=1) for states in zip(*kept)], x


def remember_corpus(memory, step, tokens, real, vectors=None, inclusive=False, reset="conversation", x=None):
    """`remember` for a whole corpus; with reset="never" each conversation goes on where the one before it ended.

    The order of the conversations is then part of the result. Returns a list of (C, U, N) and the states at the end.
    """
    if reset == "conversation":
        return remember(memory, step, tokens, real, x, vectors, inclusive)
    x, kept = silence(memory, 1) if x is None else x, []
    for c in range(len(tokens)):
        one = slice(c, c + 1)
        states, x = remember(memory, step, tokens[one], real[one], x, None if vectors is None else vectors[one], inclusive)
        kept.append(states)
    return [np.concatenate(states, axis=0) for states in zip(*kept)], x
