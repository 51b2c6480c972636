"""Mistakes of mHC, mHC-lite and the gated residual."""

import autograd.numpy as np

from minires.activations import sigmoid
from minires.oracle.mistakes.hidden_streams import transposed
from minires.oracle.mistakes.hidden_tools import bare_norm, fields, of, where
from minires.oracle.mistakes.mistake import Mistake
from minires.residual.hidden.manifold import columns, logits_of, per_stream
from minires.residual.hidden.streams import mix

MANIFOLD = ("mhc", "mhc_lite")


def half_written(connection):
    """beta = sigmoid(.), without the factor 2."""
    def changed(R, doubly_stochastic, epsilon=0.0):
        def write(X, y, here):
            C = doubly_stochastic(logits_of(X, here, 2))
            C = here.coefficient("C", lambda: np.reshape(np.moveaxis(C, -1, 0), (R, R, *X.shape[1:3], 1)))
            beta = here.coefficient("beta", lambda: per_stream(sigmoid(logits_of(X, here, 1))))
            return mix(C, X, beta * y)  # (R, B, T, D)
        return {**connection(R, doubly_stochastic, epsilon), "write": write}
    return changed


def columns_exchanged(logits_of):
    """The columns of W_mix and b in the order post, pre, comb; s as it is."""
    def changed(X, here, part, own=None):
        p, (R, D) = here.params, X.shape[::3]
        turned = lambda array, size: np.concatenate([array[..., columns(size, i)] for i in (1, 0, 2)], axis=-1)
        own = {**p, "W_mix": turned(p["W_mix"], len(p["W_mix"]) // D), "b": turned(p["b"], R)}
        return logits_of(X, here, part, own)
    return changed


def over_all_channels(normalize):
    """The gated residual's norm over the channels of all streams together."""
    def changed(kind, x, p, epsilon):
        if np.ndim(x) != 4:
            return normalize(kind, x, p, epsilon)
        R, B, T, D = x.shape
        flat = np.reshape(np.moveaxis(x, 0, 2), (B, T, R * D))
        y = normalize(kind, flat, {name: np.ravel(array) for name, array in p.items()}, epsilon)
        return np.moveaxis(np.reshape(y, (B, T, R, D)), 2, 0)
    return changed


def mhc(name, change):
    """A patch of a function of mHC's file."""
    return {f"minires.residual.hidden.mhc.{name}": change}


MISTAKES = {
    "mhc-transposed": Mistake(
        "stream", "the streams mix by C instead of C^T", "C[i, j] goes from stream i to stream j: x'_j = sum_i C[i, j] x_i",
        of(*MANIFOLD), {"minires.residual.hidden.manifold.mix": transposed},
        seen=("NVIDIA/Megatron-LM issue 4957", "NVIDIA-NeMo/Automodel issue 2154", "PaddlePaddle/PaddleFleet PR 1238"),
        listed=("hidden/mhc 1", "hidden/mhc_lite 1", "catalogue mhc 1")),
    "mhc-sigmoid-for-softmax": Mistake(
        "stream", "Sinkhorn starts from sigmoids", "start from the softmax of each row", of("mhc"),
        mhc("softmax", lambda softmax: sigmoid), seen=("huggingface/transformers commits 02356fe, 7fa433e",),
        listed=("hidden/mhc 2", "catalogue mhc 2")),
    "mhc-write-not-doubled": Mistake(
        "scale", "beta = sigmoid(.)", "beta = 2 sigmoid(.), so that 1 is in the middle", of(*MANIFOLD),
        {f"minires.residual.hidden.{name}.connection": half_written for name in MANIFOLD},
        seen=("huggingface/transformers commits 02356fe, 7fa433e",),
        listed=("hidden/mhc 3", "hidden/mhc_lite 3", "catalogue mhc 3")),
    "mhc-columns-exchanged": Mistake(
        "stream", "the columns of W_mix and b are read as post, pre, comb", "their order is pre, post, comb", of(*MANIFOLD),
        {"minires.residual.hidden.manifold.logits_of": columns_exchanged}, listed=("hidden/mhc 4", "catalogue mhc 4")),
    "mhc-exponential-start": Mistake(
        "stream", "Sinkhorn starts from exp(Z), without the softmax of the rows", "start from the softmax of each row",
        of("mhc"), mhc("softmax", lambda softmax: np.exp), listed=("hidden/mhc 5", "catalogue mhc 5")),
    "mhc-temperature": Mistake(
        "scale", "Sinkhorn's logits are divided by 0.05", "there is no temperature", of("mhc"),
        mhc("sinkhorn", lambda sinkhorn: lambda Z, *arguments: sinkhorn(Z / 0.05, *arguments)),
        seen=("tokenbender/mHC-manifold-constrained-hyper-connections issue 2",),
        listed=("hidden/mhc 7", "catalogue mhc 8")),
    "mhc-lite-permutations-reversed": Mistake(
        "stream", "the permutations are counted from the last: the identity is not the first", "Pi_1 is the identity",
        of("mhc_lite"), {"minires.residual.hidden.mhc_lite.permutations": lambda permutations: (
            lambda streams: list(permutations(streams))[::-1])}, listed=("hidden/mhc_lite 2",)),
    "gated-residual-sum": Mistake(
        "scale", "what both gates see is not divided by R", "divide by the number of streams", of("gated_residual"),
        {"minires.residual.hidden.gated_residual.normed": lambda normed: lambda X, *arguments: normed(X, *arguments) * len(X)},
        listed=("hidden/gated_residual 1", "catalogue gated_residual 1")),
    "gated-residual-second-norm": Mistake(
        "norm", "what was read is normed once more before the sublayer", "the norm is in the read, there is no other",
        where("gated_residual", lambda own, model: model["variant"] == "gated_residual"), record=fields(branch_input=bare_norm),
        listed=("hidden/gated_residual 2",)),
    "gated-residual-norm-over-streams": Mistake(
        "norm", "one norm over the channels of all streams", "norm each stream by itself", of("gated_residual"),
        {"minires.record.normalize": over_all_channels}, listed=("hidden/gated_residual 3",)),
}
