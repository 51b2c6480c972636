"""The record of a series task, and how a series that is to be forecast becomes one."""

from typing import NamedTuple

import numpy as np

from minires.checks import check_generator
from minires.errors import require, whole_number


class Series(NamedTuple):
    """One long sequence: row t of `targets` is what the rows of `inputs` up to and including t should predict.

        make_series(name, rng=rng, **options)     builds it again from the same generator; options survive JSON
    """
    name: str
    inputs: np.ndarray                  # (T, d)
    targets: np.ndarray                 # (T, q)
    options: dict
    columns: tuple = ()                 # the d names of the inputs
    dt: float | None = None             # time from one row to the next; None where the series has no time of its own
    lyapunov_time: float | None = None  # 1 / largest Lyapunov exponent, in the unit of dt, where it is published or measured
    redraws: int = 0                    # how many draws were thrown away because they diverged


def forecasting(values, horizon=1, **fields):
    """The Series whose targets are its inputs `horizon` rows later, target_t = input_{t+horizon}.

    values (T + horizon, d) -> inputs and targets (T, d), copies both. fields: name, options and the other fields of the record.
    ValueError where the values are not a finite table or leave no row.

    >>> made = forecasting(np.array([[1.0], [2.0], [4.0], [8.0]]), horizon=2)
    >>> made.inputs[:, 0].tolist(), made.targets[:, 0].tolist()
    ([1.0, 2.0], [4.0, 8.0])
    """
    values, horizon = table_of("values", values), whole_number("horizon", horizon)
    require(len(values) > horizon, f"values have {len(values)} rows: expected more than horizon={horizon}")
    fields = {"name": "series", "options": {"horizon": horizon}, **fields}
    return Series(inputs=values[:-horizon].copy(), targets=values[horizon:].copy(), **fields)


def table_of(name, values):
    """`values` as it is where it is a finite real array (T, d); ValueError in one line where it is not."""
    array = np.asarray(values)
    require(array.dtype.kind in "fiu", f"{name} of type {array.dtype}: expected real numbers (T, d)")
    require(array.ndim == 2 and array.size > 0, f"{name} of shape {array.shape}: expected (T, d), a row for each step"
            + (f"; {name}[:, None] is one column" if array.ndim == 1 else ""))
    broken = np.argwhere(~np.isfinite(array))
    require(len(broken) == 0, f"{name} is not finite at {tuple(broken[0].tolist()) if len(broken) else ()}: "
                              "expected finite numbers")
    return array


def starting_point(start, spread, rng):
    """start + spread * U(-1, 1) in each coordinate; without a generator `start` itself. start (D,), returns (D,)."""
    return start if rng is None else start + spread * check_generator(rng).uniform(-1.0, 1.0, start.shape)  # (D,)
