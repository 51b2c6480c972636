"""What the oracle holds of one case: the case, its truth, and the facts that a port may read."""

from typing import NamedTuple

from minires.oracle.case import Case


class Truth(NamedTuple):
    """The truth of one case, by name: tensors, "loss", gradients as grad/<name>.

    certificate: bits; log2_radius, of the widest ball in half ulps of its value; entries, each of them proved; zeros, how
    many were proved zero by a clause, {clause: {name: number of entries}}. JSON.
    """

    values: dict       # name -> float64 array
    remainders: dict   # name -> float32 array of the same shape, (exact - value) / ulp(value)
    certificate: dict


class Golden(NamedTuple):
    """A case of a pack."""

    case: Case
    truth: Truth
    facts: dict        # case.json: see `facts.facts_of`
