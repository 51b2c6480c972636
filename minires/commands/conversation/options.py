"""What the actions of `minires conversation` share on the command line."""

import argparse
from dataclasses import fields

from minires.commands.options import flag, pair
from minires.reservoir_resformer.checks import CHOICES
from minires.reservoir_resformer.model import ReservoirResFormer
from minires.tasks.conversations import CONVERSATION_TASKS, FORMATS

# Real words are too many for orthonormal rows; the rest was chosen once, by the weighted F1 of the dev splits.
WORDS = {"table": "normal", "input_width": 128, "units": 256, "leak": 0.1, "initial_std": 0.05, "width": 64,
         "maximum_length": 32}
WORDS_RECIPE = {"steps": 600, "learning_rate": 1e-3}
FROM_DATA = ("vocabulary", "classes")  # fields of the model that the conversations decide


def add_data(parser, learning=True):
    """--data and --format, or --task; learning: and what decides vocabulary and splits."""
    group = parser.add_argument_group("conversations", "one of --data and --task; published splits are kept, those that are "
                                      "not there are taken out of the training split, by conversation")
    group.add_argument("--data", metavar="PATH", help="a file, or a folder with the published files")
    group.add_argument("--format", help=f"of --data: {', '.join(FORMATS)}")
    group.add_argument("--task", help=f"a toy: {', '.join(CONVERSATION_TASKS)}")
    group.add_argument("--task-option", action="append", default=[], type=pair, metavar="NAME=VALUE",
                       help="an option of the toy, e.g. distance=20; may be repeated")
    group.add_argument("--conversations", type=int, metavar="K", help="of the toy, to learn from; default: 4000")
    if learning:
        group.add_argument("--minimum-count", type=int, metavar="K",
                           help="a word that training says less often is unknown; default: 2")
        group.add_argument("--split-seed", type=int, metavar="SEED", help="of splits that are taken out; default: 0")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the batches and the toy; default: 0")


def add_network(parser):
    """The fields of the model, and the options of its residual variant."""
    words = ", ".join(f"{flag(name)} {value}" for name, value in {**WORDS, **WORDS_RECIPE}.items())
    group = parser.add_argument_group("model", f"the defaults are those of the toys; of --data: {words}")
    for field in network_fields():
        choices = f"{', '.join(CHOICES[field.name])}; " if field.name in CHOICES else ""
        group.add_argument(flag(field.name), type=KINDS[field.type], metavar=field.name.upper(),
                           help=f"{choices}default: {field.default}")
    group.add_argument("--option", action="append", default=[], type=pair, metavar="NAME=VALUE",
                       help="of the residual variant, e.g. lambda_1=2; may be repeated")


def network_fields():
    """The fields that the command line sets by name."""
    return [field for field in fields(ReservoirResFormer) if field.name not in FROM_DATA and field.name != "options"]


def several(kind):
    """A number, or numbers with commas between: one for each reservoir of a group.

    >>> several(float)("0.1,0.4"), several(int)("64")
    ((0.1, 0.4), 64)
    """
    def numbers(word):
        try:
            found = tuple(kind(part) for part in word.split(","))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{word!r}: expected {NUMBERS[kind]}, or some with commas between") from None
        return found if len(found) > 1 else found[0]
    return numbers


NUMBERS = {int: "a whole number", float: "a number"}
KINDS = {int: int, float: float, str: str, int | None: int, int | tuple: several(int), float | tuple: several(float)}
