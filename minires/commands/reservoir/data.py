"""From a seed to numbers: the series as the network sees it, and the way back to its own coordinates."""

from typing import NamedTuple

import numpy as np

from minires.errors import require
from minires.tasks.series import Series, make_series


class Data(NamedTuple):
    """A series as the network sees it, and the way back."""

    inputs: np.ndarray     # (T, d)
    targets: np.ndarray    # (T, q)
    mean: np.ndarray       # (q,) that was subtracted from the targets
    deviation: np.ndarray  # (q,) that they were divided by
    series: Series
    rng: np.random.Generator

    def original(self, outputs):
        """Outputs (..., q) in the coordinates of the series."""
        return outputs * self.deviation + self.mean


def prepare(settings, seed):
    """The Data of a seed: the series and the network are drawn from two generators of their own.

    A forecast's targets are standardised as its inputs are, so that the loop can be closed; other targets stay as they are.
    """
    series_rng, rng = np.random.default_rng(seed).spawn(2)
    plan = settings.plan
    series = make_series(settings.task, plan.length, series_rng, **settings.options)
    u, q = series.inputs, series.targets.shape[1]
    mean, deviation = np.zeros(u.shape[1]), np.ones(u.shape[1])
    if plan.standardise:
        mean, deviation = u[:plan.train].mean(axis=0), u[:plan.train].std(axis=0)  # never of the test
        for name, size in zip(series.columns, deviation):
            require(size > 0, f"column {name!r} is constant in the {plan.train} training rows: expected one that varies")
    back = (mean, deviation) if "horizon" in series.options else (np.zeros(q), np.ones(q))
    return Data((u - mean) / deviation, (series.targets - back[0]) / back[1], *back, series, rng)


def seeds_of(arguments):
    """The seeds to run."""
    require(arguments.seeds >= 1, f"--seeds {arguments.seeds}: expected at least 1")
    return range(arguments.seed, arguments.seed + arguments.seeds)


def untransformed(values, series):
    """Values in the coordinates before the series' transform: artanh(y) + 1 undoes Mackey-Glass's tanh(x - 1).

    NaN where |y| is 1 or more, which no x has.
    """
    if series.options.get("transform", "identity") == "identity":
        return values
    return 1.0 + np.arctanh(np.where(np.abs(values) < 1, values, np.nan))
