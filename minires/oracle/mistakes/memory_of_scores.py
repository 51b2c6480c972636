"""Mistakes of RealFormer in time: one call and the next, one step of decoding and the next, what is shown afterwards."""

import autograd.numpy as np

from minires.attention import masked
from minires.layers import softmax, stopped
from minires.oracle.mistakes.carry import one, realformer
from minires.oracle.mistakes.chains import MEMORY, kept, scores
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.places import changed


def fitted(carry, fresh):
    """The carry cut to the shape of fresh, zeros where it ends: as a buffer of the longest length gives it."""
    T, S = fresh.shape[-2:]
    carry = carry[:, :, :T, :S]
    right = np.zeros((*carry.shape[:3], S - carry.shape[3]))
    carry = np.concatenate([carry, right.astype(carry.dtype)], axis=3)
    return np.concatenate([carry, np.zeros((*carry.shape[:2], T - carry.shape[2], S)).astype(carry.dtype)], axis=2)


def from_last_call(right, fresh, past, here):
    """The first layer adds what the last layer carried in the call before."""
    key = here.sublayer, here.per_layer
    result = right(fresh, past, here) if past or key not in MEMORY else fresh + fitted(MEMORY[key], fresh)
    MEMORY.update({key: result} if here.n == here.context.model.layers else {})
    return result


def of_same_layer(right, fresh, past, here):
    """A layer adds, as a constant, its own scores of the call before."""
    key = here.n, here.sublayer, here.per_layer
    result = fresh + fitted(stopped(MEMORY[key]), fresh) if key in MEMORY else fresh
    MEMORY[key] = result
    return result


def one_buffer(forward):
    """Every recorded carry is the last one: the trace holds the same buffer, read at the end."""
    def wrong(model, params, **inputs):
        logits, trace = forward(model, params, **inputs)
        for layers in trace.values() if isinstance(trace, dict) else [trace]:
            for record in layers[:-1]:
                for name in ("attention", "cross_attention"):
                    if name in record:
                        record[name]["scores"] = 1.0 * layers[-1][name]["scores"]
        return logits, trace
    return wrong


def shown(right):
    """The probabilities that are named are the softmax of the layer's own scores."""
    def wrong(heads, past, here):
        here.now["probabilities"] = softmax(masked(here.now["fresh_scores"], here))
        return right(heads, past, here)
    return wrong


def from_last_step(right, fresh, past, here):
    """In decoding, a row is added to that of the layer below from the step before."""
    step = past and here.context.cache is not None
    kept = step and here.context.cache[here.n - 2][here.sublayer]["last_scores"]
    here.now["last_scores"] = fresh + fitted(kept[:, :, -1:], fresh) if step else right(fresh, past, here)
    return here.now["last_scores"]


def in_steps(change):
    """A change of the scores while decoding from a cache."""
    return scores(lambda right, fresh, past, here: change(fresh, past) if past and here.context.cache is not None
                  else right(fresh, past, here))


def decoding(case):
    """Cases with steps of decoding."""
    return bool(case.config.get("decode"))


STEP = "within a step, a row of scores goes through the layers as in the full pass; nothing more than keys and values is kept"
MISTAKES = {
    "carry-in-one-buffer": Mistake(
        "state", "all layers write their carry into one buffer, so that every recorded one is the last",
        "make a new array per layer",
        realformer, {"minires.oracle.systems.transformer.forward": one_buffer}, listed=("realformer F22",)),
    "carry-from-last-call": kept("the carry is not reset: the first layer adds the last one's of the call before",
                                 from_last_call,
                                 "F23", seen=("bojone/bert4keras, state on the model object",)),
    "carry-of-same-layer-in-last-call": kept(
        "a layer adds its own scores of the call before instead of those of the layer below", of_same_layer, "F24"),
    "probabilities-shown-without-carry": one(
        "the probabilities that are reported are the softmax of the layer's own scores", changed(heads=shown), realformer,
        "F56",
        fix="report the probabilities that are used"),
    "decode-without-carry": one(
        "steps of decoding do not add the scores of the layer below", in_steps(lambda fresh, past: fresh), decoding, "F54",
        fix=STEP),
    "decode-carry-of-last-step": one(
        "steps of decoding add the row that the layer below made in the step before", scores(from_last_step), decoding, "F54",
        fix=STEP),
    "decode-carry-misaligned": one(
        "in decoding the carry's columns stand one key on",
        in_steps(lambda fresh, past: fresh + np.roll(past[-1]["scores"], 1, axis=-1)),
        decoding, "F55", fix="columns belong to keys: line them up by absolute position"),
}
