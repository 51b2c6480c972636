"""Mistakes in LAuReL (the paper's and Gemma 3n's) and in nGPT."""

import autograd.numpy as np

from minires.heads import group_product, repeat_heads
from minires.layers import linear
from minires.oracle.mistakes.hidden_tools import attention_of, fields, knowing, of, where
from minires.oracle.mistakes.mistake import Mistake
from minires.positions import rotate
from minires.residual.hidden.laurel import low_rank
from minires.residual.hidden.ngpt import length, unit


def weighed(streams):
    """A change of LAuReL-PA's sum: other streams, nearest first, from (x, streams met before, here)."""
    def write(x, y, here):
        here.now["stream"] = x
        met = [record["stream"] for layer in (*here.below, here.layer) for record in layer.values() if isinstance(record, dict)]
        gamma, chosen = here.params["gamma"], streams(x, met[::-1], here)
        total = sum((gamma[j] * chosen[j] for j in range(len(gamma)) if chosen[j] is not None), start=0 * x)  # (B, T, D)
        return y + x + low_rank(total, here.params)
    return fields(write=write)


def paper_form(x, y, here):
    """x + y + A B x, with the raw stream and no division."""
    if here.sublayer != "attention":
        return x + y
    return x + y + linear(linear(x, here.params["W_left"]), here.params["W_right"])


def map_everywhere(residual, stack):
    """Gemma's map, with the parameters of the attention, in every sublayer."""
    def write(x, y, here):
        own, z = attention_of(stack, here), here.now["x"]
        borrowed = here._replace(params={**here.params, "laurel_norm": own["laurel_norm"]})
        mapped = borrowed.norm(linear(linear(z, own["W_left"]), own["W_right"]), "laurel_norm")  # (B, T, D)
        return (x + y + z + mapped) / 2 ** 0.5
    return residual._replace(write=write)


def moved(rescaled=True, outer=True, kept_whole=False):
    """nGPT's step: alpha with or without alpha_0 sqrt(D), the outer unit, and 1 - alpha on x."""
    def weights(x, y, here):
        factor = here.context.model.options.get("alpha", 0.05) * here.context.model.width ** 0.5 if rescaled else 1.0
        alpha = abs(here.params["alpha"] * factor)  # (D)
        own = np.ones_like(x)  # (B, T, D)
        mix = np.stack([(1 if kept_whole else 1 - alpha) / length(x) * own, alpha / length(y) * own])
        return mix / length(mix[0] * x + mix[1] * y) if outer else mix

    def write(x, y, here):
        mix = here.coefficient("mix", lambda: weights(x, y, here), channels=True)
        return mix[0] * x + mix[1] * y
    return fields(write=write)


def scaled_before_rotation(fresh, past, here):
    """sqrt(K) times the products of what s_qk scaled before it was rotated."""
    model, q, k = here.context.model, here.now["query_heads"], here.now["key_heads"]
    s = np.reshape(here.params["s_qk"] * model.width ** 0.5, (model.heads, 1, -1))  # (H, 1, K)
    again = lambda x, t: rotate(s * rotate(unit(x), -t), t)
    k = again(repeat_heads(k, model.heads), np.arange(k.shape[2]))  # (B, H, S, K)
    return group_product(again(q, here.context.positions), np.swapaxes(k, -1, -2)) * model.head_width_ ** 0.5


def divided(residual):
    """Cosines over sqrt(K)."""
    return residual._replace(scores=lambda fresh, past, here: (
        residual.scores(fresh, past, here) / here.context.model.head_width_))


ROTARY = where("ngpt", lambda own, model: model["positions"] == "rotary")
OWN = where("ngpt", lambda own, model: model["variant"] == "ngpt")

MISTAKES = {
    "laurel-factors-exchanged": Mistake(
        "projection", "the map is B A in the place of A B (its transpose)", "x -> A (B x), A (D, r), B (r, D)",
        of("laurel_lr", "laurel_pa"),
        {"minires.residual.hidden.laurel.low_rank": lambda low_rank: lambda x, p: linear(linear(x, p["W_A"]), p["W_B"])},
        seen=("2411.07501 (prints both orders)",), listed=("hidden/laurel 1", "catalogue laurel_lr 1")),
    "laurel-without-the-current-stream": Mistake(
        "stream", "the sum over earlier streams starts at j = 1", "j = 0 is the stream that the sublayer met", of("laurel_pa"),
        record=weighed(lambda x, met, here: [None, *met]), listed=("hidden/laurel 2",)),
    "laurel-of-outputs": Mistake(
        "stream", "earlier outputs y are summed instead of earlier streams", "sum the streams x_{m-1}, x_{m-2}, ..",
        of("laurel_pa"), record=weighed(lambda x, met, here: here.sources()[::-1]), listed=("hidden/laurel 3",)),
    "laurel-gemma-paper-form": Mistake(
        "stream", "the paper's form: x + y + A B x", "Gemma 3n: (x + y + z + norm(W_r W_l z)) / sqrt(2), z the normed stream",
        of("laurel_gemma"), record=fields(write=paper_form), listed=("hidden/laurel_gemma 1", "catalogue laurel_gemma 1")),
    "laurel-gemma-in-every-sublayer": Mistake(
        "stream", "the low-rank map is added in the feed-forward sublayer too", "it belongs to self-attention only",
        of("laurel_gemma"), record=knowing(map_everywhere), listed=("hidden/laurel_gemma 2",)),
    "ngpt-scores-divided": Mistake(
        "scale", "the cosines are divided by sqrt(K)", "multiply by sqrt(K)", of("ngpt"), record=divided,
        listed=("hidden/ngpt 1", "catalogue ngpt 1")),
    "ngpt-alpha-not-rescaled": Mistake(
        "scale", "alpha is the stored number", "alpha = |alpha_p| alpha_0 sqrt(D)", OWN, record=moved(rescaled=False),
        listed=("hidden/ngpt 3", "catalogue ngpt 3")),
    "ngpt-scaled-before-rotation": Mistake(
        "positions", "s_qk scales queries and keys before they are rotated", "rotate first, then unit and s_qk", ROTARY,
        record=fields(scores=scaled_before_rotation), listed=("hidden/ngpt 4",)),
    "ngpt-outer-unit-left-out": Mistake(
        "norm", "x' = x + alpha (unit(y) - x), not brought back to the sphere", "x' = unit(x + alpha (unit(y) - x))", OWN,
        record=moved(outer=False), listed=("hidden/ngpt 5",)),
    "ngpt-alpha-on-output-only": Mistake(
        "scale", "x' = unit(x + alpha unit(y))", "alpha weighs the difference: unit(x + alpha (unit(y) - x))", OWN,
        record=moved(kept_whole=True), listed=("hidden/ngpt 6",)),
}
