"""Train one variant on a task; keeps a checkpoint and a picture of the learning curve.

Ctrl-C saves and says how to go on; --resume goes on bit for bit.
"""

import os

from minires.commands.options import (OUT, add_model, add_out, add_recipe, add_task, levels, model_changes, recipe_changes,
                                      task_of)
from minires.errors import require, whole_number
from minires.files import writable_folder
from minires.parameters import count, unflatten
from minires.recipes import describe, recipe_for
from minires.report import as_json, table
from minires.tasks import make_task
from minires.training import load, train
from minires.training.parallel import cores

EXAMPLE = "minires train resformer --task characters --steps 300 --out minires-output"
EVERY = 50  # steps between two checkpoints


def arguments(parser):
    """VARIANT or --resume, and everything that may differ from the recipe."""
    parser.add_argument("variant", nargs="?", metavar="VARIANT", help="a name of `minires list`")
    parser.add_argument("--resume", metavar="CHECKPOINT", help="go on with an interrupted training")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int, help="of which no result depends; default: one per core")
    add_out(parser)
    add_task(parser)
    add_model(parser)
    add_recipe(parser)


def run(arguments):
    """Train, keep the checkpoint, print the result."""
    model, task, recipe, state, path = resumed(arguments) if arguments.resume else begun(arguments)
    writable_folder(os.path.dirname(os.path.abspath(path)))
    threads = cores() if arguments.threads is None else whole_number("--threads", arguments.threads)
    state = train(model, task, recipe, state, path, EVERY, threads=threads)
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    picture = os.path.splitext(path)[0] + ".png"
    figure = figures.learning_curves({model.variant: [state.history]}, f"{task.name}: {model.variant}", "loss",
                                     levels(task))
    figures.save(figure, picture)
    result = {"variant": model.variant, "task": task.name, "steps": state.step, "seed": recipe.seed,
              "parameters": count(unflatten(state.params)), "loss": state.history["validation_loss"][-1],
              "accuracy": state.history["validation_accuracy"][-1], "chance": task.chance, "bayes": task.bayes,
              "references": task.references, "checkpoint": path, "picture": picture}
    print(as_json(result) if arguments.json else readable(result))


def begun(arguments):
    """A new training."""
    require(arguments.variant, "name a variant (see minires list) or --resume CHECKPOINT")
    task = task_of(arguments)
    model = describe(arguments.variant, task, **model_changes(arguments))
    recipe = recipe_for(task, **recipe_changes(arguments), seed=arguments.seed)
    path = os.path.join(writable_folder(arguments.out or OUT), f"{arguments.variant}-{task.name}-{recipe.seed}.npz")
    return model, task, recipe, None, path


def resumed(arguments):
    """The training in a checkpoint; only the number of steps may be another."""
    found = load(arguments.resume)
    same = arguments.variant in (None, found.model.variant)
    require(same, f"checkpoint {arguments.resume!r} is of another model: its variant is {found.model.variant!r}, "
                  f"expected {arguments.variant!r}")
    changed = set(model_changes(arguments)) | set(recipe_changes(arguments)) - {"steps"}
    changed |= {name for name in ("task", "text", "task_option", "seed", "out") if getattr(arguments, name) not in (None, [])}
    require(not changed, f"--resume keeps model, task and recipe: {', '.join(sorted(changed))} cannot change")
    task = make_task(found.task["name"], **found.task["options"])
    recipe = found.recipe._replace(steps=found.recipe.steps if arguments.steps is None else arguments.steps)
    require(recipe.steps > found.state.step,
            f"checkpoint {arguments.resume!r} has all its {found.state.step} steps: expected --steps above that")
    return found.model, task, recipe, found.state, arguments.resume


def readable(result):
    """The result as a small table, with the levels to compare with."""
    rows = [{"what": "trained", "loss": result["loss"], "accuracy": result["accuracy"]},
            {"what": "chance", **result["chance"]}]
    rows += [{"what": "best possible", **result["bayes"]}] if result["bayes"]["loss"] is not None else []
    rows += [{"what": name, "loss": loss} for name, loss in result["references"].items()]
    heading = f"{result['variant']} on {result['task']}: {result['parameters']} parameters, {result['steps']} steps"
    columns = {"what": "", "loss": "loss (nats)", "accuracy": "accuracy"}
    return f"{heading}\n\n{table(rows, columns)}\n\ncheckpoint: {result['checkpoint']}\npicture: {result['picture']}"
