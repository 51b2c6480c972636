"""Mistakes in what a norm computes: epsilon, variance, bias, axes."""

import autograd.numpy as np

from minires.layers import mean
from minires.oracle.mistakes.mistake import Mistake, transformer
from minires.oracle.mistakes.places import having, model_of


def with_norms(layer=None, rms=None):
    """Other norms, change(the right one): (x, gain, bias=None, *, epsilon) for LayerNorm, (x, gain, *, epsilon) for RMSNorm."""
    changes = {name: change for name, change in (("layer", layer), ("rms", rms)) if change}
    return {"minires.layers.NORMS": lambda norms: {**norms, **{name: change(norms[name]) for name, change in changes.items()}}}


def standard(x, gain, bias, deviation):
    """gain (x - mean) / deviation(x - mean) + bias."""
    centred = x - mean(x)
    y = centred / deviation(centred) * gain
    return y if bias is None else y + bias


def root(x, epsilon):
    """sqrt(mean x^2 + epsilon) over the last axis."""
    return np.sqrt(mean(x * x) + epsilon)


def batch_norm(x, gain, bias=None, *, epsilon):
    """Standardised over batch and time, per channel."""
    rows = np.reshape(x, (-1, x.shape[-1]))
    average = lambda a: np.sum(a, axis=0) / len(a)
    centred = rows - average(rows)
    y = np.reshape(centred / np.sqrt(average(centred * centred) + epsilon), x.shape) * gain
    return y if bias is None else y + bias


def epsilon_is(value):
    """The mistake of this epsilon."""
    return Mistake(
        "norm", f"the norms have epsilon {value:g}", "take epsilon from the configuration: it belongs to the weights",
        lambda case: transformer(case) and model_of(case).epsilon != value,
        with_norms(lambda right: lambda x, gain, bias=None, *, epsilon: right(x, gain, bias, epsilon=value),
                   lambda right: lambda x, gain, *, epsilon: right(x, gain, epsilon=value)),
        listed=("realformer F49", *(("oracle 12.1",) if value in (1e-6, 1e-12) else ())))


layer = having(norm=("layer",))
MISTAKES = {
    **{f"epsilon-{name}": epsilon_is(float(name)) for name in ("1e-3", "1e-5", "1e-6", "1e-12")},
    "epsilon-outside-root": Mistake(
        "norm", "epsilon is added to the standard deviation, outside the root", "divide by sqrt(variance + epsilon)",
        transformer,
        with_norms(lambda right: lambda x, gain, bias=None, *, epsilon: standard(x, gain, bias,
                                                                                 lambda c: root(c, 0.0) + epsilon),
                   lambda right: lambda x, gain, *, epsilon: x / (root(x, 0.0) + epsilon) * gain),
        seen=("tracel-ai/burn issue 2185", "codertimo/BERT-pytorch issue 30"), listed=("oracle 12.1", "oracle 15")),
    "variance-unbiased": Mistake(
        "norm", "the variance is divided by D - 1", "the variance is the mean of the squares: divided by D", layer,
        with_norms(lambda right: lambda x, gain, bias=None, *, epsilon: standard(
            x, gain, bias, lambda c: np.sqrt(mean(c * c) * (c.shape[-1] / (c.shape[-1] - 1)) + epsilon))),
        seen=("LBANN/lbann PR 2024", "harvardnlp/annotated-transformer issue 119"), listed=("oracle 12.1", "oracle 15")),
    "norm-bias-missing": Mistake(
        "norm", "the norms' bias is left out", "gain * standardised + bias",
        lambda case: layer(case) and any(name.endswith("norm.bias") or ".norm_" in name and name.endswith(".bias")
                                         for name in case.values),
        with_norms(lambda right: lambda x, gain, bias=None, *, epsilon: right(x, gain, epsilon=epsilon)),
        listed=("oracle 12.1",)),
    "batch-norm-for-layer-norm": Mistake(
        "norm", "the norm runs over batch and time, per channel (BatchNorm)", "the norm runs over the channels of one token",
        layer,
        with_norms(lambda right: batch_norm), seen=("yuqinie98/PatchTST layers/PatchTST_backbone.py",),
        listed=("realformer F51",)),
}
