"""Reservoirs beside their peers: states of one series and of a batch, the gradient through time, the ridge readout.

Each row: `times` = the peer's seconds over minires' seconds (above 1: minires is faster), median over alternated rounds with
quartiles. Both sides first give the same numbers, to 1e-10 in float64 and 1e-4 in float32 of their largest; else ValueError.
Everything runs on one thread, in a process of its own that keeps the memory it frees (`minires.allocator`), for both sides.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np

from benchmarks.timing import alternated, spread, timed
from minires.allocator import keep_freed_memory
from minires.errors import require

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}  # of the largest number


class Contest(NamedTuple):
    """One row: what is computed, and by whom. `ours` and `theirs` take nothing and return the same arrays."""

    what: str
    N: int
    dtype: str
    peer: str
    ours: object
    theirs: object
    alike: object = None  # where the two sides are different reservoirs: a function that returns two lists to compare


def table(quick=False):
    """Rows {"what", "N", "dtype", "peer", "ms", "peer ms", "times", "25 %", "75 %"}; quick: small and short."""
    before = dict(os.environ)
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")})
    try:  # NumPy reads these when it is imported: a fresh process
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            return process.submit(rows, quick).result()
    finally:
        os.environ.clear()
        os.environ.update(before)


def rows(quick, chosen=""):
    """The rows, measured in this process; `chosen` is a part of the names of those wanted."""
    keep_freed_memory()
    from benchmarks import reservoir_gradients, reservoir_ridge, reservoir_states
    makers = [make for part in (reservoir_states, reservoir_gradients, reservoir_ridge) for make in part.contests(quick)]
    return [measured(make(), quick) for name, make in makers if chosen in name]  # one at a time: the arrays are large


def measured(contest, quick):
    """One row, once both sides agree."""
    check_alike(contest)
    runs = {"ours": timed(contest.ours), "theirs": timed(contest.theirs)}
    seconds = alternated(runs, *((3, 0.02) if quick else (7, 0.2)))
    over = spread(seconds["theirs"], seconds["ours"])
    return {"what": contest.what, "N": contest.N, "dtype": contest.dtype, "peer": contest.peer,
            "ms": 1e3 * float(np.median(seconds["ours"])), "peer ms": 1e3 * float(np.median(seconds["theirs"])),
            "times": over["ratio"], "25 %": over["low"], "75 %": over["high"]}


def check_alike(contest):
    """ValueError unless both sides give the same numbers."""
    pairs = zip(*(contest.alike() if contest.alike else (contest.ours(), contest.theirs())), strict=True)
    for own, other in pairs:
        own, other = np.asarray(own), np.asarray(other)
        require(own.shape == other.shape, f"{contest.what}: shape {other.shape} of {contest.peer}, expected {own.shape}")
        apart, limit = float(np.max(np.abs(own - other)) / np.max(np.abs(own))), TOLERANCE[contest.dtype]
        require(apart <= limit, f"{contest.what}, N={contest.N}, {contest.dtype}: {contest.peer} is {apart:.1e} away, "
                                f"expected at most {limit:.0e} before anything is timed")
