"""Parameters have the names and shapes of their model, one dtype, and finite numbers."""

from functools import lru_cache

import numpy as np
from autograd.tracer import isbox

from minires.errors import one_of, require
from minires.parameters import flatten

FLOATS = dict.fromkeys(("float32", "float64"))


def float_type(dtype):
    """float32 or float64 as a NumPy dtype."""
    try:
        name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    except TypeError:
        name = dtype
    one_of("dtype", name, FLOATS)
    return np.dtype(name)


@lru_cache(maxsize=32)
def expected_shapes(model):
    """Name -> shape of all parameters of the description."""
    return {name: array.shape for name, array in flatten(model.init(np.random.default_rng(0))).items()}


def check_parameters(model, params):
    """ValueError in one line that names the parameter. Parameters under differentiation pass unchecked."""
    if isbox(params):
        return
    arrays, expected = flatten(params), expected_shapes(model)
    if any(isbox(array) for array in arrays.values()):
        return
    for name in expected:
        require(name in arrays, f"parameter {name} is missing: these parameters are of another model")
    for name, array in arrays.items():
        require(name in expected, f"parameter {name} is unknown: these parameters are of another model")
        require(np.shape(array) == expected[name],
                f"parameter {name} has shape {np.shape(array)}, expected {expected[name]}")
    check_numbers({name: np.asarray(array) for name, array in arrays.items()})


def check_numbers(arrays):
    """One dtype, float32 or float64, for all, and no NaN or infinity."""
    first = next(iter(arrays))
    for name, array in arrays.items():
        require(array.dtype.name in FLOATS, f"parameter {name} is {array.dtype}, expected float32 or float64")
        require(array.dtype == arrays[first].dtype, f"mixed dtypes: parameter {name} is {array.dtype}, "
                f"{first} is {arrays[first].dtype}; expected one dtype for all")
        bad = np.sum(~np.isfinite(array))
        require(not bad, f"parameter {name} has {bad} entries that are NaN or infinite")
