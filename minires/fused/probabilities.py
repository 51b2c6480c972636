"""Softmax under a mask and softmax cross-entropy, each with its derivative.

Letters of the shapes: B batch, H heads, T time (queries), S source (keys), M rows, V vocabulary; `...` any leading axes.
"""

import numpy as np

from minires.fused.rows import BLOCK, blocks, folded, ones, row_sums

SAFE = {"f": 60.0, "d": 500.0}  # |z| up to which exp(z) neither overflows nor loses a row's sum


def exponentials(z, mask, out):
    """exp(z - c) into `out`, one number c for each row: 0 where that is safe for all, else the row's maximum under the mask.

    Softmax is the same for any c, and the maxima of short rows take longer than the exponentials.
    """
    if max(z.max(initial=0.0), -z.min(initial=0.0)) <= SAFE[z.dtype.char]:
        return np.exp(z, out=out)
    if mask is not None:  # a hidden logit is not to be the maximum
        z = z + mask
    top = z.max(axis=-1, keepdims=True)
    np.subtract(z, np.where(top == -np.inf, 0, top).astype(z.dtype), out=out)
    return np.exp(out, out=out)


def squares(shape):
    """Indices of blocks of an array (B, H, T, S): some sequences, or some rows of one."""
    B, H, T, S = shape
    whole, part = max(1, BLOCK // max(1, H * T * S)), max(1, BLOCK // max(1, H * S))
    for b in range(0, B, whole):
        for t in range(0, T, part):
            yield slice(b, b + whole), slice(None), slice(t, t + part), slice(None)


def broadcasts(shape, whole):
    """Whether an array of this shape broadcasts to the whole one (np.broadcast_shapes takes as long as a small product)."""
    return len(shape) <= len(whole) and all(own in (1, size) for own, size in zip(shape[::-1], whole[::-1]))


def at(i, term):
    """What a term that broadcasts to (B, H, T, S) has at the index i."""
    return term[tuple(own if size > 1 else slice(None) for own, size in zip(i[4 - term.ndim:], term.shape))]


def masked_softmax(z, *, bias=None, mask=None):
    """p = softmax(z + bias + mask) over the last axis; z (B, H, T, S), the others broadcast to it. All masked: p = 0."""
    terms = [term for term in (bias, mask) if term is not None]
    if z.ndim != 4 or z.size == 0 or not all(broadcasts(term.shape, z.shape) for term in terms):
        return None
    hard = mask is not None and np.count_nonzero(mask == 0) + np.count_nonzero(mask == -np.inf) == mask.size
    visible = (mask == 0).astype(z.dtype) if hard else None
    z = sum(terms[:-1] if hard else terms, z)  # (B, H, T, S)
    p = np.empty(z.shape, z.dtype)
    for i in squares(z.shape):
        e = exponentials(z[i], at(i, mask) if hard else None, p[i])
        if hard:  # zeros are set after exp, which is slow at -inf
            e *= at(i, visible)
        total = np.matmul(e, ones(z.shape[-1], z.dtype))  # (B, H, T)
        e /= np.maximum(total, np.finfo(z.dtype).tiny, out=total)[..., None]  # 0 / tiny = 0 where all is hidden

    def vjp(g):  # dz = p (g - sum p g)
        dz = np.empty(p.shape, p.dtype)
        for i in squares(p.shape):
            np.subtract(g[i], np.vecdot(p[i], g[i])[..., None], out=dz[i])
            dz[i] *= p[i]
        return (dz,)

    return p, vjp


def exponentials_over(z, own, out):
    """exp(z - c) into `out`, and c (M,): each row's target logit, of which the loss is log sum exp(z - own); or its maximum.

    Of the two the first is there already, but where it is far below the others, exp would overflow.
    """
    with np.errstate(invalid="ignore"):  # -inf - -inf
        np.subtract(z, own[:, None], out=out)
    if not out.max() <= SAFE[z.dtype.char]:
        own = z.max(axis=-1)
        np.subtract(z, own[:, None], out=out)
    return np.exp(out, out=out), own


def cross_entropy(z, *, targets, weights):
    """L = - sum_i w_i ln softmax(z_i)[target_i] / sum_i w_i; z (..., V), targets and weights (...)."""
    if targets.shape != z.shape[:-1] or np.shape(weights) != targets.shape or z.size == 0:
        return None
    weights = (weights / np.sum(weights)).astype(z.dtype).ravel()  # (M,)
    rows, targets, p = folded(z), targets.ravel(), np.empty((targets.size, z.shape[-1]), z.dtype)
    loss, everyone = z.dtype.type(0), np.arange(len(rows))
    for z_, p_, target, weight, i in blocks(rows, p, targets, weights, everyone):
        own = z_[i - i[0], target]
        e, top = exponentials_over(z_, own, p_)
        total = row_sums(e)
        loss += weight @ (np.log(total) + (top - own))
        e /= total[:, None]

    def vjp(g):  # dL/dz = w (p - one_hot(target))
        scale = (g * weights).astype(p.dtype)
        dz = p * scale[:, None]
        dz[everyone, targets] -= scale
        return (dz.reshape(z.shape),)

    return loss, vjp
