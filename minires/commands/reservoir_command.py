"""Echo-state networks: drive one with a series, fit its readout, let it run free, measure it.

    run       the states, and what they look like
    fit       the error of the readout on rows it has not learnt from, over seeds
    forecast  free runs: the output becomes the input
    measure   memory, processing, rank, Lyapunov exponent, echo-state property, radii

minires reservoir ACTION --help explains each; minires list series names the tasks.
"""

from minires.commands.parsers import add_commands

EXAMPLE = "minires reservoir fit --task narma --units 200"
ACTIONS = {"run": "run", "fit": "fit", "forecast": "forecast", "measure": "measure"}  # -> its file


def arguments(parser):
    """ACTION, and its own arguments."""
    add_commands(parser, "action", "minires.commands.reservoir", ACTIONS)
