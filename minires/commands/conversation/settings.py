"""From the words of the command line to a source of conversations, a model and a recipe."""

import math
from typing import NamedTuple

import numpy as np

from minires.checks import float_type
from minires.commands.conversation.data import Source, source_of
from minires.commands.conversation.options import WORDS, WORDS_RECIPE, network_fields
from minires.commands.options import recipe_changes
from minires.errors import number, positive, require, whole_number
from minires.reservoir_resformer.model import ReservoirResFormer
from minires.training.conversations import RECIPE
from minires.training.optimisers import optimiser
from minires.training.state import Recipe


class Settings(NamedTuple):
    """All that a training depends on, but its seed."""

    source: Source
    network: dict     # fields of ReservoirResFormer, without those that the data decide
    recipe: Recipe

    def begin(self, data):
        """The model for these conversations, and its first parameters; ValueError where it cannot be built."""
        model = ReservoirResFormer(vocabulary=len(data.symbols), classes=len(data.label_names), **self.network)
        return model, model.init(np.random.default_rng([self.recipe.seed, 0]), self.recipe.dtype)

    def with_seed(self, seed):
        """The same with another seed."""
        return self._replace(recipe=self.recipe._replace(seed=seed))


def settings_of(arguments):
    """The Settings that the arguments name."""
    source = source_of(arguments)
    whole_number("--seed", arguments.seed, 0)
    words = source.task is None
    network = {**(WORDS if words else {}), **network_changes(arguments)}
    return Settings(source, network, recipe_of(arguments, WORDS_RECIPE if words else {}))


def network_changes(arguments):
    """The fields of the model that the arguments set."""
    given = {field.name: getattr(arguments, field.name) for field in network_fields()}
    given["options"] = dict(arguments.option) or None
    given = {name: value for name, value in given.items() if value is not None}
    require(given.get("step") != "cls", "--step cls takes sentence vectors, and the command line has none: expected token or "
                                        "sentence_mean")
    return given


def recipe_of(arguments, changes):
    """RECIPE in float32, with the changes and all that was given; shorter runs warm up and look at dev sooner."""
    given = recipe_changes(arguments)
    recipe = RECIPE._replace(dtype="float32", **changes)
    steps = whole_number("steps", given.get("steps", recipe.steps))
    recipe = recipe._replace(warm_up=min(recipe.warm_up, max(1, steps // 10)), seed=arguments.seed,
                             evaluate_every=min(recipe.evaluate_every, math.ceil(steps / 6)))._replace(**given)
    for name in ("batch", "warm_up", "evaluate_every"):
        whole_number(name, getattr(recipe, name))
    positive("learning_rate", recipe.learning_rate)
    number("weight_decay", recipe.weight_decay, 0.0, expected="a number of at least 0")
    positive("clip", recipe.clip)
    float_type(recipe.dtype)
    optimiser(recipe.optimiser)
    return recipe
