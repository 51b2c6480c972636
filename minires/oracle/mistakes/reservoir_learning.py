"""Mistakes in how a readout is learnt: the ridge, recursive least squares, FORCE, intrinsic plasticity."""

import autograd.numpy as np

from minires.oracle.mistakes.mistake import stopped
from minires.oracle.mistakes.reservoir_tools import one
from minires.reservoir.readouts.online import apart, together

SOLVE = "minires.reservoir.readouts.least_squares.solve"
ONLINE, LEARN = "minires.reservoir.readouts.online.", "minires.oracle.systems.learning."


def method(*names):
    """Cases of these methods."""
    return lambda case: case.system == "readout" and case.config["method"] in names


def with_strength(change):
    """The fit with another strength: change(strength, F)."""
    return {SOLVE: lambda solve: lambda F, Y, strength, bias: solve(F, Y, change(strength, F), bias)}


def other_bias(solve):
    """The other camp: the bias penalised where it is free, and the reverse."""
    return lambda F, Y, strength, bias: solve(F, Y, strength, "free" if bias == "penalised" else "penalised")


def one_factor(solve):
    """The normal equations, in which F^T F is held constant when they are differentiated; the value is right."""
    def wrong(F, Y, strength, bias):
        rows, n = F.shape
        means = [np.sum(A, axis=0) / rows for A in (F, Y)]
        if bias == "penalised":
            X, Z = np.concatenate([F, np.ones_like(F[:, :1])], axis=1), Y
        else:
            X, Z = F - means[0], Y - means[1]
        A = stopped(np.dot(X.T, X)) + strength * np.eye(X.shape[1])
        W = np.linalg.solve(A, np.dot(X.T, Z))
        return W if bias == "penalised" else np.concatenate([W, (means[1] - np.dot(means[0], W))[None]])
    return wrong


def rls(change):
    """The step of recursive least squares written by change(Theta, P, z, y, l) -> Theta, P, e."""
    def wrong(rls_step):
        def stepped(readout, P, f, y, forgetting=1.0):
            Theta, z, y = together(readout, f, y)
            Theta, P, e = change(Theta, P, z, y, forgetting)
            return apart(readout, Theta), P, e
        return stepped
    return {ONLINE + "rls_step": wrong}


def without_denominator(Theta, P, z, y, l):
    """k = P z."""
    k, e = np.dot(P, z), y - np.dot(z, Theta)
    return Theta + np.outer(k, e), (P - np.outer(k, k)) / l, e


def weights_forget(Theta, P, z, y, l):
    """Theta <- l Theta + k e, and P as without forgetting."""
    Pz = np.dot(P, z)
    size, e = 1 + np.dot(z, Pz), y - np.dot(z, Theta)
    return l * Theta + np.outer(Pz / size, e), P - np.outer(Pz, Pz) / size, e


def bias_apart(Theta, P, z, y, l):
    """P knows the features only; the bias is moved by e / size."""
    f, Pf = z[:-1], np.dot(P[:-1, :-1], z[:-1])
    size, e = l + np.dot(f, Pf), y - np.dot(z, Theta)
    k = np.concatenate([Pf, np.ones_like(z[:1])]) / size
    inner = (P[:-1, :-1] - np.outer(Pf, Pf) / size) / l
    inner = np.concatenate([inner, P[:-1, -1:]], axis=1)
    return Theta + np.outer(k, e), np.concatenate([inner, P[-1:]], axis=0), e


def late_error(rls_step):
    """The error reported is that after the update."""
    def wrong(readout, P, f, y, forgetting=1.0):
        readout, P, _ = rls_step(readout, P, f, y, forgetting)
        Theta, z, y = together(readout, f, y)
        return readout, P, y - np.dot(z, Theta)
    return wrong


def swapped(normal_rule):
    """Pre-activation and activation exchanged."""
    return lambda n, h, *others: normal_rule(h, n, *others)


def without_inverse(normal_rule):
    """dgain = dbias n."""
    def wrong(n, h, gain, *others):
        _, d_bias = normal_rule(n, h, gain, *others)
        return d_bias * n, d_bias
    return wrong


def learns(does, applies, patches, number, fix, **others):
    """A Mistake of this file."""
    return one(does, applies, patches, f"echo_state {number}", fix=fix, family="learning", **others)


MISTAKES = {
    "strength-squared": learns("the ridge is lambda^2", method("ridge"), with_strength(lambda strength, F: strength ** 2), 52,
                               "rows sqrt(lambda) I below F, or F^T F + lambda I"),
    "strength-times-rows": learns("lambda is multiplied by the number of rows", method("ridge"),
                                  with_strength(lambda strength, F: strength * len(F)), 53, "F^T F + lambda I, not / rows"),
    "bias-penalised-otherwise": learns("the ridge acts on the bias where it must not, or the reverse", method("ridge"),
                                       {SOLVE: other_bias}, 54, "centre F and Y where the bias is free"),
    "P-not-inverted": learns("P_0 = alpha I", method("rls", "force"), {
        LEARN + "scaled": lambda scaled: lambda P, strength: P * strength}, 66, "P_0 = I / alpha"),
    "gain-without-denominator": learns("k = P z", method("rls", "force"), rls(without_denominator), 67,
                                       "k = P z / (l + z^T P z)"),
    "error-after-the-update": learns("the error after the update is reported", method("rls"), {ONLINE + "rls_step": late_error},
                                     68, "report y - Theta^T z with Theta before the update"),
    "bias-outside-P": learns("the 1 of the bias is not in P", lambda case: method("rls")(case) and
                             case.config.get("bias", True), rls(bias_apart), 69, "z = [f; 1], P (F + 1, F + 1)"),
    "weights-forget": learns("the forgetting factor multiplies the weights", lambda case: method("rls")(case) and
                             "forgetting" in case.config, rls(weights_forget), 70, "it divides P"),
    "feedback-before-the-update": learns("FORCE feeds back the output before the update", method("force"), {
        LEARN + "fed_back": lambda fed_back: lambda before, readout, x: fed_back(before, before, x)}, 71, "z_t = Theta_t^T x_t",
        seen=("Sussillo & Abbott 2009, force_external_feedback_loop.m",)),
    "plasticity-activations-exchanged": learns("pre-activation and activation are exchanged", method("plasticity"), {
        "minires.reservoir.readouts.plasticity.normal_rule": swapped}, 72, "dgain = rate / gain + dbias n, dbias of h"),
    "plasticity-without-inverse-gain": learns("the term rate / gain is missing", method("plasticity"), {
        "minires.reservoir.readouts.plasticity.normal_rule": without_inverse}, 72, "dgain = rate / gain + dbias n"),
    "ridge-gradient-through-one-factor": learns(
        "the gradient of the ridge goes through F^T Y, not through F^T F", method("ridge"), {SOLVE: one_factor}, 93,
        "dF = (Y - F W) Z^T - F Z W^T", gradient=True),
}
