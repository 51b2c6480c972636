"""Reservoirs with no two sizes and no two values alike, and literal loops over their equations."""

import numpy as np

N, d, q, B, T, k = 5, 2, 3, 4, 7, 2
FORMS = ("full", "sparse")                              # of W
RETENTIONS = ("number", "per unit", "full", "sparse")   # of K
ACTIVATIONS = ("tanh", "identity", "relu", "logistic")


def fixed_in_degree(rng, degree=k, units=N):
    """Sources without repetition per unit, asymmetric values."""
    sources = np.stack([rng.permutation(units)[:degree] for _ in range(units)], axis=1)
    return {"values": rng.standard_normal((degree, units)), "sources": sources}


def weights(rng, form="full", retention="number", feedback=True, units=N, inputs=d, outputs=q):
    """Parameters of the kernel; the gain differs per unit, and K is not 1 - g."""
    W = rng.standard_normal((units, units)) if form == "full" else fixed_in_degree(rng, units=units)
    K = {"number": 0.3, "per unit": rng.uniform(0.1, 0.9, units), "full": 0.5 * rng.standard_normal((units, units)),
         "sparse": fixed_in_degree(rng, 1, units)}[retention]
    params = {"W": W, "W_in": rng.standard_normal((units, inputs)), "b": rng.standard_normal(units), "K": K,
              "g": rng.uniform(0.2, 0.9, units)}
    return {**params, "W_fb": rng.standard_normal((units, outputs))} if feedback else params


def series(rng, batch=B, steps=T, inputs=d, outputs=q, units=N):
    """u, y, x_0, y_0 of a batch."""
    return (rng.standard_normal((batch, steps, inputs)), rng.standard_normal((batch, steps, outputs)),
            rng.standard_normal((batch, units)), rng.standard_normal((batch, outputs)))


def number_of(A, i, j, units=N):
    """A_ij, whatever the form of A."""
    if isinstance(A, dict):
        return sum(values[i] for values, sources in zip(A["values"], A["sources"]) if sources[i] == j)
    A = np.asarray(A)
    return A[i, j] if A.ndim == 2 else (A[i] if A.ndim else A) * (i == j)


F = {"tanh": np.tanh, "identity": lambda p: p, "relu": lambda p: p if p > 0 else 0.0,
     "logistic": lambda p: 1 / (1 + np.exp(-p))}


def transcription(params, u, x_0, y=None, y_0=None, f="tanh"):
    """x_t = K x_{t-1} + g f(W x_{t-1} + W_in u_t + b + W_fb y_{t-1}), a number at a time, for one series."""
    x, states = list(x_0), []
    units = len(x)
    for t in range(len(u)):
        before = (y_0 if t == 0 else y[t - 1]) if y is not None else None
        new = []
        for i in range(units):
            p = sum(number_of(params["W"], i, j, units) * x[j] for j in range(units))
            p += sum(params["W_in"][i, j] * u[t, j] for j in range(u.shape[1]))
            p += params["b"][i] if "b" in params else 0.0
            p += sum(params["W_fb"][i, j] * before[j] for j in range(len(before))) if before is not None else 0.0
            kept = sum(number_of(params["K"], i, j, units) * x[j] for j in range(units))
            new.append(kept + np.broadcast_to(params["g"], (units,))[i] * F[f](p))
        x = new
        states.append(x)
    return np.array(states)
