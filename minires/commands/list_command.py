"""List the variants: equation, norm placement, paper, file."""

from minires.report import as_json, table
from minires.residual import VARIANTS

EXAMPLE = "minires list"


def arguments(parser):
    """None."""


def run(arguments):
    """Print the catalogue."""
    rows = [{"variant": name, "equation": variant.equation, "placement": variant.placement, "paper": variant.paper,
             "file": variant.file} for name, variant in VARIANTS.items()]
    columns = {"variant": "variant", "equation": "equation", "placement": "norm", "paper": "paper", "file": "file"}
    print(as_json(rows) if arguments.json else table(rows, columns))
