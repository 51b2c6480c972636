"""Mistakes in the fusion of memory and utterance."""

import autograd.numpy as np
import numpy

from minires import attention as core
from minires.oracle.mistakes.conversation import having, recalls
from minires.oracle.mistakes.reservoir_tools import inside_call, replaced
from minires.record import Here
from minires.reservoir_resformer import fusion

MODEL, FUSION = "minires.reservoir_resformer.model.", "minires.reservoir_resformer.fusion."
CROSS = having(fusion="cross_attention")
ATTENDS = "X + concat_heads(softmax((LN(X) C_q)(R C_k)^T / sqrt(K)) R C_v) C_o"


def fused(name, **changes):
    """The fusion `name` with other functions."""
    return {MODEL + "FUSIONS": lambda fusions: {**fusions, name: fusions[name]._replace(**changes)}}


def attending(change):
    """The fusion's attention changed, the encoder's not: change(attention) -> another."""
    return {FUSION + "attention": change}


def scaled_by(root):
    """The scores divided by root(width of a head, heads), not by the root of the head width."""
    def change(attention):
        def wrong(x, past, here):
            H = here.context.model.heads
            with replaced(core, "sqrt", lambda sqrt: lambda K, like: root(sqrt, K, H, like)):
                return attention(x, past, here)
        return wrong
    return change


def over_queries(softmax):
    """Softmax over the axis before the last."""
    return lambda z: np.swapaxes(softmax(np.swapaxes(z, -1, -2)), -1, -2)


def split_plainly(split_heads):
    """(B, T, H K) reshaped to (B, H, T, K)."""
    return lambda x, heads: np.reshape(x, (len(x), heads, x.shape[1], -1))


def exchanged(attention):
    """C_q and C_k exchanged."""
    return lambda x, past, here: attention(x, past, here._replace(
        params={**here.params, "W_q": here.params["W_k"], "W_k": here.params["W_q"]}))


def causal(attention):
    """Position t sees the memory tokens 0 .. t."""
    def wrong(x, past, here):
        T, M = x.shape[1], here.context.memory.shape[1]
        mask = here.context.masks[fusion.CROSS] + numpy.where(numpy.arange(M) > numpy.arange(T)[:, None], -numpy.inf, 0.0)
        return attention(x, past, here._replace(context=here.context._replace(masks={fusion.CROSS: mask})))
    return wrong


class Plain(Here):
    """A place without a norm."""

    def norm(self, x, name="norm"):
        """x as it is."""
        return x


def hidden_memory(seeing):
    """The memory, which stands first in the encoder, is masked."""
    return lambda context, params, real, R, seen: seeing(
        context, params, real & (numpy.arange(real.shape[1]) >= R.shape[1]), R, seen)


def zero_keys(cross):
    """An utterance that must not see the memory sees keys and values of zero."""
    return lambda X, R, seen, *others: cross(X, R * seen[:, None, None], numpy.ones_like(seen), *others)


def fuses(does, patches, number, fix=ATTENDS, applies=CROSS):
    """A Mistake of this file."""
    return recalls(does, patches, number, fix, applies)._replace(family="fusion")


MISTAKES = {
    "memory-unused": fuses("the memory is not used", {**fused("cross_attention", before=fusion.Fusion().before)}, 58),
    "memory-masked-out": fuses("the memory is masked in the encoder", {MODEL + "seeing": hidden_memory}, 59,
                               "the memory is never masked", having(fusion="prefix")),
    "first-memory-token-only": fuses("only the first memory token is read", {
        MODEL + "memory_tokens": lambda tokens: lambda *arguments: tokens(*arguments)[:, :1]}, 60),
    "mean-of-the-memory-added": fuses("the mean memory token is added, without attention",
                                      fused("cross_attention", before=fusion.add_mean), 61),
    "prefix-for-cross-attention": fuses("the memory stands before the utterance in the encoder", fused(
        "cross_attention", before=fusion.Fusion().before, joined=fusion.FUSIONS["prefix"].joined), 62),
    "fusion-without-residual": fuses("X is replaced, not added to", fused("cross_attention", before=fusion.cross), 63),
    "memory-scores-unscaled": fuses("the scores are not divided", attending(scaled_by(lambda sqrt, K, H, like: 1)), "64a"),
    "memory-scores-by-width": fuses("the scores are divided by sqrt(D)", attending(
        scaled_by(lambda sqrt, K, H, like: sqrt(K * H, like))), "64b"),
    "memory-softmax-over-queries": fuses("the softmax runs over the positions of the utterance",
                                         attending(inside_call(core, "softmax", over_queries)), 65),
    "memory-queries-and-keys-exchanged": fuses("C_q and C_k are exchanged", attending(exchanged), 66),
    "memory-heads-split-plainly": fuses("heads are split by a plain reshape",
                                        attending(inside_call(core, "split_heads", split_plainly)), 67),
    "memory-query-without-norm": fuses("the query is not normed", {FUSION + "Here": lambda here: Plain}, 68),
    "memory-off-by-zero-keys": fuses("the first utterance attends to keys of zero", {FUSION + "cross": zero_keys}, 73,
                                     "mask the memory", having(fusion="cross_attention", first="masked")),
    "causal-mask-on-the-memory": fuses("a causal mask hides memory tokens", attending(causal), 74,
                                       "the memory is never masked"),
}
