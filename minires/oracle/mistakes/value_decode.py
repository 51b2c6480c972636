"""Mistakes in what decoding keeps of mixed or shared values (Zhou et al. 2024, 2410.17897). The full forward pass is right."""

import autograd.numpy as np

from minires.heads import split_heads
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.mixing import FIXED, LEARNED, MIXING, flat, of, pair

FIX = "each step mixes its own rows once, with V_1 of the same rows, and appends V'_n to the cache"


def unmixed(to_keep):
    """What is kept: the rows of V_n in the place of those of V'_n."""
    def kept(record):
        if "fresh_values" not in record:
            return to_keep(record)
        heads, fresh = record["value_heads"], record["fresh_values"]
        new = split_heads(fresh, heads.shape[1])  # (B, G, R, K)
        before = record.get("last_raw", heads[:, :, : heads.shape[2] - new.shape[2]])
        return {**to_keep(record), "value_heads": np.concatenate([before, new], axis=2)}
    return kept


def decoding(change):
    """Patches of attention: the record of the values as change(record, weights, past, here), where a decoded step mixes."""
    def patched(reused):
        def wrong(name, x, past, here, *turned):
            found, steps = reused(name, x, past, here, *turned), here.context.cache is not None
            mixes = name == "values" and past and steps and here.sublayer == "attention"
            weights = pair(here.context.residual.values, here) if mixes else None
            return found if weights is None else {**found, **change(found, weights, past, here)}
        return wrong
    return {"minires.attention.reused": patched}


def mixed_again(found, weights, past, here):
    """The kept rows, mixed already, are mixed once more with those of V_1."""
    heads = found["value_heads"]  # (B, G, S, K)
    rows = here.kept()["value_heads"].shape[2]
    again = weights[0] * past[0]["value_heads"][:, :, :rows] + weights[1] * heads[:, :, :rows]
    return {"value_heads": np.concatenate([again, heads[:, :, rows:]], axis=2)}


def newest_everywhere(found, weights, past, here):
    """Rows of V_n are kept, and the newest V_1 is mixed into each when they are read."""
    heads = lambda x: split_heads(x, here.context.model.kv_heads_) if np.ndim(x) == 3 else x
    raw = np.concatenate([here.kept()["value_heads"], heads(found["fresh_values"])], axis=2)  # (B, G, S, K)
    newest = heads(past[0]["fresh_values"])[:, :, -1:]  # (B, G, 1, K)
    return {"value_heads": weights[0] * newest + weights[1] * raw, "last_raw": here.kept()["value_heads"]}


def frozen(record):
    """A change of the record: V_1 of the prompt's last token at every later token."""
    def values(fresh, past, here):
        if here.context.cache is None or here.sublayer != "attention":
            return record.values(fresh, past, here)
        if past:
            held = flat(past[0]["last_frozen"]) + 0 * fresh  # (B, R, G*K)
            return record.values(fresh, [{**past[0], "fresh_values": held}, *past[1:]], here)
        here.now["last_frozen"] = here.kept().get("last_frozen", here.kept()["value_heads"][:, :, -1:])
        return record.values(fresh, past, here)
    return record._replace(values=values)


def newest_only(reused):
    """Where a layer has no W_v, each key has the newest row of the shared values."""
    def wrong(name, x, past, here, *turned):
        found = reused(name, x, past, here, *turned)
        follows = name == "values" and here.context.cache is not None and here.sublayer == "attention" and past
        if not follows or "W_v" in here.params:
            return found
        heads = found["value_heads"]  # (B, G, S, K)
        return {**found, "value_heads": heads[:, :, -1:] + 0 * heads}
    return wrong


def overwritten(advance):
    """What layer 1 keeps of its values is overwritten by the mixed ones of layer 2."""
    def wrong(*arguments):
        logits, cache = advance(*arguments)
        first, second, *others = cache.layers
        own = {**first["attention"], "value_heads": second["attention"]["value_heads"]}
        return logits, cache._replace(layers=[{**first, "attention": own}, second, *others])
    return wrong


def made(does, names, fix=FIX, **more):
    """A mistake of decoding."""
    decoded = of(*names)
    return Mistake("decode", does, fix, lambda case: decoded(case) and case.config.get("decode", 0) > 0, **more)


MISTAKES = {
    "decode-values-kept-unmixed": made(
        "the rows of earlier tokens are kept and used unmixed, as V_n", MIXING,
        patches={"minires.decoding.to_keep": unmixed}, listed=("value_residual F40",)),
    "decode-values-mixed-again": made(
        "the kept rows, mixed already, are mixed again at each step", FIXED + LEARNED, patches=decoding(mixed_again),
        seen=("lucidrains/x-transformers before 881be6b",), listed=("value_residual F41", "value_residual 11.1.2")),
    "decode-newest-first-value": made(
        "the newest token's V_1 is mixed into every kept row", FIXED + LEARNED,
        patches={**decoding(newest_everywhere), "minires.decoding.to_keep": unmixed}, listed=("value_residual F42",)),
    "decode-first-value-frozen": made(
        "V_1 of the prompt's last token is used at every later token", MIXING, record=frozen, listed=("value_residual F43",)),
    "decode-newest-shared-value": made(
        "only the newest V_1 is visible: every key has its value", ("svformer",),
        "the shared value is kept, one row per token", patches={"minires.attention.reused": newest_only},
        listed=("value_residual F44",)),
    "decode-first-cache-overwritten": made(
        "the mix is made in place, in the values that layer 1 keeps", MIXING, "mix into a new array",
        patches={"minires.oracle.systems.transformer.advance": overwritten},
        seen=("fla-org/flash-linear-attention e55133c, PR 145",), listed=("value_residual F48", "value_residual 11.1.6")),
}
