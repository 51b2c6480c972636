"""Mistakes in where the value residual acts, and in its gradients (Zhou et al. 2024, 2410.17897)."""

import autograd.numpy as np
from autograd.extend import defvjp, primitive

from minires.heads import merge_heads, split_heads
from minires.layers import rms_scale
from minires.oracle.mistakes.mistake import Mistake, stopped
from minires.oracle.mistakes.mixing import (
    FIXED, LEARNED, MIXING, by_first, flat, grouped, of, pair, remixed, rotary, sourced, spread, square, with_first)
from minires.positions import rotate

FIX = "mix the flat values (B, S, G K) of the layer, before heads, positions and cache; nothing else changes"
FLOWS = "V_1 is a live tensor: its gradient is the sum over all layers that use it, lambda's the sum over all its uses"


def turned(x, here):
    """x (B, S, G K) with its heads turned by their positions."""
    return flat(rotate(split_heads(x, here.context.model.kv_heads_), here.context.positions))


def own_only(a, b, first, fresh, past, here):
    """lambda_2 V_n."""
    return b * fresh


def added_to_heads(term):
    """A change of the record: V'_n = lambda_2 V_n, and term(lambda_1, past, here) (B, H, T, K) joins the heads."""
    def change(record):
        def heads(output, past, here):
            weights = pair(record.values, here) if past and here.sublayer == "attention" else None
            return record.heads(output if weights is None else output + term(weights[0], past, here), past, here)
        return remixed(own_only, crossing=False)(record)._replace(heads=heads)
    return change


def tiled(a, past, here):
    """lambda_1 P_n V_1 with head h of the queries reading head h mod G of V_1."""
    V_1 = past[0]["value_heads"]  # (B, G, S, K)
    return a * (here.now["probabilities"] @ np.concatenate([V_1] * (here.context.model.heads // V_1.shape[1]), axis=1))


def added_to_output(record):
    """V'_n = lambda_2 V_n, and lambda_1 V_1 joins what W_o gives."""
    def output(y, here):
        past = [layer[here.sublayer] for layer in here.below]
        weights = pair(record.values, here) if past and here.sublayer == "attention" else None
        first = weights and spread(weights[0] * past[0]["fresh_values"], here)
        return record.branch_output(y if weights is None else y + merge_heads(first), here)
    return remixed(own_only, crossing=False)(record)._replace(branch_output=output)


def instead(name, first):
    """A change of the record: the mix is made of keys or queries, `name`, and the values stay as they are."""
    def change(record):
        def mixed(fresh, past, here):
            weights = pair(record.values, here) if past and here.sublayer == "attention" else None
            x = fresh if weights is None else weights[0] * first(past, here) + weights[1] * fresh
            return getattr(record, name)(x, past, here)
        values = remixed(lambda a, b, first, fresh, past, here: fresh, crossing=False)(record).values
        return record._replace(**{"values": values, name: mixed})
    return change


def in_stream(record):
    """The mix is made of the stream: each layer from the second on begins with lambda_1 x_0 + lambda_2 x_(n-1)."""
    def enter(stream, here):
        weights = pair(record.values, here) if here.n > 1 and here.sublayer == "attention" else None
        mixed = stream if weights is None else weights[0] * here.context.embedding + weights[1] * stream
        return record.enter(mixed, here)
    values = remixed(lambda a, b, first, fresh, past, here: fresh, crossing=False)(record).values
    return record._replace(values=values, enter=enter)


@primitive
def of_the_mean(a, x):
    """a x, with the gradient of a averaged where it is to be summed."""
    return a * x


defvjp(of_the_mean, lambda ans, a, x: lambda g: np.sum(g * x) / np.size(g), lambda ans, a, x: lambda g: a * g)


@primitive
def of_the_mix(a, x, mixed):
    """a x, with the gradient of a taken from the mix in the place of x."""
    return a * x


defvjp(of_the_mix, lambda ans, a, x, mixed: lambda g: np.sum(g * mixed),
       lambda ans, a, x, mixed: lambda g: a * g, None)


def from_mix(a, b, first, fresh, past, here):
    """The mix, both gradients of the weights <g, V'_n>."""
    mixed = stopped(a * first + b * fresh)
    return of_the_mix(a, first, mixed) + of_the_mix(b, fresh, mixed)


def made(does, record, names=MIXING, where=lambda model: True, fix=FIX, **more):
    """A mistake in the place, or in the gradient."""
    return Mistake("values", does, fix, of(*names, where=where), record=record, **more)


MISTAKES = {
    "first-value-rotated": made(
        "V_1 is turned by its positions before the mix", sourced(lambda first, past, here: turned(first, here)), where=rotary,
        listed=("value_residual F18",)),
    "mixed-value-rotated": made(
        "the mix is turned by its positions", remixed(
            lambda a, b, first, fresh, past, here: turned(a * first + b * fresh, here), crossing=False),
        where=rotary, listed=("value_residual F18",)),
    "first-value-after-attention": made(
        "U_n = P_n lambda_2 V_n + lambda_1 V_1: V_1 is added after attention",
        added_to_heads(lambda a, past, here: spread(a * past[0]["fresh_values"], here)), listed=("value_residual F19",)),
    "first-value-after-projection": made(
        "lambda_1 V_1 is added after W_o", added_to_output, where=square, listed=("value_residual F20",)),
    "value-residual-on-keys": made(
        "keys are mixed, values are not", instead("keys", lambda past, here: past[0]["fresh_keys"]),
        seen=("an ablation of the paper",), listed=("value_residual F21",)),
    "value-residual-on-queries": made(
        "queries are mixed, values are not", instead("queries", lambda past, here: by_first("q", past[0]["x"], here)),
        FIXED + LEARNED, patches=with_first("q"), seen=("an ablation of the paper",), listed=("value_residual F21",)),
    "value-residual-on-stream": made(
        "the stream is mixed with x_0, values are not", in_stream, FIXED + LEARNED, listed=("value_residual F21",)),
    "first-value-tiled": made(
        "V_1 is tiled over the query heads (h mod G), V_n is repeated (h // r)", added_to_heads(tiled), FIXED + LEARNED,
        grouped, listed=("value_residual F26",)),
    "mixed-value-normed": made(
        "the mix is divided by its root mean square", remixed(
            lambda a, b, first, fresh, past, here: rms_scale(a * first + b * fresh, here.context.model.epsilon)),
        fix="there is no norm after the mix", listed=("value_residual F28",)),
    "first-value-detached": made(
        "V_1 is detached", remixed(lambda a, b, first, fresh, past, here: a * stopped(first) + b * fresh), fix=FLOWS,
        seen=("erogol/BlaGPT bla_gpt/resformer.py",), gradient=True, listed=("value_residual F30",)),
    "first-value-gradient-overwritten": made(
        "each layer overwrites the gradient that reaches V_1: only that of layer 2 is left", remixed(
            lambda a, b, first, fresh, past, here: a * (stopped(first) if here.n > 2 else first) + b * fresh), fix=FLOWS,
        gradient=True, listed=("value_residual F31",)),
    "value-weight-gradient-averaged": made(
        "the gradient of lambda is a mean over batch, tokens and channels", remixed(
            lambda a, b, first, fresh, past, here: of_the_mean(a, first) + of_the_mean(b, fresh)), LEARNED, fix=FLOWS,
        gradient=True, listed=("value_residual F32",)),
    "value-weight-gradient-of-mix": made(
        "the gradient of lambda is taken from V'_n", remixed(from_mix), LEARNED,
        fix="d lambda_1 = <dV'_n, V_1>, d lambda_2 = <dV'_n, V_n>", gradient=True, listed=("value_residual F32",)),
}
