"""Figures of merit of the oracle: mistakes caught, named and localised by precision and family, correct programs rejected.

    minires oracle merit --ports tests/ports
"""

from minires.oracle.merit.figures import figures, missed
from minires.oracle.merit.sweep import Plan, measure, quick
from minires.report import as_json, table

RATES = ("mistakes", "equivalent", "killed", "named", "localised")
COLUMNS = {
    "kill rate, by precision": ("precision", *RATES),
    "kill rate, by family": ("family", *RATES),
    "correct programs": ("precision", "runs", "programs", "alarms", "rms", "max", "share"),
    "false alarms": ("who", "precision", "case", "where"),
    "survivors": ("mistake", "precision", "case", "power", "why"),
    "not named": ("mistake", "precision", "case", "cause", "amplitude", "residual"),
    "not localised": ("mistake", "precision", "case", "first", "who"),
}
HEADINGS = {"rms": "largest rms z", "max": "largest z", "share": "of the limit", "alarms": "false alarms"}


def arguments(parser):
    """--ports, --quick, --jobs."""
    parser.add_argument("--ports", metavar="DIR", help="independent ports that carry the mistakes, e.g. tests/ports; "
                                                       "default: the library's own program, rounded")
    parser.add_argument("--quick", action="store_true", help="one mistake of 16 on one case, float32 and bfloat16")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")


def run(arguments):
    """Measure and print; exit code 1 where a bar is missed."""
    found = measure(quick(arguments.ports) if arguments.quick else Plan(arguments.ports), arguments.jobs)
    tables, lines = figures(found), missed(found)
    told = {"pack bytes": pack_bytes(), "seconds": found["seconds"], "without a case": found["unseen"], "missed": lines}
    print(as_json({**tables, **told, "power": found["power"]}) if arguments.json else text(tables, told))
    return int(bool(lines))


def pack_bytes():
    """The size of the core pack."""
    from minires.oracle.packs.pack import core_path
    return core_path().stat().st_size


def text(tables, told=None):
    """The tables that have rows, under their titles."""
    parts = [f"{title}\n{table(rows, {key: HEADINGS.get(key, key) for key in COLUMNS[title]})}"
             for title, rows in tables.items() if rows]
    return "\n\n".join([*parts, *(f"{key}: {value}" for key, value in (told or {}).items())])
