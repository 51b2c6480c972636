"""The open exercise of tutorial 13, invent a residual: a record of the student's own, put to the laws of a decoder."""

from functools import lru_cache

import numpy as np

from minires.decoding import decode
from minires.exercises.records import ByLaws, Exercise, Law
from minires.gradients import check_gradients, loss, random_parameters, tiny_example
from minires.layers import stopped
from minires.model import LLAMA, Transformer
from minires.parameters import flatten, unflatten
from minires.record import Residual
from minires.residual import VARIANTS, residual
from minires.transformer import after_first

SIZES = {"kind": "decoder", "vocabulary": 7, "layers": 3, "width": 6, "heads": 3, "head_width": 2, "feed_forward": 5, **LLAMA}
TOKENS = np.array([[3, 1, 4, 1, 5, 2], [0, 6, 2, 2, 1, 3]])


def own_residual():
    """Pre-norm with a third of what the heads of the layer below have found."""
    return replaced(heads=after_first(lambda U, past, here: U + past[-1]["heads"] / 3))()


def replaced(**fields):
    """A function that returns pre-norm with fields replaced."""
    return lambda: residual("pre_norm")._replace(**fields)


def model_of(record):
    """A tiny model, and random parameters that are the same where the names are."""
    model, rng = Transformer(variant=record, **SIZES), np.random.default_rng(1)
    plain = flatten(random_parameters(Transformer(variant="pre_norm", **SIZES), np.random.default_rng(2)))
    return model, unflatten({name: plain.get(name, value) for name, value in flatten(random_parameters(model, rng)).items()})


def logits(record, tokens=TOKENS):
    """The logits of the tiny model."""
    model, params = model_of(record)
    return model.apply(params, tokens)[0]


def near(x, y):
    """Equal to 1e-9 of the largest, and finite."""
    return bool(np.all(np.isfinite(x)) and np.max(abs(x - y)) <= 1e-9 * np.max(abs(y)))


def sees_no_later_token(record):
    """Whether earlier logits stay where the last token changes."""
    changed = np.concatenate([TOKENS[:, :-1], TOKENS[:, -1:] + 1], axis=1)
    return near(logits(record, changed)[:, :-1], logits(record)[:, :-1])


def is_independent(record):
    """Whether a sequence alone has the logits that it has in a batch."""
    return near(logits(record, TOKENS[:1]), logits(record)[:1])


def decodes(record):
    """Whether a prompt and two steps of one token give the logits of the whole."""
    model, params = model_of(record)
    found, cache = decode(model, params, TOKENS[:, :4])
    found = [found]
    for t in (4, 5):
        step, cache = decode(model, params, TOKENS[:, t:t + 1], cache)
        found.append(step)
    return near(np.concatenate(found, axis=1), logits(record))


def keeps_float32(record):
    """Whether float32 parameters give float32 logits."""
    model, params = model_of(record)
    single = unflatten({name: np.float32(value) for name, value in flatten(params).items()})
    return model.apply(single, TOKENS)[0].dtype == np.float32


def has_gradients(record):
    """Whether the gradients of its own parameters and of layer 1's agree with central differences."""
    model, params = model_of(record)
    batch, known = tiny_example(model, np.random.default_rng(3)), flatten(model_of("pre_norm")[1])
    wanted = lambda name: name not in known or name in ("layers.0.attention.W_v", "layers.0.attention.W_k",
                                                        "layers.0.feed_forward.W_2")
    rows = check_gradients(lambda p: loss(model, p, batch)[0], params, np.random.default_rng(4), wanted)
    return max(row.reverse for row in rows) < 1e-6


@lru_cache(maxsize=1)
def known_logits():
    """The logits of every scheme of the library that has no parameters of its own, and of leaky values."""
    known, found = set(flatten(model_of("pre_norm")[1])), []
    for name in VARIANTS:
        try:
            model, params = model_of(residual(name))
        except ValueError:  # not defined for a decoder of these sizes
            continue
        if set(flatten(params)) <= known:
            found.append(model.apply(params, TOKENS)[0])
    return found + [logits(replaced(values=leaky)()) for leaky in map(leaky_values, (0.25, 0.5, 0.75))]


def leaky_values(a):
    """V'_n = (1 - a) V'_{n-1} + a V_n."""
    return after_first(lambda V, past, here: (1 - a) * past[-1]["values"] + a * V)


def is_new(record):
    """Whether the logits are those of no known scheme."""
    return not any(near(logits(record), other) for other in known_logits())


def of(test):
    """A law of the record that the student's function makes."""
    return lambda make: test(make())


OWN_RESIDUAL = ByLaws(own_residual, lambda rng: (), {
    "a-record": Law(of(lambda made: isinstance(made, Residual)), "no Residual is returned",
                    "return residual(\"pre_norm\")._replace(..)"),
    "no-later-token": Law(of(sees_no_later_token), "a token sees what follows it", "no means, norms or sums over the tokens"),
    "independent": Law(of(is_independent), "sequences of a batch see each other", "nothing may run over the first axis"),
    "decodes": Law(of(decodes), "decoding step by step computes something else than reading",
                   "use past (the layers below), not other tokens; `here.with_earlier` keeps what a later step needs"),
    "float32": Law(of(keeps_float32), "float32 becomes float64", "no arrays of float64: Python numbers, or the parameters"),
    "gradients": Law(of(has_gradients), "the gradient differs from central differences",
                     "autograd.numpy throughout; nothing detached, no values taken out of boxes"),
    "new": Law(of(is_new), "the outputs are those of a scheme that exists", "change what is carried, or where"),
}, {
    "a-record": lambda: "pre_norm",
    "no-later-token": replaced(values=lambda V, past, here: V - V.mean(axis=1, keepdims=True)),
    "independent": replaced(values=lambda V, past, here: V - V.mean(axis=0, keepdims=True)),
    "decodes": replaced(values=lambda V, past, here: V + 0.1 * V[:, :1]),
    "float32": replaced(branch_output=lambda y, here: y * np.full(1, 0.9)),
    "gradients": replaced(values=after_first(lambda V, past, here: V + stopped(past[-1]["values"]) / 3)),
    "new": replaced(values=leaky_values(0.5)),
}, draws=1, shaped=False)

EXERCISES = {"own_residual": Exercise("a residual of your own", 4, 60, OWN_RESIDUAL)}
