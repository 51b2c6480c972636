"""Peak memory of the first training steps, each contestant and size in a fresh process.

What a process holds at its highest during three steps, above what it holds before them, when library, model, batch and
weights are there. The moments of AdamW, the graph, the gradients and all that is kept between steps count. A step of a
minute model runs before, so that libraries have set themselves up.
"""

import resource
import sys
from pathlib import Path

from benchmarks.job import SIZES, Job
from benchmarks.worker import OURS, PEER, Worker

STEPS, MIB, LARGE = 3, 2 ** 20, ("small", "medium", "long")
FIRST = Job(layers=1, width=8, heads=2, length=4, batch=2)
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def status(field):
    """A field of Linux's account of this process, in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return 1024 * int(line.split()[1])


def reset():
    """Begin to watch; the bytes held now (where the system keeps one mark for the whole life, that mark)."""
    if not CLEAR.exists():
        return highest()
    CLEAR.write_text("5")  # Linux: the mark of the highest starts anew
    return status("VmRSS")


def highest():
    """The most bytes held since `reset`."""
    if CLEAR.exists():
        return status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def peak(contestant, job):
    """The bytes of one contestant in a fresh process."""
    worker = Worker(contestant, job.threads)
    try:
        worker("peak", FIRST._replace(dtype=job.dtype, threads=job.threads), 1)
        worker("forget")
        return worker("peak", job, STEPS)
    finally:
        worker.close()


def table(sizes=LARGE, dtypes=("float64", "float32"), contestants=(OURS, "minires plain", PEER, "PyTorch sdpa")):
    """A row for each size, dtype and contestant: peak in MiB, and its ratio to PyTorch's."""
    rows = []
    for size in sizes:
        for dtype in dtypes:
            peaks = {name: peak(name, SIZES[size]._replace(dtype=dtype)) for name in contestants}
            rows += [{"size": size, "dtype": dtype, "contestant": name, "peak_MiB": most / MIB, "ratio": most / peaks[PEER]}
                     for name, most in peaks.items()]
    return rows
