"""Ridge regression, the readout of an echo-state network. How it is solved, and its derivatives: `least_squares`.

    min over W_o, b_o of  ||F W_o + 1 b_o - Y||^2 + lambda ||W_o||^2

The bias is not penalised: where Y is shifted by c, b_o is, and W_o stays. So b_o = mean Y - mean F W_o, and W_o solves the same
problem without bias in centred F and Y. lambda <-> strength; it is not scaled by the number of rows.

Letters of the shapes: rows (T or B T), F features, q outputs.
"""

from autograd.tracer import getval

from minires.errors import number, require, truth
from minires.layers import linear
from minires.reservoir.readouts.arrays import numbers, real_pair
from minires.reservoir.readouts.least_squares import solve


def ridge(F, Y, strength, penalise_bias=False):
    """The readout {"W_o": (F, q), "b_o": (q,)} that fits the targets Y to the features F; differentiable in F, Y, strength.

    F         (T, F) or (B, T, F), without a column of ones
    Y         (T, q) or (B, T, q)
    strength  lambda, at least 0; at 0 the centred F must have full rank
    penalise_bias  True adds lambda ||b_o||^2, as minimalESN, PyRCN and others do

    ValueError: shapes that do not fit, entries that are not finite, strength 0 without enough rows.
    Source: Hoerl & Kennard 1970; Lukosevicius 2012, A practical guide to applying echo state networks.

    >>> import numpy as np
    >>> ridge(np.array([[0.0], [1.0], [2.0]]), np.array([[5.0], [7.0], [9.0]]), 0.0)
    {'W_o': array([[2.]]), 'b_o': array([5.])}
    """
    F, Y = real_pair(F, Y)
    number("strength", getval(strength), 0.0, expected="a number of at least 0")
    Theta = solve(F, Y, strength, "penalised" if truth("penalise_bias", penalise_bias) else "free")  # (F+1, q)
    return {"W_o": Theta[:-1], "b_o": Theta[-1]}


def ridge_without_bias(F, Y, strength):
    """The same without any bias: {"W_o": (F, q)}."""
    F, Y = real_pair(F, Y)
    number("strength", getval(strength), 0.0, expected="a number of at least 0")
    return {"W_o": solve(F, Y, strength, "none")}


def predict(readout, F):
    """F W_o + b_o for features (..., F): (..., q). A readout without b_o has no bias."""
    F, n = numbers("features", F), len(readout["W_o"])
    require(F.shape[-1:] == (n,), f"features have shape {F.shape}: expected (..., {n}), as W_o has {n} rows")
    return linear(F, readout["W_o"], readout.get("b_o"))  # (..., q)
