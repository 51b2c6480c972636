"""Zeros that hold by an identity: which entries they are, and the proof.

Computed in balls such an entry encloses zero at every precision. Where a clause holds, zero is its value, and the ball is
only required to contain it, with a radius below 2^-(bits/2). A clause that claims too much does no harm: an entry that is
not zero is enclosed away from it. What is 0 times something, or x - x, is exactly 0 in balls and needs no clause.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Clause(NamedTuple):
    """One identity."""

    proof: str       # one line
    holds: Callable  # (case, name of a tensor) -> (index -> bool), or None where it holds for no entry


def key_bias(case, name):
    """The gradient of b_k, where it is not rotated by the key's position."""
    found = re.fullmatch(r"grad/(?:.*\.)?(attention|cross_attention)\.b_k", name)
    rotary = case.config.get("model", {}).get("positions") == "rotary"
    return (lambda index: True) if found and (found[1] == "cross_attention" or not rotary) else None


def equal_beginning(case, name):
    """The gradient of queries and scores (B, H, T, ..) at the queries before which a causal row has one token only."""
    found = re.fullmatch(r"grad/(decoder\.)?layers\.\d+\.attention\.(query_heads|fresh_scores|scores|logits)", name)
    kind = case.config.get("model", {}).get("kind")
    if not found or case.system != "transformer" or kind == "encoder" or (kind == "encoder_decoder") != bool(found[1]):
        return None
    tokens = case.inputs["tokens"]  # (B, T)
    same = np.logical_and.accumulate(tokens == tokens[:, :1], axis=1)  # (B, T)
    return lambda index: bool(same[index[0], index[2]])


def antisymmetric(case, name):
    """The gradient of the diagonal of the Euler state network's W."""
    euler = case.config.get("network", {}).get("preset") == "eusn" and name == "grad/reservoir.W"
    return (lambda index: index[0] == index[1]) if euler else None


CLAUSES = {
    "key bias": Clause("b_k adds q.b_k to all logits of a query, and softmax is blind to what all its keys share", key_bias),
    "equal beginning": Clause("equal tokens have equal values: their mean is the same whatever the weights", equal_beginning),
    "antisymmetric": Clause("W enters as W - W^T, the diagonal of which is zero whatever W", antisymmetric),
}


def clauses_of(case, name):
    """{name of a clause: index -> bool} of the clauses that hold for entries of a tensor."""
    found = {each: clause.holds(case, name) for each, clause in CLAUSES.items()}
    return {each: holds for each, holds in found.items() if holds}
