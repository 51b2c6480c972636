"""The open exercise of tutorial 07, many streams: a hidden stream of the student's own, with a depth-mixing matrix."""

import numpy as np

from minires.depth import depth_matrix
from minires.exercises.records import ByLaws, Exercise, Law
from minires.model import LLAMA, Transformer
from minires.parameters import flatten, unflatten
from minires.record import Residual
from minires.residual import residual
from minires.transformer import each_sublayer

SIZES = {"kind": "decoder", "vocabulary": 7, "layers": 3, "width": 8, "heads": 2, "initial_std": 0.5, **LLAMA, "epsilon": 1e-12}
TOKENS = np.array([[3, 1, 4, 1, 5]])


def own_mixing():
    """The newest output once more, times a learned scalar that starts from 0."""
    return newest_again(0.0)()


def newest_again(start, learned=True):
    """A function that returns pre-norm with g y_{m-1} added to what sublayer m reads, g initially `start`."""
    def make():
        plain = residual("pre_norm")
        add = lambda rng, model, params: each_sublayer(params, lambda n, sublayer, p: {**p, "g": np.array(start)})
        weight = (lambda here: here.params["g"]) if learned else (lambda here: start)
        return plain._replace(read=lambda stream, here: here.norm(stream + weight(here) * here.sources()[-1]),
                              parameters=plain.parameters + (add,))
    return make


def model_of(record):
    """A tiny model and its parameters."""
    model = Transformer(variant=record, **SIZES)
    return model, model.init(np.random.default_rng(0))


def mixes(record):
    """Whether there is a depth-mixing matrix; ValueError says there is none."""
    try:
        return bool(np.all(np.isfinite(depth_matrix(*model_of(record), TOKENS))))
    except ValueError:
        return False


def with_values_of(params, own):
    """`own`, the initial parameters of a variant, with the arrays of the pre-norm model that it has too."""
    plain = flatten(params)
    return unflatten({name: plain.get(name, array) for name, array in flatten(own).items()})


def starts_plain(record):
    """Whether the first logits are those of pre-norm with the same weights."""
    (plain, params), (model, own) = model_of(residual("pre_norm")), model_of(record)
    logits = model.apply(with_values_of(params, own), TOKENS)[0]
    return np.allclose(logits, plain.apply(params, TOKENS)[0], rtol=0, atol=1e-6)


def ratios(model, params):
    """Phi with each row divided by its sum of absolute values: what a norm lets one see."""
    Phi = depth_matrix(model, params, TOKENS)
    return Phi / np.sum(abs(Phi), axis=1, keepdims=True)


def learns(record):
    """Whether parameters that pre-norm has not, changed a little, change the ratios."""
    model, own = model_of(record)
    plain, rng = flatten(model_of(residual("pre_norm"))[1]), np.random.default_rng(1)
    moved = {name: array if name in plain else array + 0.1 * rng.standard_normal(np.shape(array))
             for name, array in flatten(own).items()}
    return not np.allclose(ratios(model, own), ratios(model, unflatten(moved)), rtol=0, atol=1e-6)


def of(test):
    """A law of the record that the student's function makes."""
    return lambda make: test(make())


OWN_MIXING = ByLaws(own_mixing, lambda rng: (), {
    "a-record": Law(of(lambda made: isinstance(made, Residual)), "no Residual is returned",
                    "return residual(\"pre_norm\")._replace(..)"),
    "mixes-depth": Law(of(mixes), "there is no depth-mixing matrix",
                       "add and scale whole sources: no map of channels or tokens, no constant"),
    "starts-plain": Law(of(starts_plain), "the first logits are not those of the pre-norm model",
                        "let each new weight start where the sum is the plain one, up to a factor for a whole row"),
    "learns": Law(of(learns), "no parameter of yours changes the ratios within a row of Phi",
                  "add a weight by `parameters` and read it from here.params"),
}, {
    "a-record": lambda: np.tril(np.ones((7, 7))),
    "mixes-depth": lambda: residual("pre_norm")._replace(write=lambda stream, y, here: stream[..., ::-1] + y),
    "starts-plain": newest_again(0.5),
    "learns": newest_again(0.0, learned=False),
}, draws=1, shaped=False)

EXERCISES = {"own_mixing": Exercise("a stream of your own", 4, 30, OWN_MIXING)}
