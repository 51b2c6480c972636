"""PyRCN: its blocks and its regression with our weights. Every series begins at zero there."""

from importlib import import_module

import numpy as np

from minires.oracle.cases import CASES
from minires.oracle.peers.reservoirpy import each_step
from minires.oracle.peers.trial import Trial
from minires.oracle.systems.readout import new_features, rows

PACKAGE = "PyRCN"


def blocks():
    """pyrcn.base.blocks."""
    return import_module("pyrcn.base.blocks")


def from_zero(name):
    """The case of a preset, begun at zero."""
    def make():
        case = CASES[f"echo_state/{name}"]()
        return case._replace(id=f"peer/pyrcn-{name}", values={**case.values, "inputs.x_0": 0 * case.values["inputs.x_0"]})
    return make


def heard(case, u, activation="tanh"):
    """What InputToNode makes of one series (T, d)."""
    p = {name.removeprefix("reservoir."): value for name, value in case.params.items()}
    scales = {name: float(p[name]) for name in ("input_scaling", "input_shift", "bias_scaling", "bias_shift")}
    N = p["input_weights"].shape[1]
    return blocks().InputToNode(hidden_layer_size=N, predefined_input_weights=p["input_weights"], input_activation=activation,
                                predefined_bias_weights=p["bias_weights"][:, None], **scales).fit_transform(u)


def leaky(case):
    """InputToNode and NodeToNode."""
    p, u = case.params, case.inputs["u"]
    W = p["reservoir.recurrent_weights"]
    v = [heard(case, series) for series in u]
    node = lambda: blocks().NodeToNode(
        hidden_layer_size=len(W), predefined_recurrent_weights=W, spectral_radius=float(p["reservoir.spectral_radius"]),
        leakage=float(p["reservoir.leakage"]))
    states = np.stack([node().fit(series).transform(series) for series in v])
    return {**each_step("heard", np.stack(v)), **each_step("state", states), "last": states[:, -1]}


def euler(case):
    """EulerNodeToNode with the antisymmetric part of the case's W in the place of what it draws; W_in by InputToNode."""
    p, u = case.params, case.inputs["u"]
    W = p["reservoir.W"] - p["reservoir.W"].T

    def of(series):
        v = series @ p["reservoir.W_in"].T + p["reservoir.b"]
        node = blocks().EulerNodeToNode(hidden_layer_size=len(W), gamma=float(p["reservoir.gamma"]),
                                        epsilon=float(p["reservoir.epsilon"])).fit(v)
        node._recurrent_weights = W.T  # a row sends
        return node.transform(v)
    states = np.stack([of(series) for series in u])
    return {**each_step("state", states), "last": states[:, -1]}


def regression(case):
    """IncrementalRegression."""
    F, Y = rows(case.config, case.inputs)
    node = import_module("pyrcn.linear_model").IncrementalRegression(alpha=float(case.params["strength"])).fit(F, Y)
    predicted = np.stack([node.predict(F) for F in new_features(case.config, case.inputs)])
    return {"readout": np.asarray(node._output_weights), "predictions": predicted}


TRIALS = {
    "PyRCN/leaky": Trial(PACKAGE, "InputToNode, NodeToNode", from_zero("pyrcn"), leaky, profile="float64"),
    "PyRCN/euler": Trial(
        PACKAGE, "EulerNodeToNode", from_zero("eusn"), euler, "defect",
        "gamma is added to the diagonal, where Euler state networks subtract it: the states move away from stability",
        "pyrcn/base/blocks, EulerNodeToNode; the paper (2203.09382), equation 3", "float64"),
    "PyRCN/regression": Trial(PACKAGE, "IncrementalRegression", CASES["readout/ridge-penalised"], regression,
                              profile="float64"),
}
