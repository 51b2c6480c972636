"""Layer norm and RMS norm over the last axis, each with its derivative.

Letters of the shapes: M rows, D width.
"""

import numpy as np

from minires.fused.rows import blocks, column_sums, folded, row_sums


def layer_norm(x, gain, bias=None, *, epsilon):
    """y = gain n + bias, n = (x - mean x) / s, s = sqrt(var x + epsilon); x (..., D), gain and bias (D,)."""
    return norm(x, gain, bias, epsilon, lambda x: row_sums(x) / x.shape[-1])


def rms_norm(x, gain, *, epsilon):
    """y = gain n, n = x / s, s = sqrt(mean x^2 + epsilon)."""
    return norm(x, gain, None, epsilon, None)


def norm(x, gain, bias, epsilon, mean):
    """Both norms: with `mean` (M, D) -> (M,) what is subtracted before, or None."""
    D = x.shape[-1]
    if x.ndim < 2 or gain.shape != (D,) or (bias is not None and bias.shape != (D,)):
        return None
    n, inverse = np.empty((x.size // max(D, 1), D), x.dtype), np.empty(x.size // max(D, 1), x.dtype)
    y = np.empty_like(n)
    for x_, n_, inverse_, y_ in blocks(folded(x), n, inverse, y):
        centred = x_ if mean is None else np.subtract(x_, mean(x_)[:, None], out=n_)
        inverse_[:] = 1 / np.sqrt(np.vecdot(centred, centred) / D + epsilon)  # 1 / s
        np.multiply(np.multiply(centred, inverse_[:, None], out=n_), gain, out=y_)
        if bias is not None:
            y_ += bias
    return y.reshape(x.shape), lambda g: slopes(g, n, inverse, gain, bias, mean)


def slopes(g, n, inverse, gain, bias, mean):
    """dx = (g' - mean g' - n mean(n g')) / s with g' = gain g ; dgain = sum g n ; dbias = sum g."""
    dx, dgain, dbias = np.empty_like(n), np.zeros_like(gain), None if bias is None else np.zeros_like(bias)
    for g_, n_, inverse_, dx_ in blocks(folded(g), n, inverse, dx):
        np.multiply(g_, n_, out=dx_)
        dgain += column_sums(dx_)
        along = (dx_ @ gain / len(gain))[:, None]  # mean(n g')
        np.multiply(g_, gain, out=dx_)
        if mean is not None:
            dx_ -= mean(dx_)[:, None]
        dx_ -= n_ * along
        dx_ *= inverse_[:, None]
        if bias is not None:
            dbias += column_sums(g_)
    return dx.reshape(g.shape), dgain, dbias
