"""Mistakes that the ports of RealFormer can make: between self-attention and attention across, calls, steps of decoding."""

import torch.nn.functional as F

from .torch_transformer import WRONG
from .torch_wrong import replacing


def scoring(change):
    """Other scores: change(self, right, fresh, at)."""
    return replacing(scores=lambda right: lambda self, fresh, at: change(self, right, fresh, at))


def plus(fresh, carry):
    """The sum, where the shapes agree."""
    return fresh if carry is None or carry.shape != fresh.shape else fresh + carry


def resized(carry, like):
    """The leading block of a buffer in which only the carry is written."""
    T, S = like.shape[-2:]
    block = carry[..., :T, :S]
    return F.pad(block, (0, S - block.shape[-1], 0, T - block.shape[-2]))


def decoder(at):
    """Whether this is a decoder's sublayer that has attention across beside it."""
    return at.run.prefix == "decoder."


def one_chain(self, right, fresh, at):
    """self 1, across 1, self 2, across 2, .. in one chain."""
    if not decoder(at):
        return right(self, fresh, at)
    before = at.layer["attention"] if at.sublayer == "cross_attention" else at.below[-1]["cross_attention"] if at.below else {}
    return plus(fresh, before.get("scores"))


def begun_by_encoder(sublayer):
    """The decoder's chain begins with the encoder's last carry."""
    def change(self, right, fresh, at):
        begins = decoder(at) and at.sublayer == sublayer and at.n == 1
        result = plus(fresh, self.memory.get("encoder")) if begins else right(self, fresh, at)
        if at.run.prefix == "encoder.":
            self.memory["encoder"] = result
        return result
    return change


def only(sublayer):
    """The decoder carries in attention of this kind."""
    return lambda self, right, fresh, at: fresh if decoder(at) and at.sublayer != sublayer else right(self, fresh, at)


def unreset(self, right, fresh, at):
    """One carry per kind of attention that lives as long as the model."""
    key = at.run.prefix + at.sublayer
    starts = at.n == 1 and key in self.memory
    result = fresh + resized(self.memory[key], fresh) if starts else right(self, fresh, at)
    if at.n == self.model.layers:
        self.memory[key] = result
    return result


def own_memory(self, right, fresh, at):
    """Each layer keeps its own scores, detached."""
    before = self.memory.get(at.prefix)
    result = fresh if before is None else fresh + resized(before.detach(), fresh)
    self.memory[at.prefix] = result
    return result


def one_buffer(right):
    """What is recorded of the carry is the last."""
    def wrong(self, inputs, cache=None):
        result = right(self, inputs, cache)
        last = f"layers.{self.model.layers - 1}."
        carried = [name for name in self.named if name.endswith("attention.scores") and last not in name]
        for name in carried if self.naming else []:
            parts = name.split("layers.")
            self.keep(name, 1.0 * self.named[parts[0] + last + parts[1].split(".", 1)[1]])
        return result
    return wrong


def shown(right):
    """The probabilities that are named are made of the fresh scores."""
    def wrong(self, heads, at):
        self.keep(at.prefix + "probabilities", self.softmax(self.masked(at.record["fresh_scores"], at)))
        return right(self, heads, at)
    return wrong


def stepping(change):
    """Other scores in steps of decoding from the second layer on: change(self, fresh, at)."""
    return scoring(lambda self, right, fresh, at: change(self, fresh, at) if at.past and at.run.cache is not None
                   else right(self, fresh, at))


def last_step(self, right, fresh, at):
    """The row of the layer below that the step before left."""
    result = right(self, fresh, at)
    if at.past and at.run.cache is not None:
        below = at.run.cache[f"{at.run.prefix}layers.{at.n - 2}.{at.sublayer}."]["row"]
        result = fresh + resized(below, fresh)
    at.leave("row", result[:, :, -1:])
    return result


WRONG.update({
    "one-chain-for-self-and-cross": scoring(one_chain),
    "encoder-carry-in-decoder": scoring(begun_by_encoder("attention")),
    "encoder-carry-across": scoring(begun_by_encoder("cross_attention")),
    "carry-in-self-attention-only": scoring(only("attention")),
    "carry-across-only": scoring(only("cross_attention")),
    "carry-in-one-buffer": replacing(forward=one_buffer),
    "carry-from-last-call": scoring(unreset),
    "carry-of-same-layer-in-last-call": scoring(own_memory),
    "probabilities-shown-without-carry": replacing(heads=shown),
    "decode-without-carry": stepping(lambda self, fresh, at: fresh),
    "decode-carry-of-last-step": scoring(last_step),
    "decode-carry-misaligned": stepping(lambda self, fresh, at: fresh + at.past[-1]["scores"].roll(1, -1)),
})
