"""How far a prediction is from its target: MSE, RMSE, and both divided by a size of the target, which is always named.

    MSE = mean_{t,j} (yhat_tj - y_tj)^2    RMSE = sqrt(MSE)    NMSE = MSE / variance    NRMSE = RMSE / normaliser

    normaliser     of one component y (T,)            divided by it
    std            sqrt(variance)                     Jaeger; EchoTorch with ddof = 1
    variance       sum_t (y_t - mean y)^2 / (T-ddof)  ReservoirPy norm="var"; the score has the unit 1/y
    rms            sqrt(mean y^2)                     ResESN; small where y is far from 0, so that it hides failure
    peak_to_peak   max y - min y                      ReservoirPy's default, "minmax"
    mean           |mean y|                           ReservoirPy norm="mean", there with its sign
    interquartile  upper minus lower quartile         ReservoirPy norm="q1q3"

Of several components the normaliser is the root of the mean square over them (of variance the mean), so that
NRMSE(std)^2 = NMSE always. T time, q outputs; a batch (B, T, q) counts as B T rows. Differentiable in the prediction.
Sources: Jaeger 2001, GMD report 148; reservoirpy/reservoirpy 0.4.2; andreaceni/ResESN; nschaetti/EchoTorch.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.errors import one_of, require, whole_number
from minires.layers import rows
from minires.reservoir.readouts.arrays import numbers


class Score(NamedTuple):
    """An error and what it was divided by.

    >>> print(Score(0.25, "NRMSE", "std", 0, 100))
    NRMSE 0.25 (rmse / std of the target, ddof 0, 100 rows)
    """

    value: Any  # a number, or (q,) one per component
    name: str
    normaliser: str
    ddof: int
    rows: int

    def __str__(self):
        """The value and its normaliser: one means little without the other."""
        ddof = f", ddof {self.ddof}" if self.normaliser in WITH_DDOF else ""
        value = numpy.array2string(numpy.asarray(getval(self.value)), formatter={"float_kind": "{:.4g}".format})
        of = " of the target" if self.normaliser in NORMALISERS else ""
        return f"{self.name} {value} ({self.name[1:].lower()} / {self.normaliser}{of}{ddof}, {self.rows} rows)"


def pair(prediction, target):
    """Both as (rows, q); ValueError unless finite and of one shape (T, q) or (B, T, q): (T,) never meets (T, 1) here."""
    both = [numbers(name, given, (2, 3)) for name, given in (("prediction", prediction), ("target", target))]
    shapes = [np.shape(each) for each in both]
    require(shapes[0] == shapes[1], f"prediction has shape {shapes[0]}, target {shapes[1]}: expected the same")
    return rows(both[0]), rows(both[1])


def mean(x):
    """The mean of each column (rows, q): (q,)."""
    return np.sum(x, axis=0) / len(x)  # (q,)


def variance(y, ddof):
    """sum_t (y_t - mean y)^2 / (T - ddof) of each column: (q,)."""
    return np.sum((y - mean(y)) ** 2, axis=0) / (len(y) - ddof)  # (q,)


NORMALISERS = {  # of each column of y (rows, q): (q,)
    "std": lambda y, ddof: np.sqrt(variance(y, ddof)),
    "variance": variance,
    "rms": lambda y, ddof: np.sqrt(mean(y * y)),
    "peak_to_peak": lambda y, ddof: np.max(y, axis=0) - np.min(y, axis=0),
    "mean": lambda y, ddof: np.abs(mean(y)),
    "interquartile": lambda y, ddof: np.quantile(y, 0.75, axis=0) - np.quantile(y, 0.25, axis=0),
}
WITH_DDOF = ("std", "variance")
ROUNDING = 8  # units of rounding of the largest entry: what is not larger is 0


def sizes(y, normaliser, ddof):
    """The normaliser of each column (q,), exactly 0 where it is rounding only."""
    size = one_of("normaliser", normaliser, NORMALISERS)
    ddof = whole_number("ddof", ddof, 0)
    require(ddof == 0 or normaliser in WITH_DDOF, f"ddof={ddof} for {normaliser}: expected std or variance, or ddof=0")
    require(ddof < len(y), f"ddof={ddof} with {len(y)} rows: expected less than the rows")
    found, plain = size(y, ddof), getval(y)  # (q,), (rows, q)
    floor = ROUNDING * float(numpy.finfo(plain.dtype).eps) * numpy.max(numpy.abs(plain), axis=0)  # (q,)
    return found * (getval(found) > (floor ** 2 if normaliser == "variance" else floor))


def pooled(y, normaliser, ddof):
    """The one normaliser of all columns; ValueError where it is 0."""
    each = sizes(y, normaliser, ddof)  # (q,)
    require(numpy.any(getval(each) > 0), nothing(normaliser))
    return np.sum(each) / len(each) if normaliser == "variance" else np.sqrt(np.sum(each * each) / len(each))


def nothing(normaliser):
    """The message where the normaliser is 0."""
    why = "is constant" if normaliser in (*WITH_DDOF, "peak_to_peak") else "has none"
    return f"target {why}, its {normaliser} is 0: expected a target that varies, or another normaliser"


def mse(prediction, target):
    """MSE = mean over rows and components of (yhat - y)^2, in units of y^2. Errors: as `pair`.

    >>> float(mse(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]])))
    2.0
    """
    yhat, y = pair(prediction, target)
    return np.sum((yhat - y) ** 2) / y.size


def rmse(prediction, target):
    """RMSE = sqrt(MSE), in units of y."""
    return np.sqrt(mse(prediction, target))


def nmse(prediction, target, ddof=0):
    """NMSE = MSE / variance of the target, as a Score: 1 for the best constant prediction (ddof 0)."""
    y = pair(prediction, target)[1]
    return Score(mse(prediction, target) / pooled(y, "variance", ddof), "NMSE", "variance", ddof, len(y))


def nrmse(prediction, target, normaliser="std", ddof=0):
    """NRMSE = RMSE / normaliser, as a Score. Errors: as `pair`; an unknown normaliser, one that is 0 as of a constant target.

    >>> print(nrmse(np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]]), "peak_to_peak"))
    NRMSE 0.7071 (rmse / peak_to_peak of the target, 2 rows)
    """
    y = pair(prediction, target)[1]
    return Score(rmse(prediction, target) / pooled(y, normaliser, ddof), "NRMSE", normaliser, ddof, len(y))


def nrmse_components(prediction, target, normaliser="std", ddof=0):
    """The NRMSE of each component, by its own normaliser: a Score of (q,). ValueError where one of them is 0."""
    yhat, y = pair(prediction, target)
    each = sizes(y, normaliser, ddof)  # (q,)
    zero = numpy.flatnonzero(getval(each) == 0)
    require(not zero.size, f"component {zero[:1]} of the {nothing(normaliser)}")
    return Score(np.sqrt(mean((yhat - y) ** 2)) / each, "NRMSE", normaliser, ddof, len(y))


def scores(prediction, target):
    """One prediction under all its names, {name: Score}: nmse, and the NRMSE of each normaliser (ddof 0) that is not 0."""
    y = pair(prediction, target)[1]
    there = [name for name in NORMALISERS if numpy.any(getval(sizes(y, name, 0)) > 0)]
    return {"nmse": nmse(prediction, target), **{name: nrmse(prediction, target, name) for name in there}}
