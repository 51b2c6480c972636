"""Alternated timing: in each round every contestant runs once, so that a slow moment of the machine meets all alike.

A ratio is taken within a round; what is reported is the median over the rounds and the quartiles around it.
"""

import math
import time

import numpy as np

LEAST = 2.0  # seconds that a contestant runs in a round, at least: the first step after a pause is up to a fifth slower


def timed(step):
    """step() as a function of a number of repetitions; it returns the seconds that one repetition took."""
    def run(repetitions):
        start = time.perf_counter()
        for _ in range(repetitions):
            step()
        return (time.perf_counter() - start) / repetitions
    return run


def repetitions(run, least=LEAST):
    """How many repetitions take `least` seconds, from the second of two runs: the first may compile or allocate."""
    run(1)
    return max(1, math.ceil(least / max(run(1), 1e-9)))


def alternated(runs, rounds=7, least=LEAST):
    """{name: seconds of one repetition in each round} of the functions {name: run(repetitions)}, in turns."""
    counts = {name: repetitions(run, least) for name, run in runs.items()}
    seconds = {name: [] for name in runs}
    for number in range(rounds):
        names = list(runs)[number % len(runs):] + list(runs)[:number % len(runs)]  # each has each place in turn
        for name in names:
            seconds[name].append(runs[name](counts[name]))
    return seconds


def spread(own, other):
    """The median over the rounds of the seconds `own` over those of `other`, and the quartiles of that ratio.

    >>> spread([0.001, 0.002, 0.004], [0.002, 0.002, 0.002])
    {'ratio': 1.0, 'low': 0.75, 'high': 1.5}
    """
    low, middle, high = np.percentile(np.divide(own, other), (25, 50, 75))
    return {"ratio": float(middle), "low": float(low), "high": float(high)}


def geometric_mean(values):
    """exp of the mean logarithm.

    >>> round(geometric_mean([1.0, 4.0]), 12)
    2.0
    """
    return math.exp(sum(map(math.log, values)) / len(values))
