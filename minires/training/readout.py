"""Readouts that are trained by gradient descent: a multilayer perceptron, and self-attention over the states.

    loss = mean over rows and outputs of (prediction - target)^2

The descent is that of `loop`: the same optimisers, schedule, clipping and check for divergence.
Letters of the shapes: B batch (sequences), T time, N units, F features, D width, q outputs.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.activations import tanh
from minires.checks import check_generator
from minires.errors import require, whole_number
from minires.forward import self_attending
from minires.differentiation import value_and_gradient
from minires.layers import linear
from minires.model import LLAMA, Transformer
from minires.parameters import flatten, tree_map, unflatten
from minires.record import Context, Residual
from minires.reservoir.readouts.arrays import numbers, row_pair
from minires.training.loop import descend, extend, optimiser_of
from minires.training.state import Recipe, State
from minires.transformer import stack

RECIPE = Recipe(steps=600, batch=64, learning_rate=1e-2, warm_up=20)  # its seed and validation are not used: rng draws


# ---- the descent -----------------------------------------------------------------------------------------------------

def fit(apply, params, F, Y, rng, recipe=RECIPE):
    """Lower the mean square of apply(params, F[i]) - Y[i] over random i; the parameters and the history of the descent.

    apply (params, rows of F) -> like the rows of Y; recipe: steps, batch, learning_rate, warm_up, final, clip, optimiser,
    weight_decay. Diverged: the loss or a gradient is not finite.
    """
    check_generator(rng)
    flat = flatten(params)
    state = State(0, flat, optimiser_of(recipe).start(flat), None, {"loss": [], "learning_rate": [], "gradient_norm": []})
    for step in range(1, recipe.steps + 1):
        i = rng.integers(len(F), size=recipe.batch)
        with numpy.errstate(all="ignore"):  # what overflows is found, with its name, by descend
            value, gradient = value_and_gradient(lambda p: mean_square(apply(p, F[i]) - Y[i]), unflatten(state.params))
            params, moments, rate, norm = descend(recipe, state, value, gradient)
        history = extend(state.history, loss=float(value), learning_rate=rate, gradient_norm=norm)
        state = State(step, params, moments, None, history)
    return unflatten(state.params), state.history


def mean_square(e):
    """The mean of e^2 over all entries; a Python number of entries keeps float32 as it is."""
    return np.sum(e * e) / int(np.prod(e.shape))


# ---- a multilayer perceptron -----------------------------------------------------------------------------------------

def init_mlp(rng, sizes, dtype="float64"):
    """Layers {"W" (n, m), "b" (m,)} for sizes such as (F, 32, q): W normal of variance 1/n, b zero."""
    check_generator(rng)
    require(len(sizes) >= 2, f"sizes={sizes!r}: expected at least the features and the outputs")
    sizes = [whole_number("size", n) for n in sizes]
    layers = [{"W": rng.standard_normal((n, m)) / n ** 0.5, "b": numpy.zeros(m)} for n, m in zip(sizes, sizes[1:])]
    return tree_map(lambda array: array.astype(dtype), {"layers": layers})


def apply_mlp(params, F):
    """h_0 = F, h_n = tanh(h_{n-1} W_n + b_n), the last layer linear: (..., F) -> (..., q)."""
    *hidden, last = params["layers"]
    F, n = numbers("features", F), len(params["layers"][0]["W"])
    require(F.shape[-1:] == (n,), f"features have shape {F.shape}: expected (..., {n}), as W has {n} rows")
    for layer in hidden:
        F = tanh(linear(F, **layer))  # (..., hidden)
    return linear(F, **last)  # (..., q)


def fit_mlp(F, Y, rng, hidden=(32,), recipe=RECIPE):
    """A perceptron on features F (T, F) or (B, T, F) for targets Y (T, q) or (B, T, q): parameters for `apply_mlp`, history.

    Each step takes recipe.batch rows at random.
    """
    F, Y = row_pair(F, Y)
    return fit(apply_mlp, init_mlp(rng, (F.shape[1], *hidden, Y.shape[1]), getval(F).dtype), F, Y, rng, recipe)


# ---- self-attention over the states ----------------------------------------------------------------------------------

def describe_attention(units, **changes):
    """The Transformer whose tokens are states: its token table (N, D) is W_embed, x_t W_embed stands for a row of it.

    By default one layer of width 32 with rotary positions, as only the delay counts, and without norms, which would take the
    size of the states away; `variant` ("realformer", ...), `layers`, `window` and the other fields of `minires.Transformer`
    can be given.
    """
    house = {**LLAMA, "variant": Residual(), "layers": 1, "width": 32, "heads": 2, "biases": True, "initial_std": 0.1}
    return Transformer(**{**house, "kind": "decoder", "vocabulary": whole_number("units", units), **changes})


def init_attention(model, rng, outputs, dtype="float64"):
    """The model's own parameters with a head W (D, q), b (q,) for `outputs` numbers instead of logits."""
    params = model.init(rng, dtype)
    W = model.initial_std * rng.standard_normal((model.width, whole_number("outputs", outputs)))
    return {**params, "head": {"W": W.astype(dtype), "b": numpy.zeros(outputs, dtype)}}


def apply_attention(model, params, states):
    """y_t from the states x_s, s <= t (t - s < window where the model has one): (B, T, N) -> (B, T, q)."""
    states, W_embed = numbers("states", states, (3,)), params["embedding"]["W_token"]
    require(states.shape[2] == len(W_embed),
            f"states have shape {states.shape}: expected (B, T, {len(W_embed)}), as W_token has {len(W_embed)} rows")
    context = Context(model, model.residual, None, numpy.arange(states.shape[1]))
    context = self_attending(context, params, None, None, None, None, causal=True)
    x, _ = stack(linear(states, W_embed), params, context)  # (B, T, D)
    return linear(x, **params["head"])  # (B, T, q)


def fit_attention(states, Y, rng, recipe=RECIPE, **changes):
    """Self-attention over the states (B, T, N) for targets (B, T, q): the model, parameters for `apply_attention`, history.

    Each step takes recipe.batch sequences at random; cut a long series into pieces first. `changes` as `describe_attention`.
    """
    states, Y = numbers("states", states, (3,)), numbers("targets", Y, (3,))
    require(states.shape[:2] == Y.shape[:2], f"states {states.shape} and targets {Y.shape}: expected the same (B, T)")
    model = describe_attention(states.shape[2], **changes)
    require(model.positions in ("rotary", "alibi", "none"), f"positions={model.positions!r}: expected rotary, alibi or none")
    params = init_attention(model, rng, Y.shape[2], states.dtype.name)
    return model, *fit(lambda p, rows: apply_attention(model, p, rows), params, states, Y, rng, recipe)
