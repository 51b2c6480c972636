"""The open exercise of tutorial 06, SVFormer and the cache: a smaller cache of the student's own."""

import numpy as np

from minires.decoding import decode
from minires.exercises.records import ByLaws, Exercise, Law
from minires.gradients import loss, value_and_gradient
from minires.model import LLAMA, Transformer
from minires.record import Residual
from minires.residual import residual
from minires.tasks import Batch

SIZES = {"kind": "decoder", "vocabulary": 7, "layers": 4, "width": 8, "heads": 2, "initial_std": 0.5, **LLAMA}
TOKENS = np.array([[3, 1, 4, 1, 5, 2, 6, 5]])
KNOWN = ("svformer", "cla", "mlkv", "yoco", "pre_norm")


def own_sharing():
    """Keys shared in pairs of layers, the values of layer 1 in all."""
    pairs, first = residual("cla"), residual("svformer")
    return pairs._replace(values=first.values, parameters=pairs.parameters + first.parameters[-1:])


def model_of(record):
    """A tiny model and its parameters."""
    model = Transformer(variant=record, **SIZES)
    return model, model.init(np.random.default_rng(0))


def logits(record, tokens=TOKENS):
    """Those of one pass."""
    model, params = model_of(record)
    return model.apply(params, tokens)[0]


def size(record):
    """Bytes that decoding keeps per token."""
    return decode(*model_of(record), TOKENS)[1].bytes_per_token()


def causal(record):
    """Whether the logits of the first tokens are the same when later tokens differ."""
    other = np.concatenate([TOKENS[:, :4], 6 - TOKENS[:, 4:]], axis=1)
    return np.allclose(logits(record)[:, :4], logits(record, other)[:, :4])


def decodes(record):
    """Whether the steps of decoding equal the pass over all tokens."""
    model, params = model_of(record)
    first, cache = decode(model, params, TOKENS[:, :5])
    steps = [first]
    for token in TOKENS[0, 5:]:
        own, cache = decode(model, params, np.array([[token]]), cache)
        steps.append(own)
    return np.allclose(np.concatenate(steps, axis=1), logits(record), rtol=0, atol=1e-10)


def all_used(record):
    """Whether each parameter has a gradient."""
    model, params = model_of(record)
    batch = Batch({"tokens": TOKENS}, (TOKENS + 1) % 7, np.ones(TOKENS.shape))
    gradient = value_and_gradient(lambda tree: loss(model, tree, batch)[0], params)[1]
    return all(np.any(g != 0) for g in gradient.values())


def different(record):
    """Whether the logits differ from those of the schemes that exist."""
    own = logits(record)
    return all(not np.allclose(own, logits(residual(name))) for name in KNOWN)


def from_first(values):
    """SVFormer's record in which later layers use values(V_1)."""
    return lambda: residual("svformer")._replace(
        values=lambda fresh, past, here: values(past[0]["values"]) if past else fresh)


def dead_weights():
    """CLA with V_1 in all layers; the W_v of layer 3 is left."""
    return residual("cla")._replace(values=lambda fresh, past, here: past[0]["values"] if past else fresh)


def one_late(V):
    """The row of the token before."""
    return np.concatenate([0 * V[:, :1], V[:, :-1]], axis=1)


def of(test):
    """A law of the record that the student's function makes."""
    return lambda make: test(make())


OWN_SHARING = ByLaws(own_sharing, lambda rng: (), {
    "a-record": Law(of(lambda made: isinstance(made, Residual)), "no Residual is returned",
                    "return residual(\"svformer\")._replace(..)"),
    "causal": Law(of(causal), "a token sees tokens after it", "use only rows of the same place or before it"),
    "decodes": Law(of(decodes), "decoding step by step differs from the full pass",
                   "a step knows its own rows only: map each row by itself, or keep what the next step needs"),
    "saves": Law(of(lambda made: 4 * size(made) <= 3 * size(residual("pre_norm"))), "more than 3/4 of the plain cache is kept",
                 "hand on the same array, past[-1][\"keys\"]: an equal copy is kept twice"),
    "all-used": Law(of(all_used), "a weight is left that nothing uses", "take W_k or W_v out where they are not read"),
    "new": Law(of(different), "the outputs are those of a scheme that exists", "share other layers, or keys unlike values"),
}, {
    "a-record": lambda: {"anchors": (1, 3)},
    "causal": from_first(lambda V: V[:, ::-1]),
    "decodes": from_first(one_late),
    "saves": lambda: residual("resformer"),
    "all-used": dead_weights,
    "new": lambda: residual("svformer"),
}, draws=1, shaped=False)

EXERCISES = {"own_sharing": Exercise("keep less, in a way of your own", 4, 30, OWN_SHARING)}
