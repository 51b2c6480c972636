"""Weights of branches in PyTorch: ReZero, SkipInit, LayerScale, Fixup, T-Fixup, stochastic depth; initial values alone."""

from .torch_hidden_norms import Switched, bare
from .torch_transformer import PORTS


class Bare(Switched):
    """x' = x + f(x), no norm."""

    house = "none"

    def branch_input(self, x, at):
        """As it is."""
        return bare(self, x) if "norm-left-in" in self.wrong else x


class ReZero(Bare):
    """x' = x + alpha f(x)."""

    def branch_output(self, y, at):
        """alpha y; without one of its own, the sublayer uses that of its layer's attention."""
        if "one-alpha-per-layer" in self.wrong:
            return at.beside(at.n, "attention").get("alpha") * y
        return at.keep("alpha", (at if at.has("alpha") else at.beside(at.n, "attention")).get("alpha")) * y


class LayerScale(Switched):
    """x' = x + gamma f(norm(x))."""

    house = "pre"

    def branch_output(self, y, at):
        """gamma y."""
        return y if "layer-scale-on-stream" in self.wrong else at.keep("gamma", at.get("gamma")) * y

    def write(self, stream, y, at):
        """x + y."""
        return (at.get("gamma") * stream if "layer-scale-on-stream" in self.wrong else stream) + y


class Fixup(Switched):
    """Scalar shifts before maps and activation, a scalar weight behind."""

    house = "none"

    def shifted(self, x, name, at):
        """x + b."""
        return x if "fixup-biases-left-out" in self.wrong else x + at.get(name)

    def branch_input(self, x, at):
        """Before the first maps."""
        return self.shifted(x, "bias1a", at)

    def inner(self, u, name, at):
        """Before the activation."""
        return self.shifted(u, "bias1b", at) if name == ("gate" if at.has("W_gate") else "1") else u

    def active(self, a, at):
        """Behind it."""
        return self.shifted(a, "bias2a", at)

    def branch_output(self, y, at):
        """s y."""
        return at.keep("scale", at.get("scale")) * y

    def finish(self, stream, at):
        """x + b, times s where there is one."""
        x = stream + at.stack("final_bias")
        return x if at.stack("final_scale") is None else at.stack("final_scale") * x


class PreNorm(Switched):
    """x' = x + f(norm(x)): what only initial values or training tell apart."""

    house = "pre"


class StochasticDepth(PreNorm):
    """Nothing is dropped outside training."""

    def branch_output(self, y, at):
        """As it is."""
        if "stochastic-depth-scaled-at-evaluation" not in self.wrong:
            return y
        L, p = self.model.layers, self.options.get("p", 0.1)
        return y - (p * (at.n - 1) / (L - 1) if L > 1 else p) * y


PORTS.update(rezero=ReZero, skip_init=ReZero, t_fixup=Bare, layer_scale=LayerScale, fixup=Fixup, gpt2_init=PreNorm,
             zero_init=PreNorm, layer_drop=PreNorm, stochastic_depth=StochasticDepth)
