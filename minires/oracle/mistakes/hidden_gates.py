"""Mistakes in gates and projections of one stream: Highway, GTrXL, Deep Delta Learning, orthogonal update."""

import autograd.numpy as np

from minires.activations import sigmoid, tanh
from minires.layers import linear, stopped
from minires.oracle.mistakes.hidden_tools import bare_norm, fields, of, where
from minires.oracle.mistakes.mistake import Mistake


def dot(a, b):
    """a . b of each token, (B, T, 1)."""
    return np.sum(a * b, axis=-1, keepdims=True)


def highway(gate_of, exchanged=False):
    """A gate that is computed from gate_of(x, y, here); exchanged: it weighs the stream."""
    def write(x, y, here):
        t = here.coefficient("t", lambda: sigmoid(linear(gate_of(x, y, here), here.params["W_t"], here.params["b_t"])))
        return t * x + (1 - t) * y if exchanged else t * y + (1 - t) * x
    return fields(write=write)


def gtrxl(bias=-1, reset_product=False, exchanged=False):
    """GTrXL's gate with bias * b_g; the reset gate on U_g x instead of x; z on the stream."""
    def write(x, y, here):
        p = here.params
        r = sigmoid(linear(y, p["W_r_y"]) + linear(x, p["W_r_x"]))  # (B, T, D)
        z = here.now["z"] = sigmoid(linear(y, p["W_z_y"]) + linear(x, p["W_z_x"]) + bias * p["b_g"])  # (B, T, D)
        state = r * linear(x, p["W_g_x"]) if reset_product else linear(r * x, p["W_g_x"])  # (B, T, D)
        h = tanh(linear(y, p["W_g_y"]) + state)  # (B, T, D)
        return z * x + (1 - z) * h if exchanged else (1 - z) * x + z * h
    return fields(write=write)


def delta(direction=lambda y, length: y / length, sign=1, normed_value=False):
    """Deep Delta Learning with another k, the bracket's sign, or v from the normed stream."""
    def write(x, y, here):
        p = here.params
        k = direction(y, np.sqrt(dot(y, y) + 1e-10))  # (B, T, D)
        beta = 2 * sigmoid(linear(here.now["x"], p["W_beta"], p["b_beta"]))  # (B, T, 1)
        v = 4 * sigmoid(linear(here.now["x"] if normed_value else x, p["W_value"], p["b_value"]))  # (B, T, 1)
        here.now.update(k=k, beta=beta, value=v)
        return x + sign * beta * (v - dot(k, x)) * k
    return fields(write=write)


def orthogonal(share):
    """x + y - s x with s = share(x, y, epsilon), one number per token."""
    def write(x, y, here):
        epsilon = here.context.model.options.get("epsilon", 1e-6)
        s = here.coefficient("s", lambda: share(x, y, epsilon) * np.ones_like(x[..., :1]))
        return x + y - s * x
    return fields(write=write)


def flattened(x, y, epsilon):
    """One number per sequence: (B, 1, 1)."""
    total = lambda z: np.sum(z, axis=(1, 2), keepdims=True)
    return total(x * y) / (total(x * x) + epsilon)


ORTHOGONAL = where("orthogonal", lambda own, model: model["variant"] == "orthogonal")
MISTAKES = {
    "highway-gate-exchanged": Mistake(
        "gate", "t on the stream, 1 - t on the output", "x' = t f(x) + (1 - t) x", of("highway"),
        record=highway(lambda x, y, here: x, exchanged=True), seen=("allenai/allennlp Highway (its gate is on x)",),
        listed=("hidden/highway 1", "catalogue highway 1")),
    "highway-gate-of-output": Mistake(
        "gate", "the gate is computed from the sublayer's output", "t = sigmoid(x W_t + b_t), of the stream", of("highway"),
        record=highway(lambda x, y, here: y), listed=("hidden/highway 2",)),
    "highway-gate-of-normed": Mistake(
        "gate", "the gate is computed from the normed stream", "t sees the stream that is carried", of("highway"),
        record=highway(lambda x, y, here: bare_norm(x, here)), listed=("hidden/highway 2",)),
    "gtrxl-without-bias": Mistake(
        "gate", "an ordinary gated recurrent unit, without b_g", "subtract b_g inside z, so that the gate starts nearly shut",
        of("gtrxl"), record=gtrxl(bias=0), seen=("lucidrains/x-transformers GRUGating (torch's GRUCell)",),
        listed=("hidden/gtrxl 1", "catalogue gtrxl 1")),
    "gtrxl-bias-added": Mistake(
        "gate", "b_g is added in z", "subtract it", of("gtrxl"), record=gtrxl(bias=1), listed=("hidden/gtrxl 2",)),
    "gtrxl-reset-after-product": Mistake(
        "gate", "r (U_g x)", "U_g (r x): reset the stream before the product", of("gtrxl"), record=gtrxl(reset_product=True),
        listed=("hidden/gtrxl 3",)),
    "gtrxl-gate-exchanged": Mistake(
        "gate", "x' = z x + (1 - z) h", "x' = (1 - z) x + z h", of("gtrxl"), record=gtrxl(exchanged=True),
        listed=("hidden/gtrxl 4",)),
    "gtrxl-output-not-rectified": Mistake(
        "gate", "the sublayer's output is not rectified", "the gate gets relu(f(norm(x)))", of("gtrxl"),
        record=fields(branch_output=lambda y, here: y), listed=("hidden/gtrxl 6",)),
    "deep-delta-direction-not-normalised": Mistake(
        "stream", "k is the output itself", "k = y / ||y||", of("deep_delta"), record=delta(lambda y, length: y),
        listed=("hidden/deep_delta 1", "catalogue deep_delta 1")),
    "deep-delta-length-held-constant": Mistake(
        "gradient", "no gradient flows through ||y||", "differentiate k = y / ||y|| as a whole", of("deep_delta"),
        record=delta(lambda y, length: y / stopped(length)), listed=("hidden/deep_delta 2", "catalogue deep_delta 2"),
        gradient=True),
    "deep-delta-sign": Mistake(
        "stream", "x' = x + beta (k.x - v) k", "x' = x + beta (v - k.x) k", of("deep_delta"), record=delta(sign=-1),
        listed=("hidden/deep_delta 3",)),
    "deep-delta-value-of-normed": Mistake(
        "stream", "v is computed from norm(x)", "v reads the raw stream", of("deep_delta"), record=delta(normed_value=True),
        listed=("hidden/deep_delta 4",)),
    "orthogonal-flattened": Mistake(
        "stream", "x.y and x.x are summed over all tokens: later tokens change earlier ones", "project each token by itself",
        ORTHOGONAL, record=orthogonal(flattened), seen=("lucidrains/x-transformers orthog_project",),
        listed=("hidden/orthogonal 1", "catalogue orthogonal 1")),
    "orthogonal-exchanged": Mistake(
        "stream", "s = x.y / y.y", "s = x.y / x.x",
        where("orthogonal", lambda own, model: model["variant"] == "orthogonal" and model["kind"] != "encoder_decoder"),
        record=orthogonal(lambda x, y, epsilon: dot(x, y) / (dot(y, y) + epsilon)), listed=("hidden/orthogonal 2",)),
}
