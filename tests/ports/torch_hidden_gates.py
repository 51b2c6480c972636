"""Gates and projections in PyTorch: Highway, GTrXL, Deep Delta Learning, orthogonal update, and the gated residual."""

import torch

from .torch_hidden_norms import Switched, bare
from .torch_transformer import PORTS


class Highway(Switched):
    """x' = t y + (1 - t) x."""

    house = "none"

    def write(self, stream, y, at):
        """The gate sees the stream."""
        seen = y if "highway-gate-of-output" in self.wrong else stream
        seen = bare(self, stream) if "highway-gate-of-normed" in self.wrong else seen
        t = at.keep("t", torch.sigmoid(self.linear(seen, at.get("W_t"), at.get("b_t"))))
        x, y = (y, stream) if "highway-gate-exchanged" in self.wrong else (stream, y)
        return x + t * (y - x)


class GTrXL(Switched):
    """A gated recurrent unit whose state is the stream."""

    house = "pre"

    def branch_output(self, y, at):
        """relu(y)."""
        return y if "gtrxl-output-not-rectified" in self.wrong else torch.relu(y)

    def map(self, x, name, at):
        """x W."""
        return self.linear(x, at.get("W_" + name))

    def write(self, stream, y, at):
        """(1 - z) x + z h."""
        bias = -at.get("b_g")
        if "gtrxl-without-bias" in self.wrong:
            bias = 0
        if "gtrxl-bias-added" in self.wrong:
            bias = at.get("b_g")
        r = torch.sigmoid(self.map(y, "r_y", at) + self.map(stream, "r_x", at))
        z = at.keep("z", torch.sigmoid(self.map(y, "z_y", at) + self.map(stream, "z_x", at) + bias))
        late = "gtrxl-reset-after-product" in self.wrong
        h = torch.tanh(self.map(y, "g_y", at) + (r * self.map(stream, "g_x", at) if late else self.map(r * stream, "g_x", at)))
        return h + z * (stream - h) if "gtrxl-gate-exchanged" in self.wrong else stream + z * (h - stream)


class DeepDelta(Switched):
    """x' = x + beta (v - k.x) k, k = y / ||y||."""

    house = "pre"

    def branch_input(self, x, at):
        """What the sublayer reads, for the gates."""
        self.normed = x
        return x

    def write(self, stream, y, at):
        """The component along k."""
        squared = (y * y).sum(-1, keepdim=True)
        length = torch.sqrt(squared + 1e-10)
        if "deep-delta-length-held-constant" in self.wrong:
            length = length.detach()
        k = at.keep("k", y if "deep-delta-direction-not-normalised" in self.wrong else y / length)
        beta = at.keep("beta", 2 * torch.sigmoid(self.linear(self.normed, at.get("W_beta"), at.get("b_beta"))))
        seen = self.normed if "deep-delta-value-of-normed" in self.wrong else stream
        value = at.keep("value", 4 * torch.sigmoid(self.linear(seen, at.get("W_value"), at.get("b_value"))))
        gap = value - (k * stream).sum(-1, keepdim=True)
        return stream + (-beta if "deep-delta-sign" in self.wrong else beta) * gap * k


class Orthogonal(Switched):
    """x' = x + y - (x.y / x.x) x."""

    house = "pre"

    def write(self, stream, y, at):
        """Token by token."""
        axes = (1, 2) if "orthogonal-flattened" in self.wrong else (2,)
        base = y if "orthogonal-exchanged" in self.wrong else stream
        squared = (base * base).sum(axes, keepdim=True) + self.options.get("epsilon", 1e-6)
        s = (stream * y).sum(axes, keepdim=True) / (squared + (squared == 0))
        s = at.keep("s", s.expand(*stream.shape[:2], 1).clone())
        return stream + y - s * stream


class GatedResidual(Switched):
    """u = mean_j(a_j n_j); h'_j = h_j + 2 sigmoid(.)_j f(u)."""

    house = "none"

    def expand(self, x, at):
        """Copies of x_0."""
        return x.expand(self.options.get("streams", 4), *x.shape).clone()

    def normed(self, X, gain, bias=None):
        """n_j: (B, T, R, D)."""
        rows, gain = X.permute(1, 2, 0, 3), gain[:, 0, 0]
        if "gated-residual-norm-over-streams" in self.wrong:
            return self.norm(rows.flatten(2), gain.flatten()).unflatten(-1, gain.shape)
        return self.norm(rows, gain)

    def seen(self, n):
        """What the gates see: (B, T, R D)."""
        return n.flatten(2) if "gated-residual-sum" in self.wrong else n.flatten(2) / n.shape[2]

    def gated(self, n, down, up, at):
        """u (B, T, D)."""
        a = torch.sigmoid(self.silu(self.seen(n) @ down) @ up).unflatten(-1, n.shape[2:]) / n.shape[2]
        alpha = at.keep("alpha", a.permute(2, 0, 1, 3))
        return (alpha * n.permute(2, 0, 1, 3)).sum(0)

    def read(self, stream, at):
        """The norm is in the read."""
        return self.gated(self.normed(stream, at.get("norm.gain")), at.get("W_down"), at.get("W_up"), at)

    def branch_input(self, x, at):
        """As it is."""
        return bare(self, x) if "gated-residual-second-norm" in self.wrong else x

    def write(self, stream, y, at):
        """beta_j y to stream j."""
        z = self.seen(self.normed(stream, at.get("norm.gain"))) @ at.get("W_inject")
        beta = at.keep("beta", (2 * torch.sigmoid(z)).permute(2, 0, 1)[..., None])
        return stream + beta * y

    def finish(self, stream, at):
        """A read of its own."""
        n = self.normed(stream, at.stack("mixer_norm.gain"))
        return self.gated(n, at.stack("mixer.W_down"), at.stack("mixer.W_up"), at)


PORTS.update(highway=Highway, gtrxl=GTrXL, deep_delta=DeepDelta, orthogonal=Orthogonal,
             gated_residual=GatedResidual)
