"""Sums over depth in PyTorch: DenseFormer, MUDDFormer, DeepCrossAttention, and sources in general."""

from itertools import accumulate

import torch

from .torch_hidden_norms import Switched
from .torch_transformer import PORTS


class DenseFormer(Switched):
    """Y_n = sum_j alpha[n, j] X_j behind each block."""

    house = "pre"

    def expand(self, x, at):
        """X_0, and the streams behind the sublayers."""
        self.blocks, self.states = [x], [x]
        return x

    def write(self, stream, y, at):
        """A plain sum inside the block."""
        x = stream + y
        self.states.append(x)
        if not at.last:
            return x
        self.blocks.append(at.keep("block_output", x))
        if at.n % self.options.get("period", 1):
            return x
        k, alpha = self.options.get("dilation", 1), at.get("alpha")
        used = self.states[-(at.n + 1):] if "denseformer-of-sublayers" in self.wrong else self.blocks
        used = used[0 if "denseformer-dilation-from-zero" in self.wrong else at.n % k::k]
        if "denseformer-weights-descending" in self.wrong:
            alpha = alpha.flip(0)
        total = (alpha[:, None, None, None] * torch.stack(used)).sum(0)
        if "denseformer-keeps-averages" in self.wrong:
            self.blocks[-1] = total
        return total


class MUDDFormer(Switched):
    """Four sums of all block outputs, weighted per token, behind each block; one behind the last."""

    house = "pre"

    def expand(self, x, at):
        """X_0."""
        self.blocks = [x]
        return x

    def ways(self, stream):
        """(q, k, v, r)."""
        return (*stream[1:], stream[0]) if "muddformer-ways-in-another-order" in self.wrong else tuple(stream)

    def read(self, stream, at):
        """Three views from the second block on."""
        if stream.dim() == 3:
            return at.norm(stream)
        names = "qqq" if "muddformer-one-norm" in self.wrong else "qkv"
        return tuple(at.norm(way, "norm_" + name) for way, name in zip(self.ways(stream), names))

    def write(self, stream, y, at):
        """r + y; behind the block the ways of the next."""
        x = (stream if stream.dim() == 3 else self.ways(stream)[3]) + y
        if not at.last:
            return x
        self.blocks.append(at.keep("block_output", x))
        a = at.get("mudd.a")
        A = a.expand(*x.shape[:2], *a.shape)
        if at.has("mudd.W_A1"):
            hidden = self.gelu_tanh(self.root_mean_square_norm(x) @ at.get("mudd.W_A1"))
            A = A + (hidden @ at.get("mudd.W_A2")).unflatten(-1, a.shape)
        A = at.keep("A", A.permute(2, 3, 0, 1)[..., None])
        ways = (A * torch.stack(self.blocks)).sum(1)
        if "muddformer-keeps-sums" in self.wrong and len(ways) > 1:
            self.blocks[-1] = ways[3]
        return ways if len(ways) > 1 else ways[0]


class Depth(Switched):
    """What reads all sources: x_0 and what each sublayer wrote."""

    house = "pre"

    def collected(self, at):
        """The sources, or, wrongly, their running sums."""
        sources = at.sources()
        return list(accumulate(sources)) if "depth-sources-cumulative" in self.wrong else sources

    def parameter(self, name, at):
        """Of the sublayer or, at the end, of the stack."""
        return at.stack(name) if at.sublayer == "stack" else at.get(name)


class DeepCrossAttention(Depth):
    """g = sum_i (b_i + ReLU(w . rms(s_i))) s_i, one for each of q, k, v."""

    def summed(self, name, at, own=None):
        """g."""
        sources = torch.stack(self.collected(at))
        b, w = self.parameter((own or name) + ".b", at), self.parameter((own or name) + ".w", at)
        weight = b.reshape(len(sources), 1, 1, -1)
        if w is not None:
            weight = weight + torch.relu(self.root_mean_square_norm(sources) @ w)[..., None]
        return (at.keep(name, weight) * sources).sum(0)

    def read(self, stream, at):
        """Three views for attention."""
        if at.sublayer != "attention":
            return at.norm(self.summed("grn", at))
        own = "grn_q" if "deep-cross-attention-one-weight" in self.wrong else None
        return tuple(at.norm(self.summed("grn_" + name, at, own)) for name in "qkv")

    def finish(self, stream, at):
        """The head's own sum."""
        return at.norm(self.summed("grn", at), "final_norm")


PORTS.update(denseformer=DenseFormer, muddformer=MUDDFormer, deep_cross_attention=DeepCrossAttention)
