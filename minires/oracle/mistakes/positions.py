"""Mistakes in positions, embeddings, the order of layers, and the loss."""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.oracle.mistakes.mistake import Mistake, transformer
from minires.oracle.mistakes.places import having, model_of
from minires.positions import angles


def room(case):
    """Cases whose positions are told to the embedding, with one more than the longest sequence needs."""
    longest = max((np.shape(case.values[name])[1] for name in case.values if name.endswith(("tokens", "source"))), default=0)
    return having(positions=("sinusoidal",))(case) or (
        having(positions=("learned",))(case) and model_of(case).maximum_length > longest)


def table(name, factor):
    """One table of the embedding times factor(model, table), in the embedding only."""
    def change(embed):
        def wrong(params, context, segments):
            tables = params["embedding"]
            scaled = {**tables, name: tables[name] * factor(context.model, tables[name])} if name in tables else tables
            return embed({**params, "embedding": scaled}, context, segments)
        return wrong
    return change


def shifted(embed):
    """Positions counted from 1."""
    return lambda params, context, segments: embed(params, context._replace(positions=context.positions + 1), segments)


def neighbours_turned(x, positions):
    """Rotary embedding of the pairs (x_2i, x_2i+1)."""
    a = angles(positions, x.shape[-1], x.dtype)  # (T, K/2)
    even, odd = x[..., ::2], x[..., 1::2]
    turned = np.stack([even * np.cos(a) - odd * np.sin(a), odd * np.cos(a) + even * np.sin(a)], axis=-1)
    return np.reshape(turned, x.shape)


def layers_swapped(stack):
    """The first two layers in each other's place."""
    def wrong(x, params, context):
        first, second, *others = [params["layers"][n] for n in range(context.model.layers)]
        return stack(x, {**params, "layers": [second, first, *others]}, context)
    return wrong


def summed(right):
    """The weighted sum of the losses, not divided by the sum of the weights."""
    return lambda z, targets, weights: right(z, targets, weights) * np.sum(weights)


def first_skipped(right):
    """The loss of the first position left out."""
    return lambda z, targets, weights: right(z[:, 1:], targets[:, 1:], weights[:, 1:])


def unweighted(right):
    """All positions count alike."""
    return lambda z, targets, weights: right(z, targets, np.ones_like(weights))


HALVES = "rotary embedding turns the pairs (x_i, x_(i + K/2)): the halves convention"
LOSS = "minires.oracle.systems.transformer.cross_entropy"
POSITIONS = {
    "minires.forward.embed": table("W_position", lambda model, W: 0.0),
    "minires.forward.sinusoidal": lambda right: lambda *arguments: 0 * right(*arguments),
    "minires.forward.alibi": lambda right: lambda *arguments: 0 * right(*arguments),
    "minires.attention.rotate": lambda right: lambda x, positions: x}
MISTAKES = {
    "positions-from-one": Mistake(
        "positions", "positions are counted from 1", "the first position is 0", room, {"minires.forward.embed": shifted},
        listed=("oracle 12.1",)),
    "positions-missing": Mistake(
        "positions", "there are no positions", "positions are learned, sinusoidal, rotary or ALiBi, as the configuration says",
        having(positions=("learned", "sinusoidal", "rotary", "alibi")), POSITIONS, listed=("oracle 12.1",)),
    "rotary-of-neighbours": Mistake(
        "positions", "rotary embedding turns the pairs (x_2i, x_2i+1)", HALVES,
        lambda case: having(positions=("rotary",))(case) and model_of(case).head_width_ > 2,
        {"minires.attention.rotate": lambda right: neighbours_turned},
        seen=("huggingface/transformers issue 25199", "jzhang38/TinyLlama issue 24", "karpathy/llama2.c issue 286"),
        listed=("oracle 14",)),
    "embedding-scaled": Mistake(
        "embedding", "token vectors are multiplied by sqrt(D)", "only sinusoidal positions come with a factor sqrt(D)",
        having(positions=("learned", "rotary", "alibi", "none")),
        {"minires.forward.embed": table("W_token", lambda model, W: sqrt(model.width, W))}, listed=("oracle 12.1",)),
    "layers-swapped": Mistake(
        "stream", "the first two layers have each other's weights", "load layers in order; names count from 0",
        lambda case: transformer(case) and uniform(case), {"minires.forward.stack": layers_swapped}, listed=("oracle 12.1",)),
    "loss-summed": Mistake(
        "loss", "the loss is the weighted sum", "divide by the sum of the weights", transformer, {LOSS: summed},
        listed=("oracle 12.1",)),
    "loss-skips-first": Mistake(
        "loss", "the loss of the first position is left out", "every position with a weight counts",
        lambda case: transformer(case) and case.values["inputs.tokens"].shape[1] > 1, {LOSS: first_skipped},
        listed=("oracle 12.1",)),
    "loss-weights-ignored": Mistake(
        "loss", "all positions count alike", "the loss is the mean over positions with the given weights", transformer,
        {LOSS: unweighted}),
}


def uniform(case):
    """Cases with two layers or more, the first two with parameters of the same shapes."""
    shapes = [{name.replace(f"layers.{n}.", "", 1): np.shape(value) for name, value in case.values.items()
               if name.startswith((f"layers.{n}.", f"encoder.layers.{n}.", f"decoder.layers.{n}."))} for n in (0, 1)]
    return shapes[0] == shapes[1]
