"""How the time of a step grows with length, at a fixed number of tokens, and with depth; minires and PyTorch, one thread."""

from benchmarks.contest import Contest, ratios
from benchmarks.job import SIZES
from benchmarks.timing import LEAST
from benchmarks.worker import OURS, PEER

TOKENS = 2048
LENGTHS, DEPTHS = (32, 64, 128, 256, 512, 1024), (1, 2, 4, 8, 16)


def jobs(lengths, depths, dtype):
    """(what grows, its value, the job): of the size small otherwise."""
    small = SIZES["small"]._replace(dtype=dtype)
    return [("length", T, small._replace(length=T, batch=TOKENS // T)) for T in lengths] + [
        ("depth", L, small._replace(layers=L)) for L in depths]


def table(lengths=LENGTHS, depths=DEPTHS, dtype="float32", rounds=7, least=LEAST, contestants=(OURS, PEER, "PyTorch sdpa")):
    """A row for each length or depth and contestant, as in `steps.table`."""
    rows = []
    with Contest(contestants) as contest:
        for grows, value, job in jobs(lengths, depths, dtype):
            contest.prepare(job)
            rows += ratios(contest.seconds(job, rounds, least), {"grows": grows, "value": value, "dtype": dtype})
    return rows
