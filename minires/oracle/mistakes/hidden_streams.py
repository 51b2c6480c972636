"""Mistakes of several streams: hyper- and frac-connections, reversible layers, AltUp."""

import autograd.numpy as np

from minires.oracle.mistakes.hidden_tools import fields, of, where, with_options
from minires.oracle.mistakes.mistake import Mistake
from minires.residual.hidden.altup import routed
from minires.residual.hidden.frac_connections import merge, split, weights
from minires.residual.hidden.hyper_connections import dynamic
from minires.residual.hidden.streams import by_source, collapse, mix

HYPER = ("hyper_connections", "hyper_connections_static")


def transposed(mix):
    """C[target, source] where streams are written; a read has nothing written."""
    return lambda C, X, written: mix(np.swapaxes(C, 0, 1) if np.ndim(written) else C, X, written)


def read_mixed(X, here):
    """norm(alpha^T C^T X)."""
    logits = lambda columns: dynamic(X, here, "alpha", columns)
    alpha = here.coefficient("alpha", lambda: here.params["A_m"][:, None, None, None] + logits(slice(1)))
    C = by_source(here.params["A_r"][:, None, None, :] + logits(slice(1, None)))
    return here.norm(collapse(alpha, mix(C, X, 0.0)))  # (B, T, D)


def write_sum(x, y, here):
    """Frac-connections whose slices each get the sum of all slices of y."""
    F = len(here.params["B"])
    h = split(x, F)  # (F, B, T, D/F)
    beta = here.params["B"][:, None, None, None] + dynamic(h, here, "beta")
    return merge(mix(weights(h, here, "A_r", slice(F, None)), h, beta * np.sum(split(y, F), axis=0)))


def interleaved(merge):
    """Slices merged channel by channel."""
    return lambda h: np.reshape(np.moveaxis(h, 0, -1), (*h.shape[1:3], -1))


def old_partner(residual):
    """The feed-forward reads x_1 as it was before the attention of its layer."""
    def read(streams, here):
        if here.m % 2 == 0:
            streams = streams - np.stack([here.layer["attention"]["y"], 0 * streams[0]])
        return residual.read(streams, here)
    return residual._replace(read=read)


def corrected(predict_from=lambda y, x: y, plus=1, exact=False):
    """AltUp's correction with g from another stream, without the 1 +, or with the active stream set to y."""
    def write(X, y, here):
        predicted, y = X[:-1], X[-1] + y  # (R, B, T, D), (B, T, D)
        if not here.last:
            return np.concatenate([predicted, y[None]])
        active = here.context.model.options.get("active", 1)
        a = ((here.n if active == "alternating" else active) - 1) % len(predicted)
        g = here.coefficient("g", lambda: np.moveaxis(routed(predict_from(y, predicted[a]), here, "W_g"), -1, 0)[..., None])
        X = predicted + (plus + g) * (y - predicted[a])
        return np.stack([y if exact and i == a else X[i] for i in range(len(X))])
    return fields(write=write)


def summed(case):
    """Hyper-connections, alone, that sum their streams at the end."""
    model = case.config.get("model", {})
    return model.get("variant") in HYPER and model["options"].get("finish") != "mean"


ALTUP = where("altup", lambda own, model: model["variant"] == "altup")

MISTAKES = {
    "hyper-connections-transposed": Mistake(
        "stream", "the streams mix by C instead of C^T: stream j gets sum_i C[j, i] x_i", "x'_j = sum_i C[i, j] x_i + beta_j y",
        of(*HYPER), {"minires.residual.hidden.hyper_connections.mix": transposed}, listed=("hidden/hyper_connections 1",)),
    "hyper-connections-read-after-mixing": Mistake(
        "stream", "the sublayer reads alpha^T of the mixed streams", "read before the streams mix: u = alpha^T X", of(*HYPER),
        record=fields(read=read_mixed), listed=("hidden/hyper_connections 4",)),
    "hyper-connections-mean": Mistake(
        "stream", "the head gets the mean of the streams, not their sum (a norm follows: only its epsilon tells)",
        "sum the streams", summed,
        config=lambda case: with_options(case.config["model"]["variant"], lambda own, model: {"finish": "mean"})(case),
        listed=("catalogue hyper_connections 3",)),
    "frac-connections-interleaved": Mistake(
        "stream", "the slices are merged channel by channel", "slice i is the channels i D/F .. (i + 1) D/F - 1",
        of("frac_connections"), {"minires.residual.hidden.frac_connections.merge": interleaved},
        listed=("hidden/frac_connections 1", "catalogue frac_connections 1")),
    "frac-connections-transposed": Mistake(
        "stream", "the slices mix by C instead of C^T", "h'_j = sum_i C[i, j] h_i + beta_j y_j", of("frac_connections"),
        {"minires.residual.hidden.frac_connections.mix": transposed}, listed=("hidden/frac_connections 2",)),
    "frac-connections-whole-output": Mistake(
        "stream", "every slice gets the sum of all slices of y", "slice j gets beta_j y_j", of("frac_connections"),
        record=fields(write=write_sum), listed=("hidden/frac_connections 3",)),
    "revnet-reads-the-old-stream": Mistake(
        "stream", "the feed-forward reads x_1 as it was before the attention", "G reads x_1' = x_1 + F(x_2)",
        where("revnet", lambda own, model: model["kind"] != "encoder_decoder"), record=old_partner,
        listed=("hidden/revnet 1", "catalogue revnet 2")),
    "revnet-one-stream-at-the-end": Mistake(
        "stream", "the head gets x_1 alone", "the final norm gets (x_1 + x_2) / 2", of("revnet"),
        record=lambda residual: residual._replace(finish=lambda streams, here: residual.finish(
            np.stack([streams[0], streams[0]]), here)), listed=("hidden/revnet 3",)),
    "altup-prediction-transposed": Mistake(
        "stream", "stream i is predicted with p_ji", "x^_i = x_i + sum_j p_ij x_j", of("altup"),
        {"minires.residual.hidden.altup.predicting": lambda predicting: (
            lambda *arguments: np.swapaxes(predicting(*arguments), 0, 1))}, listed=("hidden/altup 1",)),
    "altup-gain-of-input": Mistake(
        "stream", "g is computed from what the layer read", "g = r(y) W_g, of the layer's output", ALTUP,
        record=corrected(lambda y, x: x), listed=("hidden/altup 2",)),
    "altup-one-left-out": Mistake(
        "stream", "x'_i = x^_i + g_i (y - x^_a)", "the factor is 1 + g_i", ALTUP, record=corrected(plus=0),
        listed=("hidden/altup 3",)),
    "altup-active-stream-set": Mistake(
        "stream", "the active stream becomes y", "it is corrected as the others: x^_a + (1 + g_a) (y - x^_a)", ALTUP,
        record=corrected(exact=True), listed=("hidden/altup 4",)),
}
