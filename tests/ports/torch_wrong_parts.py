"""Mistakes that the port of a Transformer can make: norms, activations, positions, the order of layers, the loss."""

import math

import torch

from .torch_transformer import WRONG
from .torch_wrong import replacing


def standardizing(change):
    """Another LayerNorm before gain and bias: change(x - mean, epsilon)."""
    return replacing(standardized=lambda right: lambda self, x: change(x - x.mean(-1, keepdim=True), self.epsilon()))


def with_epsilon(value):
    """Another epsilon."""
    return replacing(epsilon=lambda right: lambda self: value)


def over_batch(right):
    """Statistics of each channel over batch and time."""
    def wrong(self, x):
        centred = x - x.mean((0, 1), keepdim=True)
        return centred / torch.sqrt((centred ** 2).mean((0, 1), keepdim=True) + self.epsilon())
    return wrong


def gelu(function):
    """Another function for the tanh form of GELU."""
    return replacing(gelu_tanh=lambda right: lambda self, x: function(x))


def tanh_form(scale, cubic):
    """x/2 (1 + tanh(scale (x + cubic x^3)))."""
    return lambda x: x / 2 * (1 + torch.tanh(scale * (x + cubic * x * x * x)))


def gate_plain(right):
    """The activation on x W_1, the gate as it is."""
    def wrong(self, x, at):
        at.keep("x", x)
        inner = at.keep("inner", self.inner(self.project(x, "1", at), "1", at))
        gate = at.keep("gate", self.inner(self.project(x, "gate", at), "gate", at))
        return at.keep("output", self.project(at.keep("active", self.active(self.activation(inner) * gate, at)), "2", at))
    return wrong


WRONG.update({f"epsilon-{name}": with_epsilon(float(name)) for name in ("1e-3", "1e-5", "1e-6", "1e-12")})
WRONG.update({
    "epsilon-outside-root": replacing(
        standardized=lambda right: lambda self, x:
        (x - x.mean(-1, keepdim=True)) / (x.std(-1, correction=0, keepdim=True) + self.epsilon()),
        root_mean_square_norm=lambda right: lambda self, x:
        x / (torch.sqrt((x * x).mean(-1, keepdim=True)) + self.epsilon())),
    "variance-unbiased": standardizing(lambda c, e: c / torch.sqrt((c * c).sum(-1, keepdim=True) / (c.shape[-1] - 1) + e)),
    "norm-bias-missing": replacing(norm=lambda right: lambda self, x, gain, bias=None: right(self, x, gain)),
    "batch-norm-for-layer-norm": replacing(standardized=over_batch),
    "gelu-erf-for-tanh": replacing(gelu_tanh=lambda right: lambda self, x: self.gelu_erf(x)),
    "gelu-tanh-for-erf": replacing(gelu_erf=lambda right: lambda self, x: self.gelu_tanh(x)),
    "gelu-sigmoid": gelu(lambda x: x * torch.sigmoid(1.702 * x)),
    "relu-for-gelu": gelu(torch.relu),
    "gelu-scale-0.8": gelu(tanh_form(0.8, 0.044715)),
    "gelu-cubic-0.0447": gelu(tanh_form(math.sqrt(2 / math.pi), 0.0447)),
    "gate-and-value-swapped": replacing(feed_forward=gate_plain),
})

# ---- positions, embedding, layers, loss ------------------------------------------------------------------------------


def looking_up(name, change):
    """Rows of one table changed: change(self, rows, ids)."""
    return replacing(look_up=lambda right: lambda self, table, ids: change(self, right(self, table, ids), ids)
                     if table == "embedding." + name else right(self, table, ids))


def neighbours(right):
    """The pairs (x_2i, x_2i+1) turn."""
    def wrong(self, x, positions):
        z = torch.view_as_complex(x.double().reshape(*x.shape[:-1], -1, 2).contiguous())
        a = self.angles(positions, x.shape[-1])
        return torch.view_as_real(z * torch.polar(torch.ones_like(a), a)).flatten(-2).to(x.dtype)
    return wrong


def other_layer(right):
    """The first two layers with each other's weights."""
    def wrong(self, W, name, at):
        n = {0: 1, 1: 0}.get(at.n - 1, at.n - 1)
        return right(self, self.params[f"{at.run.prefix}layers.{n}.{at.sublayer}.{name}"], name, at)
    return wrong


def losing(change):
    """Another loss: change(self, right, z, targets, weights)."""
    return replacing(cross_entropy=lambda right: lambda self, z, targets, weights: change(self, right, z, targets, weights))


WRONG.update({
    "positions-from-one": replacing(embed=lambda right: lambda self, tokens, positions, segments:
                                    right(self, tokens, positions + 1, segments)),
    "positions-missing": lambda cls: replacing(
        sinusoids=lambda right: lambda self, positions: torch.zeros((), dtype=self.dtype),
        alibi=lambda right: lambda self, t, s: 0 * right(self, t, s),
        rotate=lambda right: lambda self, x, positions: x)(looking_up("W_position", lambda self, rows, ids: 0 * rows)(cls)),
    "rotary-of-neighbours": replacing(rotate=neighbours),
    "embedding-scaled": looking_up("W_token", lambda self, rows, ids: rows * math.sqrt(self.model.width)),
    "layers-swapped": replacing(weight=other_layer),
    "loss-summed": losing(lambda self, right, z, targets, weights: right(self, z, targets, weights) * weights.sum()),
    "loss-skips-first": losing(lambda self, right, z, targets, weights: right(self, z[:, 1:], targets[:, 1:], weights[:, 1:])),
    "loss-weights-ignored": losing(lambda self, right, z, targets, weights: right(self, z, targets, torch.ones_like(weights))),
})
