"""The parts of the benchmark, each run with what the command line asks for."""

from importlib import import_module

from benchmarks import memory, scaling, steps, variants
from benchmarks.conditions import conditions
from benchmarks.worker import OURS, PEER

QUICK = {"rounds": 3, "least": 0.03}


def step(quick, asked):
    """Rows of `steps.table`; quick: the smallest model on one thread."""
    given = {**({"sizes": ("tiny",), "threads": (1,), **QUICK} if quick else {}), **asked}
    return steps.table(**given)


def variants_part(quick, asked):
    """Rows of `variants.table`; quick: RealFormer and ResFormer, as small as they get."""
    given = {**({"sizes": ("tiny",), "names": (), "dtypes": ("float32",), **QUICK} if quick else {}), **asked}
    return variants.table(**without(given, "threads"))


def scaling_part(quick, asked):
    """Rows of `scaling.table`, in the first of the dtypes asked for, else float32."""
    given = {**({"lengths": (32, 128), "depths": (1, 4), "contestants": (OURS, PEER), **QUICK} if quick else {}),
             **without(asked, "threads", "sizes", "dtypes")}
    return scaling.table(dtype=asked.get("dtypes", ["float32"])[0], **given)


def memory_part(quick, asked):
    """Rows of `memory.table`; quick: one size, one dtype, minires and PyTorch."""
    given = {"sizes": ("small",), "dtypes": ("float32",), "contestants": (OURS, PEER)} if quick else {}
    return memory.table(**{**given, **without(asked, "rounds", "threads")})


def reservoir(quick, asked):
    """Rows of `benchmarks.reservoir.table`."""
    return import_module("benchmarks.reservoir").table(quick)


PARTS = {"step": step, "variants": variants_part, "scaling": scaling_part, "memory": memory_part, "reservoir": reservoir}


def without(options, *names):
    """The options but for some."""
    return {name: value for name, value in options.items() if name not in names}


def measure(names, arguments, say):
    """{"conditions", "proved", part: rows} of the parts called so."""
    asked = {name: getattr(arguments, name) for name in ("rounds", "threads", "sizes", "dtypes")}
    asked = {name: value for name, value in asked.items() if value is not None}
    results = {"conditions": conditions(), "proved": not arguments.quick}
    for name in names:
        say(f"{name} ..")
        results[name] = PARTS[name](arguments.quick, asked)
    if "step" in results:
        results["step means"] = steps.means(results["step"])
    return results
