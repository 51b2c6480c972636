"""Gradients in balls, confirmed by central differences with a step so small that 30 digits must agree.

    d f / d x_i = (f(x + h e_i) - f(x - h e_i)) / 2 h + O(h^2)        h = 2^-70, in 512 bits

The differences know nothing of any derivative's rule: only the function's values enter. Neither truncation (of order
h^2, 1e-42) nor cancellation is in the way, so a wrong derivative has nowhere to hide.
"""

import math
from typing import NamedTuple

import numpy as np

from minires.gradients import loss, random_parameters, tiny_example, tiny_model, value_and_gradient
from minires.oracle.exact.balls import Ball, balls, flint, precision, raw
from minires.parameters import flatten, unflatten

BITS, STEP, DIGITS, MOST = 512, -70, 30, 60  # bits; the step is 2^STEP; digits that must agree, and that are told


class Row(NamedTuple):
    """One parameter: on how many decimal digits both gradients agree at its worst coordinate; MOST where they are the same."""

    parameter: str
    coordinates: int
    digits: float
    worst: tuple


def central(function, flat, name):
    """d function / d flat[name], each coordinate by itself: an array of balls."""
    array, h = flat[name], Ball(flint.arb(2) ** STEP)
    slope = np.empty(array.shape, dtype=object)
    for i in np.ndindex(array.shape):
        ends = []
        for move in (h, -h):
            moved = array.copy()
            moved[i] = array[i] + move
            ends.append(function(unflatten({**flat, name: moved})))
        slope[i] = (ends[0] - ends[1]) / (2 * h)
    return slope


def digits(a, b, scale):
    """Decimal digits on which the balls a and b agree, their difference taken relative to `scale`."""
    apart = raw(a - b)
    apart = float((abs(apart.mid()) + apart.rad()).log() / flint.arb(10).log()) if apart != 0 else -math.inf
    return min(math.log10(scale) - apart, float(MOST))


def confirm(function, params, names=lambda name: True, bits=BITS):
    """A Row per parameter among `names`: autograd in balls against central differences at every coordinate.

    The difference is relative to the coordinate's own gradient, or to a thousandth of the parameter's largest where that
    is more; to the model's largest where the parameter's gradient is zero by an identity.
    """
    with precision(bits):
        flat = {name: balls(array) for name, array in flatten(params).items()}
        _, gradient = value_and_gradient(function, unflatten(flat))
        size = {name: np.array([abs(float(raw(x).mid())) for x in np.ravel(g)]) for name, g in gradient.items()}
        largest = max(np.max(own) for own in size.values())
        rows = []
        for name in filter(names, flat):
            numeric, top = np.ravel(central(function, flat, name)), np.max(size[name])
            floor = 1e-3 * top if top > 1e-30 * largest else largest
            pairs = zip(np.ravel(gradient[name]), numeric, size[name])
            agreed = [digits(Ball(raw(a)), b, max(own, floor)) for a, b, own in pairs]
            worst = np.unravel_index(int(np.argmin(agreed)), flat[name].shape) if flat[name].ndim else ()
            rows.append(Row(name, len(agreed), float(min(agreed)), tuple(int(i) for i in worst)))
    return rows


def confirm_variant(variant, seed=0, kind="decoder", layers=4, bits=BITS, **changes):
    """`confirm` on the variant's tiny model (or with other sizes and options), random parameters and a random batch."""
    rng = np.random.default_rng(seed)
    model = tiny_model(variant, kind, layers, **changes)
    params, batch = random_parameters(model, rng), tiny_example(model, rng, B=1, T=3)
    trained = lambda name: model.residual.trained(name, model)
    return confirm(lambda p: loss(model, p, batch)[0], params, trained, bits)
