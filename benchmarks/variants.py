"""What a variant's step costs, over that of the plain model with its norms in the same place."""

from benchmarks.contest import Contest
from benchmarks.job import SIZES, model_of
from benchmarks.timing import LEAST, spread
from benchmarks.worker import OURS
from minires.residual import VARIANTS

EVERYWHERE = ("realformer", "resformer")  # at all sizes and in both dtypes; the others once
LARGE = ("tiny", "small", "medium")


def pair(variant, job):
    """The variant's job and the plain one with the same placement, in the first house that the variant can be built in.

    (None, reason) where there is none.
    """
    plain = job._replace(placement=VARIANTS[variant].placement)
    for house in ("bert", "llama"):
        own = plain._replace(variant=variant, house=house)
        try:
            model_of(own), model_of(plain._replace(house=house))
            return own, plain._replace(house=house)
        except ValueError as error:
            reason = str(error)
    return None, reason


def row_of(contest, variant, size, job, rounds, least):
    """A variant's row: the ratio to the plain model, with its quartiles; or the reason why there is none."""
    row = {"variant": variant, "size": size, "dtype": job.dtype, "placement": VARIANTS[variant].placement}
    own, plain = pair(variant, job)
    if own is None:
        return {**row, "note": plain}
    contest.all("forget")
    seconds = contest.alternated({"variant": own, "plain": plain}, rounds, least)
    return {**row, "house": own.house, **spread(seconds["variant"], seconds["plain"])}


def table(names=tuple(VARIANTS), sizes=LARGE, dtypes=("float64", "float32"), rounds=7, least=LEAST):
    """A row for each variant at small in float32, then RealFormer and ResFormer at `sizes` and `dtypes`; one thread."""
    jobs = [(name, "small", "float32") for name in names]
    jobs += [(name, size, dtype) for name in EVERYWHERE for size in sizes for dtype in dtypes
             if (name, size, dtype) not in jobs]
    with Contest([OURS]) as contest:
        return [row_of(contest, name, size, SIZES[size]._replace(dtype=dtype), rounds, least) for name, size, dtype in jobs]
