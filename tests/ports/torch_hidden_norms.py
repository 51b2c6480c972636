"""What the ports of the hidden stream have in common, and the mistakes of the norm placements.

Mistakes are switches, `"name" in self.wrong`, each written where the port would err.
"""

from .torch_transformer import WRONG, Port


def bare(port, x):
    """The model's norm with gain 1 and no bias."""
    return port.standardized(x) if port.model.norm == "layer" else port.root_mean_square_norm(x)


class Switched(Port):
    """A port that carries the mistakes of the placements."""

    def norm(self, x, gain, bias=None):
        """Gemma's weights stand around 0."""
        if "gemma-weight-as-gain" in self.wrong:
            gain = gain - 1
        return super().norm(x, gain + 1 if "gain-plus-one" in self.wrong else gain, bias)


class LastNormLeftOut(Port):
    """The stream leaves the last layer un-normed."""

    def write(self, stream, y, at):
        """x + y at the very end."""
        return stream + y if at.last and at.n == self.model.layers else super().write(stream, y, at)


class FinalNormOnPost(Port):
    """A norm without parameters after the last post-norm."""

    def finish(self, stream, at):
        """norm(x_L)."""
        return bare(self, super().finish(stream, at))


class OneNorm(Port):
    """One norm module per layer, called in all sublayers."""

    def weight(self, W, name, at):
        """The attention's, under the same name."""
        theirs = f"{at.run.prefix}layers.{at.n - 1}.attention.{name}"
        shared = name.split(".")[0] in ("norm", "norm_1", "norm_2") and theirs in self.params
        return super().weight(self.params[theirs] if shared else W, name, at)


class SecondNormLate(Port):
    """norm_2(x + y)."""

    def branch_output(self, y, at):
        """As it is."""
        return y

    def write(self, stream, y, at):
        """The norm stands on the sum."""
        return at.norm(stream + y, "norm_2")


class OutputAsPost(SecondNormLate):
    """norm(x + y)."""

    def write(self, stream, y, at):
        """The norm stands on the sum."""
        return at.norm(stream + y)


def limited(base, wrong):
    """`wrong` put over a class: its methods first."""
    return type(wrong.__name__, (wrong, base), {})


for name, mistaken in (("last-post-norm-left-out", LastNormLeftOut), ("final-norm-on-post-norm", FinalNormOnPost),
                       ("one-norm-for-all-sublayers", OneNorm), ("second-norm-after-addition", SecondNormLate),
                       ("output-norm-as-post-norm", OutputAsPost)):
    WRONG[name] = lambda base, mistaken=mistaken: limited(base, mistaken)
for name in ("gemma-weight-as-gain", "gain-plus-one"):
    WRONG[name] = lambda base: base if issubclass(base, Switched) else limited(base, Switched)
