"""ResFormer with reservoir memory (Liu & Xu): a reservoir remembers the history, a short Transformer reads the present."""

from minires.reservoir_resformer.fusion import FUSIONS
from minires.reservoir_resformer.memory import remember
from minires.reservoir_resformer.model import ReservoirResFormer, classify
from minires.reservoir_resformer.readout import GROUPS, READOUTS
from minires.reservoir_resformer.streaming import begin, hear

__all__ = ["FUSIONS", "GROUPS", "READOUTS", "ReservoirResFormer", "begin", "classify", "hear", "remember"]
