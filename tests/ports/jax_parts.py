"""The operations of a Transformer in JAX, in the precision and in the style that a run asks for.

Styles, other correct ways to compute the same: fused=True, jax.nn's own functions; upcast=True, softmax and norms in float32;
mask_value=-1e4 in place of -inf; product="split", sums over two halves; product="vmap", row by row of the batch.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np


class Parts:
    """Methods that a model is made of; `style` and `m`, the description, are its own."""

    def product(self, a, b):
        """a b."""
        way = self.style.get("product")
        if way == "split":
            half = a.shape[-1] // 2
            return a[..., half:] @ b[..., half:, :] + a[..., :half] @ b[..., :half, :]
        if way == "vmap" and a.ndim > 2:
            return jax.vmap(jnp.matmul, in_axes=(0, 0 if b.ndim > 2 else None))(a, b)
        return a @ b

    def linear(self, x, W, b=None):
        """x W + b."""
        return self.product(x, W) if b is None else self.product(x, W) + b

    def raised(self, x):
        """float32 where the style says so."""
        return x.astype(jnp.float32) if self.style.get("upcast") and x.dtype.itemsize < 4 else x

    # ---- norms and activations ---------------------------------------------------------------------------------------

    def norm(self, x, at):
        """The model's norm with the gain, and for LayerNorm the bias, that stand at a place."""
        normed = self.rms(x) if self.m["norm"] == "rms" else self.standard(x)
        bias = self.p.get(at + ".bias")
        return normed * self.p[at + ".gain"] if bias is None else normed * self.p[at + ".gain"] + bias

    def rms(self, x):
        """x / sqrt(mean x^2 + epsilon)."""
        z = self.raised(x)
        return (z / jnp.sqrt(self.mean(z * z) + self.m["epsilon"])).astype(x.dtype)

    def standard(self, x):
        """(x - mean) / sqrt(mean of its square + epsilon)."""
        z = self.raised(x)
        z = z - self.mean(z)
        return (z / jnp.sqrt(self.variance(z) + self.m["epsilon"])).astype(x.dtype)

    def mean(self, z):
        """Over the last axis."""
        return jnp.mean(z, -1, keepdims=True)

    def variance(self, centred):
        """Biased."""
        return self.mean(centred * centred)

    def gelu(self, x):
        """The tanh form."""
        if self.style.get("fused"):
            return jax.nn.gelu(x, approximate=True)
        return x * 0.5 * (1.0 + jnp.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))

    def gelu_erf(self, x):
        """x Phi(x)."""
        return 0.5 * x * (1.0 + jax.lax.erf(x / math.sqrt(2.0)))

    def silu(self, x):
        """x / (1 + e^-x)."""
        return jax.nn.silu(x) if self.style.get("fused") else x / (1.0 + jnp.exp(-x))

    def activation(self, x):
        """The model's; of swiglu the gate's."""
        return {"gelu_tanh": self.gelu, "gelu_erf": self.gelu_erf, "swiglu": self.silu,
                "relu": lambda x: jnp.maximum(x, 0)}[self.m["activation"]](x)

    # ---- attention ---------------------------------------------------------------------------------------------------

    def softmax(self, z):
        """Over the keys; 0 in a row that sees nothing."""
        limit = self.style.get("mask_value", -math.inf) / 2
        dead = jnp.all(jax.lax.stop_gradient(z) <= limit, -1, keepdims=True)
        z = self.raised(jnp.where(dead, 0, z))
        e = jnp.exp(z - jax.lax.stop_gradient(jnp.max(z, -1, keepdims=True)))
        p = jax.nn.softmax(z, -1) if self.style.get("fused") else e / jnp.sum(e, -1, keepdims=True)
        return jnp.where(dead, 0, p).astype(self.dtype)

    def split(self, x, heads):
        """(B, T, heads K) -> (B, heads, T, K)."""
        return jnp.moveaxis(x.reshape(*x.shape[:2], heads, x.shape[2] // heads), 2, 1)

    def merge(self, x):
        """(B, H, T, K) -> (B, T, H K)."""
        return jnp.moveaxis(x, 1, 2).reshape(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])

    def serve(self, x):
        """(B, G, S, K) -> (B, H, S, K): head h reads group h // (H/G)."""
        return x[:, np.arange(self.m["heads"]) // (self.m["heads"] // x.shape[1])]

    def hide(self, visible):
        """0 where a key is seen, -inf elsewhere."""
        return jnp.where(visible, 0.0, self.style.get("mask_value", -math.inf)).astype(self.dtype)

    def rotate(self, x, positions):
        """Channels i and i + K/2 turn by position / 10000^(2i/K)."""
        K = x.shape[-1]
        angle = np.asarray(positions)[:, None] * self.frequencies(K)
        cos, sin = jnp.asarray(np.cos(angle), x.dtype), jnp.asarray(np.sin(angle), x.dtype)
        a, b = x[..., :K // 2], x[..., K // 2:]
        return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def frequencies(self, K):
        """Of the K/2 pairs of channels."""
        return 10000.0 ** (-np.arange(K // 2) * 2.0 / K)

    # ---- the end -----------------------------------------------------------------------------------------------------

    def cross_entropy(self, logits, targets, weights):
        """The weighted mean of -log softmax(z)[target], in float32 at least."""
        z = logits.astype(jnp.float32) if logits.dtype.itemsize < 4 else logits
        lost = jax.nn.logsumexp(z, -1) - jnp.take_along_axis(z, targets[..., None], -1)[..., 0]
        return self.weighted(lost, weights.astype(z.dtype))

    def weighted(self, lost, weights):
        """The weighted mean."""
        return jnp.sum(lost * weights) / jnp.sum(weights)
