"""Mistakes in the weights of the value residual V'_n = lambda_1 V_1 + lambda_2 V_n (Zhou et al. 2024, 2410.17897)."""

import autograd.numpy as np
from autograd.extend import defvjp, primitive

from minires.activations import sigmoid
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.mixing import FIXED, LEARNED, MIXING, of, pair, remixed

FIX = "V'_n = lambda_1 V_1 + lambda_2 V_n: lambda_1 weighs the first layer's value, lambda_2 the own"


def weighted(rule):
    """A change of the record: the weights rule(lambda_1, lambda_2, here)."""
    def mix(a, b, first, fresh, past, here):
        a, b = rule(a, b, here)
        return a * first + b * fresh
    return remixed(mix)


def share(a, b):
    """The first of softmax(a, b)."""
    return sigmoid(a - b)


@primitive
def rounded(x):
    """x as float32 holds it; the gradient is that of x."""
    return np.asarray(np.float32(x), dtype=float)


defvjp(rounded, lambda ans, x: lambda g: g)


def first_layer(rule):
    """A change of the record: the first layer's self-attention uses rule(lambda_1, lambda_2) V_1."""
    def change(record):
        def values(fresh, past, here):
            weights = None if past else pair(record.values, here)
            return record.values(fresh, past, here) if weights is None else rule(*weights) * fresh
        return record._replace(values=values)
    return change


def made(does, fix, record, names=MIXING, **more):
    """A mistake in the weights."""
    return Mistake("values", does, fix, of(*names), record=record, **more)


MISTAKES = {
    "value-residual-unhalved": made(
        "V_1 + V_n, without weights", FIX, remixed(lambda a, b, first, fresh, past, here: first + fresh),
        seen=("lucidrains/x-transformers before d88537d",), listed=("value_residual F1", "value_residual 11.1.1")),
    "own-value-unweighted": made(
        "V_n + lambda_1 V_1: lambda_2 is dropped", FIX, weighted(lambda a, b, here: (a, 1.0)), listed=("value_residual F2",)),
    "value-weights-swapped": made(
        "lambda_1 weighs V_n and lambda_2 weighs V_1", FIX, weighted(lambda a, b, here: (b, a)),
        seen=("x-transformers and BS-RoFormer give m opposite meanings",), listed=("value_residual F3",)),
    "value-weights-normalized": made(
        "the weights are divided by their sum", "use the weights as they are; their sum is free",
        weighted(lambda a, b, here: (a / (a + b), b / (a + b))), FIXED + LEARNED, listed=("value_residual F4",)),
    "value-weights-softmax": made(
        "the weights are a softmax of (lambda_1, lambda_2)", "use the weights as they are",
        weighted(lambda a, b, here: (share(a, b), share(b, a))), FIXED + LEARNED, listed=("value_residual F5",)),
    "value-weights-sigmoid": made(
        "the weights go through a sigmoid", "use the weights as they are: they are unconstrained",
        weighted(lambda a, b, here: (sigmoid(a), sigmoid(b))), FIXED + LEARNED, listed=("value_residual F6",)),
    "value-interpolation-arguments": made(
        "V_n + V_1 (m - V_n), m the weight of V_1: the arguments of the interpolation in a wrong order",
        "V_n + m (V_1 - V_n)", remixed(lambda a, b, first, fresh, past, here: fresh + first * (a - fresh)),
        seen=("lucidrains/BS-RoFormer issue 48",),
        listed=("value_residual F7", "value_residual 11.1.4", "residual_catalogue 5 learned mix")),
    "own-value-for-first": made(
        "V_n is mixed with itself: the argument is overwritten before its use", "mix with the first layer's V_1",
        weighted(lambda a, b, here: (0.0, a + b)), seen=("lucidrains/BS-RoFormer issue 39, fixed in 87576b9",),
        listed=("value_residual F29", "value_residual 11.1.3")),
    "value-residual-in-first-layer": made(
        "layer 1 mixes too: (lambda_1 + lambda_2) V_1", "V'_1 = V_1: the first layer is plain attention",
        first_layer(lambda a, b: a + b), FIXED[:2] + FIXED[3:], listed=("value_residual F11",)),
    "first-value-weighted": made(
        "layer 1 uses lambda_2 V_1", "V'_1 = V_1: the first layer is plain attention", first_layer(lambda a, b: b),
        FIXED[:2] + FIXED[3:], listed=("value_residual F12",)),
    "value-weights-in-float32": made(
        "the weights are rounded to float32 in a float64 model", "keep the weights in the precision of the model",
        weighted(lambda a, b, here: (rounded(a), rounded(b))), FIXED, listed=("value_residual F50",)),
}
