"""From the words of the command line to a series, a network and a plan."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minires.commands.reservoir.data import prepare
from minires.errors import number, one_of, positive, require, whole_number
from minires.reservoir.network import EchoState
from minires.reservoir.readouts.features import SQUARES
from minires.reservoir.recipes import Recipe, recipe_for, shortened
from minires.tasks.series import SERIES, make_series

OWN_LENGTH = ("table", "sunspots")  # series that are as long as they are
FIELDS = {"units": "units", "radius": "radius", "scaled_by": "scaled_by", "topology": "topology", "family": "family",
          "input_scale": "input_scale", "bias_scale": "bias_scale", "activation": "f"}  # argument -> field of EchoState
PLAN = {"length": "length", "train": "train", "washout": "washout", "ridge": "strength", "squares": "squares", "runs": "runs",
        "spacing": "spacing", "steps": "steps"}  # argument -> field of Recipe


class Settings(NamedTuple):
    """All that a run depends on, but its seed."""

    task: str
    label: str          # of pictures and files
    options: dict       # of the series
    network: EchoState
    plan: Recipe
    noise: float = 0.0


def settings_of(arguments, free=False):
    """The Settings that the arguments name, and the Data of the first seed; free: with room for free runs.

    All that can be wrong with them is found here, before the first run.
    """
    task, given, label = series_of(arguments)
    length = arguments.length
    if length is None and task in OWN_LENGTH:
        length = len(make_series(task, None, **given).inputs)
    recipe = recipe_for(task, given, length)
    plan = plan_of(arguments, recipe, length, free)
    network = EchoState(**network_changes(arguments, recipe.network))
    noise = number("noise", getattr(arguments, "noise", None) or 0.0, 0.0, expected="a standard deviation of at least 0")
    settings = Settings(task, label, {**recipe.options, **given}, network, plan, noise)
    data = prepare(settings, whole_number("--seed", arguments.seed, 0))
    settings = settings._replace(network=network._replace(inputs=data.inputs.shape[1]))
    settings.network.init(np.random.default_rng(arguments.seed))
    return settings, data


def series_of(arguments):
    """The name of the series, the options given, a label for files."""
    require((arguments.task is None) != (arguments.series is None),
            "give a series: --task NAME (see minires list series) or --series FILE.csv, one of the two")
    require(arguments.column is None or arguments.series is not None, "--column without --series: expected a CSV file as well")
    options = dict(arguments.task_option)
    for name in ("length", "rng"):
        require(name not in options, f"--task-option {name}: expected --length and --seed instead")
    if arguments.series is None:
        one_of("task", arguments.task, SERIES)
        return arguments.task, options, arguments.task
    column = arguments.column[0] if arguments.column and len(arguments.column) == 1 else arguments.column
    return "table", {"path": os.path.abspath(arguments.series), "column": column, **options}, Path(arguments.series).stem


def plan_of(arguments, plan, length, free):
    """The recipe with all that was given in its place, and rows that fit each other. length None: as many as it takes."""
    given = {field: value for argument, field in PLAN.items() if (value := getattr(arguments, argument, None)) is not None}
    if length is None:
        rest = plan.length - plan.train
        plan = plan._replace(**given)
        plan = plan._replace(length=plan.train + (plan.spacing * plan.runs + plan.steps if free else rest))
    else:
        plan = (plan if length == plan.length else shortened(plan, length))._replace(**given)
    if "washout" not in given:
        plan = plan._replace(washout=min(plan.washout, plan.train // 2))
    return checked(plan, free)


def checked(plan, free):
    """The plan; ValueError where its rows do not fit each other."""
    for name in ("length", "train", "runs", "spacing", "steps"):
        whole_number(f"--{name}", getattr(plan, name))
    one_of("squares", plan.squares, SQUARES)
    require(plan.train < plan.length,
            f"--train {plan.train} of {plan.length} rows: expected fewer, so that rows are left for the test")
    require(whole_number("--washout", plan.washout, 0) < plan.train,
            f"--washout {plan.washout} of {plan.train} training rows: expected fewer, so that rows are left to learn from")
    needed = plan.train + plan.spacing * plan.runs + plan.steps
    require(not free or needed <= plan.length,
            f"{plan.length} rows are too few for {plan.runs} free runs of {plan.steps} steps, {plan.spacing} rows apart, after "
            f"{plan.train} of training: expected {needed}, or fewer --runs, --steps, --spacing or --train")
    return plan


def network_changes(arguments, network):
    """The fields of EchoState: the recipe's, and in their place what was given."""
    given = {field: value for argument, field in FIELDS.items() if (value := getattr(arguments, argument)) is not None}
    if "radius" in given:
        positive("--radius", given["radius"])
        require(given.get("scaled_by") != "none", "--radius with --scaled-by none: expected one of the two")
    if arguments.leak is not None:
        require(given.get("family", "leaky") == "leaky" and not arguments.family_option,
                "--leak is short for --family leaky --family-option a=A: expected no other family and no option of it")
        given.update(family="leaky", family_options={"a": arguments.leak})
    else:
        given.update(options_of("family", arguments, network))
    return {**network, **given, **options_of("topology", arguments, network)}


def options_of(kind, arguments, network):
    """The options of the family or the topology; those of the recipe belong to the recipe's."""
    kept = network.get(f"{kind}_options", {}) if getattr(arguments, kind) in (None, network.get(kind)) else {}
    return {f"{kind}_options": {**kept, **dict(getattr(arguments, f"{kind}_option"))}}
