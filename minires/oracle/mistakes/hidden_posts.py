"""Mistakes of Post-LN's relatives: DeepNorm, Admin, B2T, ResiDual, SiameseNorm."""

import autograd.numpy as np

from minires.oracle.mistakes.hidden_tools import fields, of, where, with_options
from minires.oracle.mistakes.mistake import Mistake


def exchanged(residual):
    """What stands on the skip stands on the branch instead, and the other way round."""
    return residual._replace(write=lambda x, y, here: residual.write(y, x, here))


def dual(change):
    """A change of ResiDual's write: norm(x + y) and change(r, y, norm(x + y)) beside it."""
    def write(stream, y, here):
        x = here.norm(stream[0] + y)  # (B, T, D)
        return np.stack([x, change(stream[1], y, x)])
    return fields(write=write)


def one_final_norm(residual):
    """The final norm over the sum of ResiDual's two streams."""
    return residual._replace(finish=lambda stream, here: here.norm(stream[0] + stream[1], "final_norm"))


def siamese(y_stream):
    """A change of SiameseNorm's write: the new Y from the old, y, y / c and the new X."""
    def record(residual):
        def write(stream, y, here):
            shrunk = y / (2 * here.n) ** 0.5 if here.context.model.options.get("depth_scale") else y  # (B, T, D)
            X = here.norm(stream[0] + shrunk, "norm_x")  # (B, T, D)
            return np.stack([X, y_stream(stream[1], y, shrunk, X)])
        return residual._replace(write=write)
    return record


def read_before_norm(residual):
    """SiameseNorm's sublayers and head read X + y of the sublayer below, which is normed for the next sum only."""
    seen = {}

    def write(stream, y, here):
        divisor = (2 * here.n) ** 0.5 if here.context.model.options.get("depth_scale") else 1.0
        seen["X"] = stream[0] + y / divisor  # (B, T, D)
        return residual.write(stream, y, here)

    unnormed = lambda stream, here: np.stack([stream[1] if here.m == 1 else seen["X"], stream[1]])
    return residual._replace(write=write, read=lambda stream, here: residual.read(unnormed(stream, here), here),
                             finish=lambda stream, here: residual.finish(unnormed(stream, here), here))


ALONE = lambda own, model: model["variant"] == "siamese_norm"
PLAIN = lambda own, model: own.get("alpha", 1) == 1 and own.get("s", 1) == 1

MISTAKES = {
    "deepnorm-alpha-on-branch": Mistake(
        "scale", "norm(x + alpha f(x))", "alpha multiplies the skip: norm(alpha x + f(x))", of("deepnorm"), record=exchanged,
        seen=("labmlai/annotated_deep_learning_paper_implementations issue 145",),
        listed=("hidden/deepnorm 1", "catalogue deepnorm 1")),
    "deepnorm-alpha-of-32-layers": Mistake(
        "scale", "alpha is the constant 2.828 of 32 layers", "alpha = (2 L)^(1/4), of this model's L",
        where("deepnorm", lambda own, model: own.get("alpha") is None),
        config=with_options("deepnorm", lambda own, model: {"alpha": 2.828}), seen=("pixeli99/MixLN",),
        listed=("catalogue deepnorm 3",)),
    "admin-omega-on-branch": Mistake(
        "scale", "norm(x + omega f(x))", "omega multiplies the skip: norm(omega x + f(x))", of("admin"), record=exchanged,
        listed=("hidden/admin 3",)),
    "b2t-bottom-of-sublayer": Mistake(
        "wiring", "the bottom is the sublayer's input: norm(x + x + f(x))", "the bottom is the input of the layer", of("b2t"),
        record=fields(write=lambda x, y, here: here.norm(x + x + y) if here.last else here.norm(x + y)),
        listed=("hidden/b2t 1", "catalogue b2t 1")),
    "b2t-bottom-after-norm": Mistake(
        "wiring", "the bottom is added after the layer's last norm", "add the bottom before the norm", of("b2t"),
        record=fields(write=lambda x, y, here: here.norm(x + y) + (here.layer["input"] if here.last else 0)),
        listed=("hidden/b2t 2", "catalogue b2t 1")),
    "b2t-bottom-in-every-sublayer": Mistake(
        "wiring", "the bottom is added in attention too", "the bottom joins the last sublayer of the layer only", of("b2t"),
        record=fields(write=lambda x, y, here: here.norm(here.layer["input"] + x + y)), listed=("hidden/b2t 3",)),
    "resi-dual-starts-from-zero": Mistake(
        "stream", "the plain sum starts from 0", "r_0 is the embedding, s x_0", of("resi_dual"),
        record=fields(expand=lambda x_0, here: np.stack([x_0, 0 * x_0])), listed=("hidden/resi_dual 1",)),
    "resi-dual-sums-normed": Mistake(
        "stream", "the plain sum collects the normed stream", "r collects what the sublayers make, s f(x)",
        where("resi_dual", PLAIN), record=dual(lambda r, y, x: r + x), listed=("hidden/resi_dual 2",)),
    "resi-dual-norm-of-both": Mistake(
        "norm", "the final norm is taken over x + r", "only r is normed at the end: x + norm(r)", where("resi_dual", PLAIN),
        record=one_final_norm, listed=("hidden/resi_dual 3",)),
    "siamese-depth-scale-on-both": Mistake(
        "scale", "the depth scale divides what Y collects too", "Y collects y itself",
        where("siamese_norm", lambda own, model: ALONE(own, model) and own.get("depth_scale")),
        record=siamese(lambda Y, y, shrunk, X: Y + shrunk),
        listed=("hidden/siamese_norm 1", "catalogue siamese_norm 1")),
    "siamese-sums-normed": Mistake(
        "stream", "Y collects the normed X", "Y collects what the sublayers make", where("siamese_norm", ALONE),
        record=siamese(lambda Y, y, shrunk, X: Y + X), listed=("hidden/siamese_norm 2",)),
    "siamese-read-before-norm": Mistake(
        "norm", "the sublayers read X before its norm", "X' = norm(X + y) is what is read and kept",
        where("siamese_norm", lambda own, model: ALONE(own, model) and model["kind"] != "encoder_decoder"),
        record=read_before_norm, listed=("hidden/siamese_norm 3",)),
}
