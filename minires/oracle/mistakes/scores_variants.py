"""Mistakes in the variants of the scores beside RealFormer: ReViT, Evolving Attention, temperature, map reuse."""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.mixing import of
from minires.residual import members


def carried(below):
    """A change of the record: below(past, here) are the scores that come from the layer below."""
    def change(record):
        def scores(fresh, past, here):
            return record.scores(fresh, [{"scores": below(past, here)}] if past else past, here)
        return record._replace(scores=scores)
    return change


def own_below(past, here):
    """Z_(n-1)."""
    return past[-1]["fresh_scores"]


def mixed_below(past, here):
    """M_(n-1) of Evolving Attention: what the convolution read."""
    options = here.context.model.options
    options = options if len(members(here.context.model.variant)) == 1 else options.get("evolving_attention", {})
    beta, mixed = options.get("beta", 0.7), past[0]["fresh_scores"]
    for layer in past[1:]:
        mixed = (1 - beta) * layer["fresh_scores"] + beta * mixed
    return mixed


def weights_swapped(record):
    """alpha on the scores of the layer below."""
    def scores(fresh, past, here):
        return record.scores(past[-1]["scores"], [{"scores": fresh}], here) if past else record.scores(fresh, past, here)
    return record._replace(scores=scores)


def added_before(record):
    """Bias and mask (-1e4) are a part of the scores."""
    def scores(fresh, past, here):
        for term in (here.bias(), here.mask()):
            fresh = fresh if term is None else fresh + np.maximum(term, -1e4)
        return record.scores(fresh, past, here)
    return record._replace(scores=scores)


def unhidden(record):
    """The convolution sees the entries that the mask hides."""
    return record._replace(scores=lambda fresh, past, here: record.scores(
        fresh, past, here._replace(context=here.context._replace(masks={}))))


def counted(number):
    """A change of the record: number(here) in the place of the layer's number n."""
    return lambda record: record._replace(logits=lambda scores, here: record.logits(scores, here._replace(n=number(here))))


def divided(record):
    """A_n / sqrt(n)."""
    return record._replace(logits=lambda scores, here: record.logits(scores, here) / here.n)


def bias_scaled(masked):
    """sqrt(n) multiplies bias and mask, too."""
    return lambda logits, here: logits + sqrt(here.n, logits) * masked(0 * logits, here)


def has_bias(case):
    """Whether a bias, or a soft mask, stands beside the scores."""
    return case.config["model"]["positions"] == "alibi" or any(
        name == "bias" or name.startswith("mask.") for name in case.inputs)


def below_too(record):
    """A layer that reuses the map reuses the values, too."""
    return record._replace(values=lambda fresh, past, here: record.values(fresh, past, here)
                           if "W_q" in here.params else past[-1]["values"])


def made(family, does, fix, name, **more):
    """A mistake of one variant."""
    return Mistake(family, does, fix, of(name), **more)


def always(change):
    """A patch: a function that returns this."""
    return lambda original: lambda *arguments: change


CARRY, EVOLVING, REVIT = "carry the mixed scores Z'_n of the layer below", "evolving_attention", "revit"
AVERAGE = "Z'_n = alpha Z_n + (1 - alpha) Z'_(n-1)"
SHARPER = "multiply the scores of layer n = 1 .. L by sqrt(n), then add bias and mask"
of_temperature = of("temperature")
MISTAKES = {
    "revit-own-scores-carried": made(
        "carry", "Z_(n-1), the own scores of the layer below, are carried", CARRY, REVIT, record=carried(own_below)),
    "revit-weights-swapped": made("carry", "alpha weighs the carried scores", AVERAGE, REVIT, record=weights_swapped),
    "revit-mask-carried": made(
        "carry", "bias and mask are added before the average, and carried", "add bias and mask after the average", REVIT,
        record=added_before, patches={"minires.attention.masked": lambda masked: lambda logits, here: logits},
        listed=("residual_catalogue 4 ReViT",)),
    "evolving-own-scores-carried": made(
        "carry", "Z_(n-1), which no convolution has seen, is carried", CARRY, EVOLVING, record=carried(own_below),
        listed=("residual_catalogue 4 Evolving Attention",)),
    "evolving-mix-carried": made(
        "carry", "M_(n-1), what the convolution of the layer below read, is carried", CARRY, EVOLVING,
        record=carried(mixed_below)),
    "evolving-rows-centred": Mistake(
        "leak", "the convolution of a decoder reads row t + 1: the future is seen", "rows t - 2 .. t in a decoder",
        lambda case: of(EVOLVING)(case) and case.config["model"]["kind"] != "encoder",
        patches={"minires.residual.scores.evolving_attention.causal": always(False)},
        listed=("residual_catalogue 4 Evolving Attention",)),
    "evolving-hidden-scores-seen": made(
        "leak", "the convolution reads scores that the mask hides", "set hidden scores to 0 before the convolution", EVOLVING,
        record=unhidden, seen=("pkuyym/EvolvingAttention: zeros at the edges, no mask",),
        listed=("residual_catalogue 4 Evolving Attention",)),
    "temperature-from-zero": made(
        "scale", "layers are counted from 0: the first attends uniformly", SHARPER, "temperature",
        record=counted(lambda here: here.n - 1)),
    "temperature-by-sublayer": made(
        "scale", "n counts sublayers", SHARPER, "temperature", record=counted(lambda here: here.m)),
    "temperature-divides": made("scale", "the scores are divided by sqrt(n)", SHARPER, "temperature", record=divided),
    "temperature-on-bias": Mistake(
        "scale", "sqrt(n) multiplies bias and mask, too", SHARPER, lambda case: of_temperature(case) and has_bias(case),
        patches={"minires.attention.masked": bias_scaled}),
    "map-reuse-values-too": made(
        "values", "a layer that reuses the map of the layer below reuses its values, too", "V_n = x_n W_v as ever", "map_reuse",
        record=below_too, listed=("residual_catalogue 4 LazyFormer",)),
}
