"""Mistakes of sums over depth: DenseFormer, MUDDFormer, DeepCrossAttention, and sources in general."""

import autograd.numpy as np

from minires.oracle.mistakes.hidden_tools import fields, of, where
from minires.oracle.mistakes.mistake import Mistake
from minires.record import Here, Views

AVERAGES = ("attn_res", "attn_res_block", "attn_res_multi_head", "attn_res_delta")


class Cumulative(Here):
    """Where we are, with the running sums x_0, x_0 + y_1, .. for sources."""

    def sources(self):
        """The stream as each sublayer met it, and as it is now."""
        sums = []
        for source in Here.sources(self):
            sums.append(sums[-1] + source if sums else source)
        return sums


def cumulative(residual):
    """The states of the stream instead of what each sublayer wrote."""
    return residual._replace(read=lambda stream, here: residual.read(stream, Cumulative(*here)),
                             finish=lambda stream, here: residual.finish(stream, Cumulative(*here)))


def block_outputs(name, of_layer):
    """A patch of the history of blocks: of_layer(record) for those below."""
    def change(original):
        return lambda here: [here.context.embedding, *map(of_layer, here.below), here.now["block_output"]]
    return {f"minires.residual.hidden.{name}.block_outputs": change}


def after_sublayers(original):
    """The streams after the last sublayers, as many as there are weights for."""
    def outputs(here):
        found = [here.context.embedding]
        for layer in (*here.below, {**here.layer, here.sublayer: here.now}):
            x = layer["input"]  # (B, T, D)
            for record in (record for record in layer.values() if isinstance(record, dict)):
                x = record["block_output"] if "block_output" in record else x + record["y"]
                found.append(x)
        return found[-(here.n + 1):]
    return outputs


def weights_changed(change):
    """A change of a sublayer's parameters."""
    return lambda residual: residual._replace(weights=lambda params, here: change(residual.weights(params, here)))


def one_norm_of_views(stream, here):
    """MUDDFormer's three views, all normed by norm_q."""
    return Views(*(here.norm(way, "norm_q") for way in stream[:3])) if stream.ndim == 4 else here.norm(stream)


def ways_in_another_order(residual):
    """The ways are taken to be r, q, k, v."""
    turned = lambda stream: np.concatenate([stream[1:], stream[:1]]) if stream.ndim == 4 else stream
    return residual._replace(read=lambda stream, here: residual.read(turned(stream), here),
                             write=lambda stream, y, here: residual.write(turned(stream), y, here))


MUDD = where("muddformer", lambda own, model: model["layers"] > 1)

MISTAKES = {
    "denseformer-keeps-averages": Mistake(
        "depth", "the history holds the weighted sums Y", "keep the un-averaged block outputs X", of("denseformer"),
        block_outputs("denseformer", lambda layer: layer["output"]),
        listed=("hidden/denseformer 1", "catalogue denseformer 1")),
    "denseformer-of-sublayers": Mistake(
        "depth", "the last streams after sublayers are weighted", "the units are blocks (layers)", of("denseformer"),
        {"minires.residual.hidden.denseformer.block_outputs": after_sublayers}, listed=("hidden/denseformer 3",)),
    "denseformer-weights-descending": Mistake(
        "depth", "the weights are taken from the last block to the first", "alpha[n, j] in ascending order of j",
        of("denseformer"), record=weights_changed(lambda p: {**p, "alpha": p["alpha"][::-1]} if "alpha" in p else p),
        listed=("hidden/denseformer 4",)),
    "denseformer-dilation-from-zero": Mistake(
        "depth", "a dilated sum takes the blocks 0, k, 2 k, ..", "take n, n - k, n - 2 k, ..",
        where("denseformer", lambda own, model: own.get("dilation", 1) > 1 and model["variant"] == "denseformer"),
        {"minires.residual.hidden.denseformer.block_outputs": lambda outputs: lambda here: (
            [None] * (here.n % here.context.model.options["dilation"]) + outputs(here))}, listed=("catalogue denseformer 3",)),
    "muddformer-keeps-sums": Mistake(
        "depth", "the history holds the stream's way of the sums", "keep the block outputs X", MUDD,
        block_outputs("muddformer", lambda layer: layer["output"][3]),
        listed=("hidden/muddformer 2", "catalogue muddformer 3")),
    "muddformer-one-norm": Mistake(
        "norm", "the norm of q serves k and v too", "q, k and v have a norm each", MUDD, record=fields(read=one_norm_of_views),
        listed=("hidden/muddformer 4",)),
    "muddformer-ways-in-another-order": Mistake(
        "depth", "the ways are taken as r, q, k, v", "their order is q, k, v, r", MUDD, record=ways_in_another_order,
        listed=("hidden/muddformer 5",)),
    "depth-sources-cumulative": Mistake(
        "depth", "the sources are the states of the stream", "the sources are x_0 and what each sublayer wrote",
        of("deep_cross_attention", *AVERAGES), record=cumulative,
        seen=("wdlctc/open-attention-residuals (full mode)", "lucidrains/x-transformers", "2605.18855 (first version)"),
        listed=("hidden/deep_cross_attention 1", "hidden/attention_residuals 1", "catalogue deep_cross_attention 1",
                "catalogue attn_res 1")),
    "deep-cross-attention-one-weight": Mistake(
        "depth", "q, k and v read the sum of q", "each has weights of its own", of("deep_cross_attention"),
        record=weights_changed(lambda p: {**p, "grn_k": p["grn_q"], "grn_v": p["grn_q"]} if "grn_q" in p else p),
        listed=("hidden/deep_cross_attention 3",)),
}
