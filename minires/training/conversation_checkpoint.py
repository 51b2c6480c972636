"""A trained reservoir ResFormer in one .npz file: description, parameters, words, labels, and how it was trained."""

import json
import zipfile
from typing import NamedTuple

import numpy as np

from minires.errors import require
from minires.files import write_atomically
from minires.parameters import flatten, unflatten
from minires.reservoir_resformer.checks import check_tree, shapes
from minires.reservoir_resformer.model import ReservoirResFormer
from minires.tasks.conversations.vocabulary import SPECIAL, Vocabulary
from minires.training.checkpoint import BROKEN, first_line
from minires.training.state import Recipe

FORMAT = "minires conversation model 1"
TEXTS = ("symbols", "label_names")


class TrainedConversations(NamedTuple):
    """What is kept of a training; letters: V words, q classes."""

    model: ReservoirResFormer
    params: dict
    recipe: Recipe
    name: str              # of the conversations
    symbols: tuple         # V strings: padding, unknown, words
    label_names: tuple     # q strings
    label_counts: tuple    # q whole numbers: how often each was said in training
    split_seed: int = 0    # of the splits that the collection lacked

    @property
    def vocabulary(self):
        """The ids of the words."""
        return Vocabulary(self.symbols, {word: i for i, word in enumerate(self.symbols) if i >= len(SPECIAL)})

    @property
    def majority(self):
        """The class that training had most often, the first of several."""
        return int(np.argmax(self.label_counts))


def save_conversations(path, kept):
    """Write a TrainedConversations in one move."""
    about = {"format": FORMAT, "model": kept.model.as_dict(), "recipe": kept.recipe._asdict(),
             **{name: getattr(kept, name) for name in (*TEXTS, "label_counts", "name", "split_seed")}}
    arrays = {f"params/{name}": leaf for name, leaf in flatten(kept.params).items()}
    write_atomically(path, lambda file: np.savez(file, about=np.array(json.dumps(about)), **arrays))


def load_conversations(path):
    """The TrainedConversations in a file. ValueError in one line: absent, truncated, of another kind, parts that do not fit."""
    try:
        with open(path, "rb") as file:
            require(zipfile.is_zipfile(file), "it is truncated, or something else")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            params = unflatten({name.removeprefix("params/"): kept[name] for name in kept.files if name != "about"})
        require(isinstance(about, dict) and about.get("format") == FORMAT, f"its format is not {FORMAT!r}")
        return checked(read(about, params))
    except FileNotFoundError:
        raise ValueError(f"model file {str(path)!r} does not exist") from None
    except BROKEN as error:
        raise ValueError(f"{str(path)!r} is no whole model of minires conversation train: {first_line(error)}") from None


def read(about, params):
    """The record, from the JSON and the arrays of its file."""
    return TrainedConversations(ReservoirResFormer(**about["model"]), params, Recipe(**about["recipe"]), about["name"],
                                *(tuple(about[name]) for name in (*TEXTS, "label_counts")), about["split_seed"])


def checked(kept):
    """The record; ValueError unless its parts fit each other and all its numbers are finite."""
    check_tree(kept.params, shapes(kept.model))
    for name, leaf in flatten(kept.params).items():
        require(np.all(np.isfinite(leaf)), f"params[{name}] is not finite")
    V, q = kept.model.vocabulary, kept.model.classes
    require(len(kept.symbols) == V, f"{len(kept.symbols)} symbols: expected {V}, as the model has")
    for name in ("label_names", "label_counts"):
        require(len(getattr(kept, name)) == q, f"{len(getattr(kept, name))} {name}: expected {q}, as the model has")
    return kept
