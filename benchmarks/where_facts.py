"""Small facts: the same numbers by two lines of NumPy, the second the faster one, timed in turns.

Letters of the shapes: M rows, D width, B batch, H heads, T time, K head width, V vocabulary.
"""

import math
from types import SimpleNamespace

import numpy as np

from benchmarks.timing import alternated, spread, timed
from minires.fused.rows import BLOCK
from minires.layers import scatter_add

M, D, F, B, H, T, K, V = 2048, 64, 256, 32, 4, 64, 16, 64
FACTS = {  # what -> (line before, line after)
    "a power": ("x ** 3", "x * x * x"),
    "a constant that is a NumPy scalar": ("x * np.sqrt(2 / np.pi)", "x * math.sqrt(2 / math.pi)"),
    "maxima of rows of 64, and exp": ("z.max(axis=-1)", "np.exp(z)"),
    "sums of rows of 64": ("x.sum(axis=-1)", "x @ ones_D"),
    "means of squares of rows of 64": ("(x * x).mean(axis=-1)", "np.vecdot(x, x) / D"),
    "sums over the rows": ("wide.sum(axis=0)", "ones_M @ wide"),
    "exp of minus infinity": ("np.exp(z + mask)", "np.exp(z) * visible"),
    "a product of three axes by dot": ("np.dot(x3, W)", "x3 @ W"),
    "a product by einsum": ("np.einsum('btd,df->btf', x3, W)", "x3 @ W"),
    "a linear map of three axes": ("x3 @ W", "(x3.reshape(-1, D) @ W).reshape(B, T, F)"),
    "the gradient of its weight": ("(np.swapaxes(x3, 1, 2) @ g3).sum(axis=0)", "x3.reshape(-1, D).T @ g3.reshape(-1, F)"),
    "a product with a transposed view": ("q @ np.swapaxes(k, -1, -2)", "q @ np.ascontiguousarray(np.swapaxes(k, -1, -2))"),
    "the gradient of rows of a table": ("add_at(ids, rows)", "scatter_add(rows, ids, V)"),
    "the gradient of a slice": ("np.add.at(np.zeros_like(x), np.s_[:, :32], half)", "assigned(half)"),
    "a large array made anew, or written again": ("large + large", "np.add(large, large, out=other)"),
    "four passes over a large array, or over blocks of it": ("passes(large, other)", "in_blocks(large, other)")}


def given(dtype, size=2 ** 23):
    """The names that the lines use; size: entries of the large arrays, more than the allocator ever keeps unasked."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape).astype(dtype)
    mask = np.where(np.arange(T) <= np.arange(T)[:, None], 0, -np.inf).astype(dtype)
    x, large, ids = draw(M, D), draw(size), rng.integers(0, V, M)

    def add_at(ids, rows):
        out = np.zeros((V, D), dtype)
        np.add.at(out, ids, rows)
        return out

    def assigned(half):
        out = np.zeros_like(x)
        out[:, :32] = half
        return out

    arrays = {"x": x, "z": draw(B, H, T, T), "wide": draw(M, F), "mask": mask, "visible": (mask == 0).astype(dtype),
              "ones_D": np.ones(D, dtype), "ones_M": np.ones(M, dtype), "x3": x.reshape(B, T, D), "g3": draw(B, T, F),
              "W": draw(D, F), "q": draw(B, H, T, K), "k": draw(B, H, T, K), "ids": ids, "rows": draw(M, D),
              "half": draw(M, 32), "large": large, "other": np.empty_like(large)}
    return {**arrays, "np": np, "math": math, "D": D, "F": F, "B": B, "T": T, "V": V, "add_at": add_at, "assigned": assigned,
            "scatter_add": scatter_add, "passes": passes, "in_blocks": in_blocks}


def passes(x, y):
    """y = (a x^2 + b) x, one pass after the other."""
    np.multiply(x, x, out=y)
    y *= 0.0357
    y += 0.7979
    y *= x


def in_blocks(x, y):
    """The same, block by block."""
    for start in range(0, len(x), BLOCK):
        passes(x[start:start + BLOCK], y[start:start + BLOCK])


def table(dtypes=("float64", "float32"), rounds=7, least=0.05):
    """A row for each line pair and dtype: microseconds, and the ratio of the first line's time to the second's."""
    return [row_of(what, dtype, rounds, least) for what in FACTS for dtype in dtypes]


def lines(what, names):
    """The two lines as functions."""
    return [eval(f"lambda: {line}", dict(names)) for line in FACTS[what]]


def row_of(what, dtype, rounds, least):
    """The row of one pair."""
    before, after = lines(what, given(dtype))
    seconds = SimpleNamespace(**alternated({"before": timed(before), "after": timed(after)}, rounds, least))
    return {"what": what, "before": FACTS[what][0], "after": FACTS[what][1], "dtype": dtype,
            "us_before": 1e6 * float(np.median(seconds.before)), "us_after": 1e6 * float(np.median(seconds.after)),
            **spread(seconds.before, seconds.after)}
