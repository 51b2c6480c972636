"""The results as text."""

from minires.report import table

UNPROVED = "QUICK: too few and too short rounds. These numbers prove nothing."
HEADINGS = {"ms": "ms", "ratio": "over PyTorch", "low": "25 %", "high": "75 %", "ours_over_it": "minires over it",
            "of_rate": "of A @ B", "peak_MiB": "peak MiB"}
OWN = {"variants": {"ratio": "over plain"}, "memory": {"ratio": "over PyTorch"}}
TITLES = {"step": "One training step", "step means": "One training step, geometric means over sizes and dtypes",
          "variants": "A variant's step over that of the plain model", "scaling": "A step against length and depth",
          "memory": "Peak memory of a step", "reservoir": "Reservoirs"}


def text_of(results):
    """Conditions and tables; a quick run is marked above and below."""
    held = "; ".join(f"{name} {value}" for name, value in results["conditions"].items() if value is not None)
    parts = [held] + [f"{title}\n{rows_text(name, results[name])}" for name, title in TITLES.items() if name in results]
    mark = [] if results["proved"] else [UNPROVED]
    return "\n\n".join([*mark, *parts, *mark])


def rows_text(name, rows):
    """A table whose columns are all the keys of its rows; numbers in three digits."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    headings = {**HEADINGS, **OWN.get(name, {})} if name != "reservoir" else {}
    return table([{key: short(value) for key, value in row.items()} for row in rows],
                 {key: headings.get(key, key) for key in keys})


def short(value):
    """A number in three digits, anything else as it is."""
    return Short(value) if isinstance(value, float) else value


class Short(float):
    """A float that prints in three digits after the point below ten, fewer above."""

    def __format__(self, form):
        digits = 3 if abs(self) < 10 else 1 if abs(self) < 1000 else 0
        return float.__format__(self, f".{digits}f")
