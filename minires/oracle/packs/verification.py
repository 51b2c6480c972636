"""Whether a pack is what the library makes today, byte for byte, and whether a float64 run agrees with its truth."""

import numpy as np

from minires.oracle.cases import CASES
from minires.oracle.packs.decoys import numbers
from minires.oracle.packs.facts import golden_of
from minires.oracle.packs.pack import build

NEAR = 1e6  # ulps, rms over all tensors: a float64 run that is farther away has another formula


def verified(path, files, map_=map):
    """A row per case and a line per problem. map_(function, ids): how the cases are made anew."""
    ids = [name.removeprefix("cases/").removesuffix("/case.json") for name in files if name.endswith("/case.json")
           and name.startswith("cases/")]
    known = [id for id in ids if id in CASES]
    again = build(known, map_)
    rows, lines = [], [f"{path}: case {id!r} is not in the catalogue, it was not made anew" for id in ids if id not in known]
    for id in ids:
        own = {name: data for name, data in files.items() if name.startswith(f"cases/{id}/")}
        differ = [name for name, data in own.items() if id in known and again.get(name) != data]
        golden = golden_of({name.split("/")[-1]: data for name, data in own.items()}, id)
        distance = float64_error(golden)
        lines += [f"{path}: {name} is not what the library makes today" for name in differ]
        lines += [f"{path}: {id}: a float64 run is {distance:.1e} ulp from the truth"] if distance > NEAR else []
        rows.append({"case": id, "same": "differ" if differ else "same" if id in known else "unknown",
                     "entries": golden.facts["certificate"]["entries"], "bits": golden.facts["certificate"]["bits"],
                     "float64": distance})
    other = [name for name in files if not name.startswith("cases/") and name != "MANIFEST.json"]
    lines += [f"{path}: {name} is not what the library makes today" for name in other
              if len(known) == len(ids) and again.get(name) != files[name]]
    return rows, lines


def float64_error(golden):
    """Root mean square of the error of the library's own float64 run, in ulps of the largest number of each tensor."""
    found, errors = numbers(golden.case), []
    for name, value in golden.truth.values.items():
        finite = np.isfinite(value)
        size = np.max(abs(value[finite]), initial=0.0)
        if size > 0:
            errors.append(np.ravel((found[name][finite] - value[finite]) / np.spacing(size)))
    errors = np.concatenate(errors)
    return float(np.sqrt(np.mean(errors * errors)))
