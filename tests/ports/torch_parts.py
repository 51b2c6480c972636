"""The operations of a Transformer in PyTorch, in the precision and in the style that a run asks for.

Letters of the shapes: B batch, T queries, S keys, D width, H heads, G key/value heads, K head width, V vocabulary.
Styles are other correct ways to compute the same:
    product=.. "split": sums over two halves, added in reverse; "einsum"; "loop" over the batch; "upcast": in float32
    upcast=True  softmax and norms in float32
    fused=True   torch's own layer_norm, gelu and cross_entropy
    mask_value=-1e4  instead of -inf
    fused_attention=True scaled_dot_product_attention, which names no scores and no probabilities; threads=2
"""

import math

import torch
import torch.nn.functional as F


class Parts:
    """Methods that a model is made of; `self.style` is the dict of the style, `self.model` the description."""

    def upcast(self, x):
        """x in float32 where the style says so and x is shorter."""
        return x.float() if self.style.get("upcast") and x.element_size() < 4 else x

    def product(self, a, b):
        """The matrix product a b."""
        way = self.style.get("product")
        if way == "split":
            half = (a.shape[-1] + 1) // 2
            return a[..., half:] @ b[..., half:, :] + a[..., :half] @ b[..., :half, :]
        if way == "einsum":
            return torch.einsum("...ij,...jk->...ik", a, b)
        if way == "loop" and a.dim() > 2:
            return torch.stack([x @ y for x, y in zip(a, b if b.dim() > 2 else [b] * len(a))])
        if way == "upcast":
            return (a.float() @ b.float()).to(a.dtype) if a.element_size() < 4 else a @ b
        return a @ b

    def linear(self, x, W, b=None):
        """x W + b."""
        y = self.product(x, W)
        return y if b is None else y + b

    # ---- norms -------------------------------------------------------------------------------------------------------

    def norm(self, x, gain, bias=None):
        """The model's norm over the last axis with this gain and bias."""
        if self.model.norm == "rms":
            return self.root_mean_square_norm(x) * gain
        if self.style.get("fused"):
            return F.layer_norm(x, x.shape[-1:], gain, bias, self.epsilon())
        y = self.standardized(x) * gain
        return y if bias is None else y + bias

    def epsilon(self):
        """Of the norms."""
        return self.model.epsilon

    def standardized(self, x):
        """(x - mean) / sqrt(biased variance + epsilon)."""
        up = self.upcast(x)
        centred = up - up.mean(-1, keepdim=True)
        return (centred / torch.sqrt((centred ** 2).mean(-1, keepdim=True) + self.epsilon())).to(x.dtype)

    def root_mean_square_norm(self, x):
        """x / sqrt(mean square + epsilon)."""
        up = self.upcast(x)
        return (up * torch.rsqrt((up ** 2).mean(-1, keepdim=True) + self.epsilon())).to(x.dtype)

    # ---- activations -------------------------------------------------------------------------------------------------

    def gelu_tanh(self, x):
        """x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))."""
        if self.style.get("fused"):
            return F.gelu(x, approximate="tanh")
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))

    def gelu_erf(self, x):
        """x Phi(x)."""
        return F.gelu(x) if self.style.get("fused") else 0.5 * x * (1 + torch.erf(x * 0.5 ** 0.5))

    def silu(self, x):
        """x sigmoid(x), of SwiGLU's gate."""
        return F.silu(x) if self.style.get("fused") else x * torch.sigmoid(x)

    def activation(self, x):
        """The model's activation; for swiglu that of the gate."""
        name = self.model.activation
        return {"gelu_tanh": self.gelu_tanh, "gelu_erf": self.gelu_erf, "relu": torch.relu, "swiglu": self.silu}[name](x)

    # ---- attention ---------------------------------------------------------------------------------------------------

    def softmax(self, z):
        """Over the keys; a row of which nothing may be attended to is 0."""
        limit = -math.inf if "mask_value" not in self.style else self.style["mask_value"] / 2
        dead = (z.detach() <= limit).all(-1, keepdim=True)
        p = torch.softmax(self.upcast(torch.where(dead, torch.zeros_like(z), z)), -1).to(z.dtype)
        return torch.where(dead, torch.zeros_like(p), p)

    def split_heads(self, x, heads):
        """(B, T, heads K) -> (B, heads, T, K)."""
        return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)

    def merge_heads(self, x):
        """(B, H, T, K) -> (B, T, H K)."""
        return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], -1)

    def serve(self, x):
        """(B, G, S, K) -> (B, H, S, K): a key/value head serves the H/G neighbouring query heads of its group."""
        return x.repeat_interleave(self.model.heads // x.shape[1], 1)

    def hidden(self, visible):
        """The additive mask of a boolean one."""
        value = self.style.get("mask_value", -math.inf)
        return torch.where(visible, 0.0, value).to(self.dtype)

    # ---- positions ---------------------------------------------------------------------------------------------------

    def angles(self, positions, width):
        """positions / 10000^(2i/width), i = 0 .. width/2 - 1, in float64."""
        return positions[:, None].double() / 10000.0 ** (torch.arange(0, width, 2).double() / width)

    def rotate(self, x, positions):
        """Halves convention: the pair (i, i + K/2) turns by its angle."""
        a = self.angles(positions, x.shape[-1])
        cos, sin = (torch.cat([f(a), f(a)], -1).to(x.dtype) for f in (torch.cos, torch.sin))
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([-second, first], -1) * sin

    def sinusoids(self, positions):
        """sin at even channels, cos at odd ones: (T, D)."""
        a = self.angles(positions, self.model.width)
        return torch.stack([torch.sin(a), torch.cos(a)], -1).flatten(1).to(self.dtype)

    def alibi(self, t, s):
        """-2^(-8 h/H) |t - s|: (H, T, S)."""
        heads = torch.arange(1, self.model.heads + 1).double()
        return (-(2.0 ** (-8 * heads / self.model.heads))[:, None, None] * (t[:, None] - s).abs()).to(self.dtype)

    # ---- loss --------------------------------------------------------------------------------------------------------

    def cross_entropy(self, z, targets, weights):
        """The weighted mean of -log softmax(z)[target], from float32 logits at least."""
        z = z.float() if z.element_size() < 4 else z
        weights = weights.to(z.dtype)
        if self.style.get("fused"):
            lost = F.cross_entropy(z.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
        else:
            lost = -torch.log_softmax(z, -1).gather(-1, targets[..., None])[..., 0]
        return (lost * weights).sum() / weights.sum()
