"""Check every gradient of a variant's tiny model against central differences.

Autograd in reverse mode at every parameter coordinate, and in forward mode along a random direction per parameter;
errors are relative to the parameter's largest gradient (at least a thousandth of the model's).
Exit code 1 if one is above 1e-7.

With --exact (extra: oracle) both sides are computed in ball arithmetic of 512 bits and must agree on 30 digits at every
coordinate; and our float64 and float32 runs are compared with the exact values, in units in the last place.
"""

from minires.checks import KINDS
from minires.commands.check_exact import run_exact
from minires.experiments import side_by_side
from minires.gradients import TOLERANCE, check_variant, tiny_model
from minires.report import as_json, table
from minires.residual import VARIANTS

EXAMPLE = "minires check realformer"


def arguments(parser):
    """VARIANT... and how to check them."""
    parser.add_argument("variant", nargs="*", metavar="VARIANT", help='names, or "a + b"; default: all, one line each')
    parser.add_argument("--kind", default="decoder", help="encoder, decoder (default), encoder_decoder")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--exact", action="store_true", help="30 digits in ball arithmetic, and the errors of our runs in ulps")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")


def run(arguments):
    """Print a row per parameter for one variant, a row per variant for several."""
    names, refused = chosen(arguments)
    if arguments.exact:
        return run_exact(arguments, names, refused)
    calls = [(check_variant, name, arguments.seed, arguments.kind, arguments.layers) for name in names]
    checks = dict(zip(names, side_by_side(calls, arguments.jobs, "gradient checks")))
    if arguments.json:
        print(as_json({name: [row._asdict() for row in rows] for name, rows in checks.items()}))
    elif len(names) == 1:
        print(parameters_table(checks[names[0]]))
    else:
        print(variants_table(checks))
        print("".join(f"\nnot checked: {reason}" for reason in refused))
    worst = max(max(row.reverse, row.forward) for rows in checks.values() for row in rows)
    if not arguments.json:
        verdict = "all" if worst <= TOLERANCE else "NOT all"
        print(f"\nlargest relative error {worst:.1e}: {verdict} within {TOLERANCE:g}")
    return 0 if worst <= TOLERANCE else 1


def chosen(arguments):
    """The variants to check, and of all variants the reasons why some are not defined for this kind and depth."""
    names, refused = [], []
    for name in arguments.variant or VARIANTS:
        try:
            tiny_model(name, arguments.kind, arguments.layers)
            names.append(name)
        except ValueError as reason:
            if arguments.variant or arguments.kind not in KINDS:  # a mistake shows before the first check, not after it
                raise
            refused.append(str(reason))
    return names, refused


def parameters_table(rows):
    """One line per parameter, with its worst coordinate."""
    return table([{**row._asdict(), "worst": str(list(row.worst))} for row in rows],
                 {"parameter": "parameter", "coordinates": "coordinates", "reverse": "reverse mode",
                  "forward": "forward mode", "worst": "worst coordinate"})


def variants_table(checks):
    """One line per variant, with its worst parameter and coordinate."""
    lines = []
    for name, rows in checks.items():
        worst = max(rows, key=lambda row: row.reverse)
        lines.append({"variant": name, "coordinates": sum(row.coordinates for row in rows), "reverse": worst.reverse,
                      "forward": max(row.forward for row in rows), "worst": f"{worst.parameter} {list(worst.worst)}"})
    return table(lines, {"variant": "variant", "coordinates": "coordinates", "reverse": "reverse mode",
                         "forward": "forward mode", "worst": "worst coordinate"})
