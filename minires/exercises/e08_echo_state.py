"""Exercises of tutorial 08, the echo-state network: one step, the rows that count, the spectral radius, the readout."""

import numpy as np

from minires.exercises.records import ByValue, Exercise, InModel, Wrong
from minires.layers import linear
from minires.reservoir.readouts.ridge import ridge
from minires.reservoir.spectra import spectral_norm, spectral_radius

CASE = "echo_state/leaky"
tanh = np.tanh


def stages(x, u, W, W_in, b, a):
    """(z, p, h, new), each (B, N), from x (B, N) and u (B, d)."""
    z = linear(u, W_in.T, b)
    p = linear(x, W.T) + z
    return z, p, tanh(p), (1 - a) * x + a * tanh(p)


def in_kernel(function):
    """Place: the stages of one step of the library's kernel."""
    names = ("drive", "preactivation", "activation", "state")
    return {"minires.reservoir.echo_state.stages": lambda params, x, u, y=None, f="tanh": dict(zip(names, function(
        x, u, params["W"], params["W_in"], params["b"], params["g"])))}


def with_state(new, activation=lambda x, z, p, b, a: tanh(p)):
    """A form of `stages` with another last line: new(x, h, a), or another h."""
    def wrong(x, u, W, W_in, b, a):
        z, p, _, _ = stages(x, u, W, W_in, b, a)
        h = activation(x, z, p, b, a)
        return z, p, h, new(x, h, a)
    return wrong


def leaky(x, h, a):
    """The last line as it should be."""
    return (1 - a) * x + a * h


STAGES = InModel(CASE, stages, in_kernel, {
    "leak-swapped": with_state(lambda x, h, a: a * x + (1 - a) * h),
    "leak-ignored": with_state(lambda x, h, a: h),
    "gain-without-leak": with_state(lambda x, h, a: (1 - a) * x + h),
    "leak-inside-activation": with_state(lambda x, h, a: h, lambda x, z, p, b, a: tanh((1 - a) * x + a * p)),
    "activation-per-part": with_state(leaky, lambda x, z, p, b, a: tanh(p - z) + tanh(z)),
    "bias-dropped": lambda x, u, W, W_in, b, a: stages(x, u, W, W_in, 0 * b, a),
    "recurrent-weights-transposed": lambda x, u, W, W_in, b, a: stages(x, u, W.T, W_in, b, a)})


# ---- the rows that count ---------------------------------------------------------------------------------------------

def rows(states, u, y, washout):
    """(features [u_t; x_t], targets) without the first `washout` steps."""
    return np.concatenate([u, states], axis=1)[washout:], y[washout:]


def cut(features, targets):
    """A form of `rows` with other cuts of the features and of the targets."""
    return lambda states, u, y, washout: (rows(states, u, y, 0)[0][features(washout)], y[targets(washout)])


ROWS = ByValue(
    rows, lambda rng: (*(rng.standard_normal((11, n)) for n in (4, 2, 3)), int(rng.integers(2, 5))), {
        "washout-of-outputs-only": Wrong(cut(lambda n: slice(n, None), lambda n: slice(None, -n))),
        "features-in-other-order": Wrong(
            lambda states, u, y, n: (np.concatenate([states, u], axis=1)[n:], y[n:])),
        "target-one-step-early": Wrong(cut(lambda n: slice(n, None), lambda n: slice(n - 1, -1))),
        "washout-ignored": Wrong(cut(lambda n: slice(None), lambda n: slice(None)), "no step is dropped",
                                 "drop the first `washout` rows of features and targets: the state still holds x_0 there"),
        "washout-kept": Wrong(cut(lambda n: slice(None, n), lambda n: slice(None, n)), "the washout is kept, the rest dropped",
                              "[washout:], not [:washout]")})


# ---- the size of W ---------------------------------------------------------------------------------------------------

def scaled(W, radius):
    """W * radius / max |eigenvalue|."""
    return W * (radius / spectral_radius(W))


def by(size):
    """W divided by another size."""
    return lambda W, radius: W * (radius / size(W))


SCALED = ByValue(
    scaled, lambda rng: (rng.uniform(-1, 1, (8, 8)), float(rng.uniform(0.6, 1.2))), {
        "by-the-norm": Wrong(by(spectral_norm), "W is divided by its largest singular value, the 2-norm",
                             "divide by the largest |eigenvalue|: np.linalg.eigvals"),
        "by-the-real-part": Wrong(by(lambda W: np.max(np.linalg.eigvals(W).real)), "W is divided by the largest real part",
                                  "eigenvalues are complex: np.abs, not the real part"),
        "by-symmetric-eigenvalues": Wrong(by(lambda W: np.max(np.abs(np.linalg.eigvalsh(W)))),
                                          "eigvalsh reads one triangle of W only, as if W were symmetric",
                                          "W is not symmetric: np.linalg.eigvals"),
        "by-the-circular-law": Wrong(by(lambda W: np.sqrt(len(W) / 3)), "W is divided by sqrt(N / 3), the estimate for large N",
                                     "the eigenvalues of this W, not those of a typical one"),
        "by-all-entries": Wrong(by(lambda W: np.sqrt(np.sum(W * W))), "W is divided by its Frobenius norm",
                                "divide by the largest |eigenvalue|: np.linalg.eigvals")})


# ---- the readout -----------------------------------------------------------------------------------------------------

def readout(F, Y, strength):
    """(W_o (F, q), b_o (q,)) of ridge regression; the bias is not penalised."""
    found = ridge(F, Y, strength)
    return found["W_o"], found["b_o"]


def penalised(F, Y, strength):
    """The column of ones is penalised as the others are."""
    ones = np.concatenate([F, np.ones((len(F), 1))], axis=1)
    Theta = np.linalg.solve(ones.T @ ones + strength * np.eye(ones.shape[1]), ones.T @ Y)
    return Theta[:-1], Theta[-1]


def without_shift(F, Y, strength):
    """b_o = mean Y."""
    return readout(F, Y, strength)[0], Y.mean(axis=0)


READOUT = ByValue(
    readout, lambda rng: (rng.standard_normal((20, 4)) + 1, rng.standard_normal((20, 3)) + 2, float(rng.uniform(0.2, 0.8))), {
        "strength-squared": Wrong(lambda F, Y, strength: readout(F, Y, strength ** 2)),
        "strength-times-rows": Wrong(lambda F, Y, strength: readout(F, Y, strength * len(F))),
        "bias-penalised-otherwise": Wrong(penalised),
        "strength-ignored": Wrong(lambda F, Y, strength: readout(F, Y, 0.0), "lambda is 0: plain least squares",
                                  "add strength times the identity to F^T F, F centred"),
        "bias-without-the-features": Wrong(without_shift, "b_o is the mean of Y, as if the mean of F were 0",
                                           "b_o = mean Y - mean F W_o")})


EXERCISES = {
    "stages": Exercise("one step", 1, 10, STAGES),
    "rows": Exercise("the rows that count", 1, 5, ROWS),
    "scaled": Exercise("a spectral radius", 2, 5, SCALED),
    "readout": Exercise("the readout", 3, 15, READOUT),
}
