"""Mistakes of the gradient alone that the port of a Transformer can make: every value is right."""

import math

import torch

from .torch_transformer import WRONG
from .torch_wrong import replacing, writing
from .torch_wrong_parts import looking_up, standardizing


def frozen(x, factor=0.0):
    """x, whose gradient comes back times the factor."""
    return x.detach() + factor * (x - x.detach())


def held_mean(right):
    """The mean held constant."""
    def wrong(self, x):
        centred = x - x.mean(-1, keepdim=True).detach()
        return centred / torch.sqrt((centred ** 2).mean(-1, keepdim=True) + self.epsilon())
    return wrong


def held_sum(right):
    """The sum in the softmax held constant."""
    def wrong(self, z):
        p = right(self, z).detach()
        safe = torch.where(torch.isfinite(z), z, torch.zeros_like(z))
        return p * torch.exp(safe - safe.detach())
    return wrong


def last_of_each(self, rows, ids):
    """A gradient only to the last place of each token."""
    flat = ids.flatten().tolist()
    last = torch.tensor([i == len(flat) - 1 - flat[::-1].index(token) for i, token in enumerate(flat)]).view(*ids.shape, 1)
    return torch.where(last, rows, rows.detach())


def one_row(cls):
    """Positions for each sequence, of which the first has a gradient."""
    embed = replacing(embed=lambda right: lambda self, tokens, positions, segments: (
        self.memory.update(B=len(tokens)), right(self, tokens, positions, segments))[1])
    rows = looking_up("W_position", lambda self, rows, ids: torch.stack([rows] + [rows.detach()] * (self.memory["B"] - 1)))
    return rows(embed(cls))


WRONG.update({
    "norm-mean-constant": replacing(standardized=held_mean),
    "norm-variance-constant": standardizing(lambda c, e: c / torch.sqrt((c * c).mean(-1, keepdim=True) + e).detach()),
    "bias-gradient-averaged": replacing(linear=lambda right: lambda self, x, W, b=None: right(
        self, x, W, b if b is None else frozen(b, x.shape[-1] / x.numel()))),
    "softmax-denominator-constant": replacing(softmax=held_sum),
    "attention-residual-detached": writing(lambda self, right, stream, y, at: right(self, stream.detach(), y, at), "attention"),
    "gelu-slope-of-erf": replacing(gelu_tanh=lambda right: lambda self, x: right(self, x).detach() + self.gelu_erf(x)
                                   - self.gelu_erf(x).detach()),
    "query-gradient-unscaled": replacing(products=lambda right: lambda self, q, k: right(
        self, frozen(q, math.sqrt(self.model.head_width)), k)),
    "keys-detached": replacing(products=lambda right: lambda self, q, k: right(self, q, k.detach())),
    "embedding-gradient-overwritten": lambda cls: looking_up("W_segment",
                                                             last_of_each)(looking_up("W_token", last_of_each)(cls)),
    "position-gradient-of-one-row": one_row,
})
