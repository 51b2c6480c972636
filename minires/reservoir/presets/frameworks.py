"""Packages in Torch, Julia and JAX: the leaky network under other names and layouts."""


import autograd.numpy as np

from minires.reservoir import kernels
from minires.reservoir.presets import initial
from minires.reservoir.presets.record import Preset, column_form


def echotorch(w, w_in, w_bias=0.0, leaky_rate=1.0, input_scaling=1.0):
    """EchoTorch, LiESNCell: the input is scaled at each step, weights come from outside.

        x_t = (1 - leaky_rate) x_{t-1} + leaky_rate f(w_in (input_scaling u_t) + w x_{t-1} + w_bias)

    w (N, N), w_in (N, d), w_bias a number or (N,)

    Unusual: float32 unless a dtype is given. The state is zero at each series of a batch unless reset_state=False.
    Contradictions: assigning hidden.data cuts the gradient; the input tensor is written to; and the cell of this commit cannot
    be built, as the base class lacks add_observation_point.
    Source: nschaetti/EchoTorch@cba209c, nn/reservoir/LiESNCell.py and ESNCell.py.
    """
    params = column_form(("w", w), ("w_in", w_in), ("w_bias", w_bias))
    return {**params, "W_in": input_scaling * params["W_in"], **kernels.leaky(leaky_rate)}


def torchesn(weight_ih_l0, weight_hh_l0, bias_ih_l0=0.0, leaking_rate=1.0):
    """pytorch-esn: the leaky network in the layout of torch.nn.RNN, one layer of it.

        x_t = (1 - leaking_rate) x_{t-1} + leaking_rate f(weight_ih u_t + bias_ih + weight_hh x_{t-1})

    weight_ih_l0 (N, d), weight_hh_l0 (N, N), bias_ih_l0 a number or (N,)

    Unusual: one scale for each input, the first of them for the bias. Time comes first unless batch_first. States are made
    under no_grad. More layers read the one below at the same t, as `deepesn` does, and all are read together.
    Source: stefanonardo/pytorch-esn@5f75bb3, nn/reservoir.py.
    """
    params = column_form(("weight_hh_l0", weight_hh_l0), ("weight_ih_l0", weight_ih_l0), ("bias_ih_l0", bias_ih_l0))
    return {**params, **kernels.leaky(leaking_rate)}


def rcjl(input_matrix, reservoir_matrix, bias=0.0, leak_coefficient=1.0):
    """ReservoirComputing.jl, ESNCell: the leaky network, no bias unless asked for.

        x_t = (1 - leak) x_{t-1} + leak f(input_matrix u_t + reservoir_matrix x_{t-1} + bias)

    input_matrix (N, d), reservoir_matrix (N, N), bias a number or (N,); leak <-> leak_coefficient, a number or (N,)

    Unusual: data has time in its columns (d, T), here as everywhere in its rows. Float32. The first state is randn by
    default, not zero: give one as x_0, for example rng.standard_normal(N).
    Contradictions: EuSNCell documents x + eps f(...) and computes (1 - eps) x + eps f(...); the docstring of its residual
    memory writes m(t-1) where RMNCell passes m(t).
    Source: SciML/ReservoirComputing.jl@23ef1eb5 (0.12.35), layers/esn_cell.jl.
    """
    params = column_form(("reservoir_matrix", reservoir_matrix), ("input_matrix", input_matrix), ("bias", bias))
    return {**params, **kernels.leaky(leak_coefficient)}


def orc(wr, win, bias=1.6, leak=0.6):
    """OpenReservoirComputing, one chunk in discrete mode: one bias for all units, and a large one.

        r_t = leak tanh(wr r_{t-1} + win u_t + bias) + (1 - leak) r_{t-1}

    wr (N, N) or (1, N, N), win (N, d) or (1, N, d): the leading axis counts parallel reservoirs; bias a number or (N,)

    Unusual: the continuous mode, dr/dt = k (-r + tanh(...)), is left to a solver and is not this. No bias in the readout.
    Source: Jan-Williams/OpenReservoirComputing@50f1db6, drivers.py and embeddings.py.
    """
    wr, win = (weights[0] if np.ndim(weights) == 3 and len(weights) == 1 else weights for weights in (wr, win))
    return {**column_form(("wr", wr), ("win", win), ("bias", bias)), **kernels.leaky(leak)}


ECHOTORCH = Preset(echotorch, ("1", "x"), True, "nschaetti/EchoTorch@cba209c")
TORCHESN = Preset(torchesn, ("1", "x"), True, "stefanonardo/pytorch-esn@5f75bb3", initialise=initial.torchesn)
RCJL = Preset(rcjl, ("x",), None, "SciML/ReservoirComputing.jl@23ef1eb5 (0.12.35)")
ORC = Preset(orc, ("x",), None, "Jan-Williams/OpenReservoirComputing@50f1db6", initialise=initial.orc)
