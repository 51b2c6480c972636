"""Exercises of tutorial 03, the residual stream: the norm, where it stands, its gradient, and what is left of x_0."""

import autograd.numpy as np

from minires.exercises.records import ByValue, Exercise, InModel, Wrong
from minires.layers import mean

CASE = "transformer/vanilla-encoder"


def norm(x, gain, bias, epsilon):
    """gain (x - mean) / sqrt(var + epsilon) + bias."""
    centred = x - mean(x)
    return gain * centred / np.sqrt(mean(centred * centred) + epsilon) + bias


def in_norms(function):
    """Places: the library's table of norms, with this LayerNorm in it."""
    return {"minires.layers.NORMS": {"layer": lambda x, gain, bias, *, epsilon: function(x, gain, bias, epsilon)}}


def unbiased(x, gain, bias, epsilon):
    """The variance is divided by D - 1."""
    D, centred = x.shape[-1], x - mean(x)
    return gain * centred / np.sqrt(mean(centred * centred) * D / (D - 1) + epsilon) + bias


def over_batch(x, gain, bias, epsilon):
    """Standardised over batch and time, per channel."""
    rows = np.reshape(x, (-1, x.shape[-1]))
    centred = rows - np.sum(rows, axis=0) / len(rows)
    y = centred / np.sqrt(np.sum(centred * centred, axis=0) / len(rows) + epsilon)
    return gain * np.reshape(y, x.shape) + bias


NORM = InModel(CASE, norm, in_norms, {
    "variance-unbiased": unbiased,
    "norm-bias-missing": lambda x, gain, bias, epsilon: norm(x, gain, 0, epsilon),
    "batch-norm-for-layer-norm": over_batch,
    "epsilon-1e-3": lambda x, gain, bias, epsilon: norm(x, gain, bias, 1e-3)})


# ---- where it stands -------------------------------------------------------------------------------------------------

def places(x, f, norm):
    """x' in the four placements."""
    return {"post": norm(x + f(x)), "pre": x + f(norm(x)), "sandwich": x + norm(f(norm(x))), "output": x + norm(f(x))}


def with_entry(name, change):
    """The four, one of them wrong: change(x, f, norm)."""
    return lambda x, f, norm: {**places(x, f, norm), name: change(x, f, norm)}


def drawn_places(rng):
    """A stream, a sublayer that depends on the size of what it reads, a norm with a gain."""
    W, gain = rng.standard_normal((5, 5)), rng.uniform(0.5, 1.5, 5)
    return rng.standard_normal((3, 5)), lambda x: np.tanh(x @ W), lambda x: norm(x, gain, 0, 1e-5)


PLACES = ByValue(places, drawn_places, {
    "residual-from-normed": Wrong(with_entry("pre", lambda x, f, norm: norm(x) + f(norm(x)))),
    "post-norm-for-pre-norm": Wrong(with_entry("pre", lambda x, f, norm: norm(x + f(x)))),
    "pre-norm-for-post-norm": Wrong(with_entry("post", lambda x, f, norm: x + f(norm(x)))),
    "output-norm-as-post-norm": Wrong(with_entry("output", lambda x, f, norm: norm(x + f(x)))),
    "second-norm-after-addition": Wrong(with_entry("sandwich", lambda x, f, norm: norm(x + f(norm(x))))),
    "residual-missing": Wrong(
        with_entry("post", lambda x, f, norm: norm(f(x))), "post-norm has no residual, norm(f(x))", "norm the sum x + f(x)"),
    "pre-and-output-exchanged": Wrong(
        lambda x, f, norm: {**places(x, f, norm), "pre": x + norm(f(x)), "output": x + f(norm(x))},
        "pre and output are exchanged", "pre norms what f reads, output norms what f gives")})


# ---- its gradient ----------------------------------------------------------------------------------------------------

def back(g, x):
    """dx = (g - mean g - y mean(y g)) / deviation, of y = (x - mean x) / deviation."""
    centred = x - mean(x)
    deviation = np.sqrt(mean(centred * centred))
    y = centred / deviation
    return (g - mean(g) - y * mean(y * g)) / deviation


def in_parts(combine):
    """A wrong form, combine(g, y, deviation)."""
    def wrong(g, x):
        deviation = np.std(x, axis=-1, keepdims=True)
        return combine(g, (x - mean(x)) / deviation, deviation)
    return wrong


BACK = ByValue(back, lambda rng: (rng.standard_normal((3, 5)), rng.standard_normal((3, 5)) * 2 + 1), {
    "norm-mean-constant": Wrong(in_parts(lambda g, y, deviation: (g - y * mean(y * g)) / deviation)),
    "norm-variance-constant": Wrong(in_parts(lambda g, y, deviation: (g - mean(g)) / deviation)),
    "deviation-missing": Wrong(
        in_parts(lambda g, y, deviation: g - mean(g) - y * mean(y * g)), "nothing is divided by the deviation",
        "the norm divides the stream by its size, and so the gradient"),
    "deviation-multiplied": Wrong(
        in_parts(lambda g, y, deviation: (g - mean(g) - y * mean(y * g)) * deviation),
        "the gradient is multiplied by the deviation", "a large stream is scaled down, and its gradient too: divide"),
    "x-for-y": Wrong(
        lambda g, x: back_with(g, x, x), "x stands where y is meant", "y is the normed x, of mean 0 and variance 1"),
    "product-summed": Wrong(
        in_parts(lambda g, y, deviation: (g - mean(g) - y * np.sum(y * g, -1, keepdims=True)) / deviation),
        "y g is summed over the channels", "take the mean over the channels: sum / D")}, exact=True)


def back_with(g, x, y):
    """The formula with another array for y."""
    return (g - mean(g) - y * mean(y * g)) / np.std(x, axis=-1, keepdims=True)


# ---- what is left of x_0 ---------------------------------------------------------------------------------------------

def share(a):
    """The share of x_0 after each sublayer: (post, pre read through a norm)."""
    return 1 / np.sqrt(np.cumprod(1 + a ** 2)), 1 / np.sqrt(1 + np.cumsum(a ** 2))


SHARE = ByValue(share, lambda rng: (rng.uniform(0.3, 1.5, 6),), {
    "exchanged": Wrong(lambda a: share(a)[::-1], "post and pre are exchanged", "post is a product, pre has a sum"),
    "post-like-pre": Wrong(
        lambda a: (share(a)[1],) * 2, "post is treated as pre: its norms are taken for one norm at the end",
        "each post-norm divides what the norms below have left: a product"),
    "pre-not-normed": Wrong(
        lambda a: (share(a)[0], np.ones_like(a)), "the growth of the pre-norm stream is forgotten",
        "x_0 stays as it is, but the norm that reads the stream divides by its size"),
    "sizes-added": Wrong(
        lambda a: (1 / np.cumprod(1 + a), 1 / (1 + np.cumsum(a))), "sizes are added",
        "of independent parts the squares add up"),
    "root-missing": Wrong(
        lambda a: tuple(part ** 2 for part in share(a)), "the root is missing: these are shares of the square",
        "the size is the square root of the mean square")})

EXERCISES = {
    "norm": Exercise("the LayerNorm", 1, 5, NORM),
    "places": Exercise("the four placements", 1, 10, PLACES),
    "back": Exercise("a gradient through the norm", 3, 15, BACK),
    "share": Exercise("what is left of the embedding", 2, 10, SHARE),
}
