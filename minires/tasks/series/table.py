"""Series of your own: a CSV file read strictly, each complaint naming the row as counted in the file, from 1.

A line that starts with # is a comment; the first other line is the header, the names of the columns. Cells are separated by
commas, semicolons or tabs, whichever splits the header most. A file whose first line holds only numbers has no header: its
columns are called "1", "2", ... Numbers have a decimal point.
"""

import csv
import math
import os
import re

import numpy as np

from minires.errors import one_of, require, whole_number
from minires.tasks.series.series import forecasting


def read_csv(path, column=None):
    """The numbers of a CSV file (T, c): of all columns, of the one called `column`, or of a list of names in that order.

    ValueError in one line: no such file or column, not UTF-8, empty, a row with another number of cells than the header, and a
    cell of a chosen column that is blank, NaN, infinite or no number.
    """
    return read_columns(path, column)[1]


def table(length=None, rng=None, path=None, column=None, horizon=1):
    """Forecast the columns of a CSV file by `horizon` rows: inputs and targets (length, c).

    length None takes all rows. The generator is not used.
    """
    require(path is not None, "path=None: expected the path of a CSV file")
    names, values = read_columns(path, column)
    return shortened(values, length, horizon, name="table", columns=names,
                     options={"path": os.fspath(path), "column": column if isinstance(column, str | None) else list(column)})


def shortened(values, length, horizon, options, **fields):
    """The first `length` rows of a forecast of values (rows, c), all of them where length is None."""
    most = len(values) - whole_number("horizon", horizon)
    require(most > 0, f"horizon={horizon}: expected less than the {len(values)} rows of {fields['name']}")
    length = most if length is None else whole_number("length", length)
    require(length <= most, f"length={length}: the {len(values)} rows of {fields['name']} leave {most} at horizon={horizon}; "
                            "expected that or fewer")
    options = {"length": length, **options, "horizon": horizon}
    return forecasting(values[:length + horizon], horizon, options=options, **fields)


# ---- reading ---------------------------------------------------------------------------------------------------------

def read_columns(path, column=None):
    """The names and the numbers (T, c) of the chosen columns."""
    require(isinstance(path, (str, os.PathLike)), f"path={path!r}: expected the path of a CSV file")
    where = f"table {os.fspath(path)!r}"
    lines = lines_of(path, where)
    require(len(lines) > 0, f"{where} is empty: expected a header and rows of numbers")
    delimiter = max(",;\t", key=re.sub('"[^"]*"', "", lines[0][1]).count)  # what quotes hold separates nothing
    rows = [(row, cells(line, delimiter, where, row)) for row, line in lines]
    header = [name.strip() for name in rows[0][1]]
    if all(as_number(name) is not None for name in header):
        header = [str(i) for i in range(1, len(header) + 1)]
    else:
        rows = rows[1:]
    require(len(rows) > 0, f"{where} has a header and no rows: expected rows of numbers")
    for row, found in rows:
        require(len(found) == len(header), f"{where} row {row} has {len(found)} cells: expected {len(header)} as at the top")
    names = chosen_names(header, column, where)
    places = [(name, header.index(name)) for name in names]
    return tuple(names), np.array([[value(found[i], where, row, name) for name, i in places] for row, found in rows])  # (T, c)


def lines_of(path, where):
    """(row, line) of each line of a UTF-8 file that is no comment, without blank lines at its start and end."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not UTF-8 at byte {error.start}: expected a CSV file in UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ValueError(f"{where} cannot be read ({getattr(error, 'strerror', error)}): expected a CSV file") from None
    lines = enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1)
    lines = [(row, line) for row, line in lines if not line.lstrip().startswith("#")]
    full = [i for i, (_, line) in enumerate(lines) if line.strip()]
    return lines[full[0]:full[-1] + 1] if full else []


def cells(line, delimiter, where, row):
    """The cells of one line, quotes undone; a blank line is one blank cell."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [""]) or [""]
    except csv.Error as error:
        raise ValueError(f"{where} row {row} is not CSV ({error}): expected cells separated by {delimiter!r}") from None


def as_number(cell):
    """The finite float that a cell holds, or None; Python's own 1_000 is none."""
    try:
        found = float(cell)
    except ValueError:
        return None
    return found if math.isfinite(found) and "_" not in cell else None


def value(cell, where, row, name):
    """The number in a cell of a chosen column."""
    found = as_number(cell)
    require(found is not None, f"{where} row {row}, column {name!r} is {cell.strip()[:40]!r}: expected a finite number")
    return found


def chosen_names(header, column, where):
    """The names of the columns that `column` stands for, each of which is there once."""
    names = header if column is None else [column] if isinstance(column, str) else column
    require(isinstance(names, (list, tuple)) and len(names) > 0,
            f"column={column!r}: expected the name of a column, a list of names, or None for all")
    for name in names:
        one_of(f"column of {where}", name, dict.fromkeys(header))
        require(header.count(name) == 1, f"{where} has {header.count(name)} columns {name!r}: expected names that differ")
    return list(names)
