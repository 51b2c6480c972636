"""Mistakes of the backward pass alone: every value is right."""

from unittest.mock import patch

import autograd.numpy as np
from autograd.extend import defjvp, defvjp, primitive

from minires import activations, attention
from minires.layers import embedding, mean, product, rows, softmax
from minires.oracle.mistakes.mistake import Mistake, stopped, transformer
from minires.oracle.mistakes.norm import in_sublayer
from minires.oracle.mistakes.places import having, one_stream


@primitive
def multiplied_slope(x, factor):
    """x, whose gradient comes back multiplied by factor."""
    return x


defvjp(multiplied_slope, lambda ans, x, factor: lambda g: factor * g, argnums=(0,))
defjvp(multiplied_slope, lambda g, ans, x, factor: factor * g, argnums=(0,))


@primitive
def first_row_only(x, B):
    """x (T, D) once for each of B rows, (B, T, D); the gradient is that of the first row."""
    return np.repeat(x[None], B, axis=0)


defvjp(first_row_only, lambda ans, x, B: lambda g: g[0], argnums=(0,))


@primitive
def overwriting_embedding(W, ids):
    """Rows of W; of a repeated id only the last one's gradient is kept."""
    return W[ids]


def overwritten(g, W, ids):
    """The last g[...] with ids[...] = v in row v, by choosing it: (V, D)."""
    flat, out = ids.ravel(), np.zeros_like(W)
    last = {int(token): i for i, token in enumerate(flat)}
    out[list(last)] = rows(g)[list(last.values())]
    return out


defvjp(overwriting_embedding, lambda ans, W, ids: lambda g: overwritten(g, W, ids), argnums=(0,))
unsummed_softmax = primitive(lambda z: softmax(z))
defvjp(unsummed_softmax, lambda p, z: lambda g: p * g)
other_gelu = activations.elementwise(
    lambda x: activations.gelu_tanh_values(x),
    lambda x: 0.5 * (1 + activations.erf(x * 0.5 ** 0.5))
    + x * np.exp(-0.5 * x * x) * activations.slope_at_zero(x) * 0.125 ** 0.5)


def constant_mean(x, epsilon):
    """Standardised; the mean is taken for a constant."""
    centred = x - stopped(mean(x))
    return centred / np.sqrt(mean(centred * centred) + epsilon)


def constant_variance(x, epsilon):
    """Standardised; the deviation is taken for a constant."""
    centred = x - mean(x)
    return centred / stopped(np.sqrt(mean(centred * centred) + epsilon))


def in_products(change):
    """attended with the operands q, k^T of its product replaced by change(q, k^T, here)."""
    def places(attended):
        def wrong(q, k, past, here):
            right = attention.group_product
            with patch.object(attention, "group_product", lambda x, y: right(*change(x, y, here))):
                return attended(q, k, past, here)
        return wrong
    return {"minires.attention.attended": places}


def averaged_bias(linear):
    """The gradient of a linear map's bias divided by the number of rows, B T."""
    def wrong(x, W, b=None):
        n = x.size // x.shape[-1]
        return product(x, W) if b is None else product(x, W) + multiplied_slope(b, 1 / n)
    return wrong


def one_position_row(embed):
    """The gradient of the positions from the first sequence only."""
    def wrong(params, context, segments):
        tables, B = params["embedding"], len(context.tokens)
        x = embed({**params, "embedding": {**tables, "W_position": 0 * tables["W_position"]}}, context, segments)
        return x + first_row_only(embedding(tables["W_position"], context.positions), B)
    return wrong


LINEAR = {f"minires.{module}.linear": averaged_bias for module in ("attention", "activations", "forward")}
root = lambda here: here.context.model.head_width_ ** 0.5
layer = having(norm=("layer",))
biased = having(biases=(True,))


def only(does, fix, applies, patches=None, record=None, listed=("oracle 12.1",)):
    """A mistake of the gradient."""
    return Mistake("gradient", does, fix, applies, patches or {}, record, listed=listed, gradient=True)


NORM = "dx = (g - mean g - y mean(y g)) / sqrt(var x + epsilon)"
MISTAKES = {
    "norm-mean-constant": only("the mean of a LayerNorm is held constant", NORM, layer,
                               {"minires.layers.standardize": lambda right: constant_mean}),
    "norm-variance-constant": only("the variance of a LayerNorm is held constant", NORM, layer,
                                   {"minires.layers.standardize": lambda right: constant_variance}),
    "bias-gradient-averaged": only("bias gradients are divided by B T", "sum the bias gradient over all rows", biased, LINEAR),
    "softmax-denominator-constant": only("the denominator of the softmax is held constant", "dz = p (g - sum p g)", transformer,
                                         {"minires.attention.softmax": lambda right: unsummed_softmax}),
    "attention-residual-detached": only(
        "no gradient flows through the residual around attention", "x + f(x) passes the gradient on to x", one_stream,
        record=in_sublayer("attention", lambda write, stream, y, here: write(stopped(stream), y, here))),
    "gelu-slope-of-erf": only(
        "the derivative of the exact GELU under the tanh form", "the derivative of the form that is used",
        having(activation=("gelu_tanh",)), {
            "minires.activations.ACTIVATIONS": lambda right: {**right, "gelu_tanh": other_gelu},
            "minires.forward.gelu_tanh": lambda right: other_gelu}),
    "query-gradient-unscaled": only("the gradient of the queries lacks the factor 1/sqrt(K)", "dq = dA k / sqrt(K)",
                                    transformer,
                                    in_products(lambda q, k, here: (multiplied_slope(q, root(here)), k))),
    "keys-detached": only("no gradient flows to the keys", "dk = dA^T q / sqrt(K)", transformer,
                          in_products(lambda q, k, here: (q, stopped(k)))),
    "embedding-gradient-overwritten": only(
        "of a token that is repeated, the last occurrence's gradient overwrites the others'", "sum over all occurrences",
        transformer,
        {"minires.forward.embedding": lambda right: overwriting_embedding}),
    "position-gradient-of-one-row": only(
        "the gradient of the positions is that of the first sequence", "sum over the batch", having(positions=("learned",)),
        {"minires.forward.embed": one_position_row}),
}
