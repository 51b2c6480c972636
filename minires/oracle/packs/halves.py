"""Whether a correct float16 run of a case stays finite: the tag fp16_safe, which is measured."""

import numpy as np

from minires.layers import deviation, root_mean_square
from minires.oracle.judgement.arrays import inexact
from minires.oracle.judgement.profiles import PROFILES, Rounding
from minires.oracle.tape import differentiate, record

LARGEST = 65504.0
NORMS = {"standardize": deviation, "rms_scale": root_mean_square}  # primitive -> what it divides by


class Watching(Rounding):
    """float16's rounding, which takes down whether a finite number ever became infinite: x / inf = 0 would hide it."""

    overflowed = False

    def stored(self, x):
        """x as it is stored."""
        kept = super().stored(x)
        self.overflowed |= bool(np.any(np.isinf(kept) & np.isfinite(x)))
        return kept


def fp16_safe(case):
    """Whether a run that rounds as float16 does never overflows, and a norm's backward pass neither.

    The usual formula of that pass takes (var + epsilon)^(-3/2), which overflows where the variance is small.
    """
    tape = record(case)
    cubes = [np.max(NORMS[step.call.__name__](step.parents[0].value, *step.arguments[1:]) ** -3.0)
             for step in tape.steps if getattr(step.call, "__name__", "") in NORMS]
    if max(cubes, default=0.0) > LARGEST:
        return False
    with np.errstate(all="ignore"):
        exact = differentiate(tape, case.values)
        errors = Watching(PROFILES["float16"])
        rough = differentiate(tape, {name: inexact(np.asarray(value), errors) if np.asarray(value).dtype == float else value
                                     for name, value in case.values.items()})
    return not errors.overflowed and all(np.array_equal(np.isfinite(exact[name]), np.isfinite(rough[name])) for name in exact)
