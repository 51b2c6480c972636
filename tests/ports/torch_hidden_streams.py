"""Several streams in PyTorch: hyper- and frac-connections."""

import torch
import torch.nn.functional as F

from .torch_hidden_norms import Switched
from .torch_transformer import PORTS


class Hyper(Switched):
    """u = alpha^T X; X' = C^T X + beta y^T, with weights of each stream."""

    house = "pre"
    streams = 4

    def expand(self, x, at):
        """Copies of x_0: (R, B, T, D)."""
        return x.expand(self.options.get("streams", self.streams), *x.shape).clone()

    def seen(self, X, at, name):
        """s tanh(LN(X) W): (R, B, T, columns); 0 where the weights are static."""
        if not at.has("W_" + name):
            return X.new_zeros(*X.shape[:3], 1)
        normed = F.layer_norm(X, X.shape[-1:], eps=self.model.epsilon) if self.style.get("fused") else self.standardized(X)
        return at.get("s_" + name) * torch.tanh(normed @ at.get("W_" + name))

    def mixed(self, C, X):
        """sum_i C[i, j] x_i, C (R, R, B, T, 1)."""
        pattern = "jibt,ibtd->jbtd" if self.name + "-transposed" in self.wrong else "ijbt,ibtd->jbtd"
        return torch.einsum(pattern, C[..., 0].expand(*C.shape[:2], *X.shape[1:3]), X)

    name = "hyper-connections"

    def read(self, stream, at):
        """norm(alpha^T X)."""
        alpha = at.get("A_m")[:, None, None, None] + self.seen(stream, at, "alpha")[..., :1]
        alpha = at.keep("alpha", alpha if at.has("W_alpha") else alpha[:, :1, :1])
        if "hyper-connections-read-after-mixing" in self.wrong:
            stream = self.mixed(self.connection(stream, at), stream)
        return at.norm((alpha * stream).sum(0))

    def connection(self, X, at):
        """C (R, R, B, T, 1), from stream i to stream j."""
        seen = self.seen(X, at, "alpha")[..., 1:].permute(0, 3, 1, 2)[..., None] if at.has("W_alpha") else 0
        return at.get("A_r")[:, :, None, None, None] + seen

    def write(self, stream, y, at):
        """C^T X + beta y^T."""
        C = at.keep("C", self.connection(stream, at))
        beta = at.get("B")[:, None, None, None] + (self.seen(stream, at, "beta") if at.has("W_beta") else 0)
        return self.mixed(C, stream) + at.keep("beta", beta) * y

    def finish(self, stream, at):
        """norm of the sum."""
        mean = self.options.get("finish") == "mean" or "hyper-connections-mean" in self.wrong
        return at.norm(stream.mean(0) if mean else stream.sum(0), "final_norm")


class Frac(Hyper):
    """The same between the slices of one stream."""

    name = "frac-connections"

    def expand(self, x, at):
        """One stream."""
        return x

    def slices(self, x):
        """(F, B, T, D/F)."""
        return torch.stack(x.chunk(self.options.get("fractions", 2), -1))

    def merged(self, h):
        """One after the other."""
        return torch.stack(list(h), -1).flatten(-2) if "frac-connections-interleaved" in self.wrong else torch.cat(list(h), -1)

    def weights(self, h, at, name, first):
        """(F, F, B, T): a parameter and what depends on the token."""
        F_ = len(h)
        W = at.get(name)[:, :, None, None].expand(F_, F_, *h.shape[1:3])
        return W + self.seen(h, at, "alpha")[..., first:first + F_].permute(0, 3, 1, 2) if at.has("W_alpha") else W

    def read(self, stream, at):
        """norm of slices mixed by Y."""
        h = self.slices(stream)
        return at.norm(self.merged(torch.einsum("ijbt,ibtd->jbtd", self.weights(h, at, "Y", 0), h)))

    def write(self, stream, y, at):
        """C^T h + beta y, slice by slice."""
        h, parts = self.slices(stream), self.slices(y)
        if "frac-connections-whole-output" in self.wrong:
            parts = parts.sum(0, keepdim=True)
        beta = at.get("B")[:, None, None, None] + (self.seen(h, at, "beta") if at.has("W_beta") else 0)
        C = self.weights(h, at, "A_r", len(h))
        return self.merged(self.mixed(C[..., None], h) + beta * parts)

    def finish(self, stream, at):
        """The final norm."""
        return at.norm(stream, "final_norm")


PORTS.update(hyper_connections=Hyper, hyper_connections_static=Hyper, frac_connections=Frac)
