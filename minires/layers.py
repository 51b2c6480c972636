"""The differentiable operations, as equations. One by hand has its derivatives right under it; fused forms: `minires.fused`.

Letters of the shapes: B batch, T time (queries), S source (keys), D width, F feed-forward width, V vocabulary;
`...` any leading axes. An operation keeps the dtype that it is given.
"""

import math

import autograd.numpy as np
import numpy
from autograd.extend import defjvp, defvjp, primitive

from minires.arithmetic import approximate, cast
from minires.errors import one_of
from minires.fused import maps, norms, probabilities
from minires.spelling import by_hand, fusible


def symmetric(operation, derivative):
    """Register `derivative(g, ans, *arguments)` as both VJP and JVP: the Jacobian of softmax and of the norms is symmetric."""
    defvjp(operation.primitive, lambda ans, *arguments: lambda g: derivative(g, ans, *arguments), argnums=(0,))
    defjvp(operation.primitive, derivative, argnums=(0,))
    return operation


def mean(x):
    """Mean over the last axis, kept as an axis of length one; a division by a Python int keeps float32 as it is."""
    return np.sum(x, axis=-1, keepdims=True) / x.shape[-1]  # (..., 1)


# ---- linear maps -----------------------------------------------------------------------------------------------------

@by_hand
def product(x, W):
    """y = x W with the leading axes of x folded into one, so that each direction is a single matrix product."""
    return np.reshape(rows(x) @ W, x.shape[:-1] + W.shape[1:])


# dx = g W^T ; dW = x^T g
defvjp(product.primitive, lambda ans, x, W: lambda g: product(g, W.T), lambda ans, x, W: lambda g: rows(x).T @ rows(g))
defjvp(product.primitive, lambda g, ans, x, W: product(g, W), lambda g, ans, x, W: product(x, g))


def rows(x):
    """All leading axes as one, also where there is nothing in the last."""
    return np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


@fusible(maps.linear)
def linear(x, W, b=None):
    """y = x W + b, with x (..., D), W (D, F), b (F) or None."""
    return product(x, W) if b is None else product(x, W) + b  # (..., F)


@by_hand
def embedding(W, ids):
    """Row ids[...] of the table W (V, D): (..., D)."""
    return W[ids]


@primitive
def scatter_add(g, ids, size):
    """The transpose of `embedding`: row v is the sum of the g[...] with ids[...] = v. (size, D)."""
    order = np.argsort(ids, axis=None, kind="stable")
    found, starts = np.unique(ids.ravel()[order], return_index=True)
    out = np.zeros((size, g.shape[-1]), dtype=g.dtype)
    out[found] = numpy.add.reduceat(rows(g)[order], starts, axis=0)  # sorted sums: several times faster than np.add.at
    return out


defvjp(embedding.primitive, lambda ans, W, ids: lambda g: scatter_add(g, ids, W.shape[0]), argnums=(0,))
defjvp(embedding.primitive, lambda g, ans, W, ids: embedding(g, ids), argnums=(0,))
defvjp(scatter_add, lambda ans, g, ids, size: lambda h: embedding(h, ids), argnums=(0,))
defjvp(scatter_add, lambda h, ans, g, ids, size: scatter_add(h, ids, size), argnums=(0,))


# ---- softmax and losses ----------------------------------------------------------------------------------------------

@by_hand
def softmax(z):
    """p = exp(z) / sum exp(z) over the last axis. A row of -inf only (nothing may be attended) gives p = 0, not NaN."""
    top = np.max(approximate(z), axis=-1, keepdims=True)
    e = np.exp(z - np.where(top == -np.inf, 0, top))
    total = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


# dz = p (g - sum p g)
symmetric(softmax, lambda g, p, z: p * (g - np.sum(p * g, axis=-1, keepdims=True)))


@fusible(probabilities.cross_entropy, lambda z, targets, weights: ((z,), {"targets": targets, "weights": weights}))
@by_hand
def cross_entropy(z, targets, weights):
    """- sum_i w_i ln softmax(z_i)[target_i] / sum_i w_i, in nats. z (..., V); targets, weights (...)."""
    z = z - np.max(approximate(z), axis=-1, keepdims=True)
    chosen = np.reshape(rows(z)[np.arange(targets.size), np.ravel(targets)], targets.shape)
    log_total = np.log(np.sum(np.exp(z), axis=-1))
    return np.sum((log_total - chosen) * share(weights, z))


def share(weights, z):
    """The weights, scaled to sum to one, in the dtype of z."""
    return cast(weights, z) / np.sum(cast(weights, z))


def cross_entropy_slope(z, targets, weights):
    """dL/dz = w (softmax(z) - one_hot(target)) / sum w."""
    one_hot = (np.arange(z.shape[-1]) == targets[..., None]).astype(z.dtype)  # (..., V)
    return (softmax(z) - one_hot) * share(weights, z)[..., None]


defvjp(cross_entropy.primitive, lambda ans, z, targets, weights: lambda g: g * cross_entropy_slope(z, targets, weights),
       argnums=(0,))
defjvp(cross_entropy.primitive, lambda g, ans, z, targets, weights: np.sum(g * cross_entropy_slope(z, targets, weights)),
       argnums=(0,))


# ---- norms -----------------------------------------------------------------------------------------------------------

@by_hand
def standardize(x, epsilon):
    """y = (x - mean x) / sqrt(var x + epsilon) over the last axis, with the biased variance."""
    return (x - mean(x)) / deviation(x, epsilon)


def deviation(x, epsilon):
    """sqrt(var x + epsilon) over the last axis."""
    centred = x - mean(x)
    return np.sqrt(mean(centred * centred) + epsilon)  # (..., 1)


# dx = (g - mean g - y mean(y g)) / sqrt(var x + epsilon)
symmetric(standardize, lambda g, y, x, epsilon: (g - mean(g) - y * mean(y * g)) / deviation(x, epsilon))


@by_hand
def rms_scale(x, epsilon):
    """y = x / sqrt(mean x^2 + epsilon) over the last axis."""
    return x / root_mean_square(x, epsilon)


def root_mean_square(x, epsilon):
    """sqrt(mean x^2 + epsilon) over the last axis."""
    return np.sqrt(mean(x * x) + epsilon)  # (..., 1)


# dx = (g - y mean(y g)) / sqrt(mean x^2 + epsilon)
symmetric(rms_scale, lambda g, y, x, epsilon: (g - y * mean(y * g)) / root_mean_square(x, epsilon))


@fusible(norms.layer_norm)
def layer_norm(x, gain, bias=None, *, epsilon):
    """gain (x - mean) / sqrt(var + epsilon) + bias (Ba, Kiros, Hinton 2016, 1607.06450); x (..., D), gain and bias (D)."""
    y = standardize(x, epsilon) * gain  # (..., D)
    return y if bias is None else y + bias


@fusible(norms.rms_norm)
def rms_norm(x, gain, *, epsilon):
    """gain x / sqrt(mean x^2 + epsilon) (Zhang & Sennrich 2019, 1910.07467); there is no bias."""
    return rms_scale(x, epsilon) * gain  # (..., D)


NORMS = {"layer": layer_norm, "rms": rms_norm}


def normalize(kind, x, parameters, epsilon):
    """The norm called `kind`, with its own parameters {"gain", "bias"}."""
    own = (parameters[name] for name in ("gain", "bias") if name in parameters)
    return one_of("norm", kind, NORMS)(x, *own, epsilon=epsilon)


# ---- dropout ---------------------------------------------------------------------------------------------------------

def dropout(x, rate, rng):
    """Zero each entry with probability `rate`, divide the rest by 1 - rate. Without a generator (not training): x."""
    if rng is None or rate == 0:
        return x
    return x * ((rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)


@primitive
def stopped(x):
    """x as a constant: no gradient flows through. An operation as any other, so that a recorded run can be replayed."""
    return x


defvjp(stopped, None)
defjvp(stopped, None)
