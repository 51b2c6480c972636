"""Stacks: DeepESN, DeepResESN, and ResRMN's linear memory below a residual reservoir; all in row form."""

import autograd.numpy as np

from minires.errors import require
from minires.reservoir import kernels
from minires.reservoir.deep import run_deep, run_residual_memory
from minires.reservoir.presets import initial_residual as initial
from minires.reservoir.presets.record import Preset, matrix, row_form
from minires.reservoir.presets.residual import resesn


def deepesn(layers):
    """Deep echo-state network: layer l hears the state of layer l - 1 at the same t.

        x^l_t = (1 - a_l) x^l_{t-1} + a_l tanh(i^l_t kernel_l + x^l_{t-1} recurrent_kernel_l + bias_l)
        i^1_t = u_t,   i^l_t = x^{l-1}_t

    layers  a list of {"kernel" (d or N_{l-1}, N_l), "recurrent_kernel" (N_l, N_l), "bias", "leaky"}; rows send; a <-> leaky

    Unusual: the radius that is set is that of (1 - a) I + a W, which moves the diagonal of W. The readout reads all layers.
    Source: Gallicchio, Micheli, Pedrelli 2017, Neurocomputing 268, 87; gallicch/DeepRC-TF, in the port that is part of
    andreaceni/ResESN@a4e8a3f.
    """
    require(len(layers) > 0, "no layers: expected at least one")
    return [resesn(**layer) for layer in layers]


def deepresesn(layers):
    """Deep residual network: `resesn` in every layer, with its own alpha, beta and radius in the first and in the others.

        h^l_t = alpha_l h^l_{t-1} O_l + beta_l tanh(i^l_t in_kernel_l + h^l_{t-1} recurrent_kernel_l + bias_l)

    layers  a list of {"in_kernel", "recurrent_kernel", "bias", "ortho", "alpha", "beta"}, shapes as in `deepesn`; rows send

    Unusual: alpha = 0 leaves beta tanh(...), there is no fall-back to a leak. Contradiction: its concatenation of the layers is
    a `view` of (L, B, T, N) as (B, T, L N), which puts most entries in the wrong place; states here are one array per layer.
    Source: arXiv 2508.21172; NennoMP/DeepResESN@d42972c, networks/reservoir.py.
    """
    require(len(layers) > 0, "no layers: expected at least one")
    return [residual_layer(**layer) for layer in layers]


def residual_layer(in_kernel, recurrent_kernel, ortho, alpha, beta, bias=0.0):
    """The kernel's parameters of one row-form residual layer."""
    params = row_form(("recurrent_kernel", recurrent_kernel), ("in_kernel", in_kernel), ("bias", bias))
    N = len(params["W"])
    return {**params, **kernels.residual(alpha, beta, matrix("ortho", ortho, N, N).T)}


def resrmn(memory, reservoir):
    """Residual reservoir memory network: a linear memory, and a residual reservoir that hears its NEW state.

        m_t = m_{t-1} C + u_t V_x + b_m
        h_t = alpha h_{t-1} O + beta tanh(h_{t-1} W + m_t V_m + u_t W_in + b)

    memory     {"in_kernel" V_x (d, M), "recurrent_memory_kernel" C (M, M), a cyclic shift, "bias" b_m}
    reservoir  {"in_kernel" W_in (d, N), "memory_kernel" V_m (M, N), "recurrent_kernel" W, "bias" b, "O", "alpha", "beta"}
    Rows send. Returns {"memory", "reservoir"}, the two parameters of `run_residual_memory`.

    Unusual: the memory has no nonlinearity, and the readout does not see it.
    Contradiction: a docstring of RC.jl writes m(t-1) for m(t); its code and this paper's have m(t).
    Source: arXiv 2508.09925 (IJCNN 2025); NennoMP/residualrmn@3ed79d8, networks/reservoir.py.
    """
    heard = [(name, memory[name]) for name in ("recurrent_memory_kernel", "in_kernel")]
    linear = row_form(*heard, ("bias", memory.get("bias", 0.0)))
    M, d = linear["W_in"].shape
    heard = [matrix(name, reservoir[name], rows) for name, rows in (("in_kernel", d), ("memory_kernel", M))]
    others = {name: reservoir[name] for name in ("recurrent_kernel", "alpha", "beta", "bias") if name in reservoir}
    above = residual_layer(np.concatenate(heard), ortho=reservoir["O"], **others)  # W_in (N, d + M)
    return {"memory": {**linear, "K": 0.0, "g": 1.0}, "reservoir": above}


def run_memory(params, u, x_0=None, f="tanh", mask=None):
    """`run_residual_memory`: the states h, which the readout sees, and the last (h, m). x_0 is a pair (h, m) or None."""
    h_0, m_0 = (None, None) if x_0 is None else x_0
    (h, _), last = run_residual_memory(params["memory"], params["reservoir"], u, m_0, h_0, f=f, mask=mask)
    return h, last


DEEPESN = Preset(deepesn, ("1", "x"), False, "andreaceni/ResESN@a4e8a3f, after gallicch/DeepRC-TF", run=run_deep,
                 initialise=initial.deepesn)
DEEPRESESN = Preset(deepresesn, ("1", "x"), False, "NennoMP/DeepResESN@d42972c", run=run_deep, initialise=initial.deepresesn)
RESRMN = Preset(resrmn, ("1", "x"), False, "NennoMP/residualrmn@3ed79d8", run=run_memory, initialise=initial.resrmn)
