"""Additive masks: 0 where a query may attend to a key, -inf where it may not. They add up: the sum is the intersection.

A query that may attend to nothing gets probabilities 0 and context 0 (see `layers.softmax`), never NaN and never a
uniform row.

Letters of the shapes: B batch, T time (queries), S source (keys). `t` and `s` are the positions of queries and keys.
"""

import numpy as np


def additive(visible, dtype=np.float64):
    """0 where `visible`, -inf elsewhere.

    >>> additive(np.array([True, False]))
    array([  0., -inf])
    """
    return np.where(visible, 0.0, -np.inf).astype(dtype)


def padding_mask(real, dtype=np.float64):
    """Hide the padded keys. real: boolean (B, S), True at real tokens -> (B, 1, 1, S)."""
    return additive(np.asarray(real, dtype=bool)[:, None, None, :], dtype)


def causal_mask(t, s, dtype=np.float64):
    """A query sees the keys at its own position and before: s <= t. (T, S)."""
    return additive(s[None, :] <= t[:, None], dtype)


def sliding_window_mask(t, s, window, dtype=np.float64):
    """A query sees the keys nearer than `window`: |t - s| < window, itself included. (T, S)."""
    return global_local_mask(t, s, window, 0, dtype)


def global_local_mask(t, s, window, global_tokens, dtype=np.float64):
    """Sliding window, and the first `global_tokens` positions see all and are seen by all. (T, S).

    The pattern of ETC (Ainslie et al. 2020, 2004.08483) with the global tokens put in front of the sequence.
    """
    near = abs(t[:, None] - s[None, :]) < window  # (T, S)
    return additive(near | (t[:, None] < global_tokens) | (s[None, :] < global_tokens), dtype)
