"""One training step of the post-norm causal decoder, of each contestant, over PyTorch's in eager mode."""

from benchmarks.contest import Contest, ratios
from benchmarks.job import SIZES, products
from benchmarks.timing import LEAST, geometric_mean
from benchmarks.worker import CONTESTANTS, OURS
from minires.errors import require
from minires.training.parallel import cores


def table(sizes=tuple(SIZES), dtypes=("float64", "float32"), threads=(1, 2), rounds=7, least=LEAST, contestants=None):
    """A row for each size, dtype, number of threads and contestant.

    ms            median time of a step
    ratio         to PyTorch in eager mode, median over the rounds; low, high: its quartiles
    ours_over_it  the time of minires over that of the contestant, median over the rounds
    of_rate       operations of the step's matrix products per second, over those of A @ B, 1024 by 1024
    """
    require(max(threads) <= cores(), f"{max(threads)} threads: expected at most {cores()}, the cores of this machine")
    rows = []
    for count in threads:
        with Contest(contestants or CONTESTANTS, count) as contest:
            for dtype in dtypes:
                rate = contest.workers[OURS]("rate", dtype, count)
                for size in sizes:
                    job = SIZES[size]._replace(dtype=dtype, threads=count)
                    contest.prepare(job)
                    found = ratios(contest.seconds(job, rounds, least), {"size": size, "dtype": dtype, "threads": count})
                    rows += [{**row, "of_rate": products(job) / (row["ms"] / 1000) / rate} for row in found]
    return rows


def means(rows):
    """A row for each number of threads and contestant: the geometric means over all sizes and dtypes."""
    groups = {}
    for row in rows:
        groups.setdefault((row["threads"], row["contestant"]), []).append(row)
    return [{"threads": threads, "contestant": name,
             **{key: geometric_mean([row[key] for row in own]) for key in ("ratio", "ours_over_it", "of_rate")}}
            for (threads, name), own in groups.items()]
