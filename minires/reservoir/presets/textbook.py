"""The conventions of the texts: Jaeger's report of 2001, and the script that many learnt from."""

from minires.reservoir import kernels
from minires.reservoir.presets import initial
from minires.reservoir.presets.record import Preset, column_form


def minimal(Win, W, a):
    """minimalESN, the script of the Practical Guide: the bias is the first column of Win.

        x_t = (1 - a) x_{t-1} + a tanh(Win [1; u_t] + W x_{t-1})

    Win  (N, 1 + d), column 0 the bias, of the same scale as the others
    W    (N, N); a in (0, 1], the leaking rate

    Unusual: max|eig| is scaled to 1.25. The readout reads [1; u; x] and its ridge, from the normal equations, penalises the
    weight of the 1 like any other. Generation goes on from the last training state; the first input is the last value seen.
    Source: minimalESN.py, mantas.info/code/simple_esn; Lukosevicius 2012, A practical guide to applying echo state networks.
    """
    params = column_form(("W", W), ("Win", Win))
    return {**params, "W_in": params["W_in"][:, 1:], "b": params["W_in"][:, 0], **kernels.leaky(a)}


def jaeger2001(W_in, W, W_back=None):
    """Jaeger's report, eq. 1-2: no leak, no bias, the output may be fed back and is read by the readout as well.

        x(n+1) = tanh(W_in u(n+1) + W x(n) + W_back y(n)),   y(n+1) = f_out(W_out [u(n+1); x(n+1); y(n)])

    W_in (N, d), W (N, N), W_back (N, q) or None; u(n+1) meets x(n+1) in one row of ours

    Unusual: a bias is a constant input unit, a column of u. No ridge: noise 1e-5 inside tanh plays the regulariser.
    Source: Jaeger 2001, The "echo state" approach, GMD report 148, with the erratum of 2010 (Definition 3 only).
    """
    return {**column_form(("W", W), ("W_in", W_in), W_fb=("W_back", W_back)), "K": 0.0, "g": 1.0}


def jaeger2001_leaky(W_in, W, C, a, d, W_back=None):
    """Jaeger's leaky integrators, eq. 21: retention and gain are two numbers, not one.

        x(n+1) = (1 - d C a) x(n) + d C tanh(W_in u(n+1) + W x(n) + W_back y(n))

    C     1 over the time constant;  a  decay of a unit;  d  step (delta in the report)
    W_in  (N, inputs), W (N, N), W_back (N, q) or None

    Unusual: convex, and so bounded by 1, only for a = 1. The radius that counts is rho(d C W + (1 - d C a) I).
    Source: Jaeger 2001, GMD report 148, eq. 21; its Mackey-Glass networks have C = 0.44, a = 0.9, d = 1.
    """
    return {**jaeger2001(W_in, W, W_back), **kernels.jaeger_leaky(d, C, a)}


GMD_148 = "Jaeger 2001, GMD report 148"
MINIMAL = Preset(minimal, ("1", "u", "x"), True, "minimalESN.py, mantas.info/code/simple_esn", initialise=initial.minimal)
JAEGER2001 = Preset(jaeger2001, ("u", "x", "y"), None, f"{GMD_148}, eq. 1-2")
JAEGER2001_LEAKY = Preset(jaeger2001_leaky, ("u", "x", "y"), None, f"{GMD_148}, eq. 21")
