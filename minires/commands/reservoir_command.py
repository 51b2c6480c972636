"""Echo-state networks: drive one with a series, fit its readout, let it run free, measure it.

    run       the states, and what they look like
    fit       the error of the readout on rows it has not learnt from, over seeds
    forecast  free runs: the output becomes the input
    measure   memory, processing, rank, Lyapunov exponent, echo-state property, radii

minires reservoir ACTION --help explains each; minires list series names the tasks.
"""

import argparse

from minires.commands.reservoir import fit, forecast, measure, run as drive

EXAMPLE = "minires reservoir fit --task narma --units 200"
ACTIONS = {"run": drive, "fit": fit, "forecast": forecast, "measure": measure}


def arguments(parser):
    """ACTION, and its own arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, module in ACTIONS.items():
        own = actions.add_parser(name, help=module.__doc__.splitlines()[0], description=module.__doc__,
                                 epilog=f"example: {module.EXAMPLE}", formatter_class=parser.formatter_class)
        own.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the results as JSON")
        module.arguments(own)


def run(arguments):
    """The action that was named."""
    return ACTIONS[arguments.action].run(arguments)
