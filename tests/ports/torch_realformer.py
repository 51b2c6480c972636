"""RealFormer (He et al. 2020, 2012.11747) in PyTorch: the used scores of the layer below are added before the softmax.

    S_n = A_n + S_{n-1}, P_n = softmax(S_n + mask), or softmax(S_n / n + mask); one chain per kind of attention
"""

from .torch_transformer import PORTS, Port


class RealFormer(Port):
    """The carry is the undivided, unmasked running sum; with carry_bias the shared bias is in it, once per layer."""

    def scores(self, fresh, at):
        """A_n + S_{n-1}."""
        own = self.with_bias(fresh, at)
        return own + self.carried(at) if at.past else own

    def carried(self, at):
        """S_{n-1}."""
        return at.past[-1]["scores"]

    def logits(self, scores, at):
        """Z_n; the bias that `masked` adds is in the carry already."""
        used = self.divided(scores, at)
        return self.with_bias(used, at, -1.0)

    def divided(self, scores, at):
        """S_n itself."""
        return scores

    def with_bias(self, x, at, sign=1.0):
        """x + sign b where the bias is carried."""
        carried = self.options.get("carry_bias") and at.run.bias is not None and at.sublayer == "attention"
        return x + sign * at.run.bias if carried else x


class RunningMean(RealFormer):
    """The sum is carried, its n-th part is used."""

    def divided(self, scores, at):
        """S_n / n."""
        return scores / self.divisor(at)

    def divisor(self, at):
        """How many layers of this chain contribute."""
        return at.n


PORTS.update(realformer=RealFormer, realformer_mean=RunningMean)
