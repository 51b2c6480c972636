"""Where the time of a training step goes; the numbers and pictures of tutorials/where_the_time_goes.md.

    python -m benchmarks where             the stages, from the plain spelling to two threads, and the plain step's profile
    python -m benchmarks where --facts     pairs of lines that compute the same

Ratios are medians over alternated rounds, with quartiles.
"""

import argparse

from benchmarks import where_facts, where_profile, where_stages
from benchmarks.conditions import conditions
from benchmarks.job import SIZES
from benchmarks.tables import UNPROVED, short
from minires.commands.parsers import Parser
from minires.errors import whole_number
from minires.files import writable_folder, write_atomically
from minires.report import as_json, table

QUICK = {"rounds": 3, "least": 0.02}
COLUMNS = {
    "stages": {"size": "size", "dtype": "dtype", "stage": "stage", "ms": "ms", "ratio": "over plain", "low": "25 %",
               "high": "75 %", "over_torch": "over PyTorch"},
    "profile": {"size": "size", "dtype": "dtype", "memory": "freed memory", "ms": "ms", "faults": "page faults",
                **{kind: kind for kind in where_profile.KINDS}},
    "facts": {"before": "before", "after": "after", "dtype": "dtype", "us_before": "us before", "us_after": "us after",
              "ratio": "before / after", "low": "25 %", "high": "75 %"}}


def parser():
    """The options."""
    top = Parser(prog="python -m benchmarks where", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--facts", action="store_true", help="the pairs of lines instead of the step")
    top.add_argument("--quick", action="store_true", help="under a minute; what it prints proves nothing")
    top.add_argument("--json", action="store_true", help="print the results as JSON")
    top.add_argument("--rounds", type=int, metavar="N", default=7, help="default 7")
    top.add_argument("--sizes", nargs="+", choices=list(SIZES), metavar="SIZE", default=["small", "medium"],
                     help=f"of {', '.join(SIZES)}; default small medium")
    top.add_argument("--dtypes", nargs="+", choices=["float64", "float32"], metavar="DTYPE", default=["float64", "float32"],
                     help="default float64 float32")
    top.add_argument("--out", metavar="FOLDER", help="write where.json and the pictures there")
    return top


def main(words=None):
    """Measure, print, write."""
    arguments = parser().parse_args(words)
    whole_number("--rounds", arguments.rounds)
    results = measure(arguments)
    print(as_json(results) if arguments.json else text_of(results))
    if arguments.out:
        write(results, writable_folder(arguments.out))
    return 0


def measure(arguments):
    """{"conditions", "proved", "facts"} or {"conditions", "proved", "stages", "profile"}."""
    how = QUICK if arguments.quick else {"rounds": arguments.rounds}
    sizes = ["tiny"] if arguments.quick else arguments.sizes
    results = {"conditions": conditions(), "proved": not arguments.quick}
    if arguments.facts:
        return {**results, "facts": where_facts.table(arguments.dtypes, **how)}
    return {**results, "stages": where_stages.table(sizes, arguments.dtypes, **how),
            "profile": where_profile.table(sizes, arguments.dtypes)}


def text_of(results):
    """Conditions and tables."""
    held = "; ".join(f"{name} {value}" for name, value in results["conditions"].items() if value is not None)
    tables = [table([{key: short(value) for key, value in row.items()} for row in results[name]], columns)
              for name, columns in COLUMNS.items() if name in results]
    return "\n\n".join([*([] if results["proved"] else [UNPROVED]), held, *tables])


def write(results, folder):
    """where.json or where-facts.json, and where-stages.png and where-profile.png."""
    from benchmarks import where_picture
    from minires.figures.parts import save
    name = "where-facts" if "facts" in results else "where"
    write_atomically(f"{folder}/{name}.json", lambda file: file.write(as_json(results).encode()))
    for part, draw in (("stages", where_picture.stages), ("profile", where_picture.profile)):
        if part in results:
            save(draw(results[part]), f"{folder}/where-{part}.png")
