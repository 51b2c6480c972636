"""Results and arguments as trees of arrays: copies, comparisons, and what is wrong with the form of a result."""

import numpy as np

TREES = (tuple, list)


def parts(value):
    """The arrays of a tree, in order."""
    if isinstance(value, dict):
        return [part for child in value.values() for part in parts(child)]
    if isinstance(value, TREES):
        return [part for child in value for part in parts(child)]
    return [value]


def copied(value):
    """The tree with copies of its arrays; other objects as they are."""
    if isinstance(value, dict):
        return {name: copied(child) for name, child in value.items()}
    if isinstance(value, TREES):
        children = [copied(child) for child in value]
        return type(value)(*children) if hasattr(value, "_fields") else type(value)(children)
    return value.copy() if isinstance(value, np.ndarray) else value


def alike(before, after):
    """Whether a tree is as it was: the same structure, and the same numbers."""
    a, b = parts(before), parts(after)
    return len(a) == len(b) and all(
        x is y or not isinstance(x, np.ndarray) or isinstance(y, np.ndarray) and same_array(x, y) for x, y in zip(a, b))


def same_array(x, y):
    """Equal entry by entry; NaN equals itself."""
    return np.array_equal(x, y, equal_nan=x.dtype.kind == "f")


def misfit(result, expected):
    """What is wrong with the form of a result, "shape (2, 3), expected (3, 2)", or None."""
    result, expected = (each.item() if isinstance(each, (np.bool_, np.str_)) else each for each in (result, expected))
    if isinstance(expected, dict):
        return misfit_of_dict(result, expected)
    if isinstance(expected, tuple):
        if not isinstance(result, tuple) or len(result) != len(expected):
            return f"{kind(result)}, expected a tuple of {len(expected)}"
        return next((f"at place {i}: {line}" for i, pair in enumerate(zip(result, expected)) if (line := misfit(*pair))), None)
    if not numeric(expected):
        return None if isinstance(result, type(expected)) else f"{kind(result)}, expected {kind(expected)}"
    return misfit_of_array(result, expected)


def misfit_of_dict(result, expected):
    """The same of a dict."""
    if not isinstance(result, dict) or set(result) != set(expected):
        found = f"a dict of {', '.join(map(str, result))}" if isinstance(result, dict) else kind(result)
        return f"{found}, expected a dict of {', '.join(map(str, expected))}"
    return next((f"{name}: {line}" for name in expected if (line := misfit(result[name], expected[name]))), None)


def misfit_of_array(result, expected):
    """The same of an array or a number."""
    shape = np.shape(expected)
    wanted = f"an array of shape {shape}" if shape else "a number"
    box = hasattr(result, "_value")  # of autograd
    plain = result._value if box else result
    if not isinstance(plain, (np.ndarray, np.generic)) and (shape or not isinstance(plain, (int, float))):
        return f"{kind(result)}, expected {wanted}"
    if np.shape(plain) != shape:
        return f"shape {np.shape(plain)}, expected {shape}" if shape else f"shape {np.shape(plain)}, expected a number"
    if np.asarray(plain).dtype.kind not in "fiub":
        return f"an array of {np.asarray(plain).dtype}, expected floats (with boxes of autograd use autograd.numpy)"
    bad = np.sum(~np.isfinite(plain) & np.isfinite(expected) & np.not_equal(plain, -np.inf))  # -inf is what masks hide with
    return f"{bad} of {np.size(plain)} entries that are NaN or infinite" if bad else None


def numeric(value):
    """Whether a value is a number or an array of numbers; bool is a truth value, not a number."""
    return not isinstance(value, (bool, str)) and np.asarray(value).dtype.kind in "fiu"


def kind(value):
    """a list; None."""
    return "None" if value is None else f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"


def equal(result, expected, tolerance):
    """Whether two trees of the same form hold the same: numbers to `tolerance` of the largest, other things exactly."""
    a, b = parts(result), parts(expected)
    return len(a) == len(b) and all(close(x, y, tolerance) for x, y in zip(a, b))


def close(x, y, tolerance):
    """The same of one array."""
    if not numeric(y):  # a truth value, a text, an object
        return bool(np.all(x == y)) if np.shape(x) == np.shape(y) else False
    if np.shape(x) != np.shape(y) or not numeric(x):
        return False
    x, y = np.asarray(x, float), np.asarray(y, float)
    finite = np.isfinite(y)
    size = np.max(np.abs(y[finite]), initial=0.0) or 1.0
    return same_array(x[~finite], y[~finite]) and bool(np.all(np.abs(x[finite] - y[finite]) <= tolerance * size))
