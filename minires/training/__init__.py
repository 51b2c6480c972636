"""Optimisers, the loop, checkpoints."""

from minires.training.checkpoint import Checkpoint, load, save
from minires.training.loop import Diverged, Interrupted, begin, evaluate, train
from minires.training.state import Recipe, State

__all__ = ["Checkpoint", "Diverged", "Interrupted", "Recipe", "State", "begin", "evaluate", "load", "save", "train"]
