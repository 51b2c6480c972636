"""Mistakes in how the carry of RealFormer is lined up with the scores that it is added to: axes, heads, groups."""

import autograd.numpy as np

from minires.oracle.mistakes.carry import of_carry, one, realformer
from minires.oracle.mistakes.places import both, grouped


def group(scores, here, reduce):
    """One carry per key/value head: reduce over the heads of a group, then the same for all of them."""
    B, H, T, S = scores.shape
    grouped_scores = np.reshape(scores, (B, here.context.model.kv_heads_, -1, T, S))
    one_each = reduce(grouped_scores)  # (B, G, 1, T, S)
    return np.reshape(one_each + 0 * grouped_scores, (B, H, T, S))


def transposed(scores, here):
    """S^T, where it has the shape of S."""
    return np.swapaxes(scores, -1, -2) if scores.shape[-1] == scores.shape[-2] else scores


MISTAKES = {
    "carry-transposed": one(
        "the carry is transposed where T = S: queries and keys change places", of_carry(transposed), realformer, "F35"),
    "carry-heads-rolled": one(
        "the heads of the carry stand one place on", of_carry(lambda s, here: np.roll(s, 1, axis=1)), realformer, "F37"),
    "carry-averaged-over-heads": one(
        "the carry is averaged over heads", of_carry(lambda s, here: np.mean(s, axis=1, keepdims=True) + 0 * s), realformer,
        "F38"),
    "carry-averaged-over-group": one(
        "the carry is kept per key/value head: the mean of its query heads",
        of_carry(lambda s, here: group(s, here, lambda x: np.mean(x, axis=2, keepdims=True))), both(realformer, grouped),
        "F39"),
    "carry-of-first-in-group": one(
        "the carry is kept per key/value head: that of its first query head",
        of_carry(lambda s, here: group(s, here, lambda x: x[:, :, :1])), both(realformer, grouped), "F39"),
}
