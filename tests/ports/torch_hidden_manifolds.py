"""mHC and mHC-lite in PyTorch."""

from itertools import permutations

import torch

from .torch_hidden_norms import Switched
from .torch_transformer import PORTS


class MHC(Switched):
    """Sigmoid reads, doubled sigmoid writes, streams mixed by a doubly stochastic C[source, target]."""

    house = "pre"
    epsilon_of_weights = 1e-6

    def small(self):
        """e."""
        return self.options.get("epsilon", self.epsilon_of_weights)

    def expand(self, x, at):
        """Copies of x_0."""
        return x.expand(self.options.get("streams", 4), *x.shape).clone()

    def per_stream(self):
        """Whether each stream makes its own logits."""
        return self.options.get("logits", "vec") == "stream"

    def projected(self, X, W):
        """g: (B, T, columns); of vec(X), or of each stream, stream after stream."""
        rows = X.permute(1, 2, 0, 3)  # (B, T, R, D)
        return self.root_mean_square_norm(rows if self.per_stream() else rows.flatten(2)) @ W

    def parts(self, X, at):
        """The logits of pre and post (B, T, R) and of comb (B, T, ..)."""
        R, s, b = len(X), at.get("s"), at.get("b")
        g = self.projected(X, at.get("W_mix"))
        if self.per_stream():
            g = [g[..., 0], g[..., 1], g[..., 2:].flatten(2)]
        else:
            g = [g[..., :R], g[..., R:2 * R], g[..., 2 * R:]]
        b = [b[:R], b[R:2 * R], b[2 * R:]]
        if "mhc-columns-exchanged" in self.wrong:
            g, b = [g[1], g[0], g[2]], [b[1], b[0], b[2]]
        return [scale * one + shift for scale, one, shift in zip(s, g, b)]

    @staticmethod
    def by_stream(x):
        """(B, T, R) -> (R, B, T, 1)."""
        return x.permute(2, 0, 1)[..., None]

    def read(self, stream, at):
        """norm(alpha^T X)."""
        pre, self.post, self.comb = self.parts(stream, at)
        alpha = at.keep("alpha", self.by_stream(torch.sigmoid(pre) + self.small()))
        return at.norm((alpha * stream).sum(0))

    def write(self, stream, y, at):
        """C^T X + beta y^T."""
        R = len(stream)
        C = at.keep("C", self.doubly_stochastic(self.comb, R).permute(2, 3, 0, 1)[..., None])
        beta = torch.sigmoid(self.post) * (1 if "mhc-write-not-doubled" in self.wrong else 2)
        beta = at.keep("beta", self.by_stream(beta))
        pattern = "jibt,ibtd->jbtd" if "mhc-transposed" in self.wrong else "ijbt,ibtd->jbtd"
        return torch.einsum(pattern, C[..., 0], stream) + beta * y

    def doubly_stochastic(self, z, R):
        """Sinkhorn: (B, T, R, R)."""
        Z, e = z.unflatten(-1, (R, R)), self.small()
        first, last = (-2, -1) if self.per_stream() else (-1, -2)
        Z = Z / 0.05 if "mhc-temperature" in self.wrong else Z
        C = torch.softmax(Z, first)
        if "mhc-sigmoid-for-softmax" in self.wrong:
            C = torch.sigmoid(Z)
        if "mhc-exponential-start" in self.wrong:
            C = torch.exp(Z)
        C = C + e
        C = C / (C.sum(last, keepdim=True) + e)
        for _ in range(self.options.get("iterations", 20) - 1):
            C = C / (C.sum(first, keepdim=True) + e)
            C = C / (C.sum(last, keepdim=True) + e)
        return C

    def finish(self, stream, at):
        """norm of the streams weighted by sigmoids."""
        z = at.stack("collapse.s")[0] * self.collapsed(stream, at) + at.stack("collapse.b")
        alpha = at.keep("alpha", self.by_stream(torch.sigmoid(z) + self.small()))
        return at.norm((alpha * stream).sum(0), "final_norm")

    def collapsed(self, stream, at):
        """g of the head: (B, T, R)."""
        g = self.projected(stream, at.stack("collapse.W_mix"))
        return g[..., 0] if self.per_stream() else g


class MHCLite(MHC):
    """C is a mean of all permutations."""

    epsilon_of_weights = 0.0

    def doubly_stochastic(self, z, R):
        """sum_r softmax(z)_r Pi_r."""
        order = sorted(permutations(range(R)), reverse="mhc-lite-permutations-reversed" in self.wrong)
        matrices = torch.zeros(len(order), R, R, dtype=z.dtype)
        for r, targets in enumerate(order):
            matrices[r, range(R), targets] = 1
        return torch.einsum("btr,rij->btij", torch.softmax(z, -1), matrices)

    def finish(self, stream, at):
        """norm of the sum."""
        return at.norm(stream.sum(0), "final_norm")


PORTS.update(mhc=MHC, mhc_lite=MHCLite)
