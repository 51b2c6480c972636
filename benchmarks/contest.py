"""A contest: a process for each contestant, the same job for all, equality first, then rounds in turns."""

import numpy as np

from benchmarks.equality import STEPS, check
from benchmarks.job import start_of
from benchmarks.timing import alternated, spread
from benchmarks.worker import OURS, PEER, Worker


class Contest:
    """The processes of some contestants, the first of which the others are held against; to be closed, or used in `with`."""

    def __init__(self, contestants, threads=1):
        self.workers = {name: Worker(name, threads) for name in contestants}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for worker in self.workers.values():
            worker.close()

    def all(self, work, *arguments):
        """{name: answer}, all asked at once."""
        for worker in self.workers.values():
            worker.send(work, *arguments)
        return {name: worker.answer() for name, worker in self.workers.items()}

    def prepare(self, job):
        """Make the job's step everywhere, and check that all do the same: {name: differences}; ValueError where not."""
        self.all("forget")
        self.all("make", job)
        first, *others = self.workers
        ours, start = self.workers[first]("first_steps", job, STEPS), start_of(job)
        return {name: check(name, ours, self.workers[name]("first_steps", job, STEPS), start, job.dtype) for name in others}

    def seconds(self, job, rounds, least):
        """{name: seconds of a step in each round}."""
        runs = {name: lambda n, worker=worker: worker("run", job, n) for name, worker in self.workers.items()}
        return alternated(runs, rounds, least)

    def alternated(self, jobs, rounds, least):
        """{name: seconds in each round} of several jobs {name: job} of the one contestant that there is."""
        (worker,) = self.workers.values()
        return alternated({name: lambda n, job=job: worker("run", job, n) for name, job in jobs.items()}, rounds, least)


def ratios(seconds, row):
    """A row for each contestant: `row`, median time, time over PyTorch's with its quartiles, and ours over it."""
    return [{**row, "contestant": name, "ms": 1000 * float(np.median(own)), **spread(own, seconds[PEER]),
             "ours_over_it": float(np.median(np.divide(seconds[OURS], own)))} for name, own in seconds.items()]
