"""Mistakes in masks: what a query may attend to."""

import autograd.numpy as np

from minires.masks import additive, padding_mask
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.places import deep, given, having, mask_of, without


def masked_after(attended):
    """softmax without the mask, then the mask's factor: rows do not sum to one."""
    def wrong(q, k, past, here):
        return attended(q, k, past, without(here, masks={})) * np.exp(mask_of(here))
    return wrong


def unmasked_in(n):
    """The mask left out in layer n."""
    return lambda masked: lambda logits, here: masked(logits, without(here, masks={}) if here.n == n else here)


def causal(visible):
    """Another causal mask: visible(t, s), positions of queries (T, 1) and keys (1, S)."""
    return {"minires.forward.causal_mask": lambda right: lambda t, s, dtype: additive(visible(t[:, None], s[None, :]), dtype)}


decoder = having(kind=("decoder", "encoder_decoder"))
CAUSAL = "a query at position t attends to the keys s <= t, its own included"
MISTAKES = {
    "mask-after-softmax": Mistake(
        "mask", "the mask multiplies the probabilities after the softmax, so that rows do not sum to one",
        "add the mask (0 or -inf) to the logits before the softmax",
        lambda case: decoder(case) or given("padding")(case) or given("mask")(case),
        {"minires.attention.attended": masked_after}, seen=("huggingface/pytorch-image-models PR 2236",),
        listed=("oracle 12.1",)),
    "mask-one-ahead": Mistake(
        "mask", "the causal mask's diagonal is one too high: a query sees the next token", CAUSAL, decoder,
        causal(lambda t, s: s <= t + 1), listed=("oracle 12.1",)),
    "mask-own-hidden": Mistake(
        "mask", "the causal mask's diagonal is one too low: a query does not see its own token", CAUSAL, decoder,
        causal(lambda t, s: s < t), listed=("oracle 12.1",)),
    "mask-causal-missing": Mistake(
        "mask", "there is no causal mask", CAUSAL, decoder, causal(lambda t, s: s > -1 + 0 * t), listed=("oracle 12.1",)),
    "mask-transposed": Mistake(
        "mask", "the causal mask is transposed: a query sees its own and the later tokens", CAUSAL, decoder,
        causal(lambda t, s: s >= t), listed=("oracle 12.1",)),
    "mask-inverted": Mistake(
        "mask", "the boolean causal mask is inverted: a query sees the later tokens only", CAUSAL, decoder,
        causal(lambda t, s: s > t), listed=("realformer F33",)),
    "padding-inverted": Mistake(
        "mask", "the boolean padding mask is inverted: the padded keys are attended to, the real ones are not",
        "hide the keys of padded tokens", lambda case: given("padding")(case) or given("source_padding")(case),
        {"minires.forward.padding_mask": lambda right: lambda real, dtype: padding_mask(~real, dtype)},
        listed=("realformer F33",)),
    "padding-on-queries": Mistake(
        "mask", "the padding mask is broadcast over the keys: it hides all of a padded query's row and no key",
        "the padding mask is (B, 1, 1, S): it hides keys",
        lambda case: given("padding")(case) and not case.config.get("decode"),
        {"minires.forward.padding_mask": lambda right: lambda real, dtype: np.swapaxes(padding_mask(real, dtype), -1, -2)},
        listed=("realformer F33",)),
    "mask-missing-in-second-layer": Mistake(
        "mask", "the second layer has no mask: with carried scores it sees all that is hidden",
        "mask in every layer; the carry is unmasked", deep(2), {"minires.attention.masked": unmasked_in(2)},
        listed=("realformer F32",)),
}
