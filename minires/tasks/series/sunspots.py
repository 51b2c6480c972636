"""Yearly sunspot numbers, the oldest series of them all: 1700 to 2008, in sunspots.csv beside this file."""

from pathlib import Path

from minires.tasks.series.table import read_columns, shortened

TABLE = Path(__file__).with_name("sunspots.csv")


def sunspots(length=None, rng=None, horizon=1):
    """Forecast the sunspot number of the year `horizon` years on: inputs and targets (length, 1), from 1700, not scaled.

    length None takes all: 308 years at horizon 1. The generator is not used. A cycle takes some 11 years.
    source: National Geophysical Data Center, public domain: the international sunspot number in its first version (a new
        calibration of 2015 has larger numbers).

    >>> sunspots().inputs[:3, 0].tolist()
    [5.0, 11.0, 16.0]
    """
    names, values = read_columns(TABLE, "sunspots")
    return shortened(values, length, horizon, {}, name="sunspots", columns=names, dt=1.0)
