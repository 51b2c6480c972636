"""Held-out faults of values: one row each, and the longer changes above them."""

import math

import torch

from .held_out_tools import Fault, after, before, only

PRE, POST, GROUPED, ACROSS, SUM, MIX, STREAMS, DENSE = (
    "transformer/pre_norm-decoder", "transformer/vanilla-encoder", "part/grouped-heads", "part/cross-attention",
    "transformer/realformer-encoder", "transformer/resformer_learnable-decoder",
    "transformer/hyper_connections-encoder", "transformer/denseformer-decoder")
NORMS = r"(\.x|\.alpha|\.output|\.final|\.input|logits)$"  # where a norm's result is seen first


def first_sees_second(up, port, t, s):
    """The causal mask with one entry too many."""
    return torch.where((t[:, None] == 0) & (s == 1), torch.zeros((), dtype=port.dtype), up(t, s))


def half_rotated(up, port, x, positions):
    """Only the first channels turn."""
    K = x.shape[-1] // 4 * 2
    return torch.cat([up(x[..., :K], positions), x[..., K:]], -1)


def bias_on_first(up, port, x, name, at):
    """b_2 at t = 0 only."""
    if name != "2":
        return up(x, name, at)
    return port.linear(x, at.get("W_2")) + (torch.arange(x.shape[1]) == 0).to(x.dtype)[:, None] * at.get("b_2")


def no_residual_at_the_end(up, port, stream, y, at):
    """The last token's stream is the branch alone."""
    return up(stream * (torch.arange(y.shape[-2]) < y.shape[-2] - 1).to(y.dtype)[:, None], y, at)


def smoothed(up, port, z, targets, weights):
    """Label smoothing of 0.02."""
    w = weights.to(z.dtype)
    return 0.98 * up(z, targets, w) - 0.02 * (torch.log_softmax(z, -1).mean(-1) * w).sum() / w.sum()


def lost_row(up, port, name, x, at):
    """The first cached row is zero for the next step."""
    heads = up(name, x, at)
    at.leave(name + "_heads", heads * (torch.arange(heads.shape[2]) > 0).to(heads.dtype)[:, None])
    return heads


def with_last_gain(up, port, stream, at):
    """The gain of the last feed-forward norm in the final norm."""
    last = at.beside(port.model.layers, "feed_forward")
    return port.norm(stream, last.get("norm.gain"))


def sharper(up, port, x):
    """(x - mean) / mean |x - mean|."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / centred.abs().mean(-1, keepdim=True)


FORWARD = {
    "softmax-in-base-2": Fault(
        "2^z for e^z in the softmax", "softmax", before(lambda z: z * math.log(2)), "probabilities$", (PRE, POST, SUM)),
    "softmax-plus-one": Fault(
        "1 is added to the softmax's denominator", "softmax",
        lambda up, port, z: up(torch.cat([z, torch.zeros_like(z[..., :1])], -1))[..., :-1], "probabilities$",
        (PRE, POST, GROUPED)),
    "softmax-limited": Fault(
        "logits above 1.5 are cut to 1.5", "softmax", before(lambda z: z.clamp(max=1.5)), "probabilities$", (PRE, SUM)),
    "probabilities-in-8-bits": Fault(
        "probabilities in steps of 1/256", "softmax", after(lambda p: p + ((p * 256).round() / 256 - p).detach()),
        "probabilities$", (PRE, POST)),
    "probabilities-dropped-when-small": Fault(
        "probabilities under 0.05 are taken for zero, the others not renormalised", "softmax",
        after(lambda p: p * (p > 0.05)), "probabilities$", (PRE, POST)),
    "first-sees-second": Fault(
        "the first query sees the second key too", "causal", first_sees_second, "probabilities$", (PRE, GROUPED, ACROSS)),
    "padding-of-another-row": Fault(
        "each row has the padding of the row before it in the batch", "padded", before(lambda real: real.roll(1, 0)),
        "probabilities$", (POST, STREAMS)),
    "half-rotated": Fault(
        "only the first half of the channels is rotated", "rotate", half_rotated, "(query|key)_heads$", (PRE, GROUPED, MIX)),
    "rotation-with-half-steps": Fault(
        "positions count half for rotary angles", "rotate", lambda up, port, x, positions: up(x, positions / 2),
        "(query|key)_heads$", (PRE, MIX)),
    "groups-shifted": Fault(
        "query heads read the key/value head of the next but one query head", "serve", after(lambda x: x.roll(-2, 1)),
        "(fresh_scores|heads)$", (GROUPED,)),
    "heads-merged-backwards": Fault(
        "heads go into W_o last first", "merge_heads", before(lambda x: x.flip(1)), "output$", (PRE, ACROSS)),
    "cache-loses-first-row": Fault(
        "the first key and value of the cache are overwritten by zeros", "used", lost_row, r"decode\.\d$", (PRE, MIX, ACROSS)),
    "gelu-constant-short": Fault(
        "0.0447 for 0.044715 in the GELU", "gelu_tanh",
        lambda up, port, x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.0447 * x ** 3))), r"(active|logits)$",
        (POST, ACROSS)),
    "gelu-root-rounded": Fault(
        "0.8 for sqrt(2/pi) in the GELU", "gelu_tanh",
        lambda up, port, x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.044715 * x ** 3))), r"(active|logits)$", (POST, SUM)),
    "gate-piecewise-linear": Fault(
        "x clip(x/6 + 1/2, 0, 1) for the SiLU", "silu", lambda up, port, x: x * (x / 6 + 0.5).clamp(0, 1), "active$",
        (PRE, STREAMS)),
    "gate-limited": Fault(
        "the gate's input is cut to [-1, 1]", "silu", before(lambda x: x.clamp(-1, 1)), "active$", (PRE, DENSE)),
    "norm-by-mean-deviation": Fault(
        "LayerNorm divides by the mean absolute deviation", "standardized", sharper, NORMS, (POST, ACROSS)),
    "norm-by-largest": Fault(
        "RMSNorm divides by the largest |x|", "root_mean_square_norm",
        lambda up, port, x: x / x.abs().amax(-1, keepdim=True), NORMS, (PRE, DENSE)),
    "gain-inside-norm": Fault(
        "the gain multiplies before the norm", "norm",
        lambda up, port, x, gain, bias=None: up(x * gain, torch.ones_like(gain), bias), NORMS, (PRE, POST)),
    "final-norm-of-last-layer": Fault(
        "the final norm has the gain of the last feed-forward norm", "finish", with_last_gain, r"(\.final|logits)$",
        (PRE, DENSE)),
    "branch-one-percent-short": Fault(
        "0.99 of each sublayer's output is added", "write", lambda up, port, stream, y, at: up(stream, 0.99 * y, at), NORMS,
        (PRE, POST, STREAMS)),
    "no-residual-at-the-end": Fault(
        "the last token of a row gets the branch alone", "write", no_residual_at_the_end, NORMS, (PRE, POST)),
    "bias-on-first-token": Fault(
        "b_2 is added at the first token only", "project", bias_on_first, r"output$", (POST, ACROSS)),
    "query-bias-rolled": Fault(
        "b_q is one channel off", "weight", only(("b_q",), lambda b: b.roll(1)), "query_heads$", (POST, ACROSS)),
    "positions-halved": Fault(
        "token t has the position vector of t // 2", "embed",
        lambda up, port, tokens, positions, segments: up(tokens, positions // 2, segments), r"\.input$", (POST, ACROSS)),
    "last-word-unknown": Fault(
        "the last word of the vocabulary is read as the one before it", "look_up",
        lambda up, port, table, ids: up(table, ids.clamp(max=port.params[table].shape[0] - 2)), r"\.input$",
        (PRE, POST, GROUPED)),
    "head-soft-capped": Fault(
        "logits are 30 tanh(logits / 30)", "predictions", after(lambda z: 30 * torch.tanh(z / 30)), "logits$", (PRE, GROUPED)),
    "loss-by-count": Fault(
        "the sum of the weighted losses over the number of tokens", "cross_entropy",
        lambda up, port, z, targets, w: up(z, targets, w) * (w.sum() / w.numel()).to(up(z, targets, w).dtype), "loss$",
        (PRE, POST)),
    "loss-smoothed": Fault(
        "label smoothing of 0.02", "cross_entropy", smoothed, "loss$", (PRE, POST)),
}
