"""Held-out faults of the variants: carried scores, mixed values, several streams, weighted histories."""

import torch

from .held_out_forward import DENSE, MIX, STREAMS, SUM
from .held_out_tools import Fault, after, only


def unit_root_mean_square(x):
    """x / rms(x)."""
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True))


VARIANTS = {
    "carry-in-half": Fault(
        "scores are carried in float16", "carried", after(lambda s: s + (s.half().to(s.dtype) - s).detach()), r"\.scores$",
        (SUM,)),
    "carry-symmetric": Fault(
        "(S + S^T) / 2 is carried", "carried", after(lambda s: (s + s.transpose(-1, -2)) / 2), r"\.scores$", (SUM,)),
    "carry-centred": Fault(
        "the carried scores have mean zero in each column", "carried", after(lambda s: s - s.mean(-2, keepdim=True)),
        r"\.scores$", (SUM,)),
    "first-value-normed": Fault(
        "V_1 / rms(V_1) is mixed in", "first", after(unit_root_mean_square), r"\.values$", (MIX,)),
    "first-value-late": Fault(
        "V_1 of the token before is mixed in", "first", after(lambda v: v.roll(1, 1)), r"\.values$", (MIX,)),
    "weights-limited": Fault(
        "the weights of values are cut to [0, 1]", "weights",
        after(lambda pair: pair and tuple(w.clamp(0, 1) for w in pair)), r"\.values$", (MIX,)),
    "weights-through-exp": Fault(
        "exp(lambda) mixes values in place of lambda", "weights", after(lambda pair: pair and tuple(w.exp() for w in pair)),
        r"\.values$", (MIX,)),
    "streams-shared-out": Fault(
        "each stream begins with x / R", "expand", after(lambda X: X / len(X)), r"\.(alpha|x|input)$", (STREAMS,)),
    "write-unsquashed": Fault(
        "the token's part of the weights has no tanh", "seen",
        lambda up, port, X, at, name: (at.get("s_" + name) * (port.standardized(X) @ at.get("W_" + name))),
        r"(alpha|beta|C|\.x)$", (STREAMS,)),
    "history-weights-softmax": Fault(
        "softmax(alpha) averages the blocks", "weight", only(("alpha",), lambda a: a.softmax(0)), r"\.(output|input|final)$",
        (DENSE,)),
    "history-newest-first": Fault(
        "alpha is applied newest first", "weight", only(("alpha",), lambda a: a.flip(0)), r"\.(output|input|final)$",
        (DENSE,)),
}
