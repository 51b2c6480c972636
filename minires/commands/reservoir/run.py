"""Drive a network with a series, without a readout: its states, how large they are, what they look like.

Writes states, inputs, the last state and the parameters (.npz), and a picture of the states.
"""

import os

import numpy as np

from minires.commands.options import OUT, add_out
from minires.commands.reservoir.options import add_network, add_series
from minires.commands.reservoir.settings import settings_of
from minires.files import writable_folder, write_atomically
from minires.parameters import flatten
from minires.report import as_json, table
from minires.reservoir.experiment import check_states
from minires.reservoir.spectra import radii

EXAMPLE = "minires reservoir run --task mackey_glass --length 2000 --radius 1.2"
NEAR_ONE = 0.95  # a state beyond it counts as saturated
DRAWN = 300  # rows in the picture


def arguments(parser):
    """The series, the network, --seed, --out."""
    add_series(parser)
    add_network(parser)
    add_out(parser)


def run(arguments):
    """Run, keep, print."""
    settings, data = settings_of(arguments)
    folder = writable_folder(arguments.out or OUT)
    params = settings.network.init(data.rng)
    with np.errstate(over="ignore", invalid="ignore"):  # Diverged says it
        states, last = settings.network.run(params, data.inputs)
    check_states(states)
    path = os.path.join(folder, f"reservoir-{settings.label}-{arguments.seed}.npz")
    kept = {"states": states, "inputs": data.inputs, "last": last, **flatten({"params": params})}
    write_atomically(path, lambda file: np.savez(file, **kept))
    result = {**facts(settings, states, params, arguments.seed), "states": path, "picture": picture(settings, states, folder)}
    print(as_json(result) if arguments.json else readable(result))


def facts(settings, states, params, seed):
    """Sizes, radii, and how large the states are after the washout."""
    X = np.abs(states[settings.plan.washout:])
    return {"series": settings.label, "seed": seed, "units": states.shape[1], "inputs": params["W_in"].shape[1],
            "rows": len(states), "washout": settings.plan.washout,
            "radii": radii(params["W"], params["K"], params["g"]), "mean_size": float(X.mean()),
            "saturated": float(np.mean(X > NEAR_ONE)), "largest": float(X.max())}


def picture(settings, states, folder):
    """Draw the first rows after the washout; returns where."""
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    first = min(settings.plan.washout, max(0, len(states) - DRAWN))
    path = os.path.join(folder, f"reservoir-{settings.label}-states.png")
    title = f"{settings.label}: states of {settings.network.units} units ({settings.network.family})"
    figures.save(figures.states(states[first:first + DRAWN], title, first), path)
    return path


def readable(result):
    """The facts as lines."""
    rows = [{"what": name.replace("_", " "), "size": size} for name, size in result["radii"].items()]
    return (f"{result['series']}: {result['rows']} rows, d = {result['inputs']}, through N = {result['units']} units\n\n"
            f"{table(rows, {'what': 'of W (and K, g)', 'size': 'size'})}\n\n"
            f"states after row {result['washout']}: mean |x| {result['mean_size']:.4f}, largest {result['largest']:.4f}, "
            f"{result['saturated']:.2%} beyond {NEAR_ONE}\n\nstates: {result['states']}\npicture: {result['picture']}")
