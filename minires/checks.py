"""What a description, parameters and inputs must satisfy; each failure is one line that says what was expected."""

from functools import lru_cache

import numpy as np
from autograd.tracer import isbox

from minires.activations import ACTIVATIONS
from minires.errors import one_of, require
from minires.layers import NORMS
from minires.parameters import flatten
from minires.residual import residual

KINDS = ("encoder", "decoder", "encoder_decoder")
POSITIONS = ("learned", "sinusoidal", "rotary", "alibi", "none")
HEADS = ("masked_lm", "linear", "tied")
USES = {"encoder": {"padding", "mask", "bias", "segments", "rng"},
        "decoder": {"padding", "mask", "bias", "segments", "rng"},
        "encoder_decoder": {"source", "source_padding", "padding", "mask", "bias", "segments", "rng"}}


def check_description(model):
    """The sizes of a model fit together and every name is known."""
    for what, given, choices in (
            ("kind", model.kind, KINDS), ("positions", model.positions, POSITIONS), ("norm", model.norm, NORMS),
            ("activation", model.activation, ACTIVATIONS), ("head", model.head or "linear", HEADS)):
        one_of(what, given, dict.fromkeys(choices))
    residual(model.variant, model.placement, model.options)
    for name in ("vocabulary", "layers", "width", "heads", "kv_heads", "head_width", "feed_forward", "maximum_length"):
        size = getattr(model, name)
        require(size is None or (isinstance(size, (int, np.integer)) and size >= 1),
                f"{name}={size!r}: expected a whole number of at least 1")
    D, H, G = model.width, model.heads, model.kv_heads_
    require(model.head_width or D % H == 0,
            f"width={D} is not divisible by heads={H}: the nearest width that is is {nearest_multiple(D, H)}")
    require(H % G == 0, f"heads={H} is not divisible by kv_heads={G}: expected one of {divisors(H)}")
    require(model.positions != "rotary" or model.head_width_ % 2 == 0,
            f"rotary positions turn pairs of channels: head width {model.head_width_} is odd, expected an even one")
    require(model.positions != "sinusoidal" or D % 2 == 0, f"sinusoidal positions: width={D} is odd, expected even")
    require(0 <= model.dropout < 1, f"dropout={model.dropout!r}: expected a rate in [0, 1)")
    windows = model.window if isinstance(model.window, tuple) else [model.window] * model.layers
    require(len(windows) == model.layers,
            f"window has {len(windows)} entries, expected one per layer ({model.layers})")
    require(all(w is None or (isinstance(w, int) and w >= 1) for w in windows),
            f"window={model.window!r}: expected None or whole numbers of at least 1")


def nearest_multiple(n, divisor):
    """The multiple of `divisor` nearest to n, at least `divisor`."""
    return max(divisor, round(n / divisor) * divisor)


def divisors(n):
    """All divisors of n, as text."""
    return ", ".join(str(d) for d in range(1, n + 1) if n % d == 0)


def float_type(dtype):
    """float32 or float64 as a NumPy dtype."""
    one_of("dtype", dtype if isinstance(dtype, str) else np.dtype(dtype).name, dict.fromkeys(("float32", "float64")))
    return np.dtype(dtype)


@lru_cache(maxsize=32)
def expected_shapes(model):
    """Name -> shape of all parameters of the description."""
    return {name: array.shape for name, array in flatten(model.init(np.random.default_rng(0))).items()}


def check_parameters(model, params):
    """Names and shapes of this model, one dtype, finite numbers. Parameters under differentiation pass unchecked."""
    if isbox(params):
        return
    arrays, expected = flatten(params), expected_shapes(model)
    if any(isbox(array) for array in arrays.values()):
        return
    for name in expected:
        require(name in arrays, f"parameter {name} is missing: these parameters are of another model")
    for name, array in arrays.items():
        require(name in expected, f"parameter {name} is unknown: these parameters are of another model")
        require(np.shape(array) == expected[name],
                f"parameter {name} has shape {np.shape(array)}, expected {expected[name]}")
    check_numbers(arrays)


def check_numbers(arrays):
    """One floating dtype for all, and no NaN or infinity."""
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    first = next(iter(arrays))
    for name, array in arrays.items():
        require(array.dtype == arrays[first].dtype, f"mixed dtypes: parameter {name} is {array.dtype}, "
                f"{first} is {arrays[first].dtype}; expected one dtype for all")
        require(np.issubdtype(array.dtype, np.floating), f"parameter {name} is {array.dtype}, expected floats")
        bad = np.sum(~np.isfinite(array))
        require(not bad, f"parameter {name} has {bad} entries that are NaN or infinite")


def check_inputs(model, tokens, inputs, kept=0):
    """The inputs of `apply` as arrays: known names, ids in range, lengths within the positions, masks that broadcast."""
    for name in inputs:
        require(name in USES[model.kind],
                f"{name} has no use in a model of kind {model.kind}: it takes {', '.join(sorted(USES[model.kind]))}")
    inputs = {name: value for name, value in inputs.items() if value is not None}
    tokens = check_ids("tokens", tokens, model.vocabulary)
    B, T = tokens.shape
    S = kept + T
    check_length(model, "tokens", S)
    if model.kind == "encoder_decoder" and not kept:
        require("source" in inputs, "an encoder_decoder needs source=, the ids that its encoder reads")
    if "source" in inputs:
        inputs["source"] = check_ids("source", inputs["source"], model.vocabulary)
        require(len(inputs["source"]) == B, f"source has {len(inputs['source'])} sequences, tokens have {B}")
        check_length(model, "source", inputs["source"].shape[1])
    if "segments" in inputs:
        require(model.segments, "this model has no segments: describe it with segments=2 (or more)")
        inputs["segments"] = check_ids("segments", inputs["segments"], model.segments)
        require(inputs["segments"].shape == (B, T),
                f"segments have shape {inputs['segments'].shape}, expected {(B, T)}")
    sizes = {"padding": (B, S), "source_padding": inputs["source"].shape if "source" in inputs else (B, None)}
    for name in sizes.keys() & inputs.keys():
        inputs[name] = check_padding(name, inputs[name], sizes[name])
    for name in {"mask", "bias"} & inputs.keys():
        check_additive(name, inputs[name], (B, model.heads, T, S), model.layers)
    return {"tokens": tokens, **inputs}


def check_ids(name, ids, size):
    """A (B, T) array of whole numbers in 0 .. size - 1."""
    ids = np.asarray(ids)
    require(ids.ndim == 2 and ids.size, f"{name} have shape {ids.shape}, expected (batch, time), both at least 1")
    require(np.issubdtype(ids.dtype, np.integer), f"{name} are {ids.dtype}, expected whole numbers")
    outside = ids[(ids < 0) | (ids >= size)]
    require(not outside.size, f"{name}: id {outside[:1]} is out of range, expected 0 to {size - 1}")
    return ids


def check_length(model, name, length):
    """Learned positions end at maximum_length."""
    require(model.positions != "learned" or length <= model.maximum_length,
            f"{name}: {length} are longer than the {model.maximum_length} learned positions (maximum_length)")


def check_padding(name, real, shape):
    """A boolean (B, S) array, True at real tokens."""
    real = np.asarray(real)
    require(real.dtype == bool, f"{name} is {real.dtype}, expected booleans, True at real tokens")
    fits = real.ndim == 2 and all(want in (None, have) for want, have in zip(shape, real.shape))
    require(fits, f"{name} has shape {real.shape}, expected {shape}")
    return real


def check_additive(name, given, shape, layers):
    """An additive array, or for masks a list of one per layer, that broadcasts to (B, H, T, S)."""
    if isinstance(given, (list, tuple)):
        require(name == "mask" and len(given) == layers,
                f"{name} is a list of {len(given)}, expected {f'one per layer ({layers})' if name == 'mask' else 'an array'}")
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if one is None:
            continue
        require(np.issubdtype(np.asarray(one).dtype, np.floating),
                f"{name} is {np.asarray(one).dtype}, expected floats to add to the logits (see minires.additive)")
        have = np.shape(one)
        fits = len(have) <= 4 and all(a in (1, b) for a, b in zip(have[::-1], shape[::-1]))
        require(fits, f"{name} has shape {have}, expected one that broadcasts to {shape} (B, H, T, S)")
        require(not np.any(np.isnan(one)) and not np.any(np.isposinf(one)), f"{name} has NaN or +inf entries")
