"""Attempts at the first tensor that diverges: is it what was expected, transposed, permuted, scaled, shifted, negated?

Each form is a map of the expected tensor. It is a cause where it is far likelier than the tensor as expected, and it says
so when it explains the tensor within tolerance.
"""

from itertools import permutations

import numpy as np

from minires.oracle.judgement.evidence import allowed, diverging
from minires.oracle.judgement.likelihood import NAMED
from minires.oracle.judgement.rows import error_of, root_mean_square, z_of
from minires.oracle.judgement.verdict import Cause

HEADS = 5      # of no more heads than these every order is tried, of more each exchange of two
CLOSE = 0.02   # relative, of a factor to a number that has a name


def closed_forms(evidence, order):
    """The Cause of a closed form at the first tensor, in this order of names, that diverges; the likeliest only."""
    wrong = diverging(evidence)
    first = next((name for name in order if name in wrong), None)
    if first is None:
        return []
    given, expected, sigma = (np.asarray(part[first]) for part in (evidence.given, evidence.expected, evidence.sigma))
    before = np.sum(z_of(error_of(given, expected), sigma) ** 2)
    possible = forms(first, given, expected, sizes(evidence))
    tried = [attempt(name, first, given, value, sigma, before, evidence.profile) for name, value in possible
             if np.shape(value) == np.shape(given)]
    good = [each for each in tried if each.likelihood > NAMED and np.isfinite(each.residual)]
    return sorted(good, key=lambda each: -each.likelihood)[:1]


def attempt(form, tensor, given, value, sigma, before, profile):
    """The Cause of one form of the expected tensor."""
    z = z_of(error_of(given, value), np.maximum(sigma, np.mean(sigma)))  # a form moves entries to other tolerances
    does = f"{tensor} is what its own inputs give, but {form}"
    rest = root_mean_square(z) if allowed(profile, np.abs(z)) else np.inf  # of this tensor only
    return Cause((f"{form}: {tensor}",), float(before - np.sum(z ** 2)), 1.0, rest, does, f"undo it where {tensor} is made", ())


def sizes(evidence):
    """{name of a number: the number} that a factor may be, from the case's configuration."""
    model = evidence.case.config.get("model", {})
    heads, width = model.get("heads"), model.get("width")
    inner = model.get("head_width") or (width // heads if heads and width else None)
    tokens = next((np.size(x) for name, x in evidence.case.values.items() if name == "inputs.tokens"), None)
    named = {"D, the width": width, "K, the head width": inner, "H, the heads": heads, "B T, the tokens": tokens,
             "L, the layers": model.get("layers")}
    numbers = {name: float(value) for name, value in named.items() if isinstance(value, int) and value > 1}
    roots = {f"the square root of {name}": value ** 0.5 for name, value in numbers.items()}
    found = {**numbers, **roots, "2": 2.0}
    return {**found, **{f"1 / ({name})": 1 / value for name, value in found.items()}}


def forms(tensor, given, x, numbers):
    """(what was done, the expected tensor with it) for every form."""
    yield "negated", -x
    yield from factors(given, x, numbers)
    if x.ndim:
        mean = np.mean(x, -1, keepdims=True)
        yield "with its mean over the last axis taken off", x - mean
        yield "with its mean over the last axis added", x + mean
        yield "with a constant added", x + np.mean(error_of(given, x))
    if x.ndim >= 2:
        yield "transposed", np.swapaxes(x, -1, -2)
    for axis in range(x.ndim):
        yield f"flipped along axis {axis}", np.flip(x, axis)
        for step in (1, -1):
            yield f"rolled by {step} along axis {axis}", np.roll(x, step, axis)
            yield f"shifted by {step} along axis {axis}, zeros coming in", shifted(x, step, axis)
    yield from orders(tensor, x)


def factors(given, x, numbers):
    """The best factor: named where it is a number of the case, else as it is."""
    square = np.sum(x * x)
    best = float(np.sum(given * x) / square) if square else 1.0
    sign = "-" if best < 0 else ""
    near = {name: value for name, value in numbers.items() if abs(abs(best) / value - 1) < CLOSE}
    for value in sorted(set(near.values())):
        names = " or ".join(name for name in near if near[name] == value)
        yield f"times {sign}{names}", x * np.copysign(value, best)
    yield f"times {best:.6g}", x * best


def shifted(x, step, axis):
    """x moved by one along an axis, zeros coming in."""
    moved = np.roll(x, step, axis)
    np.moveaxis(moved, axis, 0)[0 if step > 0 else -1] = 0
    return moved


def orders(tensor, x):
    """Heads in another order; the last axis with halves for pairs, or pairs for halves."""
    if x.ndim == 4:
        for order in head_orders(x.shape[1]):
            yield f"with its heads in the order {', '.join(map(str, order))}", x[:, order]
    K = x.shape[-1] if x.ndim else 0
    if K >= 4 and K % 2 == 0:
        pairs = np.arange(K).reshape(2, K // 2).T.ravel()
        yield "with interleaved pairs where halves are expected", x[..., pairs]
        yield "with halves where interleaved pairs are expected", x[..., np.argsort(pairs)]
        yield "with its halves exchanged", np.roll(x, K // 2, -1)


def head_orders(H):
    """The orders of H heads that are tried, but for the right one."""
    right = tuple(range(H))
    if H <= HEADS:
        return [list(order) for order in permutations(right) if order != right]
    exchanged = []
    for i in range(H):
        for j in range(i + 1, H):
            order = list(right)
            order[i], order[j] = j, i
            exchanged.append(order)
    return exchanged
