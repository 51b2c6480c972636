"""A model and a recipe that learn each task on a CPU in seconds to a minute: the defaults of the command line."""

from minires.errors import number, positive, require, whole_number
from minires.model import BERT, LLAMA, Transformer
from minires.training.state import Recipe

# RealFormer's toy of the copy task: six layers of width 32, post-norm in the house of BERT, hardly any warm-up.
SMALL_BERT = {**BERT, "layers": 6, "width": 32, "heads": 4, "head": "linear"}
SMALL_LLAMA = {**LLAMA, "layers": 4, "width": 64, "heads": 4, "kv_heads": 2, "feed_forward": 128, "initial_std": 0.05}
SEQUENCES = ({**BERT, "layers": 2, "width": 32, "heads": 4, "initial_std": 0.1},
             Recipe(steps=600, batch=32, learning_rate=3e-3, warm_up=50))

RECIPES = {
    "copy": (SMALL_BERT, Recipe(steps=300, batch=32, learning_rate=1e-3, warm_up=20, final=1.0)),
    "recall": ({**SMALL_LLAMA, "layers": 2}, Recipe(steps=400, batch=64, learning_rate=3e-3, warm_up=50)),
    "sort": SEQUENCES,
    "reverse": SEQUENCES,
    "characters": (SMALL_LLAMA, Recipe(steps=300, batch=16, learning_rate=3e-3, warm_up=30, weight_decay=0.01)),
    "masked_characters": (SMALL_LLAMA, Recipe(steps=600, batch=16, learning_rate=3e-3, warm_up=30, weight_decay=0.01)),
}


def describe(variant, task, **changes):
    """The default model of a task, for a variant; `changes` replaces fields of the description, None leaves the default."""
    changes = {name: value for name, value in changes.items() if value is not None}
    for size in ("vocabulary", "maximum_length", "kind"):
        require(size not in changes, f"{size} is set by the task ({task.name})")
    model, _ = RECIPES[task.name]
    if "heads" in changes:
        model = {**model, "kv_heads": None}  # the default grouping belongs to the default heads
    return Transformer(**{**model, "variant": variant, "kind": task.kind, "vocabulary": task.vocabulary,
                          "maximum_length": task.length, **changes})


def recipe_for(task, **changes):
    """The default recipe of a task; None leaves the default. Shorter runs warm up and look at the validation sooner."""
    changes = {name: value for name, value in changes.items() if value is not None}
    _, recipe = RECIPES[task.name]
    steps = changes.get("steps", recipe.steps)
    recipe = recipe._replace(warm_up=min(recipe.warm_up, max(1, steps // 10)),
                             evaluate_every=max(1, min(recipe.evaluate_every, steps // 6)))
    recipe = recipe._replace(**changes)
    for name in ("steps", "batch", "warm_up", "evaluate_every"):
        whole_number(name, getattr(recipe, name))
    whole_number("seed", recipe.seed, lowest=0)
    positive("learning_rate", recipe.learning_rate)
    number("weight_decay", recipe.weight_decay, 0, expected="a number of at least 0")
    positive("clip", recipe.clip)
    return recipe
