"""The true error of this library's own runs in float64 and float32: how far they are from the exact value."""

from typing import NamedTuple

import numpy as np

from minires.oracle.tape import differentiate, record


class Error(NamedTuple):
    """Errors in units in the last place of the exact entry; entries that are exactly 0 have none, and are left out."""

    dtype: str
    of: str             # "forward" or "gradients"
    entries: int
    rms: float
    largest: float
    where: str          # tensor and index of the largest
    tensor_rms: float   # the same in units in the last place of the tensor's largest entry
    tensor_largest: float


def in_dtype(case, dtype):
    """The case with all its float arrays in another precision, and the exact value of what is then computed unchanged."""
    change = lambda array: np.asarray(array, dtype) if np.asarray(array).dtype.kind == "f" else array
    return case._replace(values={name: change(array) for name, array in case.values.items()},
                         cotangents={name: change(array) for name, array in case.cotangents.items()})


def own_errors(case, exact, dtypes=("float64", "float32")):
    """An Error for each dtype, of all tensors and of all gradients. The case's numbers must be exact in each dtype."""
    found = []
    for dtype in dtypes:
        own = in_dtype(case, dtype)
        named = differentiate(record(own), own.values)
        parts = {name: ulps(named[name], exact.values[name], exact.remainders[name], dtype) for name in named}
        for of, gradients in (("forward", False), ("gradients", True)):
            chosen = {name: part for name, part in parts.items() if len(part[1]) and name.startswith("grad/") == gradients}
            found.append(Error(dtype, of, *summary(chosen)))
    return found


def ulps(x, value, remainder, dtype):
    """(indices, errors in ulps of `dtype`, those in ulps of the largest entry) of an array, where the truth is not 0."""
    here = np.isfinite(value) & (value != 0)
    with np.errstate(under="ignore"):
        error = (np.asarray(x, float)[here] - value[here]) - remainder[here] * np.spacing(abs(value[here]))
        unit = np.spacing(abs(value[here]).astype(dtype)).astype(float)
    return np.argwhere(here), abs(error) / unit, abs(error) / np.max(unit, initial=0.0) if len(unit) else error


def summary(parts):
    """entries, rms, largest, where it is; rms and largest in units of each tensor's largest entry."""
    worst = max(parts, key=lambda name: np.max(parts[name][1]))
    indices, errors, _ = parts[worst]
    own, of_tensor = (np.concatenate([part[i] for part in parts.values()]) for i in (1, 2))
    rms = lambda x: float(np.sqrt(np.mean(x ** 2)))
    where = f"{worst} {[int(i) for i in indices[np.argmax(errors)]]}"
    return len(own), rms(own), float(np.max(own)), where, rms(of_tensor), float(np.max(of_tensor))
