"""How each peer draws its weights: (rng, N, d, settings) -> weights and settings under the peer's names.

The distributions, the order of the scalings and the defaults are the peer's; the random numbers come from `rng`, all
independent of each other. Radii are exact, by dense eigenvalues, where some peers take an iterative estimate.
Letters of the shapes: N units, d inputs, q outputs that are fed back.
"""

import numpy as np

from minires.reservoir.input_weights import draw
from minires.reservoir.scaling import rescale
from minires.reservoir.topologies import antisymmetric


def radius(W, rho):
    """W scaled to the spectral radius rho."""
    return rescale(W, "spectral_radius", rho)


def minimal(rng, N, d, rho=1.25, a=0.3):
    """Win, with its bias column, and W uniform on (-.5, .5); max|eig| is set to rho."""
    return {"Win": 0.5 * draw((N, 1 + d), rng, "uniform"), "W": radius(0.5 * draw((N, N), rng, "uniform"), rho), "a": a}


def reservoirpy04(rng, N, d, q=0, sr=1.0, lr=1.0, input_scaling=1.0, input_connectivity=0.1, rc_connectivity=0.1):
    """Win +-1 and W normal, both sparse; no bias."""
    return {"Win": input_scaling * draw((N, d + q), rng, "bernoulli", input_connectivity),
            "W": radius(draw((N, N), rng, "normal", rc_connectivity), sr), "lr": lr, "feedback_dim": q}


def reservoirpy03(rng, N, d, q=0, sr=None, lr=1.0, input_scaling=1.0, bias_scaling=1.0, input_connectivity=0.1,
                  rc_connectivity=0.1):
    """As 0.4, but with a random bias, and W as it is drawn unless sr is given."""
    W = draw((N, N), rng, "normal", rc_connectivity)
    signs = lambda columns, scale: scale * draw((N, columns), rng, "bernoulli", input_connectivity)
    return {"Win": signs(d, input_scaling), "W": W if sr is None else radius(W, sr), "bias": signs(1, bias_scaling), "lr": lr,
            **({"Wfb": signs(q, 1.0)} if q else {})}


def pyesn(rng, N, d, q=0, spectral_radius=0.95, sparsity=0.0):
    """W uniform on (-.5, .5), zero with the chance `sparsity` at each place; W_in and W_feedb uniform on (-1, 1)."""
    W = np.where(rng.random((N, N)) < sparsity, 0.0, 0.5 * draw((N, N), rng, "uniform"))
    fed = {"W_feedb": draw((N, q), rng, "uniform")} if q else {}
    return {"W": radius(W, spectral_radius), "W_in": draw((N, d), rng, "uniform"), **fed}


def pyrcn(rng, N, d, spectral_radius=1.0, leakage=1.0):
    """Row form: input and bias uniform on (-1, 1), W normal with radius 1."""
    return {**pyrcn_inputs(rng, N, d), "recurrent_weights": radius(draw((N, N), rng, "normal"), 1.0),
            "spectral_radius": spectral_radius, "leakage": leakage}


def pyrcn_euler(rng, N, d, recurrent_scaling=1.0, gamma=0.001, epsilon=0.01):
    """Row form: as `pyrcn`, but W = A - A^T, A uniform on (-1, 1), without a radius."""
    return {**pyrcn_inputs(rng, N, d), "recurrent_weights": antisymmetric(draw((N, N), rng, "uniform")),
            "recurrent_scaling": recurrent_scaling, "gamma": gamma, "epsilon": epsilon}


def pyrcn_inputs(rng, N, d):
    """Input and bias of PyRCN."""
    return {"input_weights": draw((d, N), rng, "uniform"), "bias_weights": draw((N, 1), rng, "uniform")}


def easyesn(rng, N, d, q=0, spectralRadius=1.0, inputScaling=1.0, feedbackScaling=1.0, reservoirDensity=0.2, leakingRate=1.0):
    """All uniform on (-.5, .5); W keeps each weight with the chance reservoirDensity; inputScaling spares the bias column."""
    W = np.where(rng.random((N, N)) > reservoirDensity, 0.0, 0.5 * draw((N, N), rng, "uniform"))
    columns = np.append(1.0, np.ones(d) * inputScaling)
    fed = {"WFeedback": 0.5 * feedbackScaling * draw((N, 1 + q), rng, "uniform")} if q else {}
    WInput = 0.5 * draw((N, 1 + d), rng, "uniform") * columns
    return {"W": radius(W, spectralRadius), "WInput": WInput, "leakingRate": leakingRate, **fed}


def rescompy(rng, N, d, connections=10.0, spectral_radius=0.99, input_strength=1.0, bias_strength=0.0, leaking_rate=1.0):
    """A uniform on (-1, 1) at density connections / N, B and C uniform on +- their strength."""
    A = radius(draw((N, N), rng, "uniform", min(connections / N, 1.0)), spectral_radius)
    return {"A": A, "B": input_strength * draw((N, d), rng, "uniform"), "C": bias_strength * draw((N,), rng, "uniform"),
            "leaking_rate": leaking_rate}


def bianchi(rng, N, d, spectral_radius=0.99, leak=None, connectivity=0.3, input_scaling=0.2):
    """W uniform on (-.5, .5) at a density, input +- input_scaling."""
    return {"internal_weights": radius(0.5 * draw((N, N), rng, "uniform", connectivity), spectral_radius),
            "input_weights": input_scaling * draw((N, d), rng, "bernoulli"), "leak": leak}


def torchesn(rng, N, d, spectral_radius=0.9, w_ih_scale=1.0, leaking_rate=1.0, density=1.0):
    """All uniform on (-1, 1); w_ih_scale is a number or (1 + d,), the first of them for the bias."""
    scale = np.ones(1 + d) * w_ih_scale
    return {"weight_ih_l0": draw((N, d), rng, "uniform") * scale[1:], "bias_ih_l0": draw((N,), rng, "uniform") * scale[0],
            "weight_hh_l0": radius(draw((N, N), rng, "uniform", density), spectral_radius), "leaking_rate": leaking_rate}


def orc(rng, N, d, spectral_radius=0.8, leak=0.6, bias=1.6, density=0.02, embedding_scaling=0.08):
    """wr normal at a density, win uniform on +- embedding_scaling, one bias."""
    wr = radius(draw((N, N), rng, "normal", density), spectral_radius)
    return {"wr": wr, "win": embedding_scaling * draw((N, d), rng, "uniform"), "bias": bias, "leak": leak}
