"""Optimisers, the loop, checkpoints."""

from minires.errors import Diverged
from minires.training.checkpoint import Checkpoint, load, save
from minires.training.loop import Interrupted, begin, evaluate, train
from minires.training.state import Recipe, State

__all__ = ["Checkpoint", "Diverged", "Interrupted", "Recipe", "State", "begin", "evaluate", "load", "save", "train"]
