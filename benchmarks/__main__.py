"""Measure minires beside its peers; run from a checkout, with the extra "peers" installed.

    step       a training step beside PyTorch (attention spelled out, and fused), JAX jit and spelled-out autograd
    variants   every variant's step over the plain model's
    scaling    a step's time against length and depth
    memory     peak memory of a step
    reservoir  states, gradients and ridge readouts of reservoirs
    all        all of these (default)
    where      where the time of a step goes, apart from the others: see python -m benchmarks where --help

Ratios are medians over alternated rounds, with quartiles; what does not compute the same as minires is refused, not timed.
"""

import argparse
import sys

from benchmarks.job import SIZES
from benchmarks.parts import PARTS, measure
from minires.commands.parsers import Parser
from minires.errors import NotInstalled
from minires.files import writable_folder, write_atomically
from minires.report import as_json


def parser():
    """The options."""
    top = Parser(prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
    top.add_argument("--quick", action="store_true", help="under a minute; what it prints proves nothing")
    top.add_argument("--json", action="store_true", help="print the results as JSON")
    top.add_argument("--rounds", type=count, metavar="N", help="default 7")
    top.add_argument("--threads", type=count, nargs="+", metavar="N", help="default 1 2")
    top.add_argument("--sizes", nargs="+", choices=list(SIZES), metavar="SIZE", help=f"of {', '.join(SIZES)}; default all")
    top.add_argument("--dtypes", nargs="+", choices=["float64", "float32"], metavar="DTYPE", help="default float64 float32")
    top.add_argument("--out", metavar="FOLDER", help="write results.json and speed.png there")
    return top


def count(word):
    """A whole number of at least one."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r}: expected a whole number of at least 1")
    return int(word)


def main(words=None):
    """Measure, print, write; returns the exit code: 2 where the request cannot be served, said in one line."""
    words = sys.argv[1:] if words is None else words
    try:
        if words[:1] == ["where"]:
            return where(words[1:])
        arguments = parser().parse_args(words)
        results = measure(list(PARTS) if arguments.part == "all" else [arguments.part], arguments, said)
        print(as_json(results) if arguments.json else results_text(results))
        if arguments.out:
            write(results, writable_folder(arguments.out))
    except KeyboardInterrupt:
        return said("interrupted") or 130
    except (ValueError, NotInstalled, OSError) as error:
        return said(" ".join(str(error).split())) or 2
    return 0


def where(words):
    """The measurements of the page "where the time goes"."""
    from benchmarks.where import main
    return main(words)


def said(line):
    """One line on standard error."""
    print(f"benchmarks: {line}", file=sys.stderr, flush=True)


def results_text(results):
    """The tables."""
    from benchmarks.tables import text_of
    return text_of(results)


def write(results, folder):
    """results.json, and speed.png where there is something to draw."""
    from benchmarks.picture import speed
    from minires.figures.parts import save
    write_atomically(f"{folder}/results.json", lambda file: file.write(as_json(results).encode()))
    if {"step", "scaling"} & results.keys():
        save(speed(results), f"{folder}/speed.png")


if __name__ == "__main__":
    sys.exit(main())
