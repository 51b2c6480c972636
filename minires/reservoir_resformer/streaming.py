"""One utterance at a time: (state, utterance) -> (logits, state), a pure function whose state does not grow.

The state of a batch of B conversations is {"x": a list of (B, N), one for each reservoir, "heard": (B,) utterances so far}.
"""

import numpy

from minires.reservoir_resformer.checks import check_state, check_tree, check_utterance, shapes
from minires.reservoir_resformer.memory import listen, silence
from minires.reservoir_resformer.model import classify


def begin(model, params, conversations=1):
    """The state before the first utterance."""
    check_tree(params, shapes(model))
    return {"x": silence(params["memory"], conversations), "heard": numpy.zeros(conversations, dtype=int)}


def hear(model, params, state, tokens, real, vectors=None):
    """Logits (B, classes) of the next utterance of each conversation, and the state after it.

    tokens, real  (B, T); a row without a real token is a conversation that has ended: its state stays, its logits mean nothing
    vectors       (B, r) with step="cls"
    ValueError: a state of another number of conversations, ids out of range, shapes that do not fit.
    """
    tokens, real = check_utterance(model, tokens, real, vectors)
    check_state(state, len(tokens), params["memory"])
    after = listen(params["memory"], model.step, tokens, real, state["x"], vectors)
    states = after if model.memory == "inclusive" else state["x"]
    logits = classify(model, params, tokens, real, states, state["heard"] == 0)
    return logits, {"x": after, "heard": state["heard"] + numpy.any(real, axis=1)}
