"""The numbers of a verdict in words."""

import math

from minires.oracle.packs.clauses import GRADIENT, TABLE, clause_of

KNOWN = {-53: "float64", -24: "float32", -11: "float16 or TF32", -8: "bfloat16"}
SHOWN = 4  # names of absent tensors


def precision(u):
    """What the port computes like.

    >>> precision(2.0 ** -10.6)
    'behaves like 2^-11 (float16 or TF32)'
    """
    if not u or math.isnan(u):
        return "no error" if u == 0 else "no precision can be told"
    exponent = round(math.log2(u)) if math.isfinite(u) else 999
    if exponent < -54:
        return f"behaves like 2^{exponent} (finer than float64)"
    if exponent > -7:
        return "behaves like no precision" if exponent > 0 else f"behaves like 2^{exponent} (coarser than any precision)"
    near = [known for known in KNOWN if abs(known - exponent) <= 1]
    coarser = max(known for known in KNOWN if known <= max(exponent, -53))
    return f"behaves like 2^{exponent} ({KNOWN[near[0]] if near else 'coarser than ' + KNOWN[coarser]})"


def coverage(verdict):
    """How much of the case was answered, and what was not."""
    given, absent = len(verdict.supplied), verdict.absent
    more = f", .. ({len(absent) - SHOWN} more)" if len(absent) > SHOWN else ""
    return f"{given} of {given + len(absent)} tensors" + (f", absent: {', '.join(absent[:SHOWN])}{more}" if absent else "")


def numbers(row):
    """The numbers of one row."""
    at = f" at {list(row.worst)}" if row.worst else ""
    return (f"{row.scope}: z rms {row.rms_z:.3g}, max {row.max_z:.3g}{at}; error {row.absolute:.1e}, relative "
            f"{row.relative:.1e}, {row.ulps:.3g} ulp; best factor {row.scale:.4g}, cosine {row.cosine:.4g}")


def clause(name):
    """The clause that a tensor is computed by, "" where it has none.

    >>> clause("layers.2.attention.fresh_scores")
    'clause attention.fresh_scores: A_n = q k^T / sqrt(K)'
    """
    if (name or "").startswith("grad/"):
        return f"clause gradient: {GRADIENT}"
    known = clause_of(name or "")
    return f"clause {known}: {TABLE[known][1]}" if known else ""
