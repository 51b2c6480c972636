"""Readouts as a system of the oracle: how weights are found from states and targets, and what they predict.

    config  method: "ridge", or one that learns row by row: "rls", "lms", "force", "plasticity"; the method's numbers
    params  strength, forgetting or rate where they are differentiated; reservoir.* for force and plasticity
    inputs  states (B, T, N), u (B, T, d), targets (B, T, q) to fit; new_states (B, S, N), new_u, new_targets to predict
    tensors normal_matrix, readout (W_o above b_o), predictions, loss; steps.0.readout, .error, .. row by row; P has no name,
            as the gradient by a symmetric matrix depends on how its update is written
"""

import autograd.numpy as np

from minires.activations import tanh
from minires.errors import one_of
from minires.oracle.systems import learning
from minires.reservoir.readouts import least_squares, online, ridge, series
from minires.reservoir.readouts.features import features


def run(config, params, inputs):
    """The tensors of one fit and of its predictions."""
    return one_of("method", config["method"], METHODS)(config, params, inputs)


def by_ridge(config, params, inputs):
    """Ridge regression on the rows left by the washout; scaled and shifted targets are turned back in the predictions."""
    F, Y = rows(config, inputs)
    Theta = least_squares.solve(F, Y, params["strength"], "penalised" if config.get("penalise_bias") else "free")  # (F+1, q)
    fit = online.apart({"W_o": None, "b_o": None}, Theta)
    predictions = restored(config, params, ridge.predict(fit, new_features(config, inputs)))
    return {"normal_matrix": normal_matrix(config, F), "readout": Theta, "predictions": predictions,
            "loss": learning.squared(predictions, inputs["new_targets"])}


def rows(config, inputs):
    """Features and targets (rows, .): [u; s(x)], each series without its washout."""
    F = features(inputs["states"], inputs["u"], squares=config.get("squares", "none"))
    return series.stack_rows(config.get("washout", 0), F, inputs["targets"])


def new_features(config, inputs):
    """What the predictions read, as in `rows`."""
    return features(inputs["new_states"], inputs["new_u"], squares=config.get("squares", "none"))


def normal_matrix(config, F):
    """F^T F of the features: centred where the bias is free, with a column of ones where it is penalised."""
    if config.get("penalise_bias", False):
        F = np.concatenate([F, np.ones_like(F[:, :1])], axis=1)
    else:
        F = F - np.sum(F, axis=0) / len(F)
    return np.dot(F.T, F)


def restored(config, params, outputs):
    """The peer's way back from a teacher s y + c, after its output activation: (f(o) - c) / s."""
    outputs = tanh(outputs) if config.get("out_activation") else outputs
    return unscaled(outputs, params["teacher_scaling"], params["teacher_shift"]) if "teacher_shift" in params else outputs


def unscaled(outputs, scaling, shift):
    """o from s o + c."""
    return (outputs - shift) / scaling


def by_rls(config, params, inputs):
    """Recursive least squares, row by row."""
    F, Y = rows(config, inputs)
    readout, P = online.rls_start(F.shape[1], Y.shape[1], 1.0, config.get("bias", True), F.dtype)
    P = learning.scaled(P, params["strength"])
    named, errors = {}, []
    for t in range(len(F)):
        readout, P, e = online.rls_step(readout, P, F[t], Y[t], config.get("forgetting", 1.0))
        readout, Theta = whole(readout)
        named.update({f"steps.{t}.readout": Theta, f"steps.{t}.error": e})
        errors.append(e)
    return finish(named, readout, errors, config, inputs)


def whole(readout):
    """The readout as slices of one tensor, W_o above b_o, and this tensor: what has a name has one gradient."""
    if "b_o" not in readout:
        return readout, readout["W_o"]
    Theta = np.concatenate([readout["W_o"], readout["b_o"][None]])
    return online.apart(readout, Theta), Theta


def by_lms(config, params, inputs):
    """Least mean squares, plain or normalised, row by row."""
    F, Y = rows(config, inputs)
    readout, named, errors = online.readout_start(F.shape[1], Y.shape[1], True, F.dtype), {}, []
    step = online.normalised_lms_step if config.get("normalised") else online.lms_step
    for t in range(len(F)):
        readout, e = step(readout, F[t], Y[t], params["rate"])
        readout, Theta = whole(readout)
        named.update({f"steps.{t}.readout": Theta, f"steps.{t}.error": e})
        errors.append(e)
    return finish(named, readout, errors, config, inputs)


def finish(named, readout, errors, config, inputs):
    """The predictions of what was learnt, and the loss: theirs, and that of the a-priori errors."""
    predictions = ridge.predict(readout, new_features(config, inputs))
    before = sum(np.sum(e * e) for e in errors) / len(errors)
    return {**named, "predictions": predictions, "loss": learning.squared(predictions, inputs["new_targets"]) + before}


METHODS = {"ridge": by_ridge, "rls": by_rls, "lms": by_lms, "force": learning.by_force, "plasticity": learning.by_plasticity}
