"""The variants of the scores beside RealFormer in PyTorch: ReViT, Evolving Attention, temperature, map reuse.

Letters of the shapes: B batch, H heads, T queries, S keys. Their mistakes: torch_scores_wrong.
"""

import math

import torch
import torch.nn.functional as F

from .torch_transformer import PORTS, Port


class ReViT(Port):
    """Z'_n = alpha Z_n + (1 - alpha) Z'_(n-1)."""

    house = "pre"

    def alpha(self, at):
        """A number, or with learned a scalar that the chain shares."""
        return at.shared("alpha") if self.options.get("learned") else self.options.get("alpha", 0.5)

    def carried(self, at):
        """What comes from the layer below."""
        return at.past[-1]["scores"]

    def average(self, own, below, at):
        """Of own scores and those of the layer below."""
        return self.alpha(at) * own + (1 - self.alpha(at)) * below

    def scores(self, fresh, at):
        return self.average(fresh, self.carried(at), at) if at.past else fresh


class Evolving(Port):
    """M = (1 - beta) Z_n + beta Z'_(n-1);  Z'_n = alpha act(conv3x3(M)) + (1 - alpha) M."""

    def carried(self, at):
        """What comes from the layer below."""
        return at.past[-1]["scores"]

    def looks_back(self, at):
        """Whether the rows of the convolution are t - 2 .. t, or t - 1 .. t + 1."""
        return self.model.kind == "decoder" or at.run.prefix == "decoder."

    def visible(self, x, at):
        """x (B, H, T, S) with zeros at what is hidden, and in padded rows."""
        return self.rows(self.unmasked(x, at), at)

    def unmasked(self, x, at):
        """Zeros where the mask hides."""
        mask = at.run.masks[at.sublayer][at.n - 1]
        limit = self.style.get("mask_value", -math.inf)
        return x if mask is None else torch.where(mask > limit, x, torch.zeros_like(x))

    def rows(self, x, at):
        """Zeros in the rows of padded queries."""
        if at.run.padding is None:
            return x
        return x * at.run.padding[:, None, -x.shape[2]:, None].to(x.dtype)

    def convolved(self, x, at):
        """conv3x3 over queries and keys, heads as channels: (B, H, T, S)."""
        x = self.visible(x, at)
        if self.looks_back(at):
            before = at.cached().get("rows", x.new_zeros(*x.shape[:2], 2, 0))  # rows t - 2, t - 1 of the earlier steps
            before = F.pad(before, (0, x.shape[3] - before.shape[3]))
            x = torch.cat([before, x], 2)
            at.leave("rows", x[:, :, -2:])
            at.keep("last_rows", x[:, :, -2:].permute(0, 2, 3, 1))
            x = F.pad(x, (1, 1))
        else:
            x = F.pad(x, (1, 1, 1, 1))
        return F.conv2d(x, at.get("W_conv").permute(3, 2, 0, 1), at.get("b_conv"))

    def scores(self, fresh, at):
        if not at.past:
            return fresh
        alpha, beta = self.options.get("alpha", 0.3), self.options.get("beta", 0.7)
        mixed = (1 - beta) * fresh + beta * self.carried(at)
        slope = {"leaky_relu": 0.01, "relu": 0.0}[self.options.get("activation", "leaky_relu")]
        return alpha * F.leaky_relu(self.convolved(mixed, at), slope) + (1 - alpha) * mixed


class Temperature(Port):
    """Z_n = sqrt(n) A_n."""

    def factor(self, at):
        """sqrt(n)."""
        return math.sqrt(at.n)

    def logits(self, scores, at):
        return self.factor(at) * scores


class MapReuse(Port):
    """Layers without W_q take the scores of the layer below under their own mask."""

    def probabilities(self, fresh, at):
        if fresh is not None:
            return fresh
        for name in ("scores", "logits"):
            at.keep(name, at.past[-1][name])
        return self.softmax(self.masked(at.record["logits"], at))


PORTS.update({"revit": ReViT, "evolving_attention": Evolving, "temperature": Temperature, "map_reuse": MapReuse})
