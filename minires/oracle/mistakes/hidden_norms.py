"""Mistakes in where the norms stand: the placements and Mix-LN."""

from minires.oracle.mistakes.hidden_tools import (
    attention_of, bare_norm, fields, gains, knowing, layers_of, like, of, post_normed, where, with_options)
from minires.oracle.mistakes.mistake import Mistake
from minires.residual.hidden.norm_placement import OUTPUT_NORM, POST_NORM, SANDWICH_NORM

SHARED = ("norm", "norm_1", "norm_2")


def last_norm_left_out(residual):
    """Post-norm, but what the last sublayer of the last layer writes is not normed."""
    last = lambda here: here.last and here.n == here.context.model.layers
    return residual._replace(write=lambda x, y, here: x + y if last(here) else residual.write(x, y, here))


def one_norm(residual, stack):
    """Every sublayer of a layer uses the norms of its attention."""
    def weights(params, here):
        theirs = attention_of(stack, here)
        borrowed = {name: theirs[name] for name in SHARED if name in params and name in theirs}
        return residual.weights({**params, **borrowed}, here)
    return residual._replace(weights=weights)


def can_share(case):
    """Whether attention and feed-forward have norms of the same name."""
    return like(POST_NORM)(case) and any(
        name in layer["attention"] and name in layer["feed_forward"] for layer in layers_of(case) for name in SHARED)


def post_norm_last(residual):
    """Post-LN in the last p layers instead of the first."""
    def mirrored(here):
        return here._replace(n=here.context.model.layers + 1 - here.n)
    return residual._replace(read=lambda x, here: residual.read(x, mirrored(here)),
                             write=lambda x, y, here: residual.write(x, y, mirrored(here)))


def layers_after(own, model):
    """p of Mix-LN."""
    return round(model["layers"] / 4) if own.get("p") is None else own["p"]


MIXED = lambda own, model: 0 < layers_after(own, model) < model["layers"]
GEMMA = ("google/gemma", "huggingface/transformers models/gemma2 (weights around 0, used as 1 + w)")

MISTAKES = {
    "final-norm-on-post-norm": Mistake(
        "norm", "a further norm follows the last post-norm", "give the head what the last sublayer's norm returns",
        post_normed, record=lambda residual: residual._replace(finish=bare_norm),
        listed=("hidden/norm_placement 1", "catalogue vanilla 1")),
    "last-post-norm-left-out": Mistake(
        "norm", "the last sublayer's x + y is not normed", "norm the sum in every sublayer, the last one too",
        like(POST_NORM, "write"), record=last_norm_left_out, listed=("hidden/norm_placement 3", "realformer F48")),
    "one-norm-for-all-sublayers": Mistake(
        "norm", "all sublayers of a layer use the attention's norm parameters",
        "give each sublayer gains and biases of its own",
        can_share, record=knowing(one_norm), listed=("hidden/norm_placement 4",)),
    "gemma-weight-as-gain": Mistake(
        "norm", "norms multiply by w = gain - 1 instead of 1 + w", "Gemma stores gain - 1: multiply by 1 + w",
        lambda case: like(SANDWICH_NORM, "read")(case) or of("gated_residual")(case),
        gains(lambda gain: gain - 1), seen=GEMMA,
        listed=("hidden/norm_placement 7",
                "hidden/gated_residual 4", "catalogue sandwich_norm 2", "catalogue gated_residual 2")),
    "gain-plus-one": Mistake(
        "norm", "norms multiply by 1 + gain", "these are gains: multiply by them, 1 + w is for Gemma's stored weights",
        lambda case: like(SANDWICH_NORM, "read")(case) or of("gated_residual")(case),
        gains(lambda gain: gain + 1), seen=GEMMA, listed=("hidden/laurel_gemma 3",)),
    "second-norm-after-addition": Mistake(
        "norm", "sandwich: x' = norm_2(x + f(norm_1(x)))", "norm the branch before it is added: x + norm_2(f(norm_1(x)))",
        like(SANDWICH_NORM, "branch_output", "write"),
        record=fields(branch_output=lambda y, here: y, write=lambda x, y, here: here.norm(x + y, "norm_2")),
        seen=("jaehun.me, a review of Peri-LN",), listed=("catalogue sandwich_norm 1",)),
    "output-norm-as-post-norm": Mistake(
        "norm", "output norm taken for post-norm: x' = norm(x + f(x))", "norm the branch only: x + norm(f(x))",
        like(OUTPUT_NORM, "branch_output", "write"),
        record=fields(branch_output=lambda y, here: y, write=lambda x, y, here: here.norm(x + y)),
        listed=("catalogue output_norm 1",)),
    "mix-ln-ratio": Mistake(
        "norm", "p is read as a share: with p >= 1 all layers are Post-LN", "p is a number of layers", where("mix_ln", MIXED),
        config=with_options("mix_ln", lambda own, model: {"p": model["layers"]}),
        listed=("hidden/mix_ln 1", "catalogue mix_ln 2")),
    "mix-ln-post-norm-last": Mistake(
        "norm", "Post-LN in the last p layers", "the first p layers are Post-LN, the others Pre-LN", where("mix_ln", MIXED),
        record=post_norm_last, listed=("hidden/mix_ln 3",)),
}
