"""What a batch says of a model: loss, gradient, accuracy; chunk by chunk (`parallel`)."""

from functools import reduce

import numpy as np

from minires.differentiation import value_and_gradient_of_flat
from minires.gradients import loss
from minires.training.parallel import chunks, in_threads


def loss_and_gradient(model, params, batch, threads=1):
    """Loss, logits as plain numbers, and the flat gradient, of flat parameters."""
    def of_chunk(chunk, share):
        kept = []

        def function(params):
            value, logits = share_of_loss(model, params, chunk, share)
            kept.append(logits)
            return value

        value, gradient = value_and_gradient_of_flat(function, params)
        return value, kept[0]._value, gradient

    values, logits, gradients = zip(*in_threads(of_chunk, chunks(model, batch), threads))
    return sum(values), joined(logits), {name: reduce(np.add, [g[name] for g in gradients]) for name in gradients[0]}


def evaluate(model, params, batch, threads=1):
    """Loss (nats per counted token) and accuracy on a batch, without dropout."""
    of_chunk = lambda chunk, share: share_of_loss(model, params, chunk, share)
    values, logits = zip(*in_threads(of_chunk, chunks(model, batch), threads))
    return float(sum(values)), accuracy(joined(logits), batch)


def share_of_loss(model, params, chunk, share):
    """What a chunk adds to the loss of the batch, and its logits."""
    value, logits = loss(model, params, chunk)
    return value if share == 1 else value * share, logits


def joined(logits):
    """The logits of all chunks."""
    return logits[0] if len(logits) == 1 else np.concatenate(logits)


def accuracy(logits, batch):
    """The share of the counted tokens whose likeliest answer is right."""
    right = np.argmax(logits, axis=-1) == batch.targets  # (B, T)
    return float(np.sum(right * batch.weights) / np.sum(batch.weights))
