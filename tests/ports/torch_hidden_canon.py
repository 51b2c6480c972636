"""Canon layers and frozen layers in PyTorch."""

import torch

from .torch_hidden_norms import Switched
from .torch_transformer import PORTS


class Canon(Switched):
    """z <- z + a causal convolution of z, one filter per channel, at sites A, B, C, D."""

    house = "pre"

    def convolved(self, z, site, at):
        """z itself where there is no filter."""
        W = at.get("W_" + site)
        if W is None:
            return z
        k, T = len(W), z.shape[1]
        longer = at.earlier("canon_" + site, at.real(z), k - 1)
        at.keep(f"last_{site}1" if site in ("A", "C") else "last_" + site, longer[:, T:])
        if "canon-reaches-ahead" in self.wrong:
            longer = torch.cat([longer[:, 1:], torch.zeros_like(longer[:, :1])], 1)
            return z + sum(W[i] * longer[:, i:i + T] for i in range(k))
        once = z + W[k - 1] * z + sum(W[i] * longer[:, i:i + T] for i in range(k - 1))
        return once + z if "canon-added-twice" in self.wrong else once

    def branch_input(self, x, at):
        """A and C."""
        return self.convolved(x, {"attention": "A", "feed_forward": "C"}.get(at.sublayer, ""), at)

    def queries(self, fresh, at):
        """B."""
        return self.convolved(fresh, "B_q", at)

    def keys(self, fresh, at):
        """B."""
        return self.convolved(fresh, "B_k", at)

    def values(self, fresh, at):
        """B."""
        return self.convolved(fresh, "B_v", at)

    def inner(self, u, name, at):
        """D."""
        return self.convolved(u, "D_" + name, at)


class Frozen(Switched):
    """Pre-norm; the parameters of every second layer are constants."""

    house = "pre"

    def frozen(self, at):
        """Whether this layer is."""
        layers = self.options.get("layers")
        return at.n % 2 == 0 if layers is None else at.n in layers

    def weight(self, W, name, at):
        """No gradient to a frozen parameter."""
        return W.detach() if self.frozen(at) else W

    def branch_output(self, y, at):
        """As it is: the gradient passes through."""
        stopped = "frozen-stops-the-stream" in self.wrong and self.frozen(at)
        return y.detach().requires_grad_() if stopped else y


PORTS.update(canon=Canon, frozen=Frozen)
