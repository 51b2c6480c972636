"""One row per fused form: the public operation of the library that has it, and random arrays with no two sizes alike.

A case is a function of the arrays that are differentiated; what is constant (a mask, targets, positions) is inside.
"""

import inspect
from contextlib import contextmanager
from functools import wraps
from types import SimpleNamespace
from typing import NamedTuple

import autograd.numpy as np
import numpy
from autograd import make_vjp

from minires.activations import gated, gelu_tanh
from minires.arithmetic import cast
from minires.attention import masked_softmax, scaled_product
from minires.fused import probabilities, rows
from minires.heads import group_product, merge_heads, split_heads
from minires.layers import cross_entropy, embedding, layer_norm, linear, rms_norm
from minires.positions import alibi, rotate
from minires.reservoir.rollout import rollout
from minires.spelling import spelling

B, T, S, D, F, V = 2, 5, 3, 7, 4, 6
H, G, K = 6, 2, 4  # three query heads for each key/value head
EPSILON = 1e-3
DTYPES = ("float64", "float32")
NEAR = {"float64": 1e-12, "float32": 2e-5}  # relative to the largest entry


class Case(NamedTuple):
    """An operation of arrays, and the shapes of these for a batch of B."""

    operation: callable  # (*arrays) -> y
    shapes: callable     # B -> shapes of the arrays
    form: str            # the name of the fused form


def constants(dtype, B=B):
    """Masks, biases and targets: an arithmetic of objects gets them in its own numbers."""
    hidden = numpy.where(numpy.tri(T, 9, 2, bool), 0.0, -numpy.inf)
    soft = numpy.random.default_rng(8).standard_normal((T, 9))
    slopes = alibi(H, numpy.arange(4, 4 + T), numpy.arange(9), numpy.dtype("float64"))
    weights = numpy.random.default_rng(9).uniform(0.5, 1.5, (B, T)) * (numpy.arange(T) != 1)
    own = {name: cast(array, numpy.dtype(dtype)) for name, array in
           {"hidden": hidden, "soft": soft, "alibi": slopes, "weights": weights}.items()}
    return SimpleNamespace(**own, targets=numpy.random.default_rng(7).integers(0, V, (B, T)))


def here(bias=None, mask=None):
    """What `masked_softmax` asks a sublayer for."""
    return SimpleNamespace(bias=lambda: bias, mask=lambda: mask)


def softmax_under(**terms):
    """softmax(z + bias + mask) with the named constants."""
    def operation(z):
        own = constants(z.dtype)
        return masked_softmax(z, here(**{term: getattr(own, name) for term, name in terms.items()}))
    return Case(operation, lambda B: [(B, H, T, 9)], "masked_softmax")


def cross_entropy_of_a_batch(z):
    own = constants(z.dtype, z.shape[0])
    return cross_entropy(z, own.targets, own.weights)


def normed(norm):
    return lambda *arrays: norm(*arrays, epsilon=EPSILON)


CASES = {
    "linear": Case(linear, lambda B: [(B, T, D), (D, F), (F,)], "linear"),
    "linear without bias": Case(linear, lambda B: [(B, T, D), (D, F)], "linear"),
    "linear of rows": Case(linear, lambda B: [(B, D), (D, F), (F,)], "linear"),
    "split_heads": Case(lambda x: split_heads(x, H), lambda B: [(B, T, H * K)], "split_heads"),
    "merge_heads": Case(merge_heads, lambda B: [(B, H, T, K)], "merge_heads"),
    "group_product": Case(group_product, lambda B: [(B, H, T, S), (B, G, S, K)], "group_product"),
    "group_product of one group": Case(group_product, lambda B: [(B, H, T, S), (B, 1, S, K)], "group_product"),
    "group_product of as many": Case(group_product, lambda B: [(B, G, T, S), (B, G, S, K)], "group_product"),
    "scaled_product": Case(lambda q, k: scaled_product(q, k, SimpleNamespace(head_width_=K)),
                           lambda B: [(B, H, T, K), (B, G, K, S)], "scaled_product"),
    "rotated": Case(lambda x: rotate(x, numpy.arange(3, 3 + T)), lambda B: [(B, H, T, K)], "rotated"),
    "layer_norm": Case(normed(layer_norm), lambda B: [(B, T, D), (D,), (D,)], "layer_norm"),
    "layer_norm without bias": Case(normed(layer_norm), lambda B: [(B, T, D), (D,)], "layer_norm"),
    "rms_norm": Case(normed(rms_norm), lambda B: [(B, T, D), (D,)], "rms_norm"),
    "masked_softmax": softmax_under(mask="hidden"),
    "masked_softmax with bias": softmax_under(mask="hidden", bias="alibi"),
    "masked_softmax, soft mask": softmax_under(mask="soft"),
    "masked_softmax, soft mask and bias": softmax_under(mask="soft", bias="alibi"),
    "masked_softmax, bias alone": softmax_under(bias="alibi"),
    "masked_softmax, no mask": softmax_under(),
    "cross_entropy": Case(cross_entropy_of_a_batch, lambda B: [(B, T, V)], "cross_entropy"),
    "gelu_tanh": Case(gelu_tanh, lambda B: [(B, T, F)], "gelu_tanh"),
    "gated": Case(gated, lambda B: [(B, T, F), (B, T, F)], "gated"),
}
SAME_SWITCH = {  # operations by hand that are no form: they have a primitive of autograd's
    "embedding": Case(lambda W: embedding(W, numpy.array([[5, 1, 1], [0, 5, 1]])), lambda B: [(V, D)], "embedding"),
    "rollout": Case(lambda W, K, g, z, x: rollout(W, K, g, z, x, mask=numpy.arange(z[..., 0].size).reshape(T, -1, 1) % 4 != 2)
                    if z.size else rollout(W, K, g, z, x), lambda B: [(D, D), (D,), (D,), (T, B, D), (B, D)], "rollout"),
    "rollout with numbers": Case(lambda W, K, g, z, x: rollout(W, K, g, z, x),
                                 lambda B: [(D, D), (), (), (T, D), (D,)], "rollout"),
}
ALL = {**CASES, **SAME_SWITCH}


def each(name, values):
    """A test for each of the values in one: much cheaper than one test each. A failure says which value it was."""
    def decorate(law):
        signature = inspect.signature(law)

        @wraps(law)
        def all_of_them(**others):
            for value in values:
                try:
                    law(**others, **{name: value})
                except BaseException as error:
                    error.add_note(f"{name} = {value}")
                    raise
        own = [argument for argument in signature.parameters.values() if argument.name != name]
        all_of_them.__signature__ = signature.replace(parameters=own)
        return all_of_them
    return decorate


@contextmanager
def blocks_of(entries):
    """Inside this context a block has so many entries, so that small arrays have several."""
    before = rows.BLOCK
    rows.BLOCK = probabilities.BLOCK = entries
    try:
        yield
    finally:
        rows.BLOCK = probabilities.BLOCK = before


def drawn(case, dtype="float64", B=B, seed=0):
    """Random arrays of the case's shapes; none is zero or one, so that no factor is lost unseen."""
    rng = numpy.random.default_rng(seed)
    return [numpy.asarray(1.3 * rng.standard_normal(shape) + 0.2, dtype) for shape in case.shapes(B)]


def pulled(operation, arrays, g=None):
    """The value and, one array after the other, the gradient of each for the cotangent g (random: None)."""
    y = operation(*arrays)
    g = cotangent(y) if g is None else g
    return y, [make_vjp(operation, i)(*arrays)[0](g) for i in range(len(arrays))]


def cotangent(y, seed=5):
    """A random array like y."""
    return (numpy.random.default_rng(seed).standard_normal(numpy.shape(y)) + 0.1).astype(y.dtype)


def plainly(function, *arguments):
    """function(*arguments), spelled plainly."""
    with spelling("plain"):
        return function(*arguments)


def assert_near(own, expected, bound, what="", least=0):
    """Same shape, a difference of at most bound times the largest entry (or `least`, where it is more); NaN where expected.

    Not the same dtype: spelled plainly, the derivative of `where` or `max` turns float32 into float64.
    """
    assert np.shape(own) == np.shape(expected), f"{what}: {np.shape(own)}, expected {np.shape(expected)}"
    assert numpy.array_equal(numpy.isnan(own), numpy.isnan(expected)), what
    largest = numpy.max(abs(expected), initial=least, where=numpy.isfinite(expected))
    error = numpy.max(abs(own - expected), initial=0, where=~numpy.isnan(expected) & (own != expected))
    assert error <= bound * largest, f"{what}: {error / largest:.1e}"


def laid_out(array, how):
    """The same numbers in another order of memory: reversed axes, or every other entry of a larger array."""
    if how == "transposed" and array.ndim:
        return numpy.ascontiguousarray(array.T).T
    if how == "sliced" and array.ndim:
        wide = numpy.full(array.shape[:-1] + (2 * array.shape[-1] + 1,), numpy.nan, array.dtype)
        wide[..., 1::2] = array
        return wide[..., 1::2]
    return array
