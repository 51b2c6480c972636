"""The open exercise of tutorial 04, RealFormer: a carry of the student's own."""

import numpy as np

from minires.exercises.records import ByLaws, Exercise, Law
from minires.model import Transformer
from minires.record import Residual
from minires.residual import residual

SIZES = {"kind": "encoder", "vocabulary": 7, "layers": 4, "width": 8, "heads": 2}


def own_carry():
    """A Residual with a carry other than RealFormer's: half of it is forgotten."""
    carry = lambda fresh, past, here: fresh + 0.5 * past[-1]["scores"] if past else fresh
    return residual("realformer")._replace(scores=carry)


def run(record, seed=0):
    """The logits and the trace of a tiny model with this record."""
    model = Transformer(variant=record, **SIZES)
    params = model.init(np.random.default_rng(seed))
    params = {**params, "embedding": {name: 20 * value for name, value in params["embedding"].items()}}
    return model.apply(params, np.array([[3, 1, 4, 1, 5, 2]]))


def carried(record):
    """Whether the second layer's scores depend on the first layer's."""
    layer = run(record)[1][1]["attention"]
    return not np.allclose(layer["scores"], layer["fresh_scores"])


def different(record):
    """Whether the logits differ from those of RealFormer, sum or mean, and of the plain Transformer."""
    logits = run(record)[0]
    others = (run(residual(name))[0] for name in ("realformer", "realformer_mean", "vanilla"))
    return all(not np.allclose(logits, other) for other in others)


def first_is_plain(record):
    """Whether the first layer, which has nothing below, is plain attention."""
    layer = run(record)[1][0]["attention"]
    return np.allclose(layer["logits"], layer["fresh_scores"])


def rows_sum_to_one(record):
    """Whether each query's probabilities sum to one, in all layers."""
    return all(np.allclose(np.sum(layer["attention"]["probabilities"], -1), 1) for layer in run(record)[1])


def replaced(**fields):
    """A function that returns RealFormer with fields replaced."""
    return lambda: residual("realformer")._replace(**fields)


OWN_CARRY = ByLaws(own_carry, lambda rng: (), {
    "a-record": Law(lambda make: isinstance(make(), Residual), "no Residual is returned",
                    "return residual(\"realformer\")._replace(scores=..)"),
    "first-layer-plain": Law(lambda make: first_is_plain(make()), "the first layer is changed",
                             "the first layer has nothing below it: return fresh where past is empty"),
    "rows-sum-to-one": Law(lambda make: rows_sum_to_one(make()), "rows of the probabilities do not sum to 1",
                           "change the scores before the softmax, not the probabilities"),
    "carries": Law(lambda make: carried(make()), "nothing is carried: S_n = A_n",
                   "use past[-1], the record of the layer below"),
    "new": Law(lambda make: different(make()), "the outputs are those of a scheme that exists", "change what is added, or how"),
}, {
    "a-record": lambda: (lambda fresh, past, here: fresh),
    "first-layer-plain": replaced(scores=lambda fresh, past, here: 2 * fresh + past[-1]["scores"] if past else 2 * fresh),
    "rows-sum-to-one": replaced(probabilities=lambda fresh, past, here: fresh + past[-1]["probabilities"] if past else fresh),
    "carries": replaced(scores=lambda fresh, past, here: fresh),
    "new": lambda: residual("realformer_mean"),
}, draws=1, shaped=False)

EXERCISES = {"own_carry": Exercise("a carry of your own", 4, 25, OWN_CARRY)}
