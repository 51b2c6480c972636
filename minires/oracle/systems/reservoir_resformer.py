"""The reservoir ResFormer on whole conversations; the reservoirs go step after step, so that every arithmetic runs them.

    config  model: the description (`ReservoirResFormer.as_dict`)
    params  memory.* (frozen: gradient zero unless gradient="end_to_end"), readouts.*, fusion.*, embedding.*, layers.*, head.*
    inputs  tokens (B, U, T), real (B, U, T) bool, labels (B, U); earlier.*: conversations heard before, which leave no trace
    tensors states.g (R, N): what the reservoir g remembers when an utterance is read, R the utterances that have a real token,
            conversation after conversation; ended.g (B, N) after the last one; memory_tokens (R, M, D), fusion.*, fused,
            layers.*, pooled, logits (R, classes); loss: cross-entropy, the mean of the R
"""

import autograd.numpy as np
import numpy

from minires.layers import cross_entropy
from minires.parameters import flatten
from minires.reservoir import echo_state
from minires.reservoir_resformer import memory, model


def run(config, params, inputs):
    """The tensors of one call."""
    description = model.ReservoirResFormer(**config["model"])
    tokens, real = inputs["tokens"], inputs["real"]
    states, ended = remembered(description, params["memory"], tokens, real, begin(description, params["memory"], inputs))
    there = numpy.argwhere(real.any(axis=-1))  # (R, 2): conversation and utterance
    rows = lambda array: array[there[:, 0], there[:, 1]]  # (B, U, ..) -> (R, ..)
    joined = [rows(np.stack(each, axis=1)) for each in zip(*states)]  # (R, N) each
    logits, record = model.traced(description, params, rows(tokens), rows(real), joined, there[:, 1] == 0)  # (R, classes)
    named = {**{f"states.{g}": s for g, s in enumerate(joined)}, **{f"ended.{g}": s for g, s in enumerate(ended)}}
    named.update(flatten(record), logits=logits, loss=mean_loss(logits, rows(inputs["labels"]), params["head"], inputs))
    return named


def mean_loss(logits, labels, head, inputs):
    """Cross-entropy, the mean over the utterances that have a real token."""
    return cross_entropy(logits, labels, numpy.ones(labels.shape))


def begin(description, reservoirs, inputs):
    """The states before the first utterance: silence."""
    return memory.silence(reservoirs, len(inputs["tokens"]))


def remembered(description, params, tokens, real, x):
    """For each utterance the group's states (B, N), and those at the end."""
    kept = []
    for i in range(tokens.shape[1]):
        before = x
        x = heard(description, params, tokens[:, i], real[:, i], x)
        kept.append(x if description.memory == "inclusive" else before)
    return kept, x


def heard(description, params, tokens, real, x):
    """The group's states after one utterance: tokens and real (B, T)."""
    u, there = memory.steps_of(params, description.step, tokens, real, None)  # (B, steps, r), (B, steps)
    for s in range(u.shape[1]):
        x = [kept(there[:, s], after, before) for after, before in zip(stepped(params, x, u[:, s], s), x)]
    return x


def stepped(params, x, u, s):
    """One step, the s-th of an utterance, of every reservoir of the group."""
    return [echo_state.step(reservoir, state, u) for reservoir, state in zip(params["reservoirs"], x)]


def kept(real, after, before):
    """The new state where the token is real, the old one elsewhere."""
    return np.where(real[:, None], after, before)
