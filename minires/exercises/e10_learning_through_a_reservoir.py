"""Exercises of tutorial 10, learning through a reservoir: adjoints, recursive least squares, FORCE."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, Wrong


def normal(rng, *shape):
    """Normal numbers."""
    return rng.standard_normal(shape)


# ---- one step back ---------------------------------------------------------------------------------------------------

def adjoint(given, G_next, q_next, W, K):
    """G_t = dL/dx_t + K G_{t+1} + W^T q_{t+1}."""
    return given + K * G_next + W.T @ q_next


ADJOINT = ByValue(
    adjoint, lambda rng: (*normal(rng, 3, 5), normal(rng, 5, 5), rng.uniform(0.2, 0.45)), {
        "adjoint-through-W": Wrong(lambda given, G_next, q_next, W, K: given + K * G_next + W @ q_next),
        "adjoint-without-carry": Wrong(lambda given, G_next, q_next, W, K: given + W.T @ q_next),
        "adjoint-through-G": Wrong(
            lambda given, G_next, q_next, W, K: given + K * G_next + W.T @ G_next, "W^T takes the adjoint of the state back",
            "W acts on p_{t+1}: it takes q_{t+1} back, not G_{t+1}"),
        "own-share-dropped": Wrong(
            lambda given, G_next, q_next, W, K: K * G_next + W.T @ q_next, "what the loss gives to x_t itself is missing",
            "add given: the loss may read every state"),
        "leak-exchanged": Wrong(
            lambda given, G_next, q_next, W, K: given + (1 - K) * G_next + W.T @ q_next, "1 - K stands for K",
            "K is what is kept of the state, on the way back too")})


# ---- recursive least squares -----------------------------------------------------------------------------------------

def rls(Theta, P, x, y, l):
    """The new Theta, the new P, the error before the update."""
    k = P @ x / (l + x @ P @ x)
    e = y - x @ Theta
    return Theta + np.outer(k, e), (P - np.outer(k, x @ P)) / l, e


def rls_arguments(rng):
    """Four features, three outputs; P positive definite, as it always is."""
    root = normal(rng, 4, 4)
    return normal(rng, 4, 3), root @ root.T + np.eye(4), normal(rng, 4), normal(rng, 3), rng.uniform(0.8, 0.95)


def without_denominator(Theta, P, x, y, l):
    """k = P x."""
    k, e = P @ x, y - x @ Theta
    return Theta + np.outer(k, e), (P - np.outer(k, x @ P)) / l, e


def late_error(Theta, P, x, y, l):
    """e after the update."""
    Theta, P, _ = rls(Theta, P, x, y, l)
    return Theta, P, y - x @ Theta


def weights_forget(Theta, P, x, y, l):
    """l multiplies Theta, and P is that without forgetting."""
    new, P, e = rls(Theta, P, x, y, 1.0)
    return new + (l - 1) * Theta, P, e


def never_forgets(Theta, P, x, y, l):
    """P is not divided by l."""
    new, P, e = rls(Theta, P, x, y, l)
    return new, P * l, e


RLS = ByValue(rls, rls_arguments, {
    "gain-without-denominator": Wrong(without_denominator),
    "error-after-the-update": Wrong(late_error),
    "weights-forget": Wrong(weights_forget),
    "P-not-divided": Wrong(never_forgets, "P is not divided by the forgetting factor", "P <- (P - k x^T P) / l"),
    "denominator-1": Wrong(
        lambda Theta, P, x, y, l: (*rls(Theta, P, x, y, 1.0)[:1], rls(Theta, P, x, y, 1.0)[1] / l, y - x @ Theta),
        "the denominator of k is 1 + x P x", "it is l + x P x"),
    "P-unchanged": Wrong(lambda Theta, P, x, y, l: (rls(Theta, P, x, y, l)[0], P, y - x @ Theta), "P stays as it is",
                         "each row makes P smaller along x: P <- (P - k x^T P) / l")})


# ---- what is fed back ------------------------------------------------------------------------------------------------

def force_step(x, Theta, k, y):
    """The output before the update, the new Theta, what is fed back: the output after the update."""
    output = x @ Theta
    Theta = Theta + np.outer(k, y - output)
    return output, Theta, x @ Theta


def fed_back(change):
    """The step with another feedback."""
    def wrong(x, Theta, k, y):
        output, new, _ = force_step(x, Theta, k, y)
        return output, new, change(output, y)
    return wrong


def downhill(x, Theta, k, y):
    """The error with the other sign."""
    new = Theta - np.outer(k, y - x @ Theta)
    return x @ Theta, new, x @ new


def reported_late(x, Theta, k, y):
    """The output after the update is reported."""
    _, new, z = force_step(x, Theta, k, y)
    return z, new, z


FORCE = ByValue(
    force_step, lambda rng: (normal(rng, 4), normal(rng, 4, 3), 0.1 * normal(rng, 4), normal(rng, 3)), {
        "feedback-before-the-update": Wrong(fed_back(lambda output, y: output)),
        "teacher-fed-back": Wrong(fed_back(lambda output, y: y), "the target is fed back: teacher forcing",
                                  "feed back the network's own output after the update"),
        "error-fed-back": Wrong(fed_back(lambda output, y: y - output), "the error is fed back",
                                "feed back the output after the update"),
        "error-negated": Wrong(downhill, "the update has the other sign", "Theta + k (y - x Theta)^T"),
        "output-after-the-update": Wrong(reported_late, "the output that is reported is that after the update",
                                         "report x Theta with Theta before the update: the honest one")})


EXERCISES = {
    "adjoint": Exercise("one step back", 1, 5, ADJOINT),
    "rls": Exercise("one row of recursive least squares", 2, 10, RLS),
    "force_step": Exercise("what is fed back", 2, 10, FORCE),
}
