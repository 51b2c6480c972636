"""What an utterance costs, measured: seconds by the clock, bytes by tracemalloc, each in a pass of its own over one talk."""

import gc
import time
import tracemalloc
from dataclasses import replace

import numpy as np

from minires.commands.conversation.counting import state_bytes, steps_heard
from minires.reservoir_resformer.streaming import begin, hear

LAST = 16     # utterances whose median is reported, and over which memory peaks
REPEATED = 3  # times that attention to the full history is worked out


def talk(model, utterances, tokens, seed):
    """The model, its first parameters, and a random talk (U, T) of the model's words."""
    rng = np.random.default_rng(seed)
    params = model.init(rng)
    return model, params, rng.integers(2, model.vocabulary, (utterances, tokens))


def stream(model, params, tokens):
    """Hear one utterance after the other; yields how many were heard, the seconds of this one, the state."""
    state, real = begin(model, params), np.ones((1, tokens.shape[1]), dtype=bool)
    for u, said in enumerate(tokens, 1):
        began = time.perf_counter()
        _, state = hear(model, params, state, said[None], real)
        yield u, time.perf_counter() - began, state


def speeds(model, params, tokens, at):
    """{length: median seconds of the LAST utterances up to it}."""
    seconds = [taken for _, taken, _ in stream(model, params, tokens)]
    return {length: float(np.median(seconds[max(0, length - LAST):length])) for length in at}


def stream_bytes(model, params, tokens, at):
    """{length: what was counted and traced}, for each length of the stream.

    steps       of the reservoir, of the last utterance
    state_bytes of the arrays of the state; held_bytes: all that is there and was not before the stream began
    peak_bytes  the most there was during the LAST utterances
    """
    found, real = {}, np.ones((1, tokens.shape[1]), dtype=bool)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for u, _, state in stream(model, params, tokens):
            if u in [length - LAST for length in at]:
                gc.collect()
                tracemalloc.reset_peak()
            if u in at:
                peak = tracemalloc.get_traced_memory()[1]
                gc.collect()
                held = tracemalloc.get_traced_memory()[0]
                found[u] = {"steps": steps_heard(model, params, tokens[u - 1:u], real), "state_bytes": state_bytes(state),
                            "held_bytes": held - before, "peak_bytes": peak - before}
    finally:
        tracemalloc.stop()
    return found


def full_history(model, params, tokens):
    """{"seconds", "peak_bytes"} of the encoder over all tokens of the talk at once, as the last utterance would need it."""
    history = tokens.reshape(1, -1)  # (1, U*T)
    encoder = replace(model.encoder, maximum_length=history.size)
    own = encoder.init(np.random.default_rng(0))
    seconds = []
    for _ in range(REPEATED):
        began = time.perf_counter()
        encoder.apply(own, history)
        seconds.append(time.perf_counter() - began)
    tracemalloc.start()
    try:
        encoder.apply(own, history)
        return {"seconds": float(np.median(seconds)), "peak_bytes": tracemalloc.get_traced_memory()[1]}
    finally:
        tracemalloc.stop()
