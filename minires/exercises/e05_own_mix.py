"""Exercises of tutorial 05, the value residual: how alike tokens are, and a mix of the student's own."""

from functools import lru_cache

import numpy as np

from minires.exercises.records import ByLaws, ByValue, Exercise, Law, Wrong
from minires.model import LLAMA, Transformer
from minires.record import Residual
from minires.residual import residual
from minires.transformer import after_first


def similarity(x):
    """The mean cosine of two different rows of x (T, D)."""
    T, unit = len(x), x / np.linalg.norm(x, axis=-1, keepdims=True)
    return (np.sum(unit @ unit.T) - T) / (T * (T - 1))


def from_products(number):
    """A wrong form: number(the matrix of the cosines)."""
    def wrong(x):
        unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
        return number(unit @ unit.T)
    return wrong


def neighbours(C):
    """The mean of what stands beside the diagonal."""
    return np.mean(np.diag(C, 1))


SIMILARITY = ByValue(similarity, lambda rng: (rng.standard_normal((4, 6)) + rng.standard_normal(6),), {
    "diagonal-included": Wrong(
        from_products(np.mean), "each token is compared with itself too", "leave the diagonal out: T (T - 1) pairs"),
    "divided-by-all": Wrong(
        from_products(lambda C: (np.sum(C) - len(C)) / C.size), "the sum over different tokens is divided by T^2",
        "there are T (T - 1) such pairs"),
    "products-for-cosines": Wrong(
        lambda x: (np.sum(x @ x.T) - np.sum(x * x)) / (len(x) * (len(x) - 1)), "products are averaged, not cosines",
        "divide each token by its length first"),
    "channels-for-tokens": Wrong(
        lambda x: similarity(x.T), "channels are compared, not tokens", "the rows of x are the tokens"),
    "neighbours-only": Wrong(from_products(neighbours), "only neighbouring tokens are compared", "take all pairs"),
    "mean-removed": Wrong(
        lambda x: similarity(x - np.mean(x, axis=0)), "the mean token is taken off first",
        "what the tokens have in common is what is measured")})


# ---- a mix of one's own ----------------------------------------------------------------------------------------------

SIZES = {**LLAMA, "kind": "decoder", "vocabulary": 7, "layers": 5, "width": 8, "heads": 2, "initial_std": 0.3}
KNOWN = ("pre_norm", "resformer", "resformer_constant", "resformer_sparse", "resformer_plus", "resformer_dense", "svformer",
         "neutreno", "resformer_neutreno")
TOKENS = np.array([[3, 1, 4, 1, 5, 2]])


def own_mix():
    """V'_n = V_1 / n + (1 - 1 / n) V_n: the deeper, the less of V_1."""
    return residual("resformer")._replace(
        values=lambda fresh, past, here: (past[0]["fresh_values"] + (here.n - 1) * fresh) / here.n if past else fresh)


def run(record, tokens=TOKENS):
    """The logits and the attention of each layer, of a tiny model with this record."""
    model = Transformer(variant=record, **SIZES)
    logits, trace = model.apply(model.init(np.random.default_rng(0)), tokens)
    return logits, [layer["attention"] for layer in trace]


def first_is_plain(record):
    """Whether the first layer uses its own values."""
    layer = run(record)[1][0]
    return np.array_equal(layer["values"], layer.get("fresh_values"))


def attention_is_plain(record):
    """Whether layers 1 and 2 attend as the plain Transformer does: a mix of values is not seen before layer 3."""
    pairs = zip(run(record)[1][:2], run(residual("pre_norm"))[1][:2])
    return all(np.allclose(own["probabilities"], plain["probabilities"]) for own, plain in pairs)


def reused(record):
    """Whether the last layer's values are more than a multiple of its own."""
    layer = run(record)[1][-1]
    used, own = layer["values"], layer.get("fresh_values", 0 * layer["values"])
    factor = np.sum(used * own) / max(np.sum(own * own), 1e-30)
    return not np.allclose(used, factor * own)


def causal(record):
    """Whether another last token leaves the logits before it as they are."""
    changed = TOKENS.copy()
    changed[0, -1] = 6
    return np.allclose(run(record)[0][:, :-1], run(record, changed)[0][:, :-1])


@lru_cache(maxsize=1)
def known():
    """The logits of what the library has."""
    return [run(residual(name))[0] for name in KNOWN]


def different(record):
    """Whether the logits are those of none of these."""
    logits = run(record)[0]
    return all(not np.allclose(logits, other) for other in known())


def replaced(**fields):
    """A function that returns ResFormer with fields replaced."""
    return lambda: residual("resformer")._replace(**fields)


OWN_MIX = ByLaws(own_mix, lambda rng: (), {
    "a-record": Law(lambda make: isinstance(make(), Residual), "no Residual is returned",
                    "return residual(\"resformer\")._replace(values=..)"),
    "first-layer-plain": Law(lambda make: first_is_plain(make()), "the first layer does not use its own values",
                             "the first layer has nothing below it: return fresh where past is empty"),
    "attention-plain": Law(lambda make: attention_is_plain(make()), "the probabilities of layer 1 or 2 have changed",
                           "mix values only: queries, keys and the stream stay as they are"),
    "reuses": Law(lambda make: reused(make()), "the last layer uses nothing of the layers below",
                  "use past[0][\"fresh_values\"], or other values of the layers below"),
    "causal": Law(lambda make: causal(make()), "a later token changes earlier outputs",
                  "mix row t with row t, not across tokens"),
    "new": Law(lambda make: different(make()), "the outputs are those of a scheme that exists",
               "change the weights, or what is mixed"),
}, {
    "a-record": lambda: (lambda fresh, past, here: fresh),
    "first-layer-plain": replaced(values=lambda fresh, past, here: 0.5 * fresh),
    "attention-plain": replaced(keys=after_first(lambda fresh, past, here: 0.5 * fresh + 0.5 * past[0]["fresh_keys"])),
    "reuses": replaced(values=after_first(lambda fresh, past, here: 0.5 * fresh)),
    "causal": replaced(values=after_first(lambda fresh, past, here: fresh + past[0]["fresh_values"][:, -1:])),
    "new": lambda: residual("resformer_constant"),
}, draws=1, shaped=False)

EXERCISES = {
    "similarity": Exercise("how alike the tokens are", 2, 10, SIMILARITY),
    "own_mix": Exercise("a mix of your own", 4, 25, OWN_MIX),
}
