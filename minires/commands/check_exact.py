"""`minires check --exact`: gradients to 30 digits, and the true error of our own runs in ulps."""

from minires.experiments import side_by_side
from minires.report import as_json, table


def check(name, seed, kind, layers):
    """The digits of each parameter, and the errors of our float64 and float32 runs, of one variant: dicts."""
    from minires.oracle.exact.differences import confirm_variant
    from minires.oracle.exact.own_errors import own_errors
    rows = confirm_variant(name, seed, kind, layers)
    errors = own_errors(*decided(name, seed, kind, layers))
    return {"digits": [row._asdict() for row in rows], "errors": [error._asdict() for error in errors]}


def decided(name, seed, kind, layers):
    """A case of the variant on the grid and its truth; another seed where a value of this one is a tie of float64."""
    from minires.oracle.exact.balls import Undecided
    from minires.oracle.cases.transformers import transformer_case
    from minires.oracle.exact.truth import truth
    for own in range(seed, seed + 10):
        case = transformer_case(name, kind, layers, B=2, T=4, S=3, seed=own)
        try:
            return case, truth(case)
        except Undecided as reason:
            last = reason
    raise last


def run_exact(arguments, names, refused):
    """Both tables for one variant, a row per variant for several. Exit code 1 below 30 digits."""
    from minires.oracle.exact.differences import DIGITS
    calls = [(check, name, arguments.seed, arguments.kind, arguments.layers) for name in names]
    found = dict(zip(names, side_by_side(calls, arguments.jobs, "exact checks")))
    least = min(row["digits"] for one in found.values() for row in one["digits"])
    if arguments.json:
        print(as_json(found))
    else:
        print(one_variant(found[names[0]]) if len(names) == 1 else several(found))
        print("".join(f"\nnot checked: {reason}" for reason in refused if len(names) > 1))
        print(f"\nfewest digits of agreement {least:.1f}: {'all' if least >= DIGITS else 'NOT all'} at least {DIGITS}")
    return 0 if least >= DIGITS else 1


def one_variant(found):
    """Digits per parameter; errors in ulps."""
    rows = [{**row, "worst": str(list(row["worst"]))} for row in found["digits"]]
    errors = {"dtype": "our run in", "of": "of", "entries": "entries", "tensor_rms": "rms, of tensor",
              "tensor_largest": "largest, of tensor", "rms": "rms, of entry", "largest": "largest, of entry", "where": "where"}
    return "\n\n".join([
        table(rows, {"parameter": "parameter", "coordinates": "coordinates", "digits": "digits that agree",
                     "worst": "worst coordinate"}),
        "error against the exact value, in units in the last place of the tensor's largest entry, and of the entry itself",
        table(found["errors"], errors)])


def several(found):
    """One line per variant."""
    lines = []
    for name, one in found.items():
        worst = min(one["digits"], key=lambda row: row["digits"])
        errors = {f"{error['dtype']} {error['of']}": error["tensor_rms"] for error in one["errors"]}
        lines.append({"variant": name, "digits": worst["digits"], "worst": worst["parameter"], **errors})
    names = [f"{dtype} {of}" for dtype in ("float64", "float32") for of in ("forward", "gradients")]
    return table(lines, {"variant": "variant", "digits": "digits", "worst": "worst parameter",
                         **{name: f"{name}, rms ulps" for name in names}})
