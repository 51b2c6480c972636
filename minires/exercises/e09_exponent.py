"""An exercise of tutorial 09, memory and chaos: how fast two neighbouring states part."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, Wrong
from minires.reservoir.spectra import spectral_radius

log = np.log


def exponent(jacobians, v):
    """jacobians (T, N, N), a first direction v (N,) -> the mean of ln(|J_t v_{t-1}| / |v_{t-1}|)."""
    logs = []
    for J in jacobians:
        new = J @ v
        logs.append(log(np.linalg.norm(new) / np.linalg.norm(v)))
        v = new / np.linalg.norm(new)
    return float(np.mean(logs))


def lengths(jacobians, v):
    """The mean of ln |v_t|, v never scaled back."""
    logs = []
    for J in jacobians:
        v = J @ v
        logs.append(log(np.linalg.norm(v)))
    return float(np.mean(logs))


EXPONENT = ByValue(exponent, lambda rng: (rng.uniform(-1, 1, (6, 4, 4)), rng.uniform(-1, 1, 4)), {
    "sum-of-logs": Wrong(lambda jacobians, v: len(jacobians) * exponent(jacobians, v),
                         "the logarithms are summed, not averaged", "divide by the number of steps: growth per step"),
    "logarithm-of-base-two": Wrong(lambda jacobians, v: exponent(jacobians, v) / log(2), "the logarithm is that of base 2",
                                   "nats: np.log"),
    "jacobians-backwards": Wrong(lambda jacobians, v: exponent(jacobians[::-1], v), "the last Jacobian is used first",
                                 "J_1 acts first: J_T .. J_2 J_1 v"),
    "direction-kept": Wrong(lambda jacobians, v: float(np.mean([exponent(J[None], v) for J in jacobians])),
                            "every step starts from the first direction", "go on with J_t v, scaled to length 1"),
    "never-scaled-back": Wrong(lengths, "ln |v_t| is averaged, and v is never scaled back to length 1",
                               "average the growth of each step, ln(|J_t v| / |v|)"),
    "radii-averaged": Wrong(lambda jacobians, v: float(np.mean([log(spectral_radius(J)) for J in jacobians])),
                            "the spectral radii of the Jacobians are averaged",
                            "directions change from step to step: follow one vector")})

EXERCISES = {"exponent": Exercise("how fast two states part", 3, 15, EXPONENT)}
