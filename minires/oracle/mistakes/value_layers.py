"""Mistakes in which layer mixes with which weights: sparse, learnable and plus (Zhou et al. 2024, 2410.17897)."""

import autograd.numpy as np

from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.mixing import LEARNED, given, layers_given, of, pair
from minires.oracle.mistakes.value_weights import made, weighted

PLUS, SPARSE = ("resformer_plus",), ("resformer_sparse",)


def elsewhere(record):
    """Where a sparse variant does not mix, V'_n = V_n / 2."""
    def values(fresh, past, here):
        idle = past and pair(record.values, here) is None
        return 0.5 * fresh if idle else record.values(fresh, past, here)
    return record._replace(values=values)


def one_late(record):
    """The layers' numbers read as counted from 0."""
    return record._replace(values=lambda fresh, past, here: record.values(fresh, past, here._replace(n=here.n - 1)))


def from_layer(source):
    """Patches: layer n has the lambdas of layer source(n, L)."""
    def change(n, sublayer, p, params):
        if n == 1 or sublayer == "feed_forward":
            return p
        other = params["layers"][source(n, len(params["layers"])) - 1][sublayer]
        return {**p, **{name: other[name] for name in ("lambda_1", "lambda_2") if name in p}}
    return layers_given(change)


def sharing(change):
    """Patches: the shared parameters of each chain of attention as change(parameters)."""
    return given(lambda params: {**params, "shared": {chain: change(p) for chain, p in params["shared"].items()}})


def over_all(p):
    """theta with the logit 0 of a layer before those of the span, behind them: so each keeps its place."""
    return {**p, "theta": np.concatenate([p["theta"], np.zeros(1)])}


def shifted(patches, does, names):
    """A mistake in which layer's weights are used."""
    return Mistake("values", does, "layer n, counted from 1, has its own pair; layer 1 has none", of(*names), patches=patches,
                   listed=("value_residual F33",))


MISTAKES = {
    "value-weights-of-layer-below": shifted(
        from_layer(lambda n, L: n - 1 if n > 2 else L), "layer n has the pair of layer n - 1, layer 2 that of the last",
        LEARNED),
    "value-weights-shared": shifted(from_layer(lambda n, L: 2), "all layers use the pair of layer 2", LEARNED),
    "sparse-layers-from-zero": made(
        "the set of mixing layers is read as counted from 0: each mixes one layer late", "count layers from 1", one_late,
        SPARSE, listed=("value_residual F34",)),
    "sparse-idle-layer-halved": made(
        "layers that do not mix use V_n / 2", "V'_n = V_n there: the weights are (0, 1)", elsewhere, SPARSE,
        listed=("value_residual F35",)),
    "sparse-own-value-halved": made(
        "layers that mix use lambda_1 V_1 + V_n / 2", "lambda_2 = 1", weighted(lambda a, b, here: (a, 0.5)), SPARSE,
        listed=("value_residual F35",)),
    "plus-softmax-over-all-layers": Mistake(
        "values", "softmax(theta) runs over all L layers, layer 1 with the logit 0", "over the layers 2 .. L, where the span "
        "says so", of(*PLUS, where=lambda model: model.options.get("span", "2..L") == "2..L"), sharing(over_all),
        listed=("value_residual F36",)),
    "plus-scale-dropped": Mistake(
        "values", "lambda_1 = softmax(theta)[n], without s", "lambda_1[n] = s softmax(theta)[n]", of(*PLUS),
        sharing(lambda p: {**p, "s": np.array(1.0)}), listed=("value_residual F37",)),
    "plus-scale-on-both": made(
        "s multiplies lambda_2 as well", "s is on the term of V_1 only",
        weighted(lambda a, b, here: (a, here.shared()["s"] * b)), PLUS, listed=("value_residual F37", "value_residual 11.1.8")),
    "plus-logits-reversed": Mistake(
        "values", "theta is read in reverse order of depth", "theta[0] is that of the first layer of the span", of(*PLUS),
        sharing(lambda p: {**p, "theta": p["theta"][::-1]}), listed=("value_residual F38",)),
}
