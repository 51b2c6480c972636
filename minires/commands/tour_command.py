"""See it all in two minutes: gradient checks, the copy task, real text, attention, reservoirs; tables and seven pictures."""

import time

from minires.commands.options import OUT, add_out
from minires.commands.tour import conversations, reservoirs, transformers
from minires.errors import require
from minires.experiments import side_by_side
from minires.files import writable_folder
from minires.report import as_json

EXAMPLE = "minires tour --out minires-output"
PARTS = (transformers, reservoirs, conversations)
SHOWS = {name: text for part in PARTS for name, text in part.SHOWS.items()}


def arguments(parser):
    """--out, --seeds, --jobs."""
    add_out(parser)
    parser.add_argument("--seeds", type=int, default=3, help="of the copy task, NARMA-10 and mood flip; default: 3")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")


def run(arguments):
    """Run all parts in parallel, then print and draw."""
    require(arguments.seeds >= 1, f"--seeds {arguments.seeds}: expected at least 1")
    folder, began = writable_folder(arguments.out or OUT), time.perf_counter()
    calls = [part.calls(arguments.seeds) for part in PARTS]
    results = iter(side_by_side([call for own in calls for call in own], arguments.jobs, "tour"))
    reports = [part.report([next(results) for _ in own], folder) for part, own in zip(PARTS, calls)]
    pictures = {name: path for report in reports for name, path in report["pictures"].items()}
    seconds = time.perf_counter() - began
    if arguments.json:
        together = {name: value for report in reports for name, value in report.items()}
        print(as_json({**together, "pictures": pictures, "shows": SHOWS, "seconds": seconds}))
    else:
        shows = [f"{path}\n  {SHOWS[name]}" for name, path in pictures.items()]
        print("\n\n".join([part.readable(report) for part, report in zip(PARTS, reports)] + shows + [f"{seconds:.0f} seconds"]))
