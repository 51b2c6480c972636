"""Optimisers, learning-rate schedule and clipping: pure functions on flat dicts of arrays (name -> array).

AdamW decays the matrices and tables only (names W_*, W): never gains, biases or a variant's own weights such as lambda.
"""

import math
from typing import Callable, NamedTuple

import numpy as np

from minires.errors import one_of
from minires.training.packs import joined, packs, separated


class Optimiser(NamedTuple):
    """start(params) -> moments; update(params, gradient, moments, step, rate) -> params, moments (step counts from 1).

    A parameter that the gradient does not name stays as it is.
    """

    start: Callable
    update: Callable


def sgd(momentum=0.9, weight_decay=0.0):
    """Stochastic gradient descent with momentum:  m <- momentum m + g + decay w;  w <- w - rate m."""
    def start(params):
        return {"m": zeros(params)}

    def entry(w, g, m, rate, decayed):
        m = momentum * m + g + (weight_decay * w if decayed else 0)
        return w - rate * m, m

    return Optimiser(start, lambda params, gradient, moments, step, rate: moved(entry, params, gradient, moments, rate))


def adamw(beta_1=0.9, beta_2=0.98, epsilon=1e-8, weight_decay=0.01):
    """AdamW (Loshchilov & Hutter 2019, 1711.05101).

        m <- beta_1 m + (1 - beta_1) g ;  v <- beta_2 v + (1 - beta_2) g^2
        w <- w - rate ( m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon) + decay w )
    """
    def start(params):
        return {"m": zeros(params), "v": zeros(params)}

    def update(params, gradient, moments, step, rate):
        first, second = 1 - beta_1 ** step, 1 - beta_2 ** step

        def entry(w, g, m, v, rate, decayed):  # in place on what is its own: a new array costs more than the arithmetic
            m = beta_1 * m
            m += (1 - beta_1) * g
            v = beta_2 * v
            v += (1 - beta_2) * g * g
            scale = np.sqrt(v / second)
            scale += epsilon
            move = m / first
            move /= scale
            if decayed:
                move += weight_decay * w
            move *= rate
            return w - move, m, v

        return moved(entry, params, gradient, moments, rate)

    return Optimiser(start, update)


def moved(entry, params, gradient, moments, rate):
    """New parameters and moments by entry(w, g, *moments, rate, decayed) -> w, *moments, an equation of single entries."""
    new = [dict(params), *map(dict, moments.values())]
    for pack in packs(params, gradient, decays):
        vectors = [joined(tree, pack) for tree in (params, gradient, *moments.values())]
        for tree, vector in zip(new, entry(*vectors, rate, decays(pack[0]))):
            tree.update(separated(vector, params, pack))
    return new[0], dict(zip(moments, new[1:]))


OPTIMISERS = {"adamw": adamw, "sgd": sgd}


def optimiser(name, **settings):
    """The optimiser called `name`."""
    return one_of("optimiser", name, OPTIMISERS)(**settings)


def zeros(params):
    """A zero for each parameter."""
    return {name: np.zeros_like(w) for name, w in params.items()}


def decays(name):
    """Weight decay acts on matrices and tables only."""
    last = name.split(".")[-1]
    return last == "W" or last.startswith("W_")


def warm_up_cosine(step, steps, rate, warm_up, final=0.1):
    """Rate of step 1 .. steps: linear from 0 to `rate` over `warm_up` steps, then half a cosine down to final * rate.

    >>> [warm_up_cosine(step, 12, 1.0, 2, final=0.0) for step in (1, 2, 7, 12)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if step <= warm_up:
        return rate * step / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return rate * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done)))


def global_norm(gradient):
    """The Euclidean norm of all entries together, summed in float64."""
    exact = (np.asarray(g, dtype=np.float64) for g in gradient.values())
    return math.sqrt(sum(float(np.vdot(g, g)) for g in exact))


def clip(gradient, norm, limit):
    """The gradient, scaled down to norm `limit` if its `norm` is larger (Pascanu et al. 2013, 1211.5063)."""
    if limit is None or norm <= limit:
        return gradient
    return {name: g * (limit / norm) for name, g in gradient.items()}
