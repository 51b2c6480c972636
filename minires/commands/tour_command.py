"""See it all in two minutes: gradient checks, the copy task, real text, attention, two reservoirs; tables and six pictures."""

import time

from minires.commands.options import OUT, add_out
from minires.commands.tour import reservoirs, transformers
from minires.errors import require
from minires.experiments import side_by_side
from minires.files import writable_folder
from minires.report import as_json

EXAMPLE = "minires tour --out minires-output"
SHOWS = {**transformers.SHOWS, **reservoirs.SHOWS}


def arguments(parser):
    """--out, --seeds, --jobs."""
    add_out(parser)
    parser.add_argument("--seeds", type=int, default=3, help="of the copy task and of NARMA-10; default: 3")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")


def run(arguments):
    """Run all parts in parallel, then print and draw."""
    require(arguments.seeds >= 1, f"--seeds {arguments.seeds}: expected at least 1")
    folder, began = writable_folder(arguments.out or OUT), time.perf_counter()
    first, second = transformers.calls(arguments.seeds), reservoirs.calls(arguments.seeds)
    results = side_by_side(first + second, arguments.jobs, "tour")
    first, second = transformers.report(results[:len(first)], folder), reservoirs.report(results[len(first):], folder)
    pictures = {**first["pictures"], **second["pictures"]}
    seconds = time.perf_counter() - began
    if arguments.json:
        print(as_json({**first, **second, "pictures": pictures, "shows": SHOWS, "seconds": seconds}))
    else:
        shows = "\n\n".join(f"{path}\n  {SHOWS[name]}" for name, path in pictures.items())
        print(f"{transformers.readable(first)}\n\n{reservoirs.readable(second)}\n\n{shows}\n\n{seconds:.0f} seconds")
