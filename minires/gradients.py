"""Gradients by autograd, and their check against central differences, coordinate by coordinate.

`minires check` reads: for each parameter the largest difference between autograd and central differences over all its
coordinates, divided by the parameter's largest gradient, or by a thousandth of the model's largest where that is more:
a gradient that is zero by an identity (the key bias, to which softmax is blind) has no size of its own.
"""

import warnings
from typing import NamedTuple

import numpy as np
from autograd import make_jvp

from minires.checks import KINDS
from minires.differentiation import value_and_gradient
from minires.forward import forward
from minires.layers import cross_entropy
from minires.model import BERT, LLAMA, Transformer
from minires.parameters import flatten, unflatten
from minires.residual import placement_of

STEP = 1e-4       # of the differences: their error is about STEP^4 f'''''/30 + 1e-16/STEP
FLOOR = 1e-3      # errors are measured against at least this share of the model's largest gradient
TOLERANCE = 1e-7
ROUNDING = 1e-15 / STEP  # of a difference, relative to the function: what is smaller than this cannot be told from 0


def loss(model, params, batch):
    """Mean cross-entropy (nats) over the tokens that count, and the logits, of a batch of a task."""
    logits, _ = forward(model, params, **batch.inputs)
    return cross_entropy(logits, batch.targets, batch.weights), logits


# ---- the tiny model of each variant ----------------------------------------------------------------------------------

class Example(NamedTuple):
    """A batch in the form of the tasks: inputs of the model, targets (B, T), weights (B, T)."""

    inputs: dict
    targets: np.ndarray
    weights: np.ndarray


def tiny_model(variant, kind="decoder", layers=4, **changes):
    """A model with 1 < G < H and no two sizes alike, in the house of the variant's paper."""
    house = BERT if placement_of(variant) == "post" else LLAMA
    sizes = {"vocabulary": 7, "width": 8, "heads": 4, "kv_heads": 2, "feed_forward": 5, "maximum_length": 6}
    return Transformer(**{"variant": variant, "kind": kind, "layers": layers, **sizes, **house, **changes})


def kinds_of(variant):
    """The kinds of model that a variant is defined for: encoder, decoder, encoder_decoder."""
    def defined(kind):
        try:
            return bool(tiny_model(variant, kind))
        except ValueError:
            return False
    return tuple(kind for kind in KINDS if defined(kind))


def random_parameters(model, rng):
    """Every parameter different from every other: a symmetric value (gain 1, bias 0, equal lambdas) would hide mistakes."""
    def draw(name, array):
        last = name.split(".")[-1]
        if last.startswith("W_") or last == "W":
            return rng.standard_normal(array.shape) / np.sqrt(array.shape[0] if "embedding" not in name else 2)
        centre = 0.0 if last.startswith("b") else 0.7
        return centre + 0.3 * rng.standard_normal(array.shape)
    return unflatten({name: draw(name, array) for name, array in flatten(model.init(rng)).items()})


def tiny_example(model, rng, B=2, T=5, S=3):
    """Random tokens, targets and unequal weights; for an encoder_decoder a source of another length, partly padded."""
    ids = lambda *shape: rng.integers(0, model.vocabulary, shape)
    inputs = {"tokens": ids(B, T)}
    if model.kind == "encoder_decoder":
        inputs.update(source=ids(B, S), source_padding=np.arange(S)[None] < np.array([S] * (B - 1) + [S - 1])[:, None])
    if model.kind == "encoder":
        inputs["padding"] = np.arange(T)[None] < np.array([T] * (B - 1) + [T - 1])[:, None]
    return Example(inputs, ids(B, T), rng.uniform(0.5, 1.5, (B, T)))


# ---- the check -------------------------------------------------------------------------------------------------------

class Row(NamedTuple):
    """The check of one parameter: relative errors of reverse and forward mode, and the coordinate that is worst."""

    parameter: str
    coordinates: int
    reverse: float
    forward: float
    worst: tuple


def central_differences(function, params, name, step=STEP):
    """d function / d params[name], each coordinate by (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12 h, error O(h^4)."""
    flat = {key: np.array(value) for key, value in flatten(params).items()}
    tree, array = unflatten(flat), flat[name]
    slope = np.zeros_like(array)
    for i in np.ndindex(array.shape):
        centre, f = array[i], {}
        for k in (-2, -1, 1, 2):
            array[i] = centre + k * step  # seen by the tree, which holds the same arrays
            f[k] = function(tree)
        array[i] = centre
        slope[i] = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * step)
    return slope


def directional(function, params, name, direction):
    """Forward mode: the derivative of function along `direction` of one parameter."""
    flat = flatten(params)
    along = lambda array: function(unflatten({**flat, name: array}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a function that does not depend on it has derivative 0
        return make_jvp(along)(flat[name])(direction)[1]


def check_gradients(function, params, rng, names=lambda name: True):
    """A Row per parameter among `names`: every coordinate in reverse mode, one random direction in forward mode."""
    value, gradient = value_and_gradient(function, params)
    gradient = {name: g for name, g in gradient.items() if names(name)}
    largest = max(max(np.max(abs(g)) for g in gradient.values()), ROUNDING * abs(value) / TOLERANCE / FLOOR)
    rows = []
    for name, g in gradient.items():
        numeric = central_differences(function, params, name)
        scale = max(np.max(abs(numeric)), np.max(abs(g)), FLOOR * largest)
        if np.max(abs(g - numeric)) > TOLERANCE * scale:  # perhaps the step's own error: a kink, a steep place
            numeric = central_differences(function, params, name, STEP / 10)
        error = abs(g - numeric)
        direction = rng.standard_normal(np.shape(g))
        along = directional(function, params, name, direction)
        reach = scale * np.sum(abs(direction))
        worst = np.unravel_index(np.argmax(error), np.shape(g)) if np.ndim(g) else ()
        rows.append(Row(name, np.size(g), float(np.max(error) / scale),
                        float(abs(along - np.sum(direction * numeric)) / reach), tuple(int(i) for i in worst)))
    return rows


def check_variant(variant, seed=0, kind="decoder", layers=4):
    """`check_gradients` on the variant's tiny model with random parameters and a random batch."""
    rng = np.random.default_rng(seed)
    model = tiny_model(variant, kind, layers)
    params, batch = random_parameters(model, rng), tiny_example(model, rng)
    trained = lambda name: model.residual.trained(name, model)  # a frozen weight has no gradient, by definition
    return check_gradients(lambda p: loss(model, p, batch)[0], params, rng, trained)
