"""The cases of the echo-state networks: every family, every preset, readouts that learn; short runs, so that none is chaotic.

Sizes that stand together are distinct: B 3 series, T 7 steps, N 5 units, d 2 inputs, q 4 outputs. W is asymmetric, the state
does not begin at zero, no leak is 0, 1 or 1/2 unless the case is about it.
"""

import numpy as np

from minires.oracle.case import Case, on_grid
from minires.oracle.cases import conversations, presets, readouts
from minires.oracle.cases.presets import Draw
from minires.parameters import flatten
from minires.reservoir.presets import PRESETS

FAMILIES = {
    "leaky": lambda draw: {"a": 0.375},
    "jaeger_leaky": lambda draw: {"delta": 0.75, "C": 0.4375, "a": 0.875},
    "additive": lambda draw: {"a": 0.625},
    "euler": lambda draw: {"eps": 0.375},
    "edge_of_stability": lambda draw: {"beta": 0.375, "O": draw.rotation()},
    "residual": lambda draw: {"alpha": 0.8125, "beta": 0.625, "O": draw.rotation()},
}


def native(family="leaky", feedback=False, seed=1, B=3, T=7, sizes=None, config=None, weights=None, inputs=None):
    """A case under the library's own names. weights: a function of the draw that changes what a family has."""
    rng = np.random.default_rng(seed)
    draw = Draw(rng, **(sizes or {}))
    reservoir = {"W": draw.W(), "W_in": draw.W_in(), "b": draw.b(), **FAMILIES[family](draw)}
    if feedback:
        reservoir["W_fb"] = draw.W_in(columns=draw.q)
    reservoir.update(weights(draw) if weights else {})
    given = series(draw, B, T, feedback)
    given.update(inputs(draw, given) if inputs else {})
    readout = {"W_o": draw.normal(draw.d + draw.N, draw.q, scale=0.4), "b_o": draw.b(draw.q)}
    config = {"network": {"family": family}, "washout": 2, **(config or {})}
    return "echo_state", config, {"reservoir": reservoir, "readout": readout}, given, draw


def series(draw, B, T, feedback):
    """Inputs, targets and a first state; the teacher's outputs and one before them where they are fed back."""
    given = {"u": draw.normal(B, T, draw.d), "targets": draw.normal(B, T, draw.q), "x_0": draw.normal(B, draw.N, scale=0.5)}
    if feedback:
        given.update(y=draw.normal(B, T, draw.q), y_0=draw.normal(B, draw.q))
    return given


def peer(name, seed=1, B=3, T=7, M=6):
    """A case of a preset: weights under the peer's names, a readout W_out (q, F) whose columns are as the peer's."""
    draw = Draw(np.random.default_rng(seed), M=M)
    reservoir = presets.PRESETS[name](draw)
    fed = name in FED
    given = series(draw, B, T, fed)
    units = [draw.N, draw.M] if isinstance(reservoir, list) else [draw.M, draw.N] if name == "resrmn" else [draw.N]
    if len(units) > 1:
        given.pop("x_0")
        given.update({f"x_0.{i}": draw.normal(B, N, scale=0.5) for i, N in enumerate(units)})
    read = {"1": 1, "u": draw.d, "x": draw.N if name == "resrmn" else sum(units), "y": draw.q}
    readout = {"W_out": draw.normal(draw.q, sum(read[part] for part in PRESETS[name].reads), scale=0.4)}
    network = {"preset": name, **({"settings": presets.SETTINGS[name]} if name in presets.SETTINGS else {})}
    return "echo_state", {"network": network, "washout": 2}, {"reservoir": reservoir, "readout": readout}, given, draw


FED = ("jaeger2001", "jaeger2001_leaky", "reservoirpy04", "reservoirpy03", "reservoirpy03_external", "pyesn", "easyesn")


def case(id, system, config, params, inputs, draw):
    """The Case, with random cotangents for the outputs and the last state."""
    values = {**flatten(params), **{f"inputs.{name}": value for name, value in inputs.items()}}
    values = {name: np.array(value) for name, value in values.items()}
    differentiated = tuple(name for name, value in values.items() if value.dtype == float and not name.endswith("earlier.u"))
    B, T, q = inputs["targets"].shape
    last = draw.M if config["network"].get("preset") in ("deepesn", "deepresesn") else draw.N
    cotangents = {"outputs": draw.normal(B, T, q)}
    if not config.get("bidirectional"):
        cotangents["last"] = draw.normal(B, last)
    if "generate" in config:
        cotangents["generated"] = draw.normal(B, config["generate"], q)
    return Case(id, system, config, values, cotangents, differentiated)


def ragged(draw, given):
    """Series of 7, 4 and 6 steps; what stands in padding is not zero."""
    return {"real": np.arange(7)[None] < np.array([7, 4, 6])[:, None]}


def sparse(draw, k=2):
    """An operator of in-degree k: {"values", "sources"} (k, N)."""
    N = draw.N
    return {"values": draw.normal(k, N, scale=0.7), "sources": np.stack([(np.arange(N) + 1 + 2 * i) % N for i in range(k)])}


def earlier(draw, given):
    """An input of another length that was run before; both begin at zero."""
    given.pop("x_0")
    return {"earlier.u": draw.normal(3, 4, draw.d)}


def both(draw, given):
    """A first state for each direction."""
    return {"x_0.0": given.pop("x_0"), "x_0.1": draw.normal(3, draw.N, scale=0.5)}


def directions(draw):
    """Two reservoirs and a readout of both."""
    one = lambda: {"W": draw.W(), "W_in": draw.W_in(), "b": draw.b(), "a": 0.375}
    return [one(), one()], {"W_o": draw.normal(draw.d + 2 * draw.N, draw.q, scale=0.4), "b_o": draw.b(draw.q)}


def bidirectional():
    """One reservoir for each direction of time."""
    system, config, params, given, draw = native(config={"bidirectional": True}, inputs=both)
    reservoir, readout = directions(draw)
    return system, config, {"reservoir": reservoir, "readout": readout}, given, draw


KINDS = {
    **{family: (lambda family=family: native(family)) for family in FAMILIES},
    "feedback": lambda: native(feedback=True, config={"generate": 3},
                               inputs=lambda draw, given: {"future": draw.normal(3, 3, draw.d)}),
    "generation": lambda: native(sizes={"q": 2}, config={"generate": 4}, inputs=lambda draw, given: {"u_0": draw.normal(3, 2)}),
    "ragged": lambda: native(inputs=ragged),
    "leak-per-unit": lambda: native(B=5, weights=lambda draw: {"a": on_grid(draw.rng.uniform(0.2, 0.9, 5))}),
    "leak-1": lambda: native(weights=lambda draw: {"a": 1.0}),
    "logistic": lambda: native(config={"network": {"family": "leaky", "f": "logistic"}}),
    "relu": lambda: native(config={"network": {"family": "leaky", "f": "relu"}}),
    "identity": lambda: native(config={"network": {"family": "leaky", "f": "identity"}}),
    "sparse": lambda: native("residual", weights=lambda draw: {"O": sparse(draw, 1), "W": sparse(draw)}),
    "alpha-0": lambda: native("residual", weights=lambda draw: {"alpha": 0.0}),
    "radius": lambda: native(weights=lambda draw: {"radius": 1.25}, config={"squares": "even"}),
    "earlier": lambda: native(inputs=earlier),
    "bidirectional": bidirectional,
    **{name: (lambda name=name: peer(name)) for name in presets.PRESETS},
    "deep-equal": lambda: peer("deepresesn", M=5),
}
CASES = {f"echo_state/{kind}": (lambda kind=kind, make=make: case(f"echo_state/{kind}", *make()))
         for kind, make in KINDS.items()} | readouts.CASES | conversations.CASES
