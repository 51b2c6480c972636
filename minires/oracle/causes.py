"""The causes that are reported: the likeliest mistakes, alone or in pairs, with what they leave unexplained."""

import numpy as np

from minires.oracle.evidence import diverging, errors, residual, under
from minires.oracle.likelihood import NAMED, fit, fits
from minires.oracle.mistakes import MISTAKES
from minires.oracle.verdict import Cause

DETECTED = 25.0    # a likelihood ratio above this rejects an answer that nothing else rejects
PAIRED, MOST = 4, 3  # how many of the likeliest are tried with every other one; how many causes are reported
ALIKE = 0.5, 6.0   # rms and largest difference, in sigma, of mistakes that are the same function on a case


def causes(evidence):
    """The Causes with a likelihood ratio above NAMED, likeliest first, and the answer beside the first of them.

    Where one mistake leaves something over, the pair that leaves less comes first. Without any cause the evidence comes back.
    """
    error = errors(evidence)
    tried = fits(evidence, error)
    single = [one for one in tried if one.likelihood > NAMED]
    if not single:
        return [], evidence
    best = under(evidence, single[0].names)
    two = pair(evidence, error, tried) if best is None or diverging(best) else None
    rest = under(evidence, two.names) if two else best
    found = ([cause(two, residual(rest), tried)] if two else []) + [
        cause(one, residual(best) if one is single[0] else rms_left(one), tried) for one in apart(single)]
    return found[:MOST], rest or evidence


def rms_left(one):
    """rms z that a Fit leaves, in the tolerance of the specification."""
    return float(np.sqrt(one.left / max(1, len(one.delta))))


def pair(evidence, error, single):
    """The pair of mistakes that fits best, planted together; None where it is no better than one mistake."""
    tried = sorted((float(np.sum((error - one.delta - other.delta) ** 2)), one.names + other.names)
                   for i, one in enumerate(single[:PAIRED]) for other in single[i + 1:] if not alike(one, other))
    joint = [two for _, names in tried[:PAIRED] if (two := fit(evidence, error, names))]
    best = min(joint, key=lambda two: two.left, default=None)
    return best if best and best.left < single[0].left - NAMED else None


def apart(single):
    """The fits, those left out that are the same function as a likelier one."""
    kept = []
    for one in single:
        if not any(alike(one, other) for other in kept):
            kept.append(one)
        if len(kept) == MOST:
            break
    return kept


def alike(one, other):
    """Whether two mistakes cannot be told apart on this answer."""
    difference = one.delta - other.delta
    return np.sqrt(np.mean(difference ** 2)) <= ALIKE[0] and np.max(np.abs(difference)) <= ALIKE[1]


def cause(one, left, single):
    """The Cause of a Fit."""
    mistakes = [MISTAKES[name] for name in one.names]
    same = tuple(other.names[0] for other in single if other.names[0] not in one.names and alike(one, other))
    join = lambda field: "; ".join(getattr(mistake, field) for mistake in mistakes)
    seen = tuple(place for mistake in mistakes for place in mistake.seen)
    return Cause(one.names, one.likelihood, one.amplitude, left, join("does"), join("fix"), seen, same)
