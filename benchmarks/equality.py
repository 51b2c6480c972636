"""Nothing is timed that does not compute the same: loss, every gradient, and the parameters after three steps of AdamW.

    loss        |theirs - ours| / |ours|
    gradient    of each array, max |theirs - ours| / max |ours|, where a thousandth of the largest of all arrays counts at least
    movement    |theirs - ours| / |ours - start|, Euclidean, over the arrays whose gradient is not zero by an identity (the
                key bias, to which softmax is blind): AdamW divides by its size, so that it moves by rounding
"""

import math

import numpy as np

from minires.errors import require

STEPS = 3
TOLERANCE = {"float64": {"loss": 1e-10, "gradient": 1e-10, "movement": 1e-8},
             "float32": {"loss": 1e-5, "gradient": 2e-4, "movement": 5e-3}}
FLOOR = 1e-3
ZERO = 1e-5   # of the largest gradient: below it a gradient in float32 may be nothing but rounding


def norm(arrays):
    """The Euclidean norm of all entries of several arrays."""
    return math.sqrt(sum(float(np.sum(np.square(a, dtype=np.float64))) for a in arrays))


def differences(ours, theirs, start, who="theirs"):
    """{"loss", "gradient", "movement"} of two answers of `worker.first_steps`; the name of the worst gradient."""
    value, gradient, losses, params = ours
    other, slopes, others, moved = theirs
    require(slopes.keys() == gradient.keys(), f"{who}: gradients of {sorted(slopes.keys() ^ gradient.keys())} on one side only")
    for name, g in slopes.items():
        require(g.shape == gradient[name].shape and moved[name].dtype == start[name].dtype,
                f"{who}: {name} has a gradient {g.shape} and moved in {moved[name].dtype}, expected {gradient[name].shape}, "
                f"{start[name].dtype}")
    largest = {name: float(np.max(np.abs(g))) for name, g in gradient.items()}
    floor = FLOOR * max(largest.values())
    error = {name: float(np.max(np.abs(slopes[name] - g))) / max(largest[name], floor) for name, g in gradient.items()}
    worst = max(error, key=error.get)
    real = [name for name in params if largest[name] > ZERO * max(largest.values())]
    way = norm(params[name] - start[name] for name in real)
    return {"loss": max(abs(a - b) / abs(b) for a, b in zip([other, *others], [value, *losses])), "gradient": error[worst],
            "movement": norm(moved[name] - params[name] for name in real) / way}, worst


def check(name, ours, theirs, start, dtype):
    """The differences of a contestant; ValueError in one line where they are not rounding."""
    found, worst = differences(ours, theirs, start, name)
    for what, limit in TOLERANCE[dtype].items():
        of = f" of {worst}" if what == "gradient" else ""
        require(found[what] <= limit, f"{name}, {dtype}: {what}{of} differs by {found[what]:.1e} of ours, expected {limit:.0e} "
                "at most; nothing was timed")
    return found
