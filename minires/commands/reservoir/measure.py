"""Measure a network under independent random input U(-1, 1): what it remembers, computes, and forgets.

    memory      capacity: sum over delays of r^2 (input U(-0.8, 0.8)); with --activation identity also the exact one
    processing  information processing capacity, by degree
    rank        kernel rank and generalisation rank, of 2 N streams
    lyapunov    largest conditional exponent
    echo_state  what guarantees it, what excludes it, what the input shows
    radii       every size of W that is called its radius

Each is taken by itself: what it finds does not depend on which others are measured.
"""

import numpy as np

from minires.commands.options import OUT, add_out
from minires.commands.reservoir.measure_report import draw, plain, readable
from minires.commands.reservoir.options import add_network
from minires.commands.reservoir.settings import network_changes
from minires.errors import one_of, require, whole_number
from minires.files import writable_folder
from minires.report import as_json
from minires.reservoir.measures.echo_state_property import convergence, echo_state_bounds
from minires.reservoir.measures.linear_memory import linear_memory
from minires.reservoir.measures.lyapunov import lyapunov_exponents
from minires.reservoir.measures.memory import memory_capacity
from minires.reservoir.measures.processing import processing_capacity
from minires.reservoir.measures.rank import separate_streams, similar_streams, stream_rank
from minires.reservoir.network import EchoState
from minires.reservoir.spectra import jacobian_at_origin, radii, spectral_radius

EXAMPLE = "minires reservoir measure --what memory --units 50 --topology cycle --radius 0.95"
NETWORK = {"bias_scale": 0.0}  # without a bias the origin is a state, which the echo-state property is about
STREAM = 100  # steps of each stream of the ranks


def memory(network, params, rows, rng):
    """Memory capacity on a fifth of `rows` after learning from `rows`; of a linear network also exactly."""
    found = {"memory": memory_capacity(params, rng, train=rows, test=max(rows // 5, 3), f=network.f)}
    if network.f == "identity" and spectral_radius(jacobian_at_origin(params["W"], params["K"], params["g"])) < 1:
        found["exact"] = linear_memory(params)
    return found


def processing(network, params, rows, rng):
    """Information processing capacity of `rows` rows."""
    return {"processing": processing_capacity(params, rng, rows=rows, f=network.f)}


def rank(network, params, rows, rng):
    """Kernel rank and generalisation rank."""
    streams = {"kernel": separate_streams, "generalisation": similar_streams}
    return {f"{name} rank": stream_rank(params, draws(rng, 2 * network.units, STREAM), f=network.f)
            for name, draws in streams.items()}


def lyapunov(network, params, rows, rng):
    """The largest conditional Lyapunov exponent over `rows` steps, the first 100 of them left out."""
    return {"lyapunov": lyapunov_exponents(params, separate_streams(rng, 1, rows)[0], rng, f=network.f)}


def echo_state(network, params, rows, rng):
    """The bounds, and the convergence of eight runs under one input of 500 steps."""
    return {"echo state": echo_state_bounds(params, network.f),
            "convergence": convergence(params, separate_streams(rng, 1, 500)[0], rng, f=network.f)}


def sizes(network, params, rows, rng):
    """The radii."""
    return {"radii": radii(params["W"], params["K"], params["g"])}


WHAT = {"memory": memory, "processing": processing, "rank": rank, "lyapunov": lyapunov, "echo_state": echo_state,
        "radii": sizes}


def arguments(parser):
    """--what, --rows, the network, --seed, --out."""
    parser.add_argument("--what", default="all", help=f"{', '.join(WHAT)}, or all (default)")
    parser.add_argument("--rows", type=int, default=10000, help="to learn memory from, to find processing and the "
                        "Lyapunov exponent on; default: 10000")
    add_network(parser)
    add_out(parser)


def run(arguments):
    """Measure, print, draw."""
    one_of("measure", arguments.what, {**WHAT, "all": None})
    rows = whole_number("--rows", arguments.rows, 200)
    network = EchoState(**network_changes(arguments, NETWORK))
    weights, *others = np.random.default_rng(whole_number("--seed", arguments.seed, 0)).spawn(1 + len(WHAT))
    params = network.init(weights)
    chosen = [name for name in WHAT if arguments.what in (name, "all")]
    require("memory" not in chosen and "processing" not in chosen or rows > network.units + 1,
            f"--rows {rows} with {network.units} units: expected more rows than units")
    folder = writable_folder(arguments.out or OUT)
    found = {}
    for (name, measured), rng in zip(WHAT.items(), others):
        if name in chosen:
            found.update(measured(network, params, rows, rng))
    pictures = draw(found, params, folder)
    result = {"units": network.units, **found, "pictures": pictures}
    print(as_json(plain(result)) if arguments.json else readable(found, pictures))
