"""Mistakes in weights of branches: ReZero, SkipInit, LayerScale, Fixup, T-Fixup, stochastic depth; x0 lambdas and backout."""

from minires.oracle.mistakes.hidden_tools import attention_of, bare_norm, fields, knowing, of, where, with_options
from minires.oracle.mistakes.mistake import Mistake
from minires.residual.hidden.x0_lambdas import mix


def normed_input(residual):
    """A norm on what the sublayers read."""
    return residual._replace(branch_input=lambda x, here: bare_norm(residual.branch_input(x, here), here))


def one_alpha(residual, stack):
    """Every sublayer is weighted by its layer's first alpha."""
    return residual._replace(branch_output=lambda y, here: here.coefficient(
        "alpha", lambda: attention_of(stack, here)["alpha"]) * y)


def at_evaluation(y, here):
    """(1 - p_n) y."""
    L, p = here.context.model.layers, here.context.model.options.get("p", 0.1)
    return (1 - (p * ((here.n - 1) / (L - 1)) if L > 1 else p)) * y


def only_read(residual):
    """The layer reads lambda x + mu x_0, and adds what it makes to x."""
    return residual._replace(enter=lambda x, here: x, read=lambda x, here: residual.read(mix(x, here), here))


def raw_embedding(residual):
    """mu weighs the embedding as it is before its norm."""
    raw = {}

    def start(embedding, here):
        raw["embedding"] = embedding
        return residual.start(embedding, here)

    return residual._replace(start=start, enter=lambda x, here: residual.enter(
        x, here._replace(context=here.context._replace(embedding=raw["embedding"]))))


def cached(own, model):
    """k of backout."""
    return own.get("layer") or model["layers"] // 2 + 1


def difference_of_norm(x, here):
    """norm(x_L) - lambda x_k."""
    model = here.context.model
    k = cached(model.options, {"layers": model.layers})
    return here.norm(x, "final_norm") - here.params["lambda"] * here.below[k - 1]["output"]  # (B, T, D)


MISTAKES = {
    "norm-left-in": Mistake(
        "norm", "a norm stands before every sublayer of a model that has none", "take the norm away: x' = x + alpha f(x)",
        of("rezero", "skip_init", "t_fixup"), record=normed_input,
        listed=("hidden/rezero 1", "hidden/skip_init 1", "hidden/t_fixup 1", "catalogue rezero 2")),
    "one-alpha-per-layer": Mistake(
        "scale", "attention and feed-forward share one alpha", "each branch has an alpha of its own (or say shared=True)",
        where("rezero", lambda own, model: not own.get("shared")), record=knowing(one_alpha),
        seen=("majumderb/rezero rezero/transformer/rztx.py",), listed=("hidden/rezero 2", "catalogue rezero 1")),
    "layer-scale-on-stream": Mistake(
        "scale", "gamma x + f(norm(x))", "gamma multiplies the branch: x + gamma f(norm(x))", of("layer_scale"),
        record=fields(branch_output=lambda y, here: y, write=lambda x, y, here: here.params["gamma"] * x + y),
        listed=("hidden/layer_scale 3",)),
    "fixup-biases-left-out": Mistake(
        "scale", "the scalar biases before maps and activation are left out", "shift by bias1a, bias1b and bias2a", of("fixup"),
        record=fields(branch_input=lambda x, here: x, inner=lambda u, name, here: u, active=lambda a, here: a),
        listed=("hidden/fixup 1", "catalogue fixup 1")),
    "stochastic-depth-scaled-at-evaluation": Mistake(
        "scale", "outside training a branch is multiplied by 1 - p_n, though training divides by it",
        "training divides by 1 - p_n: nothing is left to do outside it",
        where("stochastic_depth", lambda own, model: own.get("p", 0.1) > 0 and model["variant"] == "stochastic_depth"),
        record=fields(branch_output=at_evaluation)),
    "x0-read-only": Mistake(
        "wiring", "the layer reads lambda x + mu x_0, but the stream stays x", "lambda x + mu x_0 is the stream from there on",
        of("x0_lambdas"), record=only_read, listed=("hidden/x0_lambdas 1", "catalogue x0_lambdas 1")),
    "x0-before-its-norm": Mistake(
        "wiring", "mu weighs the embedding before its norm", "x_0 is the normed embedding", of("x0_lambdas"),
        record=raw_embedding, listed=("hidden/x0_lambdas 2",)),
    "backout-of-the-layer-below": Mistake(
        "wiring", "the stream after layer k - 1 is taken out", "x_k is the stream after layer k, counted from 1",
        where("backout", lambda own, model: cached(own, model) > 1),
        config=with_options("backout", lambda own, model: {"layer": cached(own, model) - 1}),
        listed=("hidden/backout 1", "catalogue backout 1")),
    "backout-after-norm": Mistake(
        "wiring", "norm(x_L) - lambda x_k", "take lambda x_k out before the norm: norm(x_L - lambda x_k)",
        where("backout", lambda own, model: model["variant"] == "backout"), record=fields(finish=difference_of_norm),
        listed=("hidden/backout 2",)),
}
