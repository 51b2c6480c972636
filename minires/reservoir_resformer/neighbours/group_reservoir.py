"""Group Reservoir Transformer: Q reservoirs hear the past, the mean of their readouts goes to the Transformer as tokens.

    published   x^q_i = ((1 - a_q) x^q_{i-1} + a_q tanh(W_in^q u_i + W^q x^q_{i-1})) / R_0^q,    rho(W^q) = 1
                R_i = (1/Q) sum_q reshape(W_out^q x^q_{i-1} + b_out^q)
    corrected   x^q_i = (1 - a_q) x^q_{i-1} + a_q tanh(W_in^q u_i + W^q x^q_{i-1}),              rho(W^q) = radius_q
                R_i = (1/Q) sum_q self-attention over the units of x^q_{i-1}
    both        encoder([X_i; R_i]): the M memory tokens after those of the input

symbols: R_0 the radius of W before any scaling; a_q the leak, weight of the new value; i utterances, one step each (the
authors' step is a sample of the batch, a whole window of a series); the memory is exclusive of the present one.

What the authors' code does against its figure and its settings (Kowsher/ReservoirTransformer at b22148c), in `published`:
    the state is divided by R_0 = 2.6 .. 7.4 at each step: the slowest linear mode is multiplied by 0.13 .. 0.38 each time
    the list of radii is accepted and never used: each radius is 1 before that division
    the state is made anew as zeros at every call, so that the memory spans one mini-batch
    the self-attention of the readout is built and its call commented out; what runs is linear
Also there: the samples of a shuffled batch are taken as time. Equation 3 of the ICLR submission lacks the leak before tanh.
Corrected: no division, the radii are used, the state is carried on (`streaming.hear`), the readout is not linear.
Here, unlike there: positions on the utterance only, so that suffix and prefix are one function; no token types; ReLU for GELU.
source: Kowsher, Khan, Xu 2024, 2402.09573 ("Changes by Butterflies"); its equations were not available as text.
"""

import numpy as np

from minires.errors import number, require
from minires.reservoir.kernels import leaky
from minires.reservoir.scaling import rescale
from minires.reservoir.spectra import spectral_radius
from minires.reservoir_resformer import streaming
from minires.reservoir_resformer.initial import group
from minires.reservoir_resformer.model import ReservoirResFormer
from minires.reservoir_resformer.neighbours.record import Network

SPARSITY = (0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15)  # the share of zeros, in the authors' order
DEFAULTS = {"units": (30, 15, 20, 25, 30, 35, 40, 45, 50, 50),
            "leak": (0.3, 0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37, 0.38, 0.39),
            "radius": (0.6, 0.8, 0.55, 0.6, 0.5, 0.4, 0.3, 0.2, 0.81, 0.05),
            "memory_tokens": 4, "width": 8, "heads": 4, "layers": 4, "feed_forward": 64,
            "group": "mean", "fusion": "suffix", "variant": "vanilla", "step": "sentence_mean", "density": 1.0}


def published(sparsity=SPARSITY, **sizes):
    """As the authors' code runs; sizes: the fields of ReservoirResFormer, `sparsity` one number for each reservoir.

    The reservoirs are drawn here: density, input_scale, bias_scale and scaled_by have no effect. vocabulary is needed.
    """
    return setting(divided, sparsity, {"readout": "linear", **sizes})


def corrected(sparsity=SPARSITY, **sizes):
    """As the figure and the settings mean it; arguments as `published`."""
    return setting(undivided, sparsity, {"readout": "neuron_attention", **sizes})


def setting(kernel, sparsity, sizes):
    """The ReservoirResFormer of these sizes, with its reservoirs drawn here: W and the kernel from kernel(A, leak, radius)."""
    model = ReservoirResFormer(**{**DEFAULTS, **sizes})
    reservoirs = group(model)
    require(isinstance(sparsity, (tuple, list)) and len(sparsity) == len(reservoirs),
            f"sparsity={sparsity!r}: expected {len(reservoirs)} numbers, one for each reservoir")
    for share in sparsity:
        number("sparsity", share, 0.0, 1.0, expected="a share of zeros of at least 0 and below 1")

    def init(rng, dtype="float64"):
        params = model.init(rng, dtype)
        r, dtype = params["memory"]["E_r"].shape[1], params["memory"]["E_r"].dtype
        drawn = [{**draw(rng, r, N, share), "kernel": (leak, radius)}
                 for (N, leak, radius), share in zip(reservoirs, sparsity)]
        made = [{"W_in": each["W_in"], **kernel(each["A"], *each["kernel"]), "b": np.zeros(len(each["A"]))} for each in drawn]
        made = [{name: np.asarray(array, dtype=dtype) for name, array in each.items()} for each in made]
        return {**params, "memory": {**params["memory"], "reservoirs": made}}

    return Network(init, model.apply, model=model)


def draw(rng, r, N, sparsity):
    """W_in (N, r) uniform within 1 / sqrt(r), and A (N, N) normal with exactly int(sparsity N^2) zeros."""
    W_in, A = rng.uniform(-1, 1, (N, r)) / np.sqrt(r), rng.standard_normal((N, N))
    A.flat[rng.permutation(N * N)[:int(sparsity * N * N)]] = 0.0
    return {"W_in": W_in, "A": A}


def divided(A, leak, radius):
    """The published kernel, division by R_0 included: K = (1 - a) / R_0, g = a / R_0, rho(W) = 1. `radius` has no effect."""
    W, R_0 = rescale(A, "spectral_radius", 1.0), spectral_radius(A)
    return {"W": W, "K": (1 - leak) / R_0, "g": leak / R_0}


def undivided(A, leak, radius):
    """K = 1 - a, g = a, rho(W) = radius."""
    return {"W": rescale(A, "spectral_radius", radius), **leaky(leak)}


def hear_published(network, params, state, tokens, real):
    """The next call of the published form: whatever the state was, it begins with zeros. (`streaming.hear` carries it on.)"""
    return streaming.hear(network.model, params, streaming.begin(network.model, params, len(tokens)), tokens, real)
