"""Goldens and answers for the tests of the verdict: the library's program in another precision, right or with mistakes."""

from functools import cache

import numpy as np

from minires.oracle.cases.transformers import transformer_case
from minires.oracle.judgement.arrays import Inexact
from minires.oracle.judgement.profiles import PROFILES, Noise, Rounding
from minires.oracle.judgement.tolerance import in_precision
from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.packs.golden import Golden, Truth
from minires.oracle.tape import differentiate, record


@cache
def golden(variant="pre_norm", kind="decoder", **changes):
    """The golden of a small case; float64 is truth enough here."""
    case = transformer_case(variant, kind, **{"layers": 2, "B": 2, "T": 4, "S": 5, "decode": 0, **changes})
    values = differentiate(record(case), case.values)
    zeros = {name: np.zeros(np.shape(value), np.float32) for name, value in values.items()}
    return Golden(case, Truth(values, zeros, {}), {})


@cache
def computed(precision, names, variant, kind, changes):
    """The tensors and gradients of the library's program with the named mistakes, rounded to a precision."""
    case = golden(variant, kind, **dict(changes)).case
    rule = Noise(PROFILES[precision], np.random.default_rng(7)) if precision == "float64" else Rounding(PROFILES[precision])
    with planted(case, *(MISTAKES[name] for name in names)) as other, np.errstate(all="ignore"):
        return plain(in_precision(record(other), other.values, rule))


def answer(precision="float32", names=(), variant="pre_norm", kind="decoder", **changes):
    """An answer to golden(variant, kind, **changes), to be changed at will."""
    return plain(computed(precision, tuple(names), variant, kind, tuple(sorted(changes.items()))))


def plain(named):
    """The same numbers as ordinary arrays."""
    return {name: np.array(value.view(np.ndarray) if isinstance(value, Inexact) else value) for name, value in named.items()}


def in_float32(case):
    """The program really run in NumPy's float32."""
    single = {name: value.astype(np.float32) if value.dtype == float else value for name, value in case.values.items()}
    return plain(differentiate(record(case._replace(values=single)), single))
