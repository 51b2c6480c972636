"""Cases on which the mistakes of the plain Transformer and of RealFormer show, and how answers are compared."""

from functools import cache

import numpy as np

from minires.oracle.cases.transformers import transformer_case, with_bias, with_earlier, with_left_padding, with_masks
from minires.oracle.mistakes import (MISTAKES, activation, carry, carry_arithmetic, carry_heads, chains, gradient, heads, mask,
                                     memory_of_scores, norm, norm_values, planted, positions, softmax)
from minires.oracle.tape import differentiate, record

FAMILIES = (mask, softmax, heads, norm, norm_values, activation, positions, gradient, carry, carry_arithmetic, carry_heads,
            chains,
            memory_of_scores)
CORE = {name: MISTAKES[name] for family in FAMILIES for name in family.MISTAKES}
GPT = {"layers": 2, "norm": "layer", "positions": "learned", "activation": "gelu_tanh", "biases": True, "epsilon": 1e-5}
CASES = {
    "gpt": lambda: transformer_case("pre_norm", "decoder", **GPT, maximum_length=11),
    "square": lambda: transformer_case("pre_norm", "decoder", **{**GPT, "activation": "gelu_erf"}, kv_heads=4, head_width=2),
    "llama": lambda: transformer_case("pre_norm", "decoder", layers=2),
    "bert": lambda: transformer_case("vanilla", "encoder", layers=2),
    "sum": lambda: with_left_padding(transformer_case("realformer", "decoder")),
    "sum_masks": lambda: with_earlier(with_bias(with_masks(transformer_case("realformer", "encoder", positions="alibi")))),
    "mean_masks": lambda: with_masks(transformer_case("realformer_mean", "encoder")),
    "mean_across": lambda: transformer_case("realformer_mean", "encoder_decoder", layers=3),
    "sum_level": lambda: with_earlier(transformer_case("realformer", "encoder_decoder", layers=3, S=5)),
}


@cache
def case(name):
    """One of CASES."""
    return CASES[name]()


def values(case, gradients=True):
    """Every tensor of the library's float64 run by all its names, and gradients."""
    tape = record(case)
    found = differentiate(tape, case.values) if gradients else {name: step.value for name, step in tape.tensors.items()}
    for alias, name in tape.aliases.items():
        if name in tape.tensors:
            found[alias] = found[name]
            found.update({f"grad/{alias}": found[f"grad/{name}"]} if gradients else {})
    return found


@cache
def right(name, gradients=True):
    """`values` of a case without a mistake."""
    return values(case(name), gradients)


def wrong(name, mistake, gradients=True):
    """`values` of a case with a mistake of CORE planted."""
    with planted(case(name), CORE[mistake]) as changed:
        return values(changed, gradients)


def applicable(mistake):
    """The names of the cases that have the thing that the mistake spoils."""
    return [name for name in CASES if CORE[mistake].applies(case(name))]


def far(x, y):
    """The largest difference, of the larger tensor's largest entry (1e-3 at least); inf where other entries are finite."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    finite = np.isfinite(x)
    if x.shape != y.shape or not np.array_equal(finite, np.isfinite(y)) or not np.array_equal(x[~finite], y[~finite]):
        return np.inf
    x, y = x[finite], y[finite]
    return np.max(abs(x - y), initial=0) / max(1e-3, np.max(abs(x), initial=0), np.max(abs(y), initial=0))


def farthest(a, b):
    """The name at which two answers differ most, of those that both have, and by how much."""
    return max(((far(a[name], b[name]), name) for name in a if name in b), default=(np.inf, "nothing"))
