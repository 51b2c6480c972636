"""What an utterance costs, counted: reservoir steps, score entries, bytes; nothing is measured here.

    cascade          T reservoir steps, T^2 scores in each head and layer, T M once in each head; a state of N numbers
    full history     (U T)^2 scores in each head and layer, or T U T with keys and values of all U T tokens kept
    sliding window   the same with min(U, w) utterances instead of U

Letters: U utterances so far, this one included, T tokens of each, M memory tokens, N units, D width, w window.
"""

import numpy as np

from minires.reservoir_resformer.memory import steps_of


def steps_heard(model, params, tokens, real):
    """Reservoir steps of one utterance: of the inputs that the reservoirs are given, those that are real."""
    return int(np.sum(steps_of(params["memory"], model.step, tokens, real, None)[1]))


def state_bytes(state):
    """Bytes of the arrays of a streaming state."""
    return sum(x.nbytes for x in state["x"]) + state["heard"].nbytes


def cascade_scores(model, T):
    """Score entries of one utterance, all heads and layers; M memory tokens are attended as the fusion says.

    cross_attention, gate: once; every_layer: in each layer; prefix, suffix: as tokens of each layer; addition: not at all.
    """
    T, M = min(T, model.maximum_length), memory_tokens(model)
    once, each = {"prefix": (0, (T + M) ** 2), "suffix": (0, (T + M) ** 2), "addition": (0, T * T),
                  "every_layer": (0, T * T + T * M)}.get(model.fusion, (T * M, T * T))
    return model.heads * (once + model.layers * each)


def memory_tokens(model):
    """M, of all reservoirs together where their tokens are concatenated."""
    sizes = [len(value) for value in (model.units, model.leak, model.radius) if isinstance(value, tuple)]
    return model.memory_tokens * (max(sizes, default=1) if model.group == "concatenate" else 1)


def attention_scores(model, attended, queries):
    """Score entries of `queries` tokens that attend to `attended` tokens, all heads and layers."""
    return model.heads * model.layers * attended * queries


def cached_bytes(model, tokens, itemsize):
    """Bytes of the keys and the values of so many tokens, all layers."""
    return 2 * model.layers * tokens * model.width * itemsize


def counted(model, U, T, window, itemsize):
    """{predictor: {"scores", "scores_cached", "cached_bytes"}} of attention to everything, and to a window of utterances."""
    kinds = {"full history": U * T, "sliding window": min(U, window) * T}
    return {kind: {"scores": attention_scores(model, n, n), "scores_cached": attention_scores(model, n, T),
                   "cached_bytes": cached_bytes(model, n, itemsize)} for kind, n in kinds.items()}
