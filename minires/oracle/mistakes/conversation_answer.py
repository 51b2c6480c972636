"""Mistakes after the fusion: what the encoder sees, the pooling, the loss, and where the gradient stops."""

import autograd.numpy as np
import numpy

from minires.oracle.mistakes.conversation import SYSTEM, having
from minires.oracle.mistakes.conversation_fusion import MODEL, fuses
from minires.oracle.mistakes.reservoir_tools import replaced
from minires.reservoir_resformer import model


def shifted(traced):
    """Positions begin at M, round the table."""
    def wrong(description, *others):
        move = lambda embed: lambda params, context, segments: embed(params, context._replace(
            positions=(context.positions + description.memory_tokens) % description.maximum_length), segments)
        with replaced(model, "embed", move):
            return traced(description, *others)
    return wrong


def everywhere(pooled):
    """The mean over all tokens, padding as well."""
    return lambda x, real: pooled(x, numpy.ones_like(real))


def over_padding(mean_loss):
    """An utterance without a token pools to zero: its logits are the bias of the head."""
    def wrong(logits, labels, head, inputs):
        absent = ~inputs["real"].any(axis=-1)
        empty = numpy.zeros((absent.sum(), 1)) + head["b"]
        return mean_loss(np.concatenate([logits, empty]), numpy.concatenate([labels, inputs["labels"][absent]]), head, inputs)
    return wrong


def late_labels(mean_loss):
    """The labels of a conversation moved by one."""
    return lambda logits, labels, head, inputs: mean_loss(
        logits, numpy.roll(inputs["labels"], 1, axis=1)[inputs["real"].any(axis=-1)], head, inputs)


MISTAKES = {
    "encoder-attends-padding": fuses("padding is attended in the encoder", {MODEL + "seeing": lambda seeing: lambda context,
                                     params, real, R, seen: seeing(context, params, numpy.ones_like(real), R, seen)}, 69,
                                     "mask the keys of padding", having(first="zero_state")),
    "pooled-over-padding": fuses("the pooling counts padding", {MODEL + "pooled": everywhere}, 70,
                                 "the mean over the real tokens", having()),
    "first-token-pooled": fuses("the first token is read, not the mean", {
        MODEL + "pooled": lambda pooled: lambda x, real: x[:, 0]}, 71, "the mean over the real tokens", having()),
    "positions-shifted-by-memory": fuses("positions begin at M", {MODEL + "traced": shifted}, 72, "positions begin at 0",
                                         having()),
    "loss-over-padded-utterances": fuses("the loss counts utterances without a token", {
        SYSTEM + "mean_loss": over_padding}, 78, "mean over the real utterances", having()),
    "labels-one-utterance-late": fuses("utterance i is compared with the label of i - 1", {
        SYSTEM + "mean_loss": late_labels}, 79, "label i is that of utterance i", having()),
    "gradient-through-the-state": fuses("the gradient flows into the reservoirs", {
        MODEL + "stopped": lambda stopped: lambda s: s}, 76, "it stops at s_i",
        having(gradient="stopped"))._replace(gradient=True),
}
