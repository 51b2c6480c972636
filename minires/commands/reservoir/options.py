"""What the actions of `minires reservoir` share on the command line."""

import argparse
import math

from minires.commands.options import flag, pair
from minires.reservoir.network import FAMILIES
from minires.reservoir.readouts.features import SQUARES
from minires.reservoir.readouts.selection import CRITERIA
from minires.reservoir.rollout import ACTIVATIONS
from minires.reservoir.scaling import MEASURES
from minires.reservoir.topologies import TOPOLOGIES
from minires.tasks.series import SERIES

PLAN = {"length": "rows of the series", "train": "rows before the test", "washout": "first rows that do not count"}


def add_series(parser):
    """--task or --series, and the rows of it."""
    group = parser.add_argument_group("series", "one of --task and --series; what is not given comes from the task's recipe")
    group.add_argument("--task", help=", ".join(name for name in SERIES if name != "table"))
    group.add_argument("--task-option", action="append", default=[], type=pair, metavar="NAME=VALUE",
                       help="an option of the task, e.g. tau=30; may be repeated")
    group.add_argument("--series", metavar="FILE", help="a CSV file; its recipe goes by its length, and standardises each "
                       "column by mean and deviation of the training rows")
    group.add_argument("--column", action="append", metavar="NAME", help="of the CSV file; may be repeated; default: all")
    for name, meaning in PLAN.items():
        group.add_argument(flag(name), type=int, metavar="ROWS", help=meaning)


def add_network(parser):
    """The fields of the echo-state network."""
    group = parser.add_argument_group("network", "x_t = K x_{t-1} + g f(W x_{t-1} + W_in u_t + b)")
    group.add_argument("--units", type=int, metavar="N")
    group.add_argument("--radius", type=float, help="what the size of W is scaled to")
    group.add_argument("--scaled-by", metavar="SIZE", help=f"which size that is: {', '.join(MEASURES)}")
    group.add_argument("--topology", metavar="NAME", help=f"of W: {', '.join(TOPOLOGIES)}")
    group.add_argument("--family", metavar="NAME", help=f"of K and g: {', '.join(FAMILIES)}")
    for name, example in (("topology", "in_degree=5"), ("family", "beta=0.2")):
        group.add_argument(f"--{name}-option", action="append", default=[], type=pair, metavar="NAME=VALUE",
                           help=f"e.g. {example}; may be repeated")
    group.add_argument("--leak", type=float, metavar="A", help="short for --family leaky --family-option a=A")
    group.add_argument("--input-scale", type=scale, metavar="SCALE", help="of W_in: a number, or one per column: 0.1,0.5")
    group.add_argument("--bias-scale", type=float, metavar="SCALE", help="of b; 0: no bias")
    group.add_argument("--activation", metavar="F", help=", ".join(ACTIVATIONS))
    parser.add_argument("--seed", type=int, default=0, help="of the series and the weights; default: 0")


def add_readout(parser):
    """How the readout is fitted."""
    group = parser.add_argument_group("readout")
    group.add_argument("--ridge", type=strength, metavar="LAMBDA", help=f"a number of at least 0, or {', '.join(CRITERIA)}")
    group.add_argument("--squares", metavar="WHICH", help=f"of the states, read as well: {', '.join(SQUARES)}")
    group.add_argument("--noise", type=float, metavar="DEVIATION", help="inside f, in the training only")


def add_seeds(parser, default):
    """--seeds and --jobs."""
    parser.add_argument("--seeds", type=int, default=default, metavar="K", help="from --seed on; default: %(default)s")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")


def strength(word):
    """A ridge strength, or the name of a criterion.

    >>> strength("1e-6"), strength("gcv")
    (1e-06, 'gcv')
    """
    if word in CRITERIA:
        return word
    try:
        found = float(word)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{word!r}: expected a number of at least 0, or {' or '.join(CRITERIA)}")
    return found


def scale(word):
    """A scale, or one per column.

    >>> scale("0.5"), scale("0.1,0.2")
    (0.5, (0.1, 0.2))
    """
    try:
        found = tuple(float(part) for part in word.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r}: expected a number, or numbers with commas between") from None
    return found if len(found) > 1 else found[0]
