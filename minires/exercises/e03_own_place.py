"""The open exercise of tutorial 03, the residual stream: a placement of the student's own."""

from dataclasses import replace
from functools import lru_cache

import autograd.numpy as np
import numpy
from autograd import grad

from minires.exercises.records import ByLaws, Exercise, Law
from minires.forward import forward
from minires.layers import stopped
from minires.model import Transformer
from minires.record import Residual
from minires.residual import residual

SIZES = {"kind": "encoder", "vocabulary": 7, "layers": 12, "width": 16, "heads": 2, "initial_std": 0.25}
TOKENS = numpy.array([[3, 1, 4, 1, 5, 2]])
KNOWN = ("vanilla", "pre_norm", "sandwich_norm", "output_norm", "none", "deepnorm", "mix_ln", "layernorm_scaling", "normformer")
GROWTH = 2  # of the stream over all layers, at most
FACTOR = 3  # by which its gradient may change


def own_place():
    """Pre-norm with each branch divided by the root of the number of sublayers: the stream hardly grows."""
    return residual("pre_norm")._replace(write=lambda x, y, here: x + y / np.sqrt(2 * here.context.model.layers))


def described(record):
    """The model of a record, and its parameters, with an embedding of size about 1."""
    model = Transformer(variant=record, **SIZES)
    params = model.init(numpy.random.default_rng(0))
    return model, {**params, "embedding": {name: 4 * value for name, value in params["embedding"].items()}}


def run(record):
    """The logits, and the stream before the first and after each layer."""
    model, params = described(record)
    logits, trace = model.apply(params, TOKENS)
    return logits, [trace[0]["input"], *(layer["output"] for layer in trace)]


def size(x):
    """The root mean square."""
    return numpy.sqrt(numpy.mean(x ** 2))


def growth(record):
    """The size of the stream after the last layer, relative to that after the first."""
    stream = run(record)[1]
    return size(stream[-1]) / size(stream[1])


def changes(record):
    """By how much each layer changes the stream, relative to its size."""
    stream = run(record)[1]
    return numpy.array([size(after - before) / size(before) for before, after in zip(stream, stream[1:])])


def gradients(record):
    """The size of a loss's gradient by the stream that each layer gets: (L,)."""
    model, params = described(record)
    wanted = numpy.random.default_rng(1).standard_normal((*TOKENS.shape, SIZES["vocabulary"]))

    def loss(added):
        enter = lambda x, here: record.enter(x + added[here.n - 1] if here.first else x, here)
        return np.sum(wanted * forward(replace(model, variant=record._replace(enter=enter)), params, TOKENS)[0])
    return numpy.array([size(g) for g in grad(loss)(numpy.zeros((SIZES["layers"], *TOKENS.shape, SIZES["width"])))])


def reaches(record):
    """Whether the first layer's gradient is about as large as the last one's."""
    found = gradients(record)
    return bool(numpy.all(found > 0) and 1 / FACTOR < found[0] / found[-1] < FACTOR)


@lru_cache(maxsize=1)
def known():
    """The logits of what the library has."""
    records = [residual("vanilla", "none") if name == "none" else residual(name) for name in KNOWN]
    return [run(record)[0] for record in records]


def different(record):
    """Whether the logits are those of none of these."""
    logits = run(record)[0]
    return all(not numpy.allclose(logits, other) for other in known())


def detached():
    """Post-norm whose branches pass no gradient: only the skip path is left."""
    return residual("vanilla")._replace(branch_output=lambda y, here: stopped(y))


OWN_PLACE = ByLaws(own_place, lambda rng: (), {
    "a-record": Law(lambda make: isinstance(make(), Residual), "no Residual is returned",
                    "return residual(\"pre_norm\")._replace(write=..)"),
    "bounded": Law(lambda make: growth(make()) < GROWTH, f"the stream grows by a factor of {GROWTH} or more over 12 layers",
                   "scale what is added, or norm the sum"),
    "writes": Law(lambda make: bool(numpy.all(changes(make()) > 0.02)), "a layer changes the stream by less than 2 percent",
                  "let each sublayer write something, from the start"),
    "reaches": Law(lambda make: reaches(make()),
                   f"the gradient at layer 1 is not within a factor of {FACTOR} of that at layer 12",
                   "look at what the skip path and the branches are multiplied by in each sublayer"),
    "new": Law(lambda make: different(make()), "the outputs are those of a placement that exists",
               "change what is read, what is added, or how"),
}, {
    "a-record": lambda: (lambda x, y, here: x + y),
    "bounded": lambda: residual("pre_norm"),
    "writes": lambda: residual("rezero"),
    "reaches": detached,
    "new": lambda: residual("deepnorm"),
}, draws=1, shaped=False)

EXERCISES = {"own_place": Exercise("a placement of your own", 4, 25, OWN_PLACE)}
