"""Checkpoints: one .npz file with the arrays and, as JSON, all that is needed to go on bit for bit."""

import json
import zipfile
from typing import NamedTuple

import numpy as np

from minires import checks
from minires.errors import require
from minires.files import write_atomically
from minires.model import Transformer
from minires.parameters import unflatten
from minires.training.state import Recipe, State

FORMAT = 1
BROKEN = (OSError, EOFError, LookupError, ValueError, TypeError, AttributeError, zipfile.BadZipFile)


class Checkpoint(NamedTuple):
    """What a checkpoint holds. `task` is {"name", "options", "symbols"}; make_task(name, **options) builds it again."""

    state: State
    model: Transformer
    recipe: Recipe
    task: dict

    @property
    def params(self):
        """The parameters as the nested dicts that `Transformer.apply` takes."""
        return unflatten(self.state.params)


def save(path, state, model, task, recipe):
    """Write the state of a training, with its model, task and recipe, in one move."""
    about = {"format": FORMAT, "step": state.step, "rng": state.rng, "history": state.history,
             "model": model.as_dict(), "recipe": recipe._asdict(),
             "task": {"name": task.name, "options": task.options, "symbols": list(task.symbols)}}
    arrays = {f"params/{name}": w for name, w in state.params.items()}
    for moment, of in state.moments.items():
        arrays.update({f"moments/{moment}/{name}": w for name, w in of.items()})
    write_atomically(path, lambda file: np.savez(file, about=np.array(json.dumps(about)), **arrays))


def load(path, model=None):
    """The checkpoint in a file. ValueError: unreadable, truncated, of another format, or of another model than `model`."""
    try:
        with open(path, "rb") as file:
            require(zipfile.is_zipfile(file), "it is truncated, or something else")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            arrays = {name: kept[name] for name in kept.files if name != "about"}
        require(about["format"] == FORMAT, f"its format is {about['format']}, expected {FORMAT}")
        checkpoint = read(about, arrays)
        checks.check_parameters(checkpoint.model, checkpoint.params)
    except FileNotFoundError:
        raise ValueError(f"checkpoint {str(path)!r} does not exist") from None
    except BROKEN as error:
        raise ValueError(f"{str(path)!r} is no whole minires checkpoint: {first_line(error)}") from None
    if model is not None:
        check_same(path, checkpoint.model, model)
    return checkpoint


def read(about, arrays):
    """The parts of a checkpoint, from the JSON and the arrays of its file."""
    params, moments = {}, {}
    for key, array in arrays.items():
        kind, name = key.split("/", 1)
        if kind == "params":
            params[name] = array
        else:
            moment, name = name.split("/", 1)
            moments.setdefault(moment, {})[name] = array
    state = State(about["step"], params, moments, about["rng"], about["history"])
    return Checkpoint(state, Transformer(**about["model"]), Recipe(**about["recipe"]), about["task"])


def check_same(path, found, wanted):
    """ValueError naming the first field in which two descriptions differ."""
    found, wanted = (json.loads(json.dumps(model.as_dict())) for model in (found, wanted))
    for name in wanted:
        require(found[name] == wanted[name],
                f"checkpoint {str(path)!r} is of another model: its {name} is {found[name]!r}, expected {wanted[name]!r}")


def first_line(error):
    """The first line of an error's text, or its kind."""
    return (str(error).splitlines() or [type(error).__name__])[0]
