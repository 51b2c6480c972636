"""Streams that take turns in PyTorch: reversible layers and AltUp."""

import torch

from .torch_hidden_norms import Switched
from .torch_transformer import PORTS


class RevNet(Switched):
    """Two streams, each changed by what is made of the other."""

    house = "pre"

    def expand(self, x, at):
        """(x_0, x_0)."""
        return torch.stack([x, x])

    def enter(self, stream, at):
        """x_1 where the layer begins."""
        self.old = stream[0] if at.first else self.old
        return stream

    def read(self, stream, at):
        """The stream that is not changed."""
        if at.m % 2 == 0 and "revnet-reads-the-old-stream" in self.wrong:
            return at.norm(self.old)
        return at.norm(stream[at.m % 2])

    def write(self, stream, y, at):
        """Odd sublayers change the first."""
        return torch.stack([stream[0] + y, stream[1]] if at.m % 2 else [stream[0], stream[1] + y])

    def finish(self, stream, at):
        """Mean or sum."""
        if "revnet-one-stream-at-the-end" in self.wrong:
            stream = stream[:1].expand(2, *stream.shape[1:])
        total = stream.sum(0)
        return at.norm(total if self.options.get("finish") == "sum" else total / 2, "final_norm")


class AltUp(Switched):
    """Predict all streams, work on one, correct all."""

    house = "pre"

    def expand(self, x, at):
        """Copies of x_0."""
        return x.expand(self.options.get("streams", 2), *x.shape).clone()

    def which(self, at):
        """The active stream, from 0."""
        active = self.options.get("active", 1)
        return (at.n - 1 if active == "alternating" else active - 1) % self.options.get("streams", 2)

    def routed(self, x, at, name):
        """tanh(norm(x) W_router / D) W."""
        own = lambda key: self.params.get(f"{at.run.prefix}shared.altup.{at.n - 1}.{key}")
        r = torch.tanh(self.norm(x, own("norm.gain"), own("norm.bias")) / self.model.width @ own("W_router"))
        return r @ own(name)

    def enter(self, stream, at):
        """The predictions, and behind them the active one, on which the layer works."""
        if not at.first:
            return stream
        R, a = len(stream), self.which(at)
        p = self.routed(stream[a], at, "W_p").unflatten(-1, (R, R))  # p_ij in the last two axes
        if "altup-prediction-transposed" in self.wrong:
            p = p.mT
        p = at.keep("p", p.permute(3, 2, 0, 1)[..., None])  # [j, i]: from j to i
        predicted = stream + (p * stream[:, None]).sum(0)
        return torch.cat([predicted, predicted[a:a + 1]])

    def read(self, stream, at):
        """norm of the working row."""
        return at.norm(stream[-1])

    def write(self, stream, y, at):
        """Behind the layer, every stream is corrected."""
        predicted, y = stream[:-1], stream[-1] + y
        if not at.last:
            return torch.cat([predicted, y[None]])
        a = self.which(at)
        seen = predicted[a] if "altup-gain-of-input" in self.wrong else y
        g = at.keep("g", self.routed(seen, at, "W_g").permute(2, 0, 1)[..., None])
        gain = g if "altup-one-left-out" in self.wrong else 1 + g
        X = predicted + gain * (y - predicted[a])
        return torch.stack([y if i == a and "altup-active-stream-set" in self.wrong else x for i, x in enumerate(X)])

    def finish(self, stream, at):
        """norm of the sum."""
        return at.norm(stream.sum(0), "final_norm")


PORTS.update(revnet=RevNet, altup=AltUp)
