"""Every stage of the step timed in turns, each in a process of its kind of memory: what is once kept stays kept."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.equality import check
from benchmarks.job import SIZES, start_of
from benchmarks.timing import LEAST, alternated, spread
from benchmarks.where_steps import BLAS, PLAIN, Setting, first_steps, run, settings
from benchmarks.worker import PEER, environment


def process(cores=1, blas=1):
    """A process of its own with so many cores and BLAS threads; it starts with its first work."""
    os.environ.update(environment(1))
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=bound, initargs=(cores, blas))


def bound(cores, blas):
    """Let this process use so many cores, and BLAS so many threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    threadpool_limits(blas, user_api="blas")


def place(name, setting):
    """The process that a stage works in: (whose and with which memory, cores, threads of BLAS)."""
    return PEER if name == PEER else setting.kept, max(setting.blas, setting.threads), setting.blas


def table(sizes=("small", "medium"), dtypes=("float64", "float32"), rounds=7, least=LEAST):
    """A row for each size, dtype and stage: ms, ratio to the plain spelling with quartiles, ratio to PyTorch if installed.

    ValueError: a stage does not compute what the first does.
    """
    stages = {**settings(), **({PEER: Setting()} if find_spec("torch") else {})}
    where = {name: place(name, setting) for name, setting in stages.items()}
    processes = {one: process(*one[1:]) for one in dict.fromkeys(where.values())}
    try:
        ask = lambda function, name, *arguments: processes[where[name]].submit(function, name, *arguments).result()
        return [row for size in sizes for dtype in dtypes
                for row in rows_of(ask, stages, size, SIZES[size]._replace(dtype=dtype), rounds, least)]
    finally:
        for one in processes.values():
            one.shutdown(cancel_futures=True)


def rows_of(ask, stages, size, job, rounds, least):
    """The rows of one size and dtype."""
    first = ask(first_steps, PLAIN, job)
    for name in list(stages)[1:]:
        check(name, first, ask(first_steps, name, job), start_of(job), job.dtype)
    apart = {PLAIN, BLAS, PEER} & stages.keys()  # what comes after BLAS's threads on the same cores is slower for it
    times = lambda names: alternated({name: partial(ask, run, name, job) for name in names}, rounds, least)
    groups = times([name for name in stages if name != BLAS]), times(sorted(apart))
    return [row_of(name, groups[name == BLAS], {"size": size, "dtype": job.dtype}) for name in stages]


def row_of(name, seconds, row):
    """The row of a stage."""
    own, torch = seconds[name], seconds.get(PEER)
    return {**row, "stage": name, "ms": 1000 * float(np.median(own)), **spread(own, seconds[PLAIN]),
            "over_torch": torch and spread(own, torch)["ratio"]}
