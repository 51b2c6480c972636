"""Wiring in PyTorch: parallel blocks, x0 lambdas, U-net skips, backout."""

import torch

from .torch_hidden_norms import Switched, bare
from .torch_transformer import PORTS


class Wired(Switched):
    """Pre-norm, and the streams behind the layers."""

    house = "pre"

    def expand(self, x, at):
        """Before the first layer."""
        self.outputs_of, self.inputs_of, self.middles_of = [], [], []
        return x

    def enter(self, stream, at):
        """The input of the layer."""
        if at.first:
            self.inputs_of.append(stream)
        return stream

    def write(self, stream, y, at):
        """x + y."""
        x = stream + y
        if at.first:
            self.middles_of.append(x)
        if at.last:
            self.outputs_of.append(x)
        return x


class Parallel(Wired):
    """All sublayers of a layer read its input."""

    def read(self, stream, at):
        """norm(x), shared or one per sublayer."""
        shared, first = self.options.get("norms", "shared") == "shared", at.beside(at.n, "attention")
        owner = first if shared or "parallel-one-norm" in self.wrong else at
        if "parallel-sequential" in self.wrong and not at.first:
            return owner.norm(stream)
        if at.first:
            self.block_input = at.keep("block_input", at.norm(stream) if shared else stream)
        if "parallel-norm-of-its-own" in self.wrong and not at.first:
            return bare(self, self.inputs_of[-1])
        return self.block_input if shared else owner.norm(self.block_input)


class X0Lambdas(Wired):
    """x <- lambda x + mu x_0 where a layer begins."""

    def start(self, embedding, at):
        """x_0 = norm(embedding)."""
        self.raw = embedding
        self.x_0 = at.norm(embedding, "start_norm")
        return self.x_0

    def mixed(self, x, at):
        """lambda x + mu x_0."""
        x_0 = self.raw if "x0-before-its-norm" in self.wrong else self.x_0
        return at.get("lambda") * x + at.get("mu") * x_0

    def enter(self, stream, at):
        """The stream itself is mixed."""
        return stream if not at.first or "x0-read-only" in self.wrong else self.mixed(stream, at)

    def read(self, stream, at):
        """norm(x)."""
        return at.norm(self.mixed(stream, at) if at.first and "x0-read-only" in self.wrong else stream)


class UNet(Wired):
    """The outputs of the lower half join before the layers of the upper half, last in first out."""

    def skip(self, j):
        """What layer L/2 + j gets."""
        L = self.model.layers
        i = L // 2 - j  # the layer L/2 + 1 - j, from 0
        if "unet-first-in-first-out" in self.wrong:
            i = j - 1
        if "unet-of-inputs" in self.wrong:
            return self.inputs_of[i]
        return self.outputs_of[i] - self.inputs_of[i] if "unet-of-increments" in self.wrong else self.outputs_of[i]

    def joined(self, skip, x, at):
        """x + w skip, or [skip, x] W_skip."""
        if at.has("W_skip"):
            pair = [x, skip] if "unet-concatenated-the-other-way" in self.wrong else [skip, x]
            return torch.cat(pair, -1) @ at.get("W_skip")
        return x + (torch.sigmoid(at.get("theta")) if at.has("theta") else at.get("w")) * skip

    def enter(self, stream, at):
        """The input of a layer is what it was before the skip joins."""
        super().enter(stream, at)
        j = at.n - self.model.layers // 2
        if j < 1:
            return stream
        if at.first:
            return self.joined(self.skip(j), stream, at)
        if at.last and "unet-of-sublayers" in self.wrong:
            return self.joined(self.middles_of[self.model.layers // 2 - j], stream, at.beside(at.n, "attention"))
        return stream


class Backout(Wired):
    """norm(x_L - lambda x_k)."""

    def finish(self, stream, at):
        """k is in the middle."""
        k = self.options.get("layer") or self.model.layers // 2 + 1
        k = k - 1 if "backout-of-the-layer-below" in self.wrong else k
        taken = at.stack("lambda") * self.outputs_of[k - 1]
        if "backout-after-norm" in self.wrong:
            return at.norm(stream, "final_norm") - taken
        return at.norm(stream - taken, "final_norm")


PORTS.update(parallel=Parallel, x0_lambdas=X0Lambdas, unet_skips=UNet, backout=Backout)
