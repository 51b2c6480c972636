"""How long a free run stays with the truth: NRMSE84 and the valid prediction time.

Row t of a free run is its step t + 1, dt (t + 1) after the last value observed. T rows, q outputs, R runs.
"""

from typing import NamedTuple

import numpy as np

from minires.errors import positive, require
from minires.reservoir.checks import array
from minires.reservoir.measures.scores import Score


def nrmse84(predictions, truths, variance):
    """NRMSE84: the error at the 84th free step, over R runs.

        sqrt( mean_r (yhat_r - y_r)^2 / variance )
    predictions, truths  (R,): yhat_r, y_r, both at the 84th step of run r, in the original coordinates: where the network
                         was trained on tanh(y - 1), as in the source, first undo it
    variance             of the attractor, in the same coordinates, from a long series (0.067 at tau = 30 in the source)
    Errors: shapes that differ, entries that are not finite, a variance that is not positive.
    Source: Jaeger 2001, GMD report 148, section 6: after 1000 teacher-forced steps; 50 runs at tau = 30, 20 at tau = 17.

    >>> print(nrmse84([0.5, 1.5], [0.25, 1.25], 0.25))
    NRMSE84 0.5 (rmse84 / std of the attractor, given, 2 rows)
    """
    yhat, y, variance = array("predictions", predictions, (1,)), array("truths", truths, (1,)), positive("variance", variance)
    require(yhat.shape == y.shape and len(y),
            f"predictions have shape {yhat.shape}, truths {y.shape}: expected the same (R,), R >= 1")
    return Score(np.sqrt(np.sum((yhat - y) ** 2) / len(y) / variance), "NRMSE84", "std of the attractor, given", 0, len(y))


class ValidTime(NamedTuple):
    """The valid prediction time in its three units, with all that it depends on."""

    time: float  # steps * dt
    steps: int  # rows before the first beyond the threshold
    lyapunov_times: float  # time / lyapunov_time
    exceeded: bool  # False: the threshold was not passed in the rows given, the time is a lower bound
    threshold: float
    deviation: float  # the rms deviation ||error|| is divided by
    dt: float
    lyapunov_time: float

    def __str__(self):
        """The time with its threshold, normaliser, dt and Lyapunov time."""
        bound = "" if self.exceeded else "at least (never exceeded) "
        return (f"valid prediction time {bound}{self.lyapunov_times:.4g} Lyapunov times = {self.time:.4g} = {self.steps} steps "
                f"(||error|| <= {self.threshold:g} * rms deviation {self.deviation:.4g}; dt {self.dt:g}, "
                f"Lyapunov time {self.lyapunov_time:g})")


def valid_prediction_time(prediction, target, dt, lyapunov_time, threshold=0.4, deviation=None):
    """How long a free run is right, as a ValidTime.

        steps = the first row t with ||yhat_t - y_t|| > threshold * deviation,    time = steps * dt
        deviation = sqrt( mean_t ||y_t - mean y||^2 )
    prediction     (S, q), S <= T: rows that are missing, as after `Diverged` (its `outputs`), and rows not finite are wrong
    target         (T, q), finite
    dt             the time between rows, in the unit of lyapunov_time
    lyapunov_time  1 / largest Lyapunov exponent: 1 / 0.9056 for Lorenz
    threshold      0.4 by default; 0.5 and 1.0 are also in use
    deviation      of the attractor, if known from a longer series; by default of the target given
    Where the time exceeds that on which two solvers of the target agree it means nothing.
    Errors: shapes that do not fit, a target that is constant, numbers that are not positive.

    >>> valid_prediction_time([[1.0], [-1.0], [0.0]], [[1.0], [-1.0], [1.0]], 0.5, 2.0).steps
    2
    """
    yhat, y = array("prediction", prediction, (2,), finite=False), array("target", target, (2,))
    require(y.size and yhat.shape[1] == y.shape[1] and len(yhat) <= len(y),
            f"prediction has shape {yhat.shape}, target {y.shape}: expected (T, q), or fewer rows where the run ended early")
    dt, lyapunov_time = positive("dt", dt), positive("lyapunov_time", lyapunov_time)
    threshold = positive("threshold", threshold)
    if deviation is None:
        deviation = float(np.sqrt(np.sum(np.var(y, axis=0))))
        require(deviation > 1e-14 * np.max(np.abs(y)), "target is constant: expected one that varies, or its rms deviation")
    deviation = positive("deviation", deviation)
    with np.errstate(over="ignore", invalid="ignore"):
        right = np.sqrt(np.sum((yhat - y[:len(yhat)]) ** 2, axis=1)) <= threshold * deviation  # (S,); False for NaN
    steps = len(yhat) if right.all() else int(np.argmin(right))
    return ValidTime(steps * dt, steps, steps * dt / lyapunov_time, steps < len(y), threshold, deviation, dt, lyapunov_time)
