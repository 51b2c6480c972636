"""Tables in plain text, and JSON."""

import json
import math


def table(rows, columns):
    """Rows of dicts under the headings columns = {key: heading}; numbers to the right.

    >>> print(table([{"a": "x", "n": 1}, {"a": "yy", "n": 20}], {"a": "name", "n": "count"}))
    name  count
    x         1
    yy       20
    """
    cells = [[text(row.get(key)) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns.values(), *cells)]
    right = [all(not isinstance(row.get(key), str) for row in rows) for key in columns]
    lines = [list(columns.values()), *cells]
    return "\n".join("  ".join(cell.rjust(width) if flush else cell.ljust(width)
                               for cell, width, flush in zip(line, widths, right)).rstrip() for line in lines)


def text(value):
    """A cell: floats in four digits or in powers of ten, None as a dash, lists by commas."""
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text, value))
    if isinstance(value, float):
        return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.1e}"
    return str(value)


def as_json(value):
    """JSON with a newline between entries; NaN and infinity as null, which JSON has."""
    return json.dumps(finite(value), indent=1, ensure_ascii=False)


def finite(value):
    """The same value with every NaN or infinity replaced by None."""
    if isinstance(value, dict):
        return {key: finite(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
