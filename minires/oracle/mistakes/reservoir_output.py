"""Mistakes after the states: what the readout reads, which rows count, how a free run goes on."""

import autograd.numpy as np

from minires.oracle.mistakes.reservoir_tools import one

ECHO, READ = "minires.oracle.systems.echo_state.", "minires.oracle.systems.readout."


def native(case):
    """A readout of the library's own features [u; s(x)]."""
    return case.system == "readout" and "inputs.u" in case.values and "inputs.new_u" in case.values or (
        case.system == "echo_state" and "readout.W_o" in case.values)


def unpadded(case):
    """An echo-state case in which all steps are real, with a washout."""
    return case.system == "echo_state" and "inputs.real" not in case.values and case.config["washout"] > 0


def fitted(case):
    """Ridge regression."""
    return case.system == "readout" and case.config["method"] == "ridge"


def turned(features):
    """[s(x); u] for [u; s(x)]."""
    def wrong(states, u, squares="none"):
        F, d = features(states, u, squares=squares), u.shape[-1]
        return np.concatenate([F[..., d:], F[..., :d]], axis=-1)
    return wrong


def turned_new(new_features):
    """The same, for what is predicted only."""
    def wrong(config, inputs):
        F, d = new_features(config, inputs), inputs["new_u"].shape[-1]
        return np.concatenate([F[..., d:], F[..., :d]], axis=-1)
    return wrong


def without_squares(config):
    """The same features, states as they are."""
    return {name: value for name, value in config.items() if name != "squares"}


def batch_washed(mean_square):
    """The first series are dropped, not the first steps."""
    return lambda outputs, targets, real, w: mean_square(outputs[w:], targets[w:], real[w:], 0)


def outputs_washed(mean_square):
    """The washout is taken off the outputs at the front, off the targets at the back."""
    return lambda outputs, targets, real, w: mean_square(
        outputs[:, w:], targets[:, :targets.shape[1] - w], real[:, w:], 0)


def early_target(mean_square):
    """The target of the step before."""
    return lambda outputs, targets, real, w: mean_square(outputs, np.concatenate([targets[:, :1], targets[:, :-1]], 1), real, w)


def rows_washed(stack_rows):
    """The same for the rows of a fit."""
    return lambda w, F, Y: stack_rows(0, F[:, w:], Y[:, :Y.shape[1] - w])


def batch_rows_washed(stack_rows):
    """The first series are dropped, not the first steps."""
    return lambda w, F, Y: stack_rows(0, F[w:], Y[w:])


def forgotten(generate):
    """A free run from state zero."""
    return lambda params, read, steps, x, **others: generate(params, read, steps, np.zeros_like(x), **others)


def last_heard(free_run):
    """The free run hears the last training input once more."""
    return lambda config, params, net, x, inputs: free_run(config, params, net, x, {**inputs, "u_0": inputs["u"][:, -1]})


def free(case):
    """A case with a free run."""
    return case.system == "echo_state" and "generate" in case.config


MISTAKES = {
    "features-in-other-order": one("the predictions read [x; u] with the weights of [u; x]", native, {
        ECHO + "features": turned, READ + "new_features": turned_new}, "echo_state 58", fix="one order of features, [u; x]",
        family="readout"),
    "squares-missing": one("the predictions read x where the weights are those of its squares", lambda case: native(case) and
                           "squares" in case.config, {
        ECHO + "read": lambda read: lambda config, *others: read(without_squares(config), *others),
        READ + "new_features": lambda new: lambda config, inputs: new(without_squares(config), inputs)}, "echo_state 59",
        fix="the same features in the fit and in the predictions", family="readout"),
    "washout-of-the-batch": one("the washout drops series, not steps", lambda case: unpadded(case) or fitted(case) and
                                case.config["washout"] < 2 if "washout" in case.config else False, {
        ECHO + "mean_square": batch_washed, "minires.reservoir.readouts.series.stack_rows": batch_rows_washed},
        "echo_state 42", fix="drop the first steps of every series", family="readout"),
    "washout-of-outputs-only": one("the washout is taken off features and outputs at the front, off the targets at the back", (
        lambda case: unpadded(case) or fitted(case) and "washout" in case.config), {
        ECHO + "mean_square": outputs_washed, "minires.reservoir.readouts.series.stack_rows": rows_washed}, "echo_state 43",
        fix="drop the same rows of features and targets", family="readout"),
    "target-one-step-early": one("the output at t is compared with the target of t - 1", unpadded, {
        ECHO + "mean_square": early_target}, "echo_state 44", fix="features up to t predict the target of t", family="readout"),
    "last-series-dropped": one("the last batch of rows is not in the normal equations", lambda case: fitted(case), {
        "minires.reservoir.readouts.series.stack_rows": lambda stack_rows: lambda w, F, Y: stack_rows(w, F[:-1], Y[:-1])},
        "echo_state 50", fix="add the rows of the last, smaller batch as well", family="readout"),
    "output-activation-twice": one("the output activation is applied twice", lambda case: "out_activation" in case.config, {
        READ + "tanh": lambda tanh: lambda outputs: tanh(tanh(outputs))}, "echo_state 60", family="readout",
        fix="apply it once", seen=("cknd/pyESN@de294b6, predict",)),
    "unscaled-before-unshifted": one("outputs are turned back as o / s - c", lambda case: "teacher_shift" in case.values, {
        READ + "unscaled": lambda unscaled: lambda outputs, scaling, shift: outputs / scaling - shift}, "echo_state 61",
        fix="(o - c) / s", family="readout"),
    "free-run-from-zero": one("the free run begins at state zero", free, {ECHO + "generate": forgotten}, "echo_state 45",
                              "echo_state 65", fix="go on from the last state of the driven run", family="readout"),
    "free-run-hears-the-last-input": one("the free run first hears the last training input again", lambda case: free(case) and
                                         "inputs.u_0" in case.values, {ECHO + "free_run": last_heard}, "echo_state 64",
                                         fix="its first input is the next value, which the state has not seen",
                                         family="readout"),
}
