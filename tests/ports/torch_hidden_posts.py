"""Post-LN's relatives in PyTorch: DeepNorm, Admin, B2T, ResiDual, SiameseNorm."""

import torch

from .torch_hidden_norms import Switched
from .torch_transformer import PORTS


class DeepNorm(Switched):
    """norm(alpha x + f(x))."""

    def alpha(self, at):
        """By the kind of stack."""
        L = self.model.layers
        if "deepnorm-alpha-of-32-layers" in self.wrong:
            return 2.828
        if self.options.get("alpha") is not None:
            return self.options["alpha"]
        if self.model.kind != "encoder_decoder":
            return (2 * L) ** 0.25
        return 0.81 * (L ** 5) ** (1 / 16) if at.run.prefix == "encoder." else (3 * L) ** 0.25

    def write(self, stream, y, at):
        """alpha is on the skip."""
        if "deepnorm-alpha-on-branch" in self.wrong:
            return at.norm(stream + self.alpha(at) * y)
        return at.norm(self.alpha(at) * stream + y)


class Admin(Switched):
    """norm(omega x + f(x))."""

    def write(self, stream, y, at):
        """omega is on the skip."""
        omega = at.keep("omega", at.get("omega"))
        return at.norm(stream + omega * y if "admin-omega-on-branch" in self.wrong else omega * stream + y)


class B2T(Switched):
    """norm(x_bottom + x_mid + FFN(x_mid)), x_bottom the input of the layer."""

    def enter(self, stream, at):
        """The bottom."""
        if at.first:
            self.bottom = stream
        return stream

    def write(self, stream, y, at):
        """It joins the last norm of the layer."""
        if "b2t-bottom-after-norm" in self.wrong:
            return at.norm(stream + y) + self.bottom if at.last else at.norm(stream + y)
        if "b2t-bottom-of-sublayer" in self.wrong and at.last:
            return at.norm(2 * stream + y)
        joins = at.last or "b2t-bottom-in-every-sublayer" in self.wrong
        return at.norm(stream + y + self.bottom) if joins else at.norm(stream + y)


class ResiDual(Switched):
    """x' = norm(x + y), r' = r + s y; alpha x + norm(r) at the end."""

    def expand(self, x, at):
        """(x_0, s x_0)."""
        s = 0.0 if "resi-dual-starts-from-zero" in self.wrong else self.options.get("s", 1.0)
        return torch.stack([x, s * x])

    def read(self, stream, at):
        """x."""
        return stream[0]

    def write(self, stream, y, at):
        """Both streams."""
        x = at.norm(stream[0] + y)
        more = x if "resi-dual-sums-normed" in self.wrong else self.options.get("s", 1.0) * y
        return torch.stack([x, stream[1] + more])

    def finish(self, stream, at):
        """The two together."""
        x = self.options.get("alpha", 1.0) * stream[0]
        if "resi-dual-norm-of-both" in self.wrong:
            return at.norm(x + stream[1], "final_norm")
        return x + at.norm(stream[1], "final_norm")


class SiameseNorm(Switched):
    """u = X + norm(Y); X' = norm_x(X + y / c), Y' = Y + y."""

    house = "pre"

    def expand(self, x, at):
        """(norm(x_0), x_0)."""
        return torch.stack([at.norm(x, "start_norm"), x])

    def coupled(self, stream, at, norm):
        """u."""
        X = stream[0]
        if "siamese-read-before-norm" in self.wrong:
            X = stream[1] if at.m == 1 else self.unnormed  # x_0, then X + y / c of the sublayer below
        u = X + at.norm(stream[1], norm)
        return at.norm(u, "norm_u") if self.options.get("input_norm") else u

    def read(self, stream, at):
        """The sum of the two."""
        return self.coupled(stream, at, "norm")

    def write(self, stream, y, at):
        """Both streams."""
        shrunk = y / (2 * at.n) ** 0.5 if self.options.get("depth_scale") else y
        self.unnormed = stream[0] + shrunk
        X = at.norm(self.unnormed, "norm_x")
        more = shrunk if "siamese-depth-scale-on-both" in self.wrong else y
        return torch.stack([X, stream[1] + (X if "siamese-sums-normed" in self.wrong else more)])

    def finish(self, stream, at):
        """The same at the end."""
        return self.coupled(stream, at, "final_norm")


PORTS.update(deepnorm=DeepNorm, admin=Admin, b2t=B2T, resi_dual=ResiDual, siamese_norm=SiameseNorm)
