"""The ridge readout: one fit, and leave-one-out and GCV errors of fifty strengths, beside scikit-learn and SciPy.

minires and scikit-learn's "svd" decompose the features and keep all their digits; SciPy's positive definite solver and
"cholesky" form F^T F, faster, with half the digits where features are nearly dependent.
"""

from functools import partial

import numpy as np

from benchmarks.reservoir import Contest
from minires.reservoir.readouts.ridge import ridge
from minires.reservoir.readouts.selection import select

STRENGTHS = np.logspace(-4, 3, 50)


def case(T, N):
    """Features (T, N) of sizes from 1 to 0.01, and two noisy targets."""
    rng = np.random.default_rng(3)
    F = rng.standard_normal((T, N)) * np.logspace(0, -2, N) + 0.5
    return F, F @ rng.standard_normal((N, 2)) + rng.standard_normal((T, 2))


def fitted(F, Y, strength=0.1):
    """The readout of minires."""
    readout = ridge(F, Y, strength)
    return [readout["W_o"], readout["b_o"]]


def sklearn_ridge(F, Y, solver, strength=0.1):
    """scikit-learn's."""
    from sklearn.linear_model import Ridge
    model = Ridge(strength, solver=solver).fit(F, Y)
    return [model.coef_.T, model.intercept_]


def scipy_solve(F, Y, strength=0.1):
    """The normal equations of the centred features."""
    from scipy.linalg import solve
    F_mean, Y_mean = F.mean(axis=0), Y.mean(axis=0)
    X = F - F_mean
    W = solve(X.T @ X + strength * np.eye(X.shape[1]), X.T @ (Y - Y_mean), assume_a="pos")
    return [W, Y_mean - F_mean @ W]


def selected(F, Y, criterion="leave_one_out"):
    """The errors of all strengths, the best one, and its readout."""
    found = select(F, Y, STRENGTHS, criterion)
    return [found.errors, found.strength, found.readout["W_o"]]


def ridge_cv(F, Y):
    """The same by scikit-learn's RidgeCV."""
    from sklearn.linear_model import RidgeCV
    model = RidgeCV(STRENGTHS, store_cv_results=True).fit(F, Y)
    return [model.cv_results_.mean(axis=(0, 1)), model.alpha_, model.coef_.T]


def contest(T, N, kind):
    """One contest."""
    F, Y = case(T, N)
    own = partial(fitted, F, Y)
    peers = {"scikit-learn svd": partial(sklearn_ridge, F, Y, "svd"),
             "scikit-learn cholesky": partial(sklearn_ridge, F, Y, "cholesky"), "SciPy solve": partial(scipy_solve, F, Y)}
    if kind in peers:
        return Contest(f"ridge, {T} rows", N, "float64", kind, own, peers[kind])
    chosen, strengths = partial(selected, F, Y, "gcv" if "GCV" in kind else "leave_one_out"), len(STRENGTHS)
    if kind == "RidgeCV":
        return Contest(f"leave-one-out, {strengths} strengths, {T} rows", N, "float64", kind, chosen, partial(ridge_cv, F, Y))
    best = chosen()[1]
    return Contest(f"{kind}, {strengths} strengths, {T} rows", N, "float64", "one ridge of minires", chosen, own,
                   lambda: (chosen()[2:], fitted(F, Y, best)[:1]))


def contests(quick):
    """(name, function that makes the contest) of each row."""
    T, N = (500, 50) if quick else (10000, 1000)
    kinds = ("scikit-learn svd", "scikit-learn cholesky", "SciPy solve", "RidgeCV", "leave-one-out", "GCV")
    return [("ridge", partial(contest, T, N, kind)) for kind in kinds]
