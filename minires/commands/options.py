"""Options that several commands share."""

import argparse
import json
import os

OUT = "minires-output"
SIZES = {"layers": int, "width": int, "heads": int, "kv_heads": int, "head_width": int, "feed_forward": int,
         "window": int, "global_tokens": int, "positions": str, "norm": str, "placement": str, "activation": str, "head": str,
         "epsilon": float, "dropout": float, "initial_std": float}
RECIPE = {"steps": int, "batch": int, "learning_rate": float, "warm_up": int, "optimiser": str, "weight_decay": float,
          "dtype": str, "clip": float, "evaluate_every": int}


def add_task(parser):
    """--task, --text, --task-option."""
    parser.add_argument("--task", help="copy, recall, sort, reverse, characters (default), masked_characters")
    parser.add_argument("--text", metavar="FILE", help="a UTF-8 text to learn from; default: Python's own help topics")
    parser.add_argument("--task-option", action="append", default=[], type=pair, metavar="NAME=VALUE",
                        help="an option of the task, e.g. length=32; may be repeated")


def add_out(parser):
    """--out."""
    parser.add_argument("--out", metavar="FOLDER", help=f"default: {OUT}")


def add_model(parser):
    """The sizes of the model, and the options of the variant."""
    group = parser.add_argument_group("model", "what is not given comes from the task's recipe")
    for name, kind in SIZES.items():
        group.add_argument(flag(name), type=kind, metavar=kind.__name__.upper())
    group.add_argument("--no-biases", action="store_true", help="no biases in linear maps and LayerNorm")
    group.add_argument("--option", action="append", default=[], type=pair, metavar="NAME=VALUE",
                       help="an option of the variant, e.g. lambda_1=2; may be repeated")


def add_recipe(parser):
    """How to train."""
    group = parser.add_argument_group("training", "what is not given comes from the task's recipe")
    for name, kind in RECIPE.items():
        group.add_argument(flag(name), type=kind, metavar=kind.__name__.upper())


def flag(name):
    """learning_rate -> --learning-rate."""
    return "--" + name.replace("_", "-")


def pair(word):
    """NAME=VALUE as (name, value), the value read as JSON where it is JSON.

    >>> pair("layers=[2, 4]"), pair("span=1..L")
    (('layers', [2, 4]), ('span', '1..L'))
    """
    name, sign, value = word.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"{word!r}: expected NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def task_of(arguments):
    """The task that the arguments name."""
    from minires.tasks import make_task
    options = dict(arguments.task_option)
    if arguments.text is not None:
        options["text"] = os.path.abspath(arguments.text)
    return make_task(arguments.task or "characters", **options)


def levels(task):
    """The losses to compare with."""
    return {"chance": task.chance["loss"], **task.references}


def model_changes(arguments):
    """The fields of the description that the arguments set."""
    changes = {name: getattr(arguments, name) for name in SIZES}
    changes["biases"] = False if arguments.no_biases else None
    changes["options"] = dict(arguments.option) or None
    return {name: value for name, value in changes.items() if value is not None}


def recipe_changes(arguments):
    """The fields of the recipe that the arguments set."""
    return {name: value for name in RECIPE if (value := getattr(arguments, name)) is not None}
