"""Packages in NumPy: easyesn, rescompy, Bianchi's framework. pyESN and PyRCN have files of their own."""


from minires.reservoir import kernels
from minires.reservoir.presets import initial
from minires.reservoir.presets.record import Preset, column_form


def easyesn(WInput, W, leakingRate=1.0, bias=1.0, WFeedback=None, outputBias=1.0):
    """easyesn: a bias column in both the input and the feedback weights, each with a size of its own.

        x_t = (1 - a) x_{t-1} + a f(WInput [bias; u_t] + W x_{t-1} + WFeedback [outputBias; y_{t-1}])

    WInput (N, 1 + d), W (N, N), WFeedback (N, 1 + q) or None; a <-> leakingRate
    bias, outputBias  the constants that the two first columns hear; outputBias is also the 1 of the readout

    Unusual: the input scaling acts on the columns of u, not on the bias. Noise is one number for all units, drawn at each step.
    The state is zero once and then carried from series to series.
    Contradiction: `randomSeed` fails with the NumPy backend, which has no `seed`; imports need the layout of an old SciPy.
    Source: kalekiu/easyesn@bf1f520, BaseESN.py, update.
    """
    params = {**column_form(("W", W), ("WInput", WInput), W_fb=("WFeedback", WFeedback)), **kernels.leaky(leakingRate)}
    b = bias * params["W_in"][:, 0]
    params = {**params, "W_in": params["W_in"][:, 1:], "b": b}
    if WFeedback is None:
        return params
    return {**params, "b": b + outputBias * params["W_fb"][:, 0], "W_fb": params["W_fb"][:, 1:]}


def rescompy(A, B, C=0.0, leaking_rate=1.0):
    """rescompy: the leaky network, run by a compiled loop over a sparse A. What runs is A^T.

        r_t = (1 - leaking_rate) r_{t-1} + leaking_rate tanh(B u_t + A^T r_{t-1} + C)

    A (N, N), full or a sparse matrix of SciPy; B (N, d); C a number or (N,)

    Unusual: the loop (`_mult_vec`) reads the row-wise storage of A as if it were column-wise, so that states follow A^T;
    `_calc_D`, the Jacobian of its regularised training, has A itself. The radius is that of either.
    Source: PotomacResearch/rescompy@84ddbf4, rescompy.py, _get_states_driven.
    """
    params = column_form(("A", A), ("B", B), ("C", C))
    return {**params, "W": params["W"].T, **kernels.leaky(leaking_rate)}


def bianchi(internal_weights, input_weights, leak=None):
    """Bianchi's time-series classification: the gain of tanh is 1 whatever the leak.

        x_t = (1 - leak) x_{t-1} + tanh(W x_{t-1} + W_in u_t),   without leak: x_t = tanh(...)

    W <-> internal_weights (N, N), W_in <-> input_weights (N, d); u is (B, T, d), a series in each row

    Unusual: |x| may reach 1 / leak. No bias. Noise is uniform on (0, noise_level), so that its mean is not 0. With bidir=True
    the states of the reversed series stand beside the others in reversed order: row t has t and T - 1 - t.
    Source: FilippoMB/Reservoir-Computing-framework-for-multivariate-time-series-classification@cdd473a, reservoir.py;
    Bianchi et al. 2021, IEEE TNNLS 32, 2169.
    """
    kernel = {"K": 0.0, "g": 1.0} if leak is None else kernels.additive(leak)
    return {**column_form(("internal_weights", internal_weights), ("input_weights", input_weights)), **kernel}


BIANCHI_SOURCE = "FilippoMB/Reservoir-Computing-framework-for-multivariate-time-series-classification@cdd473a"
EASYESN = Preset(easyesn, ("1", "u", "x"), True, "kalekiu/easyesn@bf1f520", initialise=initial.easyesn)
RESCOMPY = Preset(rescompy, ("x",), None, "PotomacResearch/rescompy@84ddbf4", initialise=initial.rescompy)
BIANCHI = Preset(bianchi, ("1", "x"), False, BIANCHI_SOURCE, initialise=initial.bianchi)
