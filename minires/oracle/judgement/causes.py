"""The causes that are reported: the likeliest mistakes, alone or in pairs, with what they leave unexplained."""

import numpy as np

from minires.oracle.judgement.evidence import diverging, errors, residual, under
from minires.oracle.judgement.likelihood import NAMED, fit, fits
from minires.oracle.judgement.verdict import Cause
from minires.oracle.mistakes import MISTAKES

DETECTED = 25.0    # a likelihood ratio above this rejects an answer that nothing else rejects
PAIRED, MOST = 4, 3  # how many of the likeliest are tried with every other one; how many causes are reported
RESEMBLES = 0.5    # of the squared error: what a mistake must take away to be reported without explaining the answer,
NEARLY = 2         # or it leaves no more diverging tensors than these
ALIKE = 0.5, 6.0   # rms and largest difference, in sigma, of mistakes that are the same function on a case


def causes(evidence):
    """The Causes with a likelihood ratio above NAMED, likeliest first, and the answer beside what explains it.

    A mistake, or a pair, explains the answer where nothing diverges once it is planted in the specification: it is the one
    cause. Else those that take away half of the error, or leave next to nothing, are reported as resembling it, the likeliest
    planted in what is returned.
    """
    error = errors(evidence)
    return alone(evidence, error) or thorough(evidence, error)


def alone(evidence, error):
    """The same where one mistake explains the answer, else None: it must touch the step of every tensor that diverges."""
    tried = fits(evidence, error, whole=True)
    best = next((one for one in tried if one.likelihood > NAMED), None)
    return explained(evidence, best, tried)


def thorough(evidence, error):
    """The same from all mistakes, alone and in pairs."""
    tried = fits(evidence, error)
    single = [one for one in tried if one.likelihood > NAMED]
    found = explained(evidence, single[0], tried) if single else None
    found = found or (explained(evidence, pair(evidence, error, tried), tried) if single else None)
    if found:
        return found
    rest = under(evidence, single[0].names) if single else None
    near = rest is not None and len(diverging(rest)) <= NEARLY
    like = [one for one in apart(single) if near and one is single[0] or one.likelihood >= RESEMBLES * (error @ error)]
    return [cause(one, rms_left(one), tried, False) for one in like], rest if like and rest else evidence


def explained(evidence, one, tried):
    """The Cause of a Fit and the answer beside it, where nothing diverges from it any more; else None."""
    rest = under(evidence, one.names) if one else None
    if rest is None or any(np.all(np.isfinite(rest.given[name])) for name in diverging(rest)):
        return None  # of tensors that are not finite the pattern has been compared
    return [cause(one, residual(rest), tried)], rest


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


def cause(one, left, single, explains=True):
    """The Cause of a Fit."""
    mistakes = [MISTAKES[name] for name in one.names]
    same = tuple(other.names[0] for other in single if other.names[0] not in one.names and alike(one, other))
    join = lambda field: "; ".join(getattr(mistake, field) for mistake in mistakes)
    seen = tuple(place for mistake in mistakes for place in mistake.seen)
    return Cause(one.names, one.likelihood, one.amplitude, left, join("does"), join("fix"), seen, same, explains)
