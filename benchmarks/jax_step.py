"""The step of JAX: loss, gradient and AdamW in one compiled function that may reuse the buffers it is given."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.job import DECAY, RATE, batch_of, model_of, start_of
from benchmarks.step import Step
from minires.parameters import unflatten
from minires.training.optimisers import decays

jax.config.update("jax_enable_x64", True)  # arrays keep the dtype that they are given: float32 stays float32
BETA_1, BETA_2, EPSILON = 0.9, 0.98, 1e-8


def norm(x, p, epsilon):
    """LayerNorm."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(axis=-1, keepdims=True) + epsilon) * p["gain"] + p["bias"]


def attention(x, p, heads, seen):
    """Causal multi-head attention (B, T, D)."""
    B, T, D = x.shape
    q, k, v = ((x @ p[f"W_{name}"] + p[f"b_{name}"]).reshape(B, T, heads, -1).transpose(0, 2, 1, 3) for name in "qkv")
    scores = q @ k.transpose(0, 1, 3, 2) * q.shape[-1] ** -0.5
    mixed = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=-1) @ v
    return mixed.transpose(0, 2, 1, 3).reshape(B, T, D) @ p["W_o"] + p["b_o"]


def loss(flat, model, tokens, targets):
    """Mean cross-entropy of the post-norm causal decoder."""
    params, T = unflatten(flat), tokens.shape[1]
    seen = jnp.tril(jnp.ones((T, T), dtype=bool))
    x = params["embedding"]["W_token"][tokens] + params["embedding"]["W_position"][:T]
    x = norm(x, params["start_norm"], model.epsilon)
    for layer in params["layers"]:
        x = norm(x + attention(x, layer["attention"], model.heads, seen), layer["attention"]["norm"], model.epsilon)
        p = layer["feed_forward"]
        inner = jax.nn.gelu(x @ p["W_1"] + p["b_1"], approximate=True)
        x = norm(x + inner @ p["W_2"] + p["b_2"], p["norm"], model.epsilon)
    logs = jax.nn.log_softmax(x @ params["head"]["W"] + params["head"]["b"])
    return -jnp.take_along_axis(logs, targets[..., None], axis=-1).mean()


def adamw(params, gradient, m, v, step):
    """AdamW as in `minires.training.optimisers`."""
    m = {name: BETA_1 * m[name] + (1 - BETA_1) * g for name, g in gradient.items()}
    v = {name: BETA_2 * v[name] + (1 - BETA_2) * g * g for name, g in gradient.items()}
    new = {}
    for name, w in params.items():
        first, second = ((1 - beta ** step).astype(w.dtype) for beta in (BETA_1, BETA_2))
        move = m[name] / first / (jnp.sqrt(v[name] / second) + EPSILON)
        new[name] = w - RATE * (move + DECAY * w if decays(name) else move)
    return new, m, v


def jax_jit(job):
    """A Step."""
    model, batch = model_of(job), batch_of(job)
    data = jnp.array(batch.inputs["tokens"]), jnp.array(batch.targets)
    slope = jax.value_and_grad(lambda params, tokens, targets: loss(params, model, tokens, targets))

    def whole(params, m, v, step, tokens, targets):
        value, gradient = slope(params, tokens, targets)
        return value, *adamw(params, gradient, m, v, step)

    moved, alone = jax.jit(whole, donate_argnums=(0, 1, 2)), jax.jit(slope)
    params = {name: jnp.array(w) for name, w in start_of(job).items()}
    zeros = lambda: {name: jnp.zeros_like(w) for name, w in params.items()}
    state, plain = {"arrays": (params, zeros(), zeros()), "step": 0}, lambda flat: {k: np.asarray(w) for k, w in flat.items()}

    def step():
        state["step"] += 1
        value, *state["arrays"] = moved(*state["arrays"], np.float64(state["step"]), *data)
        jax.block_until_ready(state["arrays"])
        return float(value)

    def gradient():
        value, slopes = alone(state["arrays"][0], *data)
        return float(value), plain(slopes)

    return Step(step, gradient, lambda: plain(state["arrays"][0]))
