"""Which cases are asked for, and the hash that says which numbers they have."""

import hashlib
from fnmatch import fnmatchcase

import numpy as np

from minires.errors import one_of, require


def chosen(cases):
    """The goldens of an argument `cases`: None for the core pack, a pattern of ids, a list of these, or goldens."""
    if cases is not None and not isinstance(cases, str) and all(hasattr(each, "truth") for each in cases):
        require(cases, "no case given: expected at least one")
        return list(cases)
    return matching(packed(), cases)


def packed(folder=None):
    """The goldens of a pack, the one in the package by default."""
    from minires.oracle.packs import pack
    return pack.load(folder) if folder else pack.core()


def matching(goldens, wanted):
    """The goldens whose id fits the pattern, or one of the list of patterns; ValueError where a pattern fits none."""
    ids = {golden.case.id: True for golden in goldens}
    patterns = ["*"] if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    for pattern in patterns:
        if not any(fnmatchcase(id, str(pattern)) for id in ids):
            one_of("case", pattern, ids)
    require(patterns, "no case given: expected at least one")
    return [golden for golden in goldens if any(fnmatchcase(golden.case.id, pattern) for pattern in patterns)]


def suite_hash(goldens):
    """sha256 over the ids, configurations, numbers and truth of the cases, in the order of their ids."""
    total = hashlib.sha256()
    for case, truth, _ in sorted(goldens, key=lambda golden: golden.case.id):
        total.update(f"{case.id} {case.system} {sorted(case.config.items())}".encode())
        for name, array in sorted({**case.values, **truth.values}.items()):
            total.update(name.encode() + np.asarray(array).tobytes())
    return total.hexdigest()
