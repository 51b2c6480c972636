"""Mistakes in the memory of a conversation: what the reservoirs have heard when an utterance is read."""

import autograd.numpy as np
import numpy

from minires.oracle.mistakes.reservoir_tools import one
from minires.oracle.systems import reservoir_resformer as system
from minires.reservoir_resformer import memory

SYSTEM = "minires.oracle.systems.reservoir_resformer."
STEPS_OF = "minires.reservoir_resformer.memory.steps_of"


def talks(case, **options):
    """A case of the reservoir ResFormer with these options of the description."""
    return case.system == "reservoir_resformer" and all(case.config["model"][name] == value for name, value in options.items())


def having(**options):
    """`talks` with these options, as what a mistake applies to."""
    return lambda case: talks(case, **options)


def remembered(change):
    """change(kept, ended) -> kept: what is remembered, from what is right."""
    def wrong(right):
        def instead(*arguments):
            kept, ended = right(*arguments)
            return change(kept, ended), ended
        return instead
    return {SYSTEM + "remembered": wrong}


def reset(right):
    """Each utterance begins at silence: the state before utterance i has heard utterance i - 1 alone."""
    def wrong(description, params, tokens, real, x):
        silence, kept = memory.silence(params, len(tokens)), []
        for i in range(tokens.shape[1]):
            before = x
            x = system.heard(description, params, tokens[:, i], real[:, i], silence)
            kept.append(before)
        return kept, x
    return wrong


def shared(heard):
    """One state for the batch: that of the first conversation."""
    return lambda *arguments: [np.repeat(x[:1], len(x), axis=0) for x in heard(*arguments)]


def averaged(right):
    """s_i is the mean of all states before utterance i; the run itself is right."""
    def wrong(description, params, tokens, real, x):
        sums, count, kept = [np.zeros_like(s) for s in x], numpy.zeros((len(tokens), 1)), []
        for i in range(tokens.shape[1]):
            kept.append([s / numpy.maximum(count, 1) for s in sums])
            u, there = memory.steps_of(params, description.step, tokens[:, i], real[:, i], None)
            for t in range(u.shape[1]):
                new = system.stepped(params, x, u[:, t], t)
                x = [system.kept(there[:, t], after, before) for after, before in zip(new, x)]
                sums, count = [s + there[:, t, None] * now for s, now in zip(sums, x)], count + there[:, t, None]
        return kept, x
    return wrong


def backwards(steps_of):
    """The real tokens of an utterance in reverse."""
    def wrong(params, step, tokens, real, vectors):
        t, length = numpy.arange(real.shape[1]), numpy.sum(real, axis=1)[:, None]  # (T), (B, 1)
        order = numpy.where(t < length, length - 1 - t, t)  # (B, T)
        return steps_of(params, step, numpy.take_along_axis(tokens, order, axis=1), real, vectors)
    return wrong


def recalls(does, patches, number, fix, applies=having(), **others):
    """A Mistake of this file."""
    listed = (f"reservoir_resformer {n}" for n in (number if isinstance(number, tuple) else (number,)))
    return one(does, applies, patches, *listed, fix=fix, family="memory", **others)


EXCLUSIVE = having(memory="exclusive")
MISTAKES = {
    "state-reset-at-every-utterance": recalls("the reservoir forgets at every utterance", {SYSTEM + "remembered": reset},
                                              (28, 42, 43), "zero at the start of a conversation only", EXCLUSIVE),
    "memory-includes-the-utterance": recalls("s_i has heard utterance i", remembered(
        lambda kept, ended: kept[1:] + [ended]), 31, "s_i is the state before utterance i", EXCLUSIVE),
    "memory-without-the-utterance": recalls("s_i is the state before utterance i", {SYSTEM + "remembered": lambda right:
                                            lambda description, params, tokens, real, x: (
                                                lambda kept, ended: ([x] + kept[:-1], ended))(
                                                    *right(description, params, tokens, real, x))}, (),
                                            "inclusive: s_i is the state after utterance i", having(memory="inclusive")),
    "memory-one-utterance-too-old": recalls("s_i is the state before utterance i - 1", remembered(
        lambda kept, ended: kept[:1] + kept[:-1]), 32, "s_i is the state before utterance i", EXCLUSIVE),
    "states-kept-as-views": recalls("all s_i are the state at the end", remembered(
        lambda kept, ended: [ended] * len(kept)), (33, 38), "keep a copy of the state before each utterance"),
    "one-state-for-the-batch": recalls("the conversations of a batch share the state of the first", {
        SYSTEM + "heard": shared}, 34, "one state for each conversation"),
    "batch-rows-rolled": recalls("the states belong to the neighbouring conversation", remembered(
        lambda kept, ended: [[np.roll(s, 1, axis=0) for s in group] for group in kept]), 35, "put sorted rows back in order"),
    "tokens-in-reverse": recalls("the reservoir hears the tokens of an utterance in reverse", {STEPS_OF: backwards}, 37,
                                 "feed the first token first", having(step="token")),
    "sentence-mean-for-tokens": recalls("the reservoir makes one step for the mean of the tokens", {
        STEPS_OF: lambda steps_of: lambda params, step, *others: steps_of(params, "sentence_mean", *others)}, 39,
        "one step for each token", having(step="token")),
    "mean-of-the-states": recalls("s_i is the mean of all states before", {SYSTEM + "remembered": averaged}, 40,
                                  "s_i is the last state", EXCLUSIVE),
    "memory-truncated-as-the-utterance": recalls("the reservoir hears only the tokens that the Transformer reads", {
        SYSTEM + "heard": lambda heard: lambda description, params, tokens, real, x: heard(
            description, params, tokens[:, :description.maximum_length], real[:, :description.maximum_length], x)}, 41,
        "every token is heard"),
    "ended-conversations-go-on": recalls("a conversation that has ended hears its padding", {
        SYSTEM + "heard": lambda heard: lambda description, params, tokens, real, x: heard(
            description, params, tokens, real | ~real.any(axis=1, keepdims=True), x)}, 44, "freeze its state"),
}
