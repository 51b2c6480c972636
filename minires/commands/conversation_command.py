"""Conversations: a frozen reservoir remembers what was said, a short Transformer reads the present sentence.

    train      learn to classify utterances; keeps the model, a learning curve, a confusion matrix
    evaluate   the scores of a kept model on other conversations
    benchmark  with memory, without it, and what counting words reaches, over seeds
    cost       steps, bytes and seconds per utterance as a conversation grows, beside attention to all of it

minires conversation ACTION --help explains each.
"""

import argparse

from minires.commands.conversation import benchmark, cost, evaluate, train

EXAMPLE = "minires conversation train --task cue_recall"
ACTIONS = {"train": train, "evaluate": evaluate, "benchmark": benchmark, "cost": cost}


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
