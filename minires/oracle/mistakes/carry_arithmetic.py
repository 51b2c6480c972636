"""Mistakes in how RealFormer's scores are scaled, divided, biased and masked before they are carried."""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.oracle.mistakes.carry import of_carry, one, realformer, running_mean
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.places import both, changed, given, having, mask_of, without

FILL = float(np.finfo(np.float32).max)  # the constant of masked_fill in float32
MEAN, UNMASKED = "Z_n = S_n / n, n the layers of this chain", "carry the scores before the mask is added"


def unscaled(residual):
    """The carry is the sum of q k^T; it is scaled where it is used."""
    def scores(fresh, past, here):
        product = fresh * sqrt(here.context.model.head_width_, fresh)
        return product + past[-1]["scores"] if past else product
    return residual._replace(scores=scores,
                             logits=lambda s, here: residual.logits(s / sqrt(here.context.model.head_width_, s), here))


def divisor(number):
    """Another divisor: number(here, scores)."""
    return changed(logits=lambda right: lambda scores, here: scores / number(here, scores))


def masked_first(masked):
    """The mask is added before the division by n."""
    def wrong(logits, here):
        biased = masked(logits, without(here, masks={}))
        return biased + mask_of(here) / here.n
    return wrong


def masking(change):
    """The carry that is named and handed on is change(S_n, here), S_n from the right layer below."""
    return changed(scores=lambda right: lambda fresh, past, here: change(right(fresh, past, here), here))


def filled(scores, here):
    """-finfo.max at the hidden keys."""
    return np.where(mask_of(here) == -np.inf, -FILL, scores)


def in_place(residual):
    """S_n is divided and masked in place, through an alias of the carry: the next layer and the trace get the result."""
    logits = residual.logits
    divided = lambda fresh, past, here: logits(residual.scores(fresh, past, here), here) + mask_of(here, -1e4)
    return residual._replace(scores=divided, logits=lambda scores, here: scores)


MASKED_ALREADY = {"minires.attention.masked": lambda masked: lambda logits, here: masked(logits, without(here, masks={}))}


def with_bias(factor):
    """The shared bias goes into the carry, times factor(here): layer n uses it n times."""
    own = lambda fresh, here: fresh if here.bias() is None else fresh + here.bias() * factor(here)
    return changed(scores=lambda right: lambda fresh, past, here: right(own(fresh, here), past, here))


BIAS_LEFT_OUT = {"minires.attention.masked": lambda masked: lambda logits, here: masked(logits, without(here, bias=None))}
biased = lambda case: given("bias")(case) or having(positions=("alibi",))(case)
masked_keys = lambda case: given("mask")(case) or given("padding")(case) or given("source_padding")(case) or having(
    kind=("decoder", "encoder_decoder"))(case)


def of_bias(does, factor, number, seen):
    """A mistake of a shared additive bias in the carry."""
    return Mistake("carry", does, "add a shared bias to the logits of each layer, and do not carry it",
                   both(realformer, biased), BIAS_LEFT_OUT, with_bias(factor), seen=seen, listed=(f"realformer {number}",))


def later_unbiased(masked):
    """No bias from the second layer on."""
    return lambda logits, here: masked(logits, without(here, bias=None) if here.n > 1 else here)


MISTAKES = {
    "carry-unscaled": one("q k^T is carried without the scale, which comes where it is used", unscaled, realformer, "F13"),
    "carry-scaled-twice": one("the scaled carry is added before the division by sqrt(K)",
                              of_carry(lambda s, here: s / sqrt(here.context.model.head_width_, s)), realformer,
                              "F13"),
    "mean-divisor-one-less": one(
        "the divisor of the mean is n - 1", divisor(lambda here, s: max(1, here.n - 1)), running_mean, "F17a", fix=MEAN),
    "mean-divisor-all-layers": one(
        "the divisor of the mean is L in every layer", divisor(lambda here, s: here.context.model.layers), running_mean, "F17b",
        fix=MEAN),
    "mean-divisor-root": one(
        "the divisor of the mean is sqrt(n)", divisor(lambda here, s: sqrt(here.n, s)), running_mean, "F17c", fix=MEAN),
    "mean-divisor-sublayers": one(
        "the divisor of the mean counts sublayers", divisor(lambda here, s: here.m), running_mean, "F17d", fix=MEAN),
    "mask-before-mean": Mistake(
        "carry", "the mask is added before the division by n: a soft mask loses weight with depth", "divide first, then mask",
        both(running_mean, given("mask")), {"minires.attention.masked": masked_first}, listed=("realformer F19",)),
    "carry-changed-in-place": Mistake(
        "carry", "the carry is divided and masked in place", "copy before what changes in place",
        both(running_mean, masked_keys), MASKED_ALREADY, in_place, listed=("realformer F20",)),
    "carry-masked": Mistake(
        "carry", "the mask, -1e4, is in the carry, once per layer", UNMASKED, both(realformer, masked_keys), MASKED_ALREADY,
        masking(lambda s, here: s + mask_of(here, -1e4)),
        seen=("dbiir/UER-py layers/multi_headed_attn.py", "bojone/bert4keras c1d9dd0"),
        listed=("realformer F20", "realformer F25", "realformer F26")),
    "carry-masked-fill": one(
        "the hidden scores are filled with -finfo.max in the carry", masking(filled), both(realformer, masked_keys),
        "F21", "F25", "F26", fix=UNMASKED,
        seen=("lucidrains/x-transformers v0.4.2 and 23f913a to 2.31.10", "yuqinie98/PatchTST")),
    "carry-times-mask": one(
        "the carry is multiplied by the mask of ones and zeros",
        masking(lambda s, here: np.where(mask_of(here) == -np.inf, 0 * s, s)),
        both(realformer, masked_keys), "F27", fix=UNMASKED),
    "carry-with-bias": of_bias("the shared bias is carried: layer n adds it n times", lambda here: 1.0, "F30",
                               ("lucidrains/x-transformers 2.31.10 with ALiBi",)),
    "carry-with-scaled-bias": of_bias(
        "the shared bias is divided by sqrt(K) with the scores and carried",
        lambda here: here.context.model.head_width_ ** -0.5, "F31",
        ("dbiir/UER-py layers/multi_headed_attn.py",)),
    "bias-lost-after-first-layer": Mistake(
        "carry", "the shared bias is lost from the second layer on", "every layer adds it", both(realformer, biased),
        {"minires.attention.masked": later_unbiased}, seen=("bojone/bert4keras before 30a63f9",), listed=("realformer F34",)),
    "carry-mixed-into-itself": one(
        "talking heads with a residual of their own, at their start, inside the carry: S_n = 2 (A_n + S_{n-1})",
        masking(lambda s, here: 2 * s), realformer, "F46", seen=("lucidrains/x-transformers, pre-softmax talking heads",)),
}
