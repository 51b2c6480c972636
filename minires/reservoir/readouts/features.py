"""What a readout reads at each step: the input, the state and its squares, the previous output.

    f_t = [u_t; s(x_t); y_{t-1}]

The constant is no feature: it is the readout's own b_o, which is not penalised (`ridge`).
Letters of the shapes: B batch, T time, d inputs, N units, q outputs, F features.
"""

import autograd.numpy as np
from autograd.tracer import getval

from minires.errors import one_of, require
from minires.reservoir.readouts.arrays import numbers


def replaced(x, chosen, product):
    """The product at the chosen units (a condition on their number i = 0 .. N-1), the state at the others."""
    i = np.arange(x.shape[-1])  # (N,)
    there = chosen(i, len(i)).astype(getval(x).dtype)  # zeros and ones in the dtype of x: `where` would promote float32
    return there * product + (1 - there) * x  # (..., N)


def before(x, k):
    """x_{i-k} at unit i (the first k wrap around, and are not chosen below)."""
    return np.roll(x, k, axis=-1)  # (..., N)


# name -> s(x); i counts the units from 1, as in the papers
SQUARES = {
    "none": lambda x: x,                                                                 # x_i
    "all": lambda x: np.concatenate([x, x * x], axis=-1),                                # x_i, and x_i^2 after them: 2 N
    "even": lambda x: replaced(x, lambda i, N: i % 2 == 1, x * x),                       # x_i^2 where i is even
    "nlat1": lambda x: replaced(x, lambda i, N: i % 2 == 0, x * x),                      # x_i^2 where i is odd
    "nlat2": lambda x: replaced(x, odd_inside, before(x, 1) * before(x, 2)),             # x_{i-1} x_{i-2}, i odd, 1 < i < N
    "nlat3": lambda x: replaced(x, odd_inside, before(x, 1) * before(x, -1)),            # x_{i-1} x_{i+1}, i odd, 1 < i < N
}


def odd_inside(i, N):
    """The odd units of the papers (even from 0) but the first and the last."""
    return (i % 2 == 0) & (i > 0) & (i < N - 1)


def features(states, u=None, y_before=None, squares="none"):
    """f_t = [u_t; s(x_t); y_{t-1}], in this order, (T, F) or (B, T, F).

    states    (T, N) or (B, T, N)
    u         (T, d) or (B, T, d), optional
    y_before  (T, q) or (B, T, q), optional: row t is the output of step t-1
    squares   s: none, all ([x; x^2]), even (units 2, 4, .. squared in place), nlat1, nlat2, nlat3

    ValueError: an unknown s; leading axes that differ; entries that are not finite.
    Source: [u; x] minimalESN; y_{t-1} Jaeger 2001 (GMD 148) eq. 2; even Pathak et al. 2018 (PRL 120, 024102); nlat1-3 are
    T1-T3 of Chattopadhyay et al. 2020 (1906.08829) as in ReservoirComputing.jl, which leaves the last unit as it is.

    >>> features(np.array([[2.0, 3.0, 5.0]]), u=np.array([[7.0]]), squares="even")
    array([[7., 2., 9., 5.]])
    """
    square = one_of("squares", squares, SQUARES)
    states = numbers("states", states, (2, 3))
    parts = [square(states)]
    for name, extra in (("u", u), ("y_before", y_before)):
        if extra is not None:
            extra = numbers(name, extra, (2, 3))
            require(extra.shape[:-1] == states.shape[:-1],
                    f"{name} has shape {extra.shape}, states have {states.shape}: expected the same time (and batch) axes")
            parts = [extra] + parts if name == "u" else parts + [extra]
    return np.concatenate(parts, axis=-1)  # (..., F)
