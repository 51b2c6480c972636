"""Mistakes that the ports of RealFormer can make: what is carried, how it is scaled, masked and lined up, when it begins."""

import math

import torch

from .torch_transformer import WRONG
from .torch_wrong import mask_of, replacing, without_mask


def fill(dtype):
    """The constant of masked_fill: -finfo.max, of float32 where the dtype is longer."""
    return -min(torch.finfo(torch.float32).max, torch.finfo(dtype).max)


def adding(change):
    """From the second layer on the scores are change(self, A_n, at)."""
    return replacing(scores=lambda right: lambda self, fresh, at: change(self, fresh, at) if at.past else fresh)


def handing(change):
    """The carry as the right one leaves it, changed: change(self, S_n, at)."""
    return replacing(scores=lambda right: lambda self, fresh, at: change(self, right(self, fresh, at), at))


def carrying(change):
    """A_n + change(S_{n-1}, at)."""
    return replacing(carried=lambda right: lambda self, at: change(right(self, at), at))


def plain_scores(**changes):
    """Scores without a carry, and another function changed."""
    return replacing(scores=lambda right: lambda self, fresh, at: fresh, **changes)


def mixing(change):
    """Plain scores; P_n = change(self, softmax, P_{n-1})."""
    return plain_scores(probabilities=lambda right: lambda self, fresh, at:
                        change(self, fresh, at.past[-1]["probabilities"]) if at.past else fresh)


def dividing(number):
    """Z_n = S_n / number(self, at)."""
    return replacing(logits=lambda right: lambda self, scores, at: scores / number(self, at))


def log_softmax(z):
    """z - log sum exp z, the row's maximum taken for a constant."""
    return z - torch.logsumexp(z, -1, keepdim=True)


def root(at):
    """sqrt(K)."""
    return math.sqrt(at.port.model.head_width)


WRONG.update({
    "carry-ignored": plain_scores(),
    "carry-own-scores-only": adding(lambda self, fresh, at: fresh + at.past[-1]["fresh_scores"]),
    "carry-first-scores-only": adding(lambda self, fresh, at: fresh + at.past[0]["fresh_scores"]),
    "carry-probabilities": adding(lambda self, fresh, at: fresh + at.past[-1]["probabilities"]),
    "carry-stale-in-even-layers": adding(lambda self, fresh, at: fresh + at.past[2 * ((at.n - 2) // 2)]["scores"]),
    "probabilities-added": mixing(lambda self, p, below: below + p),
    "probabilities-averaged": mixing(lambda self, p, below: 0.5 * p + 0.5 * below),
    "probabilities-softmaxed-again": mixing(lambda self, p, below: self.softmax(p + below)),
    "carry-log-softmax": carrying(lambda s, at: log_softmax(s)),
    "carry-attention-output": plain_scores(heads=lambda right: lambda self, heads, at:
                                           heads + at.past[-1]["heads"] if at.past else heads),
    "carry-clipped": handing(lambda self, s, at: s.clamp(-1, 1)),
    "carry-soft-capped": handing(lambda self, s, at: torch.tanh(s / 50) * 50),
    "carry-detached": carrying(lambda s, at: s.detach()),
    "carry-doubled": carrying(lambda s, at: s + s),
    "carry-averaged": adding(lambda self, fresh, at: 0.5 * (fresh + at.past[-1]["scores"])),
    "carry-subtracted": carrying(lambda s, at: -s),
    "mean-divided-carry": adding(lambda self, fresh, at: fresh + at.past[-1]["logits"]),
    "mean-for-sum": dividing(lambda self, at: at.n),
    "sum-for-mean": replacing(logits=lambda right: lambda self, scores, at: scores),
    "carry-unscaled": replacing(
        scores=lambda right: lambda self, fresh, at: fresh * root(at) + (at.past[-1]["scores"] if at.past else 0.0),
        logits=lambda right: lambda self, scores, at: right(self, scores / root(at), at)),
    "carry-scaled-twice": carrying(lambda s, at: s / root(at)),
    "mean-divisor-one-less": dividing(lambda self, at: max(at.n - 1, 1)),
    "mean-divisor-all-layers": dividing(lambda self, at: self.model.layers),
    "mean-divisor-root": dividing(lambda self, at: math.sqrt(at.n)),
    "mean-divisor-sublayers": dividing(lambda self, at: at.m),
    "mean-divisor-both-kinds": dividing(lambda self, at: at.n if at.run.prefix != "decoder."
                                        else 2 * at.n - 1 if at.sublayer == "attention" else 2 * at.n),
})

# ---- mask, bias, heads -----------------------------------------------------------------------------------------------


def hard(at):
    """The mask with -1e4 for -inf."""
    return torch.clamp(mask_of(at), min=-1e4)


def masked_already(cls):
    """The softmax gets no other mask."""
    return replacing(masked=lambda right: lambda self, z, at: right(self, z, without_mask(at)))(cls)


def biased(self, fresh, at, factor):
    """A_n + b factor."""
    return fresh if at.run.bias is None or at.sublayer != "attention" else fresh + at.run.bias * factor


def with_bias(factor):
    """The bias in the carry, and nowhere else."""
    return replacing(scores=lambda right: lambda self, fresh, at: right(self, biased(self, fresh, at, factor(at)), at),
                     masked=lambda right: lambda self, z, at: right(self, z, unbiased(at)))


def unbiased(at):
    """The place without a bias."""
    run = type(at.run)(**{**vars(at.run), "bias": None})
    return type(at)(**{**vars(at), "run": run})


def of_groups(reduce):
    """One carry for the heads of each key/value head."""
    def change(s, at):
        by_group = s.unflatten(1, (at.port.model.kv_heads, -1))
        return reduce(by_group).expand_as(by_group).flatten(1, 2)
    return carrying(change)


WRONG.update({
    "mask-before-mean": replacing(masked=lambda right: lambda self, z, at: right(self, z,
                                                                                 without_mask(at)) + mask_of(at) / at.n),
    "carry-changed-in-place": lambda cls: masked_already(replacing(
        scores=lambda right: lambda self, fresh, at: right(self, fresh, at) / at.n + hard(at),
        logits=lambda right: lambda self, scores, at: scores)(cls)),
    "carry-masked": lambda cls: masked_already(handing(lambda self, s, at: s + hard(at))(cls)),
    "carry-masked-fill": handing(lambda self, s, at: s.masked_fill(mask_of(at) == -math.inf, fill(s.dtype))),
    "carry-times-mask": handing(lambda self, s, at: s * (mask_of(at) != -math.inf)),
    "carry-with-bias": with_bias(lambda at: 1.0),
    "carry-with-scaled-bias": with_bias(lambda at: 1 / root(at)),
    "bias-lost-after-first-layer": replacing(masked=lambda right: lambda self, z, at: right(self, z,
                                                                                            unbiased(at) if at.past else at)),
    "carry-transposed": carrying(lambda s, at: s.transpose(2, 3) if s.shape[2] == s.shape[3] else s),
    "carry-heads-rolled": carrying(lambda s, at: torch.cat([s[:, -1:], s[:, :-1]], 1)),
    "carry-averaged-over-heads": carrying(lambda s, at: s.mean(1, keepdim=True)),
    "carry-averaged-over-group": of_groups(lambda s: s.mean(2, keepdim=True)),
    "carry-of-first-in-group": of_groups(lambda s: s[:, :, :1]),
    "carry-mixed-into-itself": handing(lambda self, s, at: s + s),
})
