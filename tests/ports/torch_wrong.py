"""Mistakes that the port of a Transformer can make: masks, scores, heads, norms, the residual stream."""

import math

import torch

from .torch_place import Place
from .torch_transformer import WRONG


def replacing(**changes):
    """A function (class) -> subclass whose methods are change(the right one): replacing(softmax=lambda right: ..)."""
    return lambda cls: type("Wrong" + cls.__name__, (cls,), {
        name: change(getattr(cls, name)) for name, change in changes.items()})


def without_mask(at):
    """The place with no mask."""
    run = type(at.run)(**{**vars(at.run), "masks": {name: [None] * len(own) for name, own in at.run.masks.items()}})
    return Place(**{**vars(at), "run": run})


def mask_of(at):
    """The additive mask of this layer; 0 where there is none."""
    mask = at.run.masks[at.sublayer][at.n - 1]
    return torch.zeros(1, 1, dtype=at.port.dtype) if mask is None else mask


def causal(visible):
    """Another causal mask."""
    return replacing(causal=lambda right: lambda self, t, s: self.hidden(visible(t[:, None], s[None, :])))


WRONG.update({
    "mask-after-softmax": replacing(attended=lambda right: lambda self, views, at:
                                    right(self, views, without_mask(at)) * torch.exp(mask_of(at))),
    "mask-one-ahead": causal(lambda t, s: s - 1 <= t),
    "mask-own-hidden": causal(lambda t, s: s < t),
    "mask-causal-missing": causal(lambda t, s: (s + t) >= 0),
    "mask-transposed": causal(lambda t, s: t <= s),
    "mask-inverted": causal(lambda t, s: ~(s <= t)),
    "padding-inverted": replacing(padded=lambda right: lambda self, real: right(self, ~real)),
    "padding-on-queries": replacing(padded=lambda right: lambda self, real: self.hidden(real)[:, None, :, None]),
    "mask-missing-in-second-layer": replacing(masked=lambda right: lambda self, z, at:
                                              right(self, z, without_mask(at) if at.n == 2 else at)),
    "softmax-over-queries": replacing(softmax=lambda right: lambda self, z: right(self, z.transpose(-1, -2)).transpose(-1, -2)),
    "scale-missing": replacing(scaled=lambda right: lambda self, products, at: products),
    "scale-by-width": replacing(scaled=lambda right: lambda self, products, at: products / math.sqrt(self.model.width)),
    "scale-by-head-width": replacing(scaled=lambda right: lambda self, products, at: products / self.model.head_width),
})

# ---- heads and projections -------------------------------------------------------------------------------------------


def projecting(change):
    """Another projection: change(self, right, x, name, at)."""
    return replacing(project=lambda right: lambda self, x, name, at: change(self, right, x, name, at))


def first_kernel(self, right, x, name, at):
    """The first head's columns for all heads."""
    if name not in ("q", "k", "v"):
        return right(self, x, name, at)
    K, W, b = self.model.head_width, at.get("W_" + name), at.get("b_" + name)
    tiled = lambda a: a[..., :K].repeat(*[1] * (a.dim() - 1), a.shape[-1] // K)
    return self.linear(x, tiled(W), None if b is None else tiled(b))


def other_name(**names):
    """Weights of another projection."""
    return projecting(lambda self, right, x, name, at: right(self, x, names.get(name, name), at))


WRONG.update({
    "heads-split-by-reshape": replacing(split_heads=lambda right: lambda self, x, heads: x.reshape(len(x), heads, x.shape[1],
                                                                                                   -1)),
    "heads-split-interleaved": replacing(split_heads=lambda right: lambda self, x, heads:
                                         x.reshape(*x.shape[:2], -1, heads).permute(0, 3, 1, 2)),
    "heads-merged-untransposed": replacing(merge_heads=lambda right: lambda self, x: x.reshape(len(x), x.shape[2], -1)),
    "groups-tiled": replacing(serve=lambda right: lambda self, x: x.repeat(1, self.model.heads // x.shape[1], 1, 1)),
    "one-kernel-for-all-heads": projecting(first_kernel),
    "queries-and-keys-swapped": other_name(q="k", k="q"),
    "keys-and-values-swapped": other_name(k="v", v="k"),
    "output-projection-transposed": projecting(lambda self, right, x, name, at: self.linear(
        x, at.get("W_o").T, at.get("b_o")) if name == "o" else right(self, x, name, at)),
    "output-bias-missing": projecting(lambda self, right, x, name, at: self.linear(x, at.get("W_o")) if name == "o"
                                      else right(self, x, name, at)),
})

# ---- norms and the stream --------------------------------------------------------------------------------------------


def writing(change, sublayer=None):
    """Another way to put back: change(self, right, stream, y, at), in all sublayers or in one kind."""
    return replacing(write=lambda right: lambda self, stream, y, at: change(self, right, stream, y, at)
                     if sublayer in (None, at.sublayer) else right(self, stream, y, at))


def remembering(cls):
    """The class, with the input of the layer in memory."""
    def block(right):
        def wrong(self, stream, first, n, below):
            self.memory["input"] = stream
            return right(self, stream, first, n, below)
        return wrong
    return replacing(block=block)(cls)


def before_norm(self, right, stream, y, at):
    """In the sublayer after self-attention the residual is the sum that was not normed."""
    after = at.sublayer == "cross_attention" or (at.sublayer == "feed_forward" and "cross_attention" not in at.layer)
    return right(self, self.memory["input"] + at.layer["attention"]["y"] if after else stream, y, at)


WRONG.update({
    "post-norm-residual-before-norm": lambda cls: writing(before_norm)(remembering(cls)),
    "post-norm-for-pre-norm": replacing(read=lambda right: lambda self, stream, at: stream,
                                        write=lambda right: lambda self, stream, y, at: at.norm(stream + y)),
    "pre-norm-for-post-norm": replacing(read=lambda right: lambda self, stream, at: at.norm(stream),
                                        write=lambda right: lambda self, stream, y, at: stream + y),
    "residual-from-normed": writing(lambda self, right, stream, y, at: at.record["x"] + y),
    "attention-residual-missing": writing(
        lambda self, right, stream, y, at: right(self, torch.zeros_like(stream), y, at), "attention"),
    "feed-forward-residual-missing": writing(
        lambda self, right, stream, y, at: right(self, torch.zeros_like(stream), y, at), "feed_forward"),
    "residual-doubled": writing(lambda self, right, stream, y, at: right(self, stream + stream, y, at)),
    "attention-halved": writing(lambda self, right, stream, y, at: right(self, stream, y / 2, at), "attention"),
    "feed-forward-residual-from-layer-input": lambda cls: writing(
        lambda self, right, stream, y, at: right(self, self.memory["input"], y, at), "feed_forward")(remembering(cls)),
    "feed-forward-parallel": lambda cls: replacing(read=lambda right: lambda self, stream, at: right(
        self, self.memory["input"] if at.sublayer == "feed_forward" else stream, at))(remembering(cls)),
    "final-norm-missing": replacing(finish=lambda right: lambda self, stream, at: stream),
    "start-norm-missing": replacing(start=lambda right: lambda self, embedding, at: embedding),
})
