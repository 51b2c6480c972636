"""Mistakes in where the norms stand and in what the residual stream carries."""

from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.places import both, changed, normed_after, normed_before, normed_last, one_stream
from minires.residual.hidden.norm_placement import PRE_NORM


def in_sublayer(name, change):
    """A change of `write` in one kind of sublayer: change(write, stream, y, here)."""
    def wrong(write):
        return lambda stream, y, here: change(write, stream, y, here) if here.sublayer == name else write(stream, y, here)
    return changed(write=wrong)


def always(change):
    """A change of `write` in every sublayer."""
    return changed(write=lambda write: lambda stream, y, here: change(write, stream, y, here))


def post_for_pre(residual):
    """norm(x + f(x)) with the parameters of x + f(norm(x)); the final norm stays."""
    return residual._replace(read=lambda stream, here: stream, write=lambda stream, y, here: here.norm(stream + y))


def pre_for_post(residual):
    """x + f(norm(x)) with the parameters of norm(x + f(x)), which has no final norm; the norm at the start stays."""
    return residual._replace(read=PRE_NORM.read, write=PRE_NORM.write)


def second(here):
    """Whether this is the second sublayer of its layer."""
    return here.m % here.per_layer == 2 % here.per_layer


def unnormed(here):
    """x + attention(x), x the layer's input."""
    return here.layer["input"] + here.layer["attention"]["y"]


def parallel(read):
    """The feed-forward sublayer reads what the layer got."""
    return lambda stream, here: read(here.layer["input"] if here.sublayer == "feed_forward" else stream, here)


PRE, POST = "x' = x + f(norm(x)), with a final norm", "x' = norm(x + f(x)), without a final norm"
MISTAKES = {
    "post-norm-for-pre-norm": Mistake(
        "norm", "the norm stands behind the residual sum instead of before the sublayer", PRE, normed_before,
        record=post_for_pre,
        listed=("oracle 12.1",)),
    "pre-norm-for-post-norm": Mistake(
        "norm", "the norm stands before the sublayer instead of behind the residual sum", POST, normed_after,
        record=pre_for_post),
    "post-norm-residual-before-norm": Mistake(
        "norm", "the residual of a layer's second sublayer is the sum x + attention(x) before its norm", POST, normed_after,
        record=always(lambda write, stream, y, here: write(unnormed(here) if second(here) else stream, y, here)),
        seen=("NVIDIA-NeMo/Speech PR 4350",), listed=("oracle 15",)),
    "residual-from-normed": Mistake(
        "norm", "the residual is taken from the normed input: norm(x) + f(norm(x))", PRE, normed_before,
        record=always(lambda write, stream, y, here: here.now["x"] + y),
        seen=("yuqinie98/PatchTST pre_norm", "lucidrains/x-transformers v0.4.0", "Howuhh/faster-trajectory-transformer issue 3",
              "tracel-ai/burn issue 1054"), listed=("realformer F47", "oracle 12.1", "oracle 15")),
    "attention-residual-missing": Mistake(
        "stream", "there is no residual around attention", "add the sublayer's input to its output", one_stream,
        record=in_sublayer("attention", lambda write, stream, y, here: write(0 * stream, y, here)), listed=("oracle 12.1",)),
    "feed-forward-residual-missing": Mistake(
        "stream", "there is no residual around the feed-forward sublayer", "add the sublayer's input to its output", one_stream,
        record=in_sublayer("feed_forward", lambda write, stream, y, here: write(0 * stream, y, here)), listed=("oracle 12.1",)),
    "residual-doubled": Mistake(
        "stream", "the residual is added twice: 2 x + f(x)", "x + f(x)", one_stream,
        record=always(lambda write, stream, y, here: write(2 * stream, y, here)), listed=("oracle 12.1",)),
    "attention-halved": Mistake(
        "stream", "half of the attention's output is added", "add all of the sublayer's output", one_stream,
        record=in_sublayer("attention", lambda write, stream, y, here: write(stream, 0.5 * y, here)), listed=("oracle 12.1",)),
    "feed-forward-residual-from-layer-input": Mistake(
        "stream", "the residual of the feed-forward sublayer is the layer's input: attention's output is lost from it",
        "the residual is what the sublayer got", one_stream,
        record=in_sublayer("feed_forward", lambda write, stream, y, here: write(here.layer["input"], y, here)),
        listed=("oracle 12.1",)),
    "feed-forward-parallel": Mistake(
        "stream", "the feed-forward sublayer reads the layer's input, beside attention", "it reads what attention has written",
        one_stream, record=changed(read=parallel), listed=("oracle 12.1",)),
    "final-norm-missing": Mistake(
        "norm", "the final norm is left out", PRE, normed_last,
        record=changed(finish=lambda finish: lambda stream, here: stream), listed=("realformer F48", "oracle 12.1")),
    "start-norm-missing": Mistake(
        "norm", "the embedding is not normed before the first layer",
        "as in BERT, x_0 = norm(embedding) before post-norm layers",
        both(normed_after, one_stream), record=changed(start=lambda start: lambda x, here: x)),
}
