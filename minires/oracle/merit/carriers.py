"""Programs that are judged: independent ports with and without mistakes, and the library's own program rounded.

A folder of ports has the modules of PORTS, each with run(case, dtype, wrong, **style) -> {name: array}. What no port can do
(a precision without such a type, a system without a port) the library's program does, rounded at every step.
"""

import sys
import warnings
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np

from minires.oracle.judgement.arrays import Inexact
from minires.oracle.judgement.profiles import PROFILES, Rounding
from minires.oracle.judgement.tolerance import in_precision
from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.tape import differentiate, record

PORTS = {"transformer": "torch_transformer", "echo_state": "torch_reservoir", "readout": "torch_readout",
         "reservoir_resformer": "torch_reservoir_resformer", "series": "torch_series"}
JAX = {"transformer": "jax_transformer", "echo_state": "jax_reservoir"}
TYPES = ("float64", "float32", "bfloat16", "float16")  # that ports compute in; tf32 is emulated
STYLES = {  # system -> other correct ways to compute the same
    "transformer": (
        {"mask_value": -1e4}, {"upcast": True}, {"fused": True}, {"product": "split"}, {"product": "einsum"},
        {"product": "loop"}, {"product": "upcast"}, {"threads": 2}, {"fused": True, "product": "split"},
        {"fused_attention": True}, {"fused_attention": True, "mask_value": -1e4}),
    "echo_state": ({"fused": True}, {"lerp": True}, {"fused": True, "lerp": True}),
    "readout": ({"augmented": True},),
    "reservoir_resformer": ({"large_mask": True}, {"packed": True}),
    "series": (),
}
JAX_STYLES = {"transformer": ({}, {"jit": False}), "echo_state": ({}, {"jit": False}, {"row": True})}


def port(ports, case, precision, wrong=(), style=(), names=PORTS):
    """The answer of a port in a folder, or None where it has no such precision, system or style."""
    module = module_of(ports, names.get(case.system)) if precision in TYPES else None
    if module is None or wrong and port(ports, case, precision) is None:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return module.run(case, precision, tuple(wrong), **dict(style))
        except Exception:  # of a right port: it cannot do this; of a wrong one: that shows
            if wrong:
                raise
            return None


def module_of(ports, name):
    """A module of the folder of ports, or None."""
    if ports is None or name is None or not (Path(ports) / f"{name}.py").is_file():
        return None
    folder = Path(ports).resolve()
    if str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
    return import_module(f"{folder.name}.{name}")


def rounded_program(case, precision, wrong=()):
    """The library's program with mistakes planted, rounded at every step; in float64 and float32 NumPy computes in it."""
    with planted(case, *(MISTAKES[name] for name in wrong)) as other, np.errstate(all="ignore"):
        if precision in ("float64", "float32"):
            values = {name: np.asarray(value, precision) if np.asarray(value).dtype == float else value
                      for name, value in other.values.items()}
            return plain(differentiate(record(other._replace(values=values)), values))
        return plain(in_precision(record(other), other.values, Rounding(PROFILES[precision])))


def plain(named):
    """The same numbers as ordinary arrays."""
    return {name: np.array(value.view(np.ndarray) if isinstance(value, Inexact) else value) for name, value in named.items()}


def wrong_answer(ports, case, precision, name):
    """(who, the answer) of a program with a mistake: a port that carries it, so that float64 shows it, or ours."""
    answer = port(ports, case, precision, (name,))
    if answer is None or identical(port(ports, case, "float64", (name,)), port(ports, case, "float64")):
        return "library", rounded_program(case, precision, (name,))
    return "port", answer


def identical(a, b):
    """Whether two answers are the same, bit for bit."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def right_answers(ports, case, precision):
    """{who: function () -> the answer, or None} of correct programs."""
    def of(style, names):
        return lambda: port(ports, case, precision, (), tuple(style.items()), names)

    label = lambda style: ", ".join(f"{key}={value}" for key, value in style.items()) or "plain"
    found = {"library": lambda: rounded_program(case, precision)}
    found.update({f"torch {label(style)}": of(style, PORTS) for style in ({}, *STYLES[case.system])})
    found.update({f"jax {label(style)}": of(style, JAX) for style in JAX_STYLES.get(case.system, ())})
    return found if precision in TYPES else {"library": found["library"]}


@lru_cache(maxsize=4)
def golden(id):
    """The golden of a case: of the core pack, or made anew."""
    from minires.oracle.packs import pack
    from minires.oracle.cases import CASES, CORE
    if id in CORE:
        return pack.core(id)[0]
    from minires.oracle.exact.truth import truth
    case = CASES[id]()
    return pack.golden_with(case, truth(case))
