"""Exercises of tutorial 05, the value residual: the mix, in one layer and in all, its gradients, similar tokens."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, InModel, Wrong

CASE = "transformer/resformer_learnable-decoder"


def values(own, first, lambda_1, lambda_2):
    """V'_n = lambda_1 V_1 + lambda_2 V_n; in the first layer V_1."""
    return own if first is None else lambda_1 * first + lambda_2 * own


def in_values(function):
    """Places: the record's field, told V_1 and this layer's weights, or None in the first layer."""
    def used(fresh, past, here):
        weights = [here.params[name] if past else None for name in ("lambda_1", "lambda_2")]
        return function(fresh, past[0]["fresh_values"] if past else None, *weights)
    return {"values": used}


def after_first(mix):
    """A form of `values` that leaves the first layer as it is: mix(V_n, V_1, lambda_1, lambda_2)."""
    return lambda own, first, lambda_1, lambda_2: own if first is None else mix(own, first, lambda_1, lambda_2)


VALUES = InModel(CASE, values, in_values, {
    "value-weights-swapped": after_first(lambda own, first, a, b: b * first + a * own),
    "own-value-unweighted": after_first(lambda own, first, a, b: a * first + own),
    "value-residual-unhalved": after_first(lambda own, first, a, b: first + own)})


# ---- all layers at once ----------------------------------------------------------------------------------------------

def layers(fresh, lambda_1, lambda_2):
    """fresh (L, S, C), the weights (L): V' (L, S, C)."""
    used = lambda_1[:, None, None] * fresh[0] + lambda_2[:, None, None] * fresh
    return np.concatenate([fresh[:1], used[1:]])


def one_by_one(mix):
    """A wrong form, layer by layer: mix(n, fresh, the used values below, a, b) from the second layer on; n counts from 0."""
    def wrong(fresh, lambda_1, lambda_2):
        used = [fresh[0]]
        for n in range(1, len(fresh)):
            used.append(mix(n, fresh, used, lambda_1[n], lambda_2[n]))
        return np.array(used)
    return wrong


def first_layer(weight):
    """A wrong form: layer 1 uses weight(lambda_1, lambda_2) V_1."""
    def wrong(fresh, lambda_1, lambda_2):
        return np.concatenate([weight(lambda_1[0], lambda_2[0]) * fresh[:1], layers(fresh, lambda_1, lambda_2)[1:]])
    return wrong


def drawn(rng):
    """Values of four layers and weights; those of layer 1 must not be used."""
    lambda_1, lambda_2 = rng.uniform(0.3, 1.7, 4), rng.uniform(0.3, 1.7, 4)
    lambda_1[0], lambda_2[0] = 7.0, 11.0
    return rng.standard_normal((4, 3, 5)), lambda_1, lambda_2


LAYERS = ByValue(layers, drawn, {
    "mixed-value-for-first": Wrong(one_by_one(lambda n, fresh, used, a, b: a * used[-1] + b * fresh[n])),
    "value-below-for-first": Wrong(one_by_one(lambda n, fresh, used, a, b: a * fresh[n - 1] + b * fresh[n])),
    "mean-of-values": Wrong(one_by_one(lambda n, fresh, used, a, b: np.mean(fresh[:n + 1], axis=0))),
    "value-residual-in-first-layer": Wrong(first_layer(lambda a, b: a + b)),
    "first-value-weighted": Wrong(first_layer(lambda a, b: b)),
    "value-weights-swapped": Wrong(lambda fresh, a, b: layers(fresh, b, a)),
    "value-weights-of-layer-below": Wrong(lambda fresh, a, b: layers(
        fresh, *(np.concatenate([each[:1], each[-1:], each[1:-1]]) for each in (a, b)))),
    "value-weights-shared": Wrong(lambda fresh, a, b: layers(fresh, np.full(4, a[1]), np.full(4, b[1])))})


# ---- gradients -------------------------------------------------------------------------------------------------------

def gradients(g, fresh, lambda_1, lambda_2):
    """(dV, dlambda_1, dlambda_2) from g = dV' (L, S, C)."""
    slope = lambda_2[:, None, None] * g
    slope[0] = g[0] + np.sum(lambda_1[1:, None, None] * g[1:], axis=0)
    of_first, of_own = np.sum(g * fresh[0], axis=(1, 2)), np.sum(g * fresh, axis=(1, 2))
    of_first[0] = of_own[0] = 0
    return slope, of_first, of_own


def with_first(change):
    """A wrong form of the gradient of V_1: change(g, lambda_1)."""
    def wrong(g, fresh, lambda_1, lambda_2):
        slope, *rest = gradients(g, fresh, lambda_1, lambda_2)
        return np.concatenate([change(g, lambda_1)[None], slope[1:]]), *rest
    return wrong


def of_mix(g, fresh, lambda_1, lambda_2):
    """The gradient of both weights is <g, V'_n>."""
    both = np.sum(g * layers(fresh, lambda_1, lambda_2), axis=(1, 2))
    both[0] = 0
    return gradients(g, fresh, lambda_1, lambda_2)[0], both, both


def averaged(g, fresh, lambda_1, lambda_2):
    """The gradients of the weights are means."""
    slope, *rest = gradients(g, fresh, lambda_1, lambda_2)
    return slope, *(each / g[0].size for each in rest)


GRADIENTS = ByValue(gradients, lambda rng: (rng.standard_normal((4, 3, 5)), *drawn(rng)), {
    "first-value-detached": Wrong(with_first(lambda g, a: g[0])),
    "first-value-gradient-overwritten": Wrong(with_first(lambda g, a: g[0] + a[1] * g[1])),
    "value-weight-gradient-averaged": Wrong(averaged),
    "value-weight-gradient-of-mix": Wrong(of_mix),
    "own-layer-forgotten": Wrong(
        with_first(lambda g, a: np.sum(a[1:, None, None] * g[1:], axis=0)), "V_1 gets no gradient from its own layer",
        "layer 1 uses V_1 as it is: add g[0]"),
    "first-layer-weighted": Wrong(
        with_first(lambda g, a: np.sum(a[:, None, None] * g, axis=0)), "the weight of layer 1 multiplies g[0]",
        "layer 1 has no weights: V'_1 = V_1")})

EXERCISES = {
    "values": Exercise("the mix of one layer", 1, 5, VALUES),
    "layers": Exercise("the values of all layers", 2, 10, LAYERS),
    "gradients": Exercise("the gradients of the mix", 3, 20, GRADIENTS),
}
