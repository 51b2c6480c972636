"""What a neighbour is: a description with `init` and `apply`, and how its parameters fall into a frozen and a trained part.

By convention the names below "memory" are frozen and all others are trained, as in ReservoirResFormer.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy
from autograd.tracer import getval

from minires.checks import check_generator, float_type
from minires.errors import require
from minires.parameters import flatten, tree_map, unflatten
from minires.reservoir_resformer.checks import check_ids, check_tree


class Neighbour(NamedTuple):
    """One entry of the catalogue."""

    build: Callable  # (**sizes) -> a Network or a ReservoirResFormer: both have `init` and `apply`
    equation: str
    paper: str

    @property
    def file(self):
        """The file that defines it."""
        return self.build.__module__.replace(".", "/") + ".py"


def in_memory(name):
    """Whether a flat name lies below "memory".

    >>> in_memory("layers.0.memory.W"), in_memory("head.W")
    (True, False)
    """
    return "memory" in name.split(".")


class Network(NamedTuple):
    """A description made of functions; it holds no state."""

    init: Callable                # (rng, dtype="float64") -> params, nested dicts and lists of arrays
    apply: Callable               # (params, ...) -> what the neighbour's file says
    frozen: Callable = in_memory  # flat name -> whether training leaves that array as it is
    model: Any = None             # the ReservoirResFormer or Transformer that it is a setting of, if any


def network(draw, apply, frozen=in_memory, model=None):
    """The Network of draw(rng) -> params and apply(params, ...): with a dtype, and with its parameters checked."""
    def init(rng, dtype="float64"):
        check_generator(rng)
        dtype = float_type(dtype)
        return tree_map(lambda leaf: numpy.asarray(leaf, dtype=dtype), draw(rng))

    def checked(params, *inputs, **named):
        check_tree(params, shapes(draw))
        return apply(params, *inputs, **named)

    return Network(init, checked, frozen, model)


@lru_cache(maxsize=32)
def shapes(draw):
    """{flat name: shape} of the parameters that `draw` makes."""
    return {name: numpy.shape(leaf) for name, leaf in flatten(draw(numpy.random.default_rng(0))).items()}


def check_array(name, value, *shape):
    """ValueError unless `value` is a finite array of numbers of that shape, None being any length."""
    plain = numpy.asarray(getval(value))
    require(numpy.issubdtype(plain.dtype, numpy.number), f"{name} has type {plain.dtype}: expected numbers")
    written = ", ".join("." if n is None else str(n) for n in shape)
    require(plain.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, plain.shape)),
            f"{name} has shape {plain.shape}: expected ({written})")
    require(numpy.isfinite(plain).all(), f"{name} holds NaN or infinity: expected finite numbers")


def check_sentences(tokens, real, vocabulary):
    """tokens (B, T) of ids and real (B, T) of bool as arrays: right-padded, no sentence empty."""
    tokens, real = check_ids(vocabulary, tokens, real, 2)
    require(tokens.size > 0 and real[:, 0].all(), "an empty sentence: expected at least one token in each")
    return tokens, real


# ---- frozen and trained ----------------------------------------------------------------------------------------------

def split(network, params):
    """The frozen and the trained part of the parameters of a Network or ReservoirResFormer: two flat dicts {name: array}."""
    flat, is_frozen = flatten(params), getattr(network, "frozen", in_memory)
    frozen = {name: leaf for name, leaf in flat.items() if is_frozen(name)}
    return frozen, {name: leaf for name, leaf in flat.items() if name not in frozen}


def join(frozen, trained):
    """The tree of both parts, the inverse of `split`. Sorted by number, as `unflatten` reads a list in the order it finds.

    >>> join({"layers.1.W": 2.0}, {"layers.10.W": 3.0, "layers.0.W": 1.0})
    {'layers': [{'W': 1.0}, {'W': 2.0}, {'W': 3.0}]}
    """
    flat = {**frozen, **trained}
    return unflatten({name: flat[name] for name in sorted(flat, key=by_number)})


def by_number(name):
    """A flat name as a key for sorting: list places by number, names by letters."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split(".")]
