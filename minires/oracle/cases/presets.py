"""Weights and settings for every preset of the reservoirs, under the peers' names; a draw on the grid."""

import numpy as np

from minires.oracle.case import on_grid

Q = 4  # outputs: distinct from series 3, steps 7, units 5 and inputs 2


class Draw:
    """Draws of one case: N units, d inputs, q outputs, M units of a memory."""

    def __init__(self, rng, N=5, d=2, q=Q, M=6):
        self.rng, self.N, self.d, self.q, self.M = rng, N, d, q, M

    def normal(self, *shape, scale=1.0):
        """Normal numbers on the grid."""
        return on_grid(scale * self.rng.standard_normal(shape))

    def W(self, N=None):
        """Recurrent weights, asymmetric, of a radius near 1."""
        N = N or self.N
        return self.normal(N, N, scale=1.1 / np.sqrt(N))

    def W_in(self, extra=0, columns=None):
        """Input weights (N, d + extra)."""
        return self.normal(self.N, (columns or self.d) + extra, scale=0.7)

    def b(self, N=None):
        """A bias."""
        return self.normal(N or self.N, scale=0.4)

    def rotation(self, N=None):
        """Orthogonal to the precision of the grid: no more is asked of it."""
        N = N or self.N
        return on_grid(np.linalg.qr(self.rng.standard_normal((N, N)))[0])

    def cycle(self, N):
        """A cyclic shift of N units."""
        return np.roll(np.eye(N), 1, axis=0)


def residual_layer(draw, d, N, alpha, beta):
    """One row-form residual layer of d inputs."""
    return {"in_kernel": draw.normal(d, N, scale=0.7), "recurrent_kernel": draw.W(N), "bias": draw.b(N),
            "ortho": draw.rotation(N), "alpha": alpha, "beta": beta}


def leaky_layer(draw, d, N, leaky):
    """One row-form leaky layer of d inputs."""
    return {"kernel": draw.normal(d, N, scale=0.7), "recurrent_kernel": draw.W(N), "bias": draw.b(N), "leaky": leaky}


def resrmn(draw):
    """A linear memory of M units below a residual reservoir."""
    N, M, d = draw.N, draw.M, draw.d
    memory = {"in_kernel": draw.normal(d, M, scale=0.7), "recurrent_memory_kernel": draw.cycle(M), "bias": draw.b(M)}
    return {"memory": memory, "reservoir": {
        "in_kernel": draw.normal(d, N, scale=0.7), "memory_kernel": draw.normal(M, N, scale=0.4), "recurrent_kernel": draw.W(),
        "bias": draw.b(), "O": draw.rotation(), "alpha": 0.75, "beta": 0.375}}


def pyrcn(draw, **others):
    """PyRCN's weights and its scales and shifts."""
    return {"input_weights": draw.normal(draw.d, draw.N, scale=0.7), "recurrent_weights": draw.W(), "bias_weights": draw.b(),
            "input_scaling": 0.625, "input_shift": 0.1875, "bias_scaling": 1.5, "bias_shift": -0.125, **others}


PRESETS = {  # name -> draw -> weights and numbers that are differentiated
    "minimal": lambda draw: {"Win": draw.W_in(1), "W": draw.W(), "a": 0.375},
    "jaeger2001": lambda draw: {"W_in": draw.W_in(), "W": draw.W(), "W_back": draw.W_in(columns=draw.q)},
    "jaeger2001_leaky": lambda draw: {"W_in": draw.W_in(), "W": draw.W(), "C": 0.4375, "a": 0.875, "d": 0.75,
                                      "W_back": draw.W_in(columns=draw.q)},
    "reservoirpy04": lambda draw: {"Win": draw.W_in(draw.q), "W": draw.W(), "bias": draw.b(), "lr": 0.375},
    "reservoirpy03": lambda draw: {"Win": draw.W_in(), "W": draw.W(), "bias": draw.b(), "lr": 0.375,
                                   "Wfb": draw.W_in(columns=draw.q)},
    "reservoirpy03_external": lambda draw: PRESETS["reservoirpy03"](draw),
    "pyesn": lambda draw: {"W_in": draw.W_in(), "W": draw.W(), "W_feedb": draw.W_in(columns=draw.q),
                           "input_scaling": draw.normal(draw.d), "input_shift": draw.normal(draw.d, scale=0.3),
                           "teacher_scaling": draw.normal(draw.q), "teacher_shift": draw.normal(draw.q, scale=0.3)},
    "pyrcn": lambda draw: pyrcn(draw, spectral_radius=0.8125, leakage=0.375),
    "pyrcn_euler": lambda draw: pyrcn(draw, recurrent_scaling=0.75, gamma=0.25, epsilon=0.375),
    "easyesn": lambda draw: {"WInput": draw.W_in(1), "W": draw.W(), "leakingRate": 0.375, "bias": 0.75,
                             "WFeedback": draw.W_in(1, draw.q), "outputBias": 1.25},
    "rescompy": lambda draw: {"A": draw.W(), "B": draw.W_in(), "C": draw.b(), "leaking_rate": 0.375},
    "bianchi": lambda draw: {"internal_weights": draw.W(), "input_weights": draw.W_in(), "leak": 0.625},
    "echotorch": lambda draw: {"w": draw.W(), "w_in": draw.W_in(), "w_bias": draw.b(), "leaky_rate": 0.375,
                               "input_scaling": 0.625},
    "rcjl": lambda draw: {"input_matrix": draw.W_in(), "reservoir_matrix": draw.W(), "bias": draw.b(),
                          "leak_coefficient": 0.375},
    "torchesn": lambda draw: {"weight_ih_l0": draw.W_in(), "weight_hh_l0": draw.W(), "bias_ih_l0": draw.b(),
                              "leaking_rate": 0.375},
    "orc": lambda draw: {"wr": draw.W(), "win": draw.W_in(), "bias": 1.625, "leak": 0.625},
    "eusn": lambda draw: {"W": draw.W(), "W_in": draw.W_in(), "b": draw.b(), "epsilon": 0.375, "gamma": 0.25},
    "es2n": lambda draw: {"W": draw.W(), "Win": draw.W_in(), "O": draw.rotation(), "bias": draw.b(), "proximity": 0.375},
    "resesn": lambda draw: {"kernel": draw.normal(draw.d, draw.N, scale=0.7), "recurrent_kernel": draw.W(), "bias": draw.b(),
                            "ortho": draw.rotation(), "alpha": 0.8125, "beta": 0.625},
    "resrmn": resrmn,
    "deepesn": lambda draw: [leaky_layer(draw, draw.d, draw.N, 0.375), leaky_layer(draw, draw.N, draw.M, 0.625)],
    "deepresesn": lambda draw: [residual_layer(draw, draw.d, draw.N, 0.8125, 0.625),
                                residual_layer(draw, draw.N, draw.M, 0.4375, 0.875)],
}
SETTINGS = {"reservoirpy04": {"feedback_dim": Q}}
