"""What `run` and `generate` ask of their arguments; each breach is one line that says what was expected."""

import autograd.numpy as np
import numpy
from autograd.extend import VSpace
from autograd.tracer import getval

from minires.errors import number, one_of, require
from minires.reservoir.rollout import ACTIVATIONS

KEYS = {"W": "recurrent", "W_in": "input", "b": "bias", "W_fb": "feedback", "K": "retention", "g": "gain"}


def array(name, value, dimensions=None, finite=True):
    """`value` without autograd's box; ValueError where it is no array of finite numbers, or has other dimensions."""
    plain = numpy.asarray(getval(value))
    kind = type(getval(value))
    exact = plain.dtype == object and kind in VSpace.mappings and kind not in (dict, list, tuple)  # of another arithmetic
    require(exact or numpy.issubdtype(plain.dtype, numpy.number),
            f"{name} has type {plain.dtype}: expected numbers")
    require(dimensions is None or plain.ndim in dimensions,
            f"{name} has shape {plain.shape}: expected {' or '.join(map(str, dimensions or ()))} dimensions")
    if finite and plain.dtype != object and not numpy.isfinite(plain).all():
        at = tuple(int(i) for i in numpy.argwhere(~numpy.isfinite(plain))[0])
        raise ValueError(f"{name} is {plain[at]} at {at}: expected finite numbers")
    return plain


def shaped(name, value, *shapes):
    """ValueError unless `value` is a finite array of one of the shapes."""
    plain = array(name, value)
    require(plain.shape in shapes, f"{name} has shape {plain.shape}: expected {' or '.join(map(str, shapes))}")


def check_operator(name, A, N, *shapes):
    """A matrix, one of the other shapes, or {"values": (k, N), "sources": (k, N)} with sources 0 .. N-1."""
    if not isinstance(A, dict):
        return shaped(name, A, (N, N), *shapes)
    check_keys(name, A)
    sources, values = numpy.asarray(getval(A["sources"])), array(f"{name}.values", A["values"], (2,))
    require(sources.shape == values.shape == (len(values), N),
            f"{name}.values {values.shape} and {name}.sources {sources.shape}: expected the same shape (k, {N})")
    require(numpy.issubdtype(sources.dtype, numpy.integer) and (sources.size == 0 or 0 <= sources.min() <= sources.max() < N),
            f"{name}.sources of type {sources.dtype}: expected unit numbers from 0 to {N - 1}")


def check_keys(name, A):
    """ValueError unless the dict is an operator of fixed in-degree."""
    require(set(A) == {"values", "sources"}, f"{name} has the keys {', '.join(map(str, A))}: expected values and sources")


def units(W):
    """N, from the recurrent weights W."""
    if isinstance(W, dict):
        check_keys("W", W)
    shape = numpy.shape(getval(W["sources"] if isinstance(W, dict) else W))
    require(len(shape) == 2, f"W has shape {shape}: expected (N, N) or values and sources of shape (k, N)")
    return shape[1]


def check_parameters(params):
    """ValueError unless the parameters fit each other; returns (N, d, q), q = 0 without feedback."""
    require(isinstance(params, dict), f"params of type {type(params).__name__}: expected a dict with W, W_in, K, g")
    for name in params:
        one_of("parameter of a reservoir", name, KEYS)
    missing = [name for name in ("W", "W_in", "K", "g") if name not in params]
    require(not missing, f"params lack {', '.join(missing)}: expected W, W_in, K, g and, if wanted, b, W_fb")
    N = units(params["W"])
    check_operator("W", params["W"], N)
    check_operator("K", params["K"], N, (), (N,))
    shaped("g", params["g"], (), (N,))
    widths = []
    for name in ("W_in", "W_fb"):
        if name in params:
            plain = array(name, params[name], (2,))
            require(plain.shape[0] == N, f"{name} has shape {plain.shape}: expected ({N}, .), a row per unit of W")
            widths.append(plain.shape[1])
    if "b" in params:
        shaped("b", params["b"], (N,))
    return (N, *widths, 0)[:3]


def check_series(params, u, x_0, y, y_0, f, mask, noise, rng):
    """`run`'s arguments, checked: u, x_0 with its default, y_{t-1} for each t or None, mask."""
    N, d, q = check_parameters(params)
    one_of("activation", f, ACTIVATIONS)
    shape = array("u", u, (2, 3), finite=False).shape
    require(shape[-1] == d, f"u has shape {shape}: expected (T, {d}) or (B, T, {d}), as W_in has {d} columns")
    T, lead = shape[-2], shape[:-2]
    mask = check_mask(mask, (*lead, T))
    u = real_rows("u", u, mask)
    require(number("noise", noise, 0.0, expected="a standard deviation of at least 0") == 0 or rng is not None,
            f"noise={noise} without rng: expected rng=numpy.random.default_rng(seed)")
    x_0 = start("x_0", x_0, lead, N, numpy.result_type(getval(u).dtype, getval(params["W_in"])))
    return u, x_0, teacher(q, y, y_0, lead, T, mask), mask


def check_mask(mask, shape):
    """The mask as a bool array of that shape, or None."""
    if mask is None:
        return None
    mask = numpy.asarray(mask)
    require(mask.dtype == bool and mask.shape == shape,
            f"mask of shape {mask.shape} and type {mask.dtype}: expected {shape} of bool")
    return mask


def real_rows(name, series, mask):
    """The series, finite where it is real; what stands in padding does not count, and is set to zero."""
    plain = numpy.asarray(getval(series))
    real = True if mask is None else mask[..., None]
    array(name, numpy.where(real, plain, 0))
    if plain.dtype != object and not numpy.isfinite(plain).all():
        return np.where(real, series, 0)
    return series if hasattr(series, "shape") else plain


def start(name, value, lead, size, dtype):
    """A first state or output: zeros by default, one row for all series or one for each."""
    if value is None:
        return numpy.zeros((*lead, size), dtype=dtype)
    shaped(name, value, *dict.fromkeys([(size,), (*lead, size)]))
    if numpy.shape(getval(value)) == (*lead, size):
        return value
    return np.broadcast_to(np.reshape(value, (*(1 for _ in lead), size)), (*lead, size))  # autograd adds no axes here


def teacher(q, y, y_0, lead, T, mask):
    """y_{t-1} for each t (T, q) or (B, T, q), or None for a reservoir without feedback."""
    if not q:
        require(y is None and y_0 is None, "y without W_fb in the parameters: expected W_fb (N, q), or no y")
        return None
    require(y is not None, f"W_fb without y: expected the teacher's outputs y (T, {q}), or `generate` for a free run")
    require(array("y", y, finite=False).shape == (*lead, T, q),
            f"y has shape {numpy.shape(getval(y))}: expected {(*lead, T, q)}")
    y = real_rows("y", y, mask)
    y_0 = start("y_0", y_0, lead, q, getval(y).dtype)
    return np.concatenate([y_0[..., None, :], y[..., :-1, :]], axis=-2)
