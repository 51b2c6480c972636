"""The mistakes that the ports of torch_scores can carry."""

import math

from .torch_sharing_wrong import methods

methods("revit-own-scores-carried", carried=lambda port, self, at: at.past[-1]["fresh_scores"])
methods("revit-weights-swapped", average=lambda port, self, own, below, at: port.average(self, below, own, at))
methods("revit-mask-carried", masked=lambda port, self, logits, at: logits,
        scores=lambda port, self, fresh, at: port.scores(self, port.masked(self, fresh, at).maximum(fresh - 1e4), at))
methods("evolving-own-scores-carried", carried=lambda port, self, at: at.past[-1]["fresh_scores"])
methods("evolving-rows-centred", looks_back=lambda port, self, at: False)
methods("evolving-hidden-scores-seen", unmasked=lambda port, self, x, at: x)
methods("temperature-from-zero", factor=lambda port, self, at: math.sqrt(at.n - 1))
methods("temperature-by-sublayer", factor=lambda port, self, at: math.sqrt(at.m))
methods("temperature-divides", factor=lambda port, self, at: 1 / math.sqrt(at.n))
methods("map-reuse-values-too", values=lambda port, self, fresh, at: fresh if at.has("W_q") else at.past[-1]["values"])


def mix_below(port, self, at):
    """What the convolution of the layer below read; layer 1 has its own scores only."""
    return at.past[-1].get("read", at.past[-1]["scores"])


def leaving(port, self, x, at):
    """The convolution, which leaves what it read."""
    at.record["read"] = x
    return port.convolved(self, x, at)


def scaled_bias(port, self, logits, at):
    """Bias and mask times sqrt(n)."""
    return logits + math.sqrt(at.n) * port.masked(self, 0 * logits, at)


methods("evolving-mix-carried", carried=mix_below, convolved=leaving)
methods("temperature-on-bias", masked=scaled_bias)
