"""Mistakes in the wiring: parallel blocks, U-net skips, Canon layers, frozen layers."""

import autograd.numpy as np

from minires.layers import stopped
from minires.oracle.mistakes.hidden_tools import attention_of, bare_norm, fields, knowing, of, where
from minires.oracle.mistakes.mistake import Mistake
from minires.residual.hidden.unet_skips import added, concatenated


def sequential(residual, stack):
    """Every sublayer norms the stream as it is now, with the norm that it would use."""
    def read(x, here):
        if here.first:
            return residual.read(x, here)
        own = here.params if "norm" in here.params else attention_of(stack, here)
        return here._replace(params=own).norm(x)
    return residual._replace(read=read)


def norm_of_its_own(residual):
    """The later sublayers norm the layer's input with gain 1."""
    return residual._replace(read=lambda x, here: (
        residual.read(x, here) if here.first else bare_norm(here.layer["input"], here)))


def one_norm(residual, stack):
    """All sublayers read through the attention's norm."""
    return residual._replace(read=lambda x, here: residual.read(x, here._replace(
        params={**here.params, "norm": attention_of(stack, here)["norm"]})))


def skip_from(partner):
    """U-net skips from another source: partner(below, n, L)."""
    def enter(x, here):
        L = here.context.model.layers
        if not here.first or here.n <= L // 2:
            return x
        return (concatenated if "W_skip" in here.params else added)(partner(here.below, here.n, L), x, here.params)
    return fields(enter=enter)


def skips_of_sublayers(residual, stack):
    """The feed-forward of an upper layer gets the stream after its partner's attention, with the layer's own weight."""
    def enter(x, here):
        L = here.context.model.layers
        if here.first or not here.last or here.n <= L // 2:
            return residual.enter(x, here)
        below, own = here.below[L - here.n], attention_of(stack, here)
        middle = below["input"] + below["attention"]["y"]  # (B, T, D)
        return (concatenated if "W_skip" in own else added)(middle, x, own)
    return residual._replace(enter=enter)


def reaching_ahead(convolved):
    """The window of a Canon layer shifted by one token into the future."""
    def change(z, name, here, kept=None):
        W, T = here.params["W_" + name], z.shape[1]
        longer = here.with_earlier(kept or name, here.unpadded(z), len(W) - 1)  # (B, k - 1 + T, C)
        longer = np.concatenate([longer, 0 * longer[:, :1]], axis=1)
        return z + sum(W[i] * longer[:, i + 1: i + 1 + T] for i in range(len(W)))
    return change


def without_gradient(residual):
    """What a frozen layer's sublayers made is a constant."""
    def branch_output(y, here):
        moved = residual.trained(f"layers.{here.n - 1}.", here.context.model)
        return residual.branch_output(y if moved else stopped(y), here)
    return residual._replace(branch_output=branch_output)


def canon(change):
    """A patch of the convolution."""
    return {"minires.residual.hidden.canon.convolved": change}


SHARED = where("parallel", lambda own, model: own.get("norms", "shared") == "shared")

MISTAKES = {
    "parallel-sequential": Mistake(
        "wiring", "the feed-forward reads the stream after the attention", "both read the input of the layer", of("parallel"),
        record=knowing(sequential), listed=("hidden/parallel 1",)),
    "parallel-norm-of-its-own": Mistake(
        "norm", "the feed-forward has a norm of its own, with gain 1", "both read the same norm(x)", SHARED,
        record=norm_of_its_own, listed=("hidden/parallel 2", "catalogue parallel 1")),
    "parallel-one-norm": Mistake(
        "norm", "the feed-forward uses the attention's norm", "GPT-NeoX has a norm per sublayer",
        where("parallel", lambda own, model: own.get("norms") == "two"), record=knowing(one_norm),
        listed=("catalogue parallel 1",)),
    "unet-first-in-first-out": Mistake(
        "wiring", "layer L/2 + j gets the output of layer j", "last in, first out: that of layer L/2 + 1 - j",
        where("unet_skips", lambda own, model: model["layers"] > 2),
        record=skip_from(lambda below, n, L: below[n - L // 2 - 1]["output"]),
        listed=("hidden/unet_skips 1", "catalogue unet_skips 1")),
    "unet-of-sublayers": Mistake(
        "wiring", "each sublayer has a skip", "the units are layers", of("unet_skips"), record=knowing(skips_of_sublayers),
        listed=("hidden/unet_skips 2",)),
    "unet-of-increments": Mistake(
        "wiring", "the skip is what the lower layer adds", "the skip is the stream after it", of("unet_skips"),
        record=skip_from(lambda below, n, L: below[L - n]["output"] - below[L - n]["input"]), listed=("hidden/unet_skips 3",)),
    "unet-of-inputs": Mistake(
        "wiring", "the skip is the input of the lower layer", "the skip is its output", of("unet_skips"),
        record=skip_from(lambda below, n, L: below[L - n]["input"]), seen=("lucidrains/x-transformers unet_skips",),
        listed=("hidden/unet_skips 4", "catalogue unet_skips 2")),
    "unet-concatenated-the-other-way": Mistake(
        "wiring", "[x, skip] W_skip", "[skip, x] W_skip",
        where("unet_skips", lambda own, model: own.get("form") == "concatenate"),
        {"minires.residual.hidden.unet_skips.concatenated": lambda join: lambda skip, x, p: join(x, skip, p)},
        listed=("hidden/unet_skips 4",)),
    "canon-added-twice": Mistake(
        "wiring", "z is added to its convolution twice", "z + conv(z)", of("canon"),
        canon(lambda convolved: lambda z, *arguments: z + convolved(z, *arguments)), seen=("erogol/BlaGPT",),
        listed=("hidden/canon 2", "catalogue canon 2")),
    "canon-reaches-ahead": Mistake(
        "wiring", "the window ends one token ahead", "the last weight is that of the token itself", of("canon"),
        canon(reaching_ahead), seen=("erogol/BlaGPT (future leakage)",), listed=("hidden/canon 3", "catalogue canon 2")),
    "frozen-stops-the-stream": Mistake(
        "gradient", "no gradient flows through the frozen sublayers", "freeze the weights only: dL/dx passes through them",
        of("frozen"), record=without_gradient, listed=("hidden/frozen 1",), gradient=True),
}
