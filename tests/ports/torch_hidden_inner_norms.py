"""Further norms and scales of norms in PyTorch: Mix-LN, LayerNorm scaling, NormFormer, SubLN."""

import math

from .torch_hidden_norms import Switched, bare
from .torch_transformer import PORTS


class MixLN(Switched):
    """Post-LN in layers n <= p, then Pre-LN."""

    house = "pre"

    def post(self, at):
        """Whether this layer is Post-LN."""
        p, L = self.options.get("p"), self.model.layers
        p = round(L / 4) if p is None else p
        if "mix-ln-ratio" in self.wrong:
            p = min(1, p) * L
        return at.n > L - p if "mix-ln-post-norm-last" in self.wrong else at.n <= p

    def read(self, stream, at):
        """x or norm(x)."""
        return stream if self.post(at) else at.norm(stream)

    def write(self, stream, y, at):
        """norm(x + y) or x + y."""
        return at.norm(stream + y) if self.post(at) else stream + y


class LayerNormScaling(Switched):
    """f(norm(x) / sqrt(n))."""

    house = "pre"

    def branch_input(self, x, at):
        """Over the root of the layer's number."""
        number = at.m if "layernorm-scaling-by-sublayer" in self.wrong else at.n
        if "layernorm-scaling-from-zero" in self.wrong:
            number = max(at.n - 1, 1)
        return x if "layernorm-scaling-of-output" in self.wrong else x / math.sqrt(number)

    def branch_output(self, y, at):
        """As it is."""
        return y / math.sqrt(at.n) if "layernorm-scaling-of-output" in self.wrong else y

    def finish(self, stream, at):
        """The final norm, not scaled."""
        x = super().finish(stream, at)
        return x / math.sqrt(self.model.layers) if "layernorm-scaling-of-final-norm" in self.wrong else x


class NormFormer(Switched):
    """gamma_h on the heads, a norm after attention and inside the feed-forward, w on the skip of the latter."""

    house = "pre"

    def late(self, at):
        """Whether gamma acts after W_o."""
        return "normformer-head-scale-after-projection" in self.wrong and at.has("gamma")

    def heads(self, heads, at):
        """gamma_h U_h."""
        return heads * at.get("gamma")[:, None, None] if at.has("gamma") and not self.late(at) else heads

    def branch_output(self, y, at):
        """A norm of what self-attention made."""
        if self.late(at):
            y = (y.reshape(*y.shape[:2], self.model.heads, -1) * at.get("gamma")[:, None]).flatten(2)
        return at.norm(y, "norm_after") if at.sublayer == "attention" else y

    def inner(self, u, name, at):
        """As it is."""
        early = "normformer-norm-before-activation" in self.wrong and name == ("gate" if at.has("W_gate") else "1")
        return at.norm(u, "norm_inner") if early else u

    def active(self, a, at):
        """The norm inside the network, after the activation."""
        return a if "normformer-norm-before-activation" in self.wrong else at.norm(a, "norm_inner")

    def write(self, stream, y, at):
        """w x + y in the feed-forward."""
        if "normformer-weight-on-attention-too" in self.wrong:
            return at.beside(at.n, "feed_forward").get("w") * stream + y
        if at.sublayer != "feed_forward":
            return stream + y
        w = at.keep("w", at.get("w"))
        return stream + w * y if "normformer-weight-on-branch" in self.wrong else w * stream + y


class SubLN(Switched):
    """A norm right before W_o and W_2."""

    house = "pre"

    def heads(self, heads, at):
        """Over all heads together."""
        if at.sublayer != "attention":
            return heads
        if "subln-norm-per-head" not in self.wrong:
            return self.split_heads(at.norm(self.merge_heads(heads), "norm_inner"), self.model.heads)
        gain, bias = (None if p is None else p.reshape(self.model.heads, 1, -1)
                      for p in (at.get("norm_inner.gain"), at.get("norm_inner.bias")))
        y = bare(self, heads) * gain
        return y if bias is None else y + bias

    def active(self, a, at):
        """Before W_2."""
        return at.norm(a, "norm_inner")


PORTS.update(mix_ln=MixLN, layernorm_scaling=LayerNormScaling, normformer=NormFormer, subln=SubLN)
