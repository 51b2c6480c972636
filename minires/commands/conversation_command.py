"""Conversations: a frozen reservoir remembers what was said, a short Transformer reads the present sentence.

    train      learn to classify utterances; keeps the model, a learning curve, a confusion matrix
    evaluate   the scores of a kept model on other conversations
    benchmark  with memory, without it, and what counting words reaches, over seeds
    cost       steps, bytes and seconds per utterance as a conversation grows, beside attention to all of it

minires conversation ACTION --help explains each.
"""

from minires.commands.parsers import add_commands

EXAMPLE = "minires conversation train --task cue_recall"
ACTIONS = {"train": "train", "evaluate": "evaluate", "benchmark": "benchmark", "cost": "cost"}  # -> its file


def arguments(parser):
    """ACTION, and its own arguments."""
    add_commands(parser, "action", "minires.commands.conversation", ACTIONS)
