"""ReservoirPy: its nodes with our weights. Reservoirs start where the case starts; feedback is the teacher's output."""

from importlib import import_module

import numpy as np

from minires.oracle.cases import CASES
from minires.oracle.cases.reservoirs import case as made, peer
from minires.oracle.peers.trial import Trial
from minires.oracle.systems.readout import new_features, rows

PACKAGE, NODES = "reservoirpy", "reservoirpy/nodes"


def nodes():
    """reservoirpy.nodes."""
    return import_module("reservoirpy.nodes")


def started(node, u, x):
    """The states (T, N) of a node that begins at x."""
    node.initialize(u[0])
    node.state = {"out": x}
    return np.array(node.run(u))


def reservoir(case):
    """A Reservoir that hears [u; y_{t-1}], one series after another, and a Ridge node with the case's weights."""
    p, given = case.params, case.inputs
    before = np.concatenate([given["y_0"][:, None], given["y"][:, :-1]], axis=1)  # (B, T, q)
    weights = {"Win": p["reservoir.Win"], "W": p["reservoir.W"], "bias": p["reservoir.bias"], "lr": float(p["reservoir.lr"])}
    states = np.stack([started(nodes().Reservoir(**weights), np.concatenate([u, y], axis=-1), x)
                       for u, y, x in zip(given["u"], before, given["x_0"])])  # (B, T, N)
    W_out = p["readout.W_out"]
    readout = nodes().Ridge(Wout=W_out[:, 1:].T, bias=W_out[:, 0])
    return {**each_step("state", states), "last": states[:, -1], "outputs": np.stack([readout.run(x) for x in states])}


def es2n(case):
    """ES2N."""
    p, given = case.params, case.inputs
    weights = {name: p[f"reservoir.{name}"] for name in ("Win", "W", "O", "bias")}
    states = np.stack([started(nodes().ES2N(**weights, proximity=float(p["reservoir.proximity"])), u, x)
                       for u, x in zip(given["u"], given["x_0"])])
    return {**each_step("state", states), "last": states[:, -1]}


def each_step(name, states):
    """{steps.t.name: (B, ..)} from (B, T, ..)."""
    return {f"steps.{t}.{name}": states[:, t] for t in range(states.shape[1])}


def one_step():
    """One step from zero, before which nothing was fed back."""
    system, config, params, given, draw = peer("reservoirpy04", B=1, T=1)
    given = {**given, "x_0": 0 * given["x_0"], "y": 0 * given["y"], "y_0": 0 * given["y_0"]}
    return made("peer/reservoirpy-partial_fit", system, {**config, "washout": 0}, params, given, draw)


def learning_model(case):
    """The state of a model of Input, Reservoir and a readout that is fed back, after one step of partial_fit."""
    p, u, q = case.params, case.inputs["u"][0], len(case.params["readout.W_out"])
    weights = {"Win": p["reservoir.Win"], "W": p["reservoir.W"], "bias": p["reservoir.bias"], "lr": float(p["reservoir.lr"])}
    source, hidden, readout = nodes().Input(), nodes().Reservoir(**weights), nodes().RLS(alpha=1.0, fit_bias=False)
    model = (source >> hidden >> readout) & (hidden << readout)
    model.partial_fit(u, np.zeros((1, q)))
    return {"steps.0.state": np.array(hidden.state["out"])[None]}


# ---- readouts --------------------------------------------------------------------------------------------------------

def ridge(case):
    """Ridge."""
    F, Y = rows(case.config, case.inputs)
    node = nodes().Ridge(ridge=float(case.params["strength"])).fit(F, Y)
    predicted = np.stack([node.run(F) for F in new_features(case.config, case.inputs)])
    return {"readout": np.concatenate([node.Wout, np.reshape(node.bias, (1, -1))]), "predictions": predicted}


def recursive(bias, errors=False):
    """RLS, row by row; errors: those of the predictions that partial_fit returns."""
    def answer(case):
        F, Y = rows(case.config, case.inputs)
        node = nodes().RLS(alpha=float(case.params["strength"]), fit_bias=bias, forgetting=case.config.get("forgetting", 1.0))
        found = {}
        for t in range(len(F)):
            told = node.partial_fit(F[t:t + 1], Y[t:t + 1])
            parts = [node.Wout, np.reshape(node.bias, (1, -1))] if bias else [node.Wout]
            found[f"steps.{t}.readout"] = np.concatenate(parts)
            found.update({f"steps.{t}.error": Y[t] - np.ravel(told)} if errors else {})
        return found
    return answer


def without_leak():
    """The case of intrinsic plasticity with a reservoir that keeps nothing and begins at zero."""
    case = CASES["readout/plasticity"]()
    changed = {"reservoir.K": np.zeros(()), "reservoir.g": np.ones(()), "inputs.x_0": 0 * case.values["inputs.x_0"]}
    return case._replace(id="peer/reservoirpy-plasticity", values={**case.values, **changed})


def plasticity(case):
    """IPReservoir: gain and bias at the end."""
    p, config = case.params, case.config
    node = nodes().IPReservoir(W=p["reservoir.W"], Win=p["reservoir.W_in"], bias=p["reservoir.b"], mu=config["mean"],
                               sigma=config["deviation"], learning_rate=config["rate"], activation="tanh")
    node.fit(case.inputs["u"][0])
    last = case.inputs["u"].shape[1] - 1
    return {f"steps.{last}.gain": np.ravel(node.a), f"steps.{last}.bias": np.ravel(node.b)}


SWAPPED = "partial_fit puts the feedback before the output of an Input node, step and run after it"
TRIALS = {
    "reservoirpy/reservoir": Trial(PACKAGE, "Reservoir with feedback, Ridge", CASES["echo_state/reservoirpy04"], reservoir,
                                   profile="float64"),
    "reservoirpy/es2n": Trial(PACKAGE, "ES2N", CASES["echo_state/es2n"], es2n, profile="float64"),
    "reservoirpy/partial_fit": Trial(PACKAGE, "Model.partial_fit with feedback", one_step, learning_model, "defect", SWAPPED,
                                     "reservoirpy/model.py, Model.partial_fit against Model.step", "float64"),
    "reservoirpy/ridge": Trial(PACKAGE, "Ridge.fit", CASES["readout/ridge"], ridge, profile="float64"),
    "reservoirpy/rls-plain": Trial(PACKAGE, "RLS, fit_bias=False", CASES["readout/rls-plain"], recursive(False),
                                   profile="float64"),
    "reservoirpy/rls-bias": Trial(PACKAGE, "RLS", CASES["readout/rls"], recursive(True), "defect",
                                  "the bias is learnt outside P: it is not least squares", f"{NODES}/rls.py", "float64"),
    "reservoirpy/rls-errors": Trial(
        PACKAGE, "RLS, what partial_fit returns", CASES["readout/rls-plain"], recursive(False, True), "convention",
        "the predictions are those after the update", f"{NODES}/rls.py", "float64"),
    "reservoirpy/plasticity": Trial(PACKAGE, "IPReservoir", without_leak, plasticity, profile="float64"),
}
