"""How far a correct port may be from the truth: a standard deviation of every entry, from reruns that err as its precision.

    sigma^2 = 0.5 entry + 0.4 mean of its row + 0.1 mean of the tensor, each the mean square deviation over the reruns
    plus u_store (0.25 |entry| + 0.001 rms of the tensor)
    z = |error| / sigma;  a tensor passes where neither rms z nor max z is above its limit
"""

import numpy as np

from minires.errors import one_of
from minires.oracle.judgement.arrays import inexact
from minires.oracle.judgement.profiles import PROFILES, Noise
from minires.oracle.tape import differentiate, record

RMS, MAX = 2.5, 12.0  # limits of coarse precisions; correct runs reach 1.3 and 5
FEW = 2.0             # the limit of rms z is (1 + FEW / sqrt(n)) times as large: both it and sigma are of n entries only
WIDER = 2.0, 3.0      # times these for fine ones, where mistakes stand out: correct algorithms that cancel otherwise reach 10
COARSE = 2.0 ** -16   # the unit roundoff from which on a precision is coarse
RERUNS = 12
FLOOR, STORED = 1e-3, 0.25  # of sigma, in u_store times the rms of the tensor, and times the entry: it is rounded once at least
KEPT, MOST = {}, 64   # (id of a case's values, profile) -> (the values, their tolerances); how many are kept


def profile_of(name):
    """The Profile called `name`, or a ValueError with the nearest name."""
    return one_of("precision", name, PROFILES)


def limits(profile, n):
    """The largest rms z and the largest z of a tensor of n entries that passes."""
    rms, most = (RMS, MAX) if coarse(profile) else (RMS * WIDER[0], MAX * WIDER[1])
    return rms * (1 + FEW / max(1, n) ** 0.5), most


def coarse(profile):
    """Whether numbers or operands are so coarse that their noise may hide a mistake."""
    return max(profile.store, profile.multiply) >= COARSE


def spread(runs, centre, profile):
    """{name: sigma} of the deviations of the runs from their centre, all dicts of the same names."""
    return {name: spread_of([run[name] for run in runs], value, profile) for name, value in centre.items()}


def spread_of(runs, centre, profile):
    """sigma, shrunk from the entry to its row to the tensor, of an array; 0 deviation where a number is not finite."""
    deviations = [np.where(np.isfinite(run) & np.isfinite(centre), run, 0) - np.where(np.isfinite(centre), centre, 0)
                  for run in map(np.asarray, runs)]
    entry = np.mean(np.square(deviations), axis=0)
    row = np.mean(entry, axis=-1, keepdims=True) if np.ndim(entry) else entry
    variance = 0.5 * entry + 0.4 * row + 0.1 * np.mean(entry)
    size = np.abs(np.where(np.isfinite(centre), centre, 0))
    return np.sqrt(variance) + profile.store * (STORED * size + FLOOR * np.sqrt(np.mean(size ** 2))) + profile.smallest


def in_precision(tape, values, rule):
    """`differentiate` with a rule of errors: every tensor and gradient as a port of that precision has it."""
    constant = lambda value: inexact(rule.constant(value), rule)
    return differentiate(tape, {name: inexact(value, rule) for name, value in values.items()}, constant)


def tolerances(case, profile_name, tape=None):
    """{name: sigma} of every tensor and gradient of a case, end to end; the same object again for the same case."""
    key = id(case.values), profile_name
    if key not in KEPT:
        while len(KEPT) >= MOST:
            del KEPT[next(iter(KEPT))]
        KEPT[key] = case.values, derived(case, profile_of(profile_name), tape or record(case))
    return KEPT[key][1]


def derived(case, profile, tape):
    """The tolerances of one case in one precision."""
    runs = [in_precision(tape, case.values, Noise(profile, np.random.default_rng(seed))) for seed in range(RERUNS)]
    return spread(runs, differentiate(tape, case.values), profile)
