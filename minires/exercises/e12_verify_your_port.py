"""Exercises of tutorial 12, verify your port: a norm, a tolerance, the first wrong tensor, weights of another convention."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, InModel, Wrong

CASE = "transformer/resformer_learnable-decoder"


def scale(x, epsilon):
    """x / sqrt(mean x^2 + epsilon)."""
    return x / root_mean_square(x, epsilon)


def root_mean_square(x, epsilon):
    """sqrt(mean x^2 + epsilon) over the last axis."""
    return np.sqrt(np.sum(x * x, axis=-1, keepdims=True) / x.shape[-1] + epsilon)


SCALE = InModel(CASE, scale, lambda function: {"minires.layers.rms_scale": function}, {
    "epsilon-1e-6": lambda x, epsilon: scale(x, 1e-6),
    "epsilon-1e-3": lambda x, epsilon: scale(x, 1e-3),
    "epsilon-outside-root": lambda x, epsilon: x / (root_mean_square(x, 0.0) + epsilon)})


# ---- a tolerance for a sum -------------------------------------------------------------------------------------------

def z(given, terms, u):
    """Errors of sums (m,) in units of u sqrt(n) sqrt(sum terms^2); terms (n, m)."""
    return abs(given - np.sum(terms, axis=0)) / (u * np.sqrt(len(terms)) * size(terms))


def size(terms):
    """sqrt(sum terms^2) of each sum."""
    return np.sqrt(np.sum(terms ** 2, axis=0))


def sums(rng):
    """Sums that nearly cancel, their terms, a unit roundoff."""
    terms = rng.standard_normal((6, 4))
    terms[-1] -= 0.9 * np.sum(terms, axis=0)
    return np.sum(terms, axis=0) + 1e-3 * rng.standard_normal(4), terms, 2.0 ** -11


def in_units(unit):
    """z with another unit, unit(terms, given); u is multiplied."""
    return lambda given, terms, u: abs(given - np.sum(terms, axis=0)) / (u * unit(terms, given))


Z = ByValue(z, sums, {
    "relative-to-the-sum": Wrong(
        in_units(lambda terms, given: abs(np.sum(terms, axis=0))), "the error is relative to the sum",
        "a sum may be small while its terms, and their errors, are not: use sqrt(n) sqrt(sum of terms^2)"),
    "terms-without-count": Wrong(
        in_units(lambda terms, given: size(terms)), "the factor sqrt(n) is missing",
        "n rounded additions, each of a partial sum: multiply by sqrt(n)"),
    "worst-case": Wrong(
        in_units(lambda terms, given: len(terms) * np.sum(abs(terms), axis=0)), "the unit is the worst case, n sum |terms|",
        "errors of both signs add like their squares: sqrt(n) sqrt(sum of terms^2)"),
    "signed-error": Wrong(
        lambda given, terms, u: (given - np.sum(terms, axis=0)) / (u * np.sqrt(len(terms)) * size(terms)),
        "the error has a sign", "take its absolute value")})


# ---- the first wrong tensor ------------------------------------------------------------------------------------------

def first(order, errors, tolerances):
    """The first name with an error above its tolerance, or NaN; "" where there is none."""
    return next((name for name in order if name in errors and not np.all(abs(errors[name]) <= tolerances[name])), "")


NAMES = ("x", "scores", "probabilities", "heads", "inner", "active", "output")
SIZES = (0.5, 9.0, 80.0, 30.0, 30.0, 30.0)  # of the errors of the wrong ones


def tensors(rng):
    """x is absent, the others are wrong, the first of them in one NaN or in one negative error."""
    errors = {name: size * rng.uniform(-1, 1, (3, 4)) for name, size in zip(NAMES[1:], SIZES)}
    errors = {name: error + (0 if name == "scores" else 2 * np.max(error)) for name, error in errors.items()}
    errors["scores"][1, 2] = rng.choice([np.nan, -3.0])
    return NAMES, errors, {name: np.ones((3, 4)) for name in NAMES}


def wrong_names(order, errors, tolerances):
    """Every wrong name."""
    return [name for name in order if name in errors and first((name,), errors, tolerances)]


def largest(order, errors, tolerances):
    """The name with the largest error."""
    return max(errors, key=lambda name: np.nanmax(abs(errors[name]) / tolerances[name]))


def passes_nan(order, errors, tolerances):
    """A comparison that NaN passes, of signed errors too."""
    return next((name for name in order if name in errors and np.any(errors[name] > tolerances[name])), "")


FIRST = ByValue(first, tensors, {
    "last-of-all": Wrong(lambda *given: wrong_names(*given)[-1], "the last wrong tensor is named",
                         "stop at the first: later ones are wrong because of it"),
    "alphabetical": Wrong(lambda *given: min(wrong_names(*given)), "the first in the alphabet is named",
                          "go through `order`, the order of computation"),
    "largest-error": Wrong(largest, "the tensor with the largest error is named",
                           "errors grow on their way: the first wrong one is the cause"),
    "nan-passes": Wrong(passes_nan, "NaN or a negative error passes",
                        "ask `not np.all(abs(error) <= tolerance)`: NaN > 1 is False"),
    "missing-is-wrong": Wrong(lambda order, errors, tolerances: next(name for name in order if name not in errors),
                              "a tensor that was not handed in counts as wrong", "skip names that are not in errors")})


# ---- weights of the other convention ---------------------------------------------------------------------------------

def columns(W, heads):
    """Columns of neighbours (2i, 2i + 1) in each head -> halves (i, i + K/2)."""
    return np.swapaxes(np.reshape(W, (len(W), heads, -1, 2)), 2, 3).reshape(W.shape)


def back(W, heads):
    """The inverse: halves -> neighbours."""
    return np.swapaxes(np.reshape(W, (len(W), heads, 2, -1)), 2, 3).reshape(W.shape)


COLUMNS = ByValue(columns, lambda rng: (rng.standard_normal((5, 18)), 3), {
    "inverse-order": Wrong(back, "the columns are put into the order of the way back, halves to neighbours",
                           "new column i of a head is the old 2i, new column i + K/2 the old 2i + 1"),
    "across-heads": Wrong(lambda W, heads: columns(W, 1), "the columns move from head to head",
                          "re-order within each head: reshape to (D, H, K/2, 2)"),
    "heads-moved": Wrong(lambda W, heads: np.swapaxes(np.reshape(W, (len(W), heads, -1)), 1, 2).reshape(W.shape),
                         "the heads are interleaved, the pairs left as they are", "swap the axes (K/2, 2), not (H, K)"),
    "unchanged": Wrong(lambda W, heads: W.copy(), "nothing is re-ordered",
                       "even columns of each head first, then the odd ones")})

EXERCISES = {
    "scale": Exercise("the norm that the weights were made for", 1, 5, SCALE),
    "z": Exercise("a tolerance for a sum", 2, 10, Z),
    "first": Exercise("the first wrong tensor", 2, 10, FIRST),
    "columns": Exercise("load weights of the other convention", 3, 20, COLUMNS),
}
