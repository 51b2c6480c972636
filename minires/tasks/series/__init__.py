"""Series tasks: one long sequence each, to be forecast, remembered or followed. A function of plain options gives a Series."""

from minires.errors import check_options, one_of
from minires.tasks.series import lorenz, mackey_glass, memory, narma, signals, sunspots, table
from minires.tasks.series.narma import driven_narma
from minires.tasks.series.series import Series, forecasting
from minires.tasks.series.table import read_csv

__all__ = ["SERIES", "Series", "driven_narma", "forecasting", "make_series", "read_csv"]

SERIES = {
    "narma": narma.narma,
    "mackey_glass": mackey_glass.mackey_glass,
    "lorenz63": lorenz.lorenz63,
    "lorenz63_observer": lorenz.lorenz63_observer,
    "lorenz96": lorenz.lorenz96,
    "henon": signals.henon,
    "multiple_superimposed_oscillators": signals.multiple_superimposed_oscillators,
    "memory_capacity": memory.memory_capacity,
    "delayed_parity": memory.delayed_parity,
    "delayed_xor": memory.delayed_xor,
    "sunspots": sunspots.sunspots,
    "table": table.table,
}


def make_series(name, /, length=None, rng=None, **options):
    """The series of that name; ValueError where the name, an option or an option's value does not exist.

    >>> made = make_series("mackey_glass", 4, tau=30)
    >>> made.inputs.shape, made.options["tau"]
    ((4, 1), 30.0)
    """
    series = one_of("series", name, SERIES)
    check_options(f"series {name}", series, options, ("length", "rng"))
    return series(length, rng, **options)
