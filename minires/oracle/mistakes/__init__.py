"""The catalogue of mistakes: each exists once, and serves the diagnosis, the decoys and our own tests."""

from minires.oracle.mistakes import softmax
from minires.oracle.mistakes.mistake import Mistake, planted

FILES = (softmax,)
MISTAKES = {name: mistake for file in FILES for name, mistake in file.MISTAKES.items()}

__all__ = ["MISTAKES", "Mistake", "planted"]
