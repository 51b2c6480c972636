"""Attention residuals in PyTorch: a softmax over depth."""

import torch

from .torch_hidden_depth import Depth
from .torch_transformer import PORTS


class AttnRes(Depth):
    """u = sum_i softmax_i(w . rms(s_i)) s_i in the place of the stream."""

    def heads_of_depth(self):
        """The groups of channels."""
        return 1

    def average(self, sources, at):
        """Per group of channels: (B, T, D)."""
        S, groups = torch.stack(sources), self.heads_of_depth()
        normed = self.root_mean_square_norm(S) * self.parameter("depth.gain", at)
        z = (normed * self.parameter("depth.w", at)).unflatten(-1, (groups, -1)).sum(-1)  # (R, B, T, groups)
        z = z / self.model.width ** 0.5 if "attn-res-scaled" in self.wrong else z
        alpha = torch.softmax(z, 0)
        alpha = at.keep("alpha", alpha if groups == 1 else alpha.repeat_interleave(S.shape[-1] // groups, -1))
        return (alpha * (normed if "attn-res-of-normed" in self.wrong else S)).sum(0)

    def read_depth(self, at):
        """What is read in the place of the stream."""
        sources = self.collected(at)
        added = sum(sources) if "attn-res-added" in self.wrong else 0
        return self.average(sources, at) + added

    def read(self, stream, at):
        """norm(u)."""
        return at.norm(self.read_depth(at))

    def finish(self, stream, at):
        """norm(u), with the head's own query."""
        plain = "attn-res-not-before-the-head" in self.wrong
        return at.norm(stream if plain else self.read_depth(at), "final_norm")


class Blocks(AttnRes):
    """The sources are x_0, the sums of finished blocks, and the sum of the unfinished one."""

    def collected(self, at):
        """Blocks of at most `block_size` sublayers."""
        x, *y = super().collected(at)
        per_layer = len(at.below[0]) if at.sublayer == "stack" else None
        sublayers = self.model.layers * (per_layer or self.per_layer(at))
        size = self.options.get("block_size") or -(-sublayers // 8)
        sources = [x] + [sum(y[i:i + size]) for i in range(0, len(y), size)]
        if "attn-res-empty-partial-sum" in self.wrong and at.sublayer != "stack" and len(y) % size == 0:
            sources.append(torch.zeros_like(x))
        if "attn-res-embedding-in-block" in self.wrong:
            sources = [sum(sources[:2])] + sources[2:]
        return sources

    def per_layer(self, at):
        """Sublayers in a layer."""
        names = ("attention", "cross_attention", "feed_forward")
        return sum(any(key.startswith(f"{at.run.prefix}layers.0.{name}.") for key in self.params) for name in names)


class MultiHead(AttnRes):
    """A softmax per group of channels."""

    def heads_of_depth(self):
        """One per key/value head."""
        return self.options.get("heads") or self.model.kv_heads


class Delta(AttnRes):
    """Added to the stream, from the second sublayer on; the head gets the stream."""

    def read(self, stream, at):
        """norm(x + g u)."""
        if at.m == 1:
            return at.norm(stream)
        past = self.average(self.collected(at), at)
        return at.norm(stream + (at.keep("gate", at.get("depth.gate")) * past if at.has("depth.gate") else past))

    def finish(self, stream, at):
        """The final norm."""
        return at.norm(stream, "final_norm")


PORTS.update(attn_res=AttnRes, attn_res_block=Blocks, attn_res_multi_head=MultiHead, attn_res_delta=Delta)
