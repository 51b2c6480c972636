"""The scores of a kept model on conversations, and their confusion matrix.

Labels are those of the training; words that it did not know are unknown. --split all: every conversation of the files.
"""

import os

from minires.commands.conversation.data import read_split, source_of
from minires.commands.conversation.options import add_data
from minires.commands.conversation.report import confusion_of, draw, readable
from minires.commands.conversation.train import tested_on
from minires.commands.options import OUT, add_out
from minires.errors import whole_number
from minires.files import writable_folder
from minires.parameters import count
from minires.report import as_json
from minires.training.conversation_checkpoint import load_conversations

EXAMPLE = "minires conversation evaluate minires-output/conversation-mood_flip-0.npz --task mood_flip --seed 7"


def arguments(parser):
    """MODEL, conversations, --split, --out."""
    parser.add_argument("model", metavar="MODEL", help="a file that minires conversation train wrote")
    add_data(parser, learning=False)
    parser.add_argument("--split", default="test", help="train, dev, test, or all; default: test")
    add_out(parser)


def run(arguments):
    """Read, score, draw, print."""
    source, seed = source_of(arguments), whole_number("--seed", arguments.seed, 0)
    kept = load_conversations(arguments.model)
    name, conversations = read_split(source, arguments.split, seed, kept)
    folder = writable_folder(arguments.out or OUT)
    tested = tested_on(kept, conversations, os.path.join(folder, "states"))
    confusion = tested.pop("confusion")
    figure = confusion_of(name, arguments.split, confusion, kept.label_names, tested)
    result = {"conversations": name, "trained_on": kept.name, "steps": kept.recipe.steps, "parameters": count(kept.params),
              "words": len(kept.symbols), "splits": {arguments.split: tested}, "labels": kept.label_names,
              "confusion": confusion.tolist(), "pictures": draw({"confusion": figure}, folder, f"{name}-{arguments.split}")}
    print(as_json(result) if arguments.json else readable(result))
