"""Multi-head and grouped-query attention, with a place for every residual that runs through it.

Letters of the shapes: B batch, T time (queries), S source (keys), R the keys that are new (in decoding S also counts
those kept from earlier steps), D width, H heads, G key/value heads (H = G r: query head h reads key/value head h // r),
K head width.
"""

import math

import autograd.numpy as np

from minires.layers import dropout, linear, softmax
from minires.positions import rotate


def attention(x, past, here):
    """One attention sublayer; x (B, T, D). `past` holds the records of the same sublayer in the layers below.

        A_n = q k^T / sqrt(K)              fresh_scores
        S_n = residual.scores(A_n)         scores         what the next layer may add
        Z_n = residual.logits(S_n)         logits
        P_n = softmax(Z_n + bias + mask)   probabilities
        V'_n = residual.values(V_n)        values         V_n is fresh_values
        U_n = residual.heads(P_n V'_n)     heads
        U_n W_o + b_o                      output

    Returns the output (B, T, D) and the record of all these arrays.
    """
    residual, model = here.context.residual, here.context.model
    here = here._replace(now={"x": x})
    now = here.now
    now["queries"] = turn(split_heads(project(x, here, "q"), model.heads), here)  # (B, H, T, K)
    now.update(keys_and_values(x, past, here))
    now["fresh_scores"] = group_product(now["queries"], np.swapaxes(now["keys"], -1, -2)) / math.sqrt(
        model.head_width_)  # (B, H, T, S)
    now["scores"] = residual.scores(now["fresh_scores"], past, here)  # (B, H, T, S)
    now["logits"] = residual.logits(now["scores"], here)  # (B, H, T, S)
    now["probabilities"] = softmax(masked(now["logits"], here))  # (B, H, T, S)
    kept = dropout(now["probabilities"], model.dropout, here.context.rng)  # (B, H, T, S)
    now["heads"] = residual.heads(group_product(kept, now["value_heads"]), past, here)  # (B, H, T, K)
    now["output"] = project(merge_heads(now["heads"]), here, "o")  # (B, T, D)
    return now["output"], now


def keys_and_values(x, past, here):
    """The keys (B, G, S, K), the layer's own values and the used ones (B, R, G K), and their heads (B, G, S, K).

    In decoding the rows kept from earlier steps come first. What an earlier layer already keeps is shared with it,
    not kept twice: a variant that reuses values saves their memory without saying so.
    """
    groups, kept, crossing = here.context.model.kv_heads_, here.kept(), here.sublayer == "cross_attention"
    if crossing and kept:
        return kept
    source = here.context.memory if crossing else x  # (B, R, D)
    keys = turn(split_heads(project(source, here, "k"), groups), here)  # (B, G, R, K)
    fresh = project(source, here, "v") if "W_v" in here.params else None  # (B, R, G*K)
    values = here.context.residual.values(fresh, past, here)  # (B, R, G*K)
    shared = [earlier["value_heads"] for earlier in past if earlier["values"] is values]
    value_heads = shared[0] if shared else append(kept.get("value_heads"), split_heads(values, groups))  # (B, G, S, K)
    own = {} if fresh is None else {"fresh_values": fresh}
    return {"keys": append(kept.get("keys"), keys), **own, "values": values, "value_heads": value_heads}


def project(x, here, name):
    """x W + b with the sublayer's W_name and b_name."""
    return linear(x, here.params["W_" + name], here.params.get("b_" + name))


def turn(x, here):
    """Rotary positions on queries and keys of self-attention; across attention the two index spaces are unrelated."""
    rotary = here.context.model.positions == "rotary" and here.sublayer == "attention"
    return rotate(x, here.context.positions) if rotary else x


def masked(logits, here):
    """Bias and mask come last, on the logits only: they are never carried to the next layer."""
    for term in (here.bias(), here.mask()):
        logits = logits if term is None else logits + term  # (B, H, T, S)
    return logits


def append(kept, new):
    """The rows kept from earlier steps, then the new ones. (B, G, S, K)."""
    return new if kept is None else np.concatenate([kept, new], axis=2)


def split_heads(x, heads):
    """(B, T, heads K) -> (B, heads, T, K)."""
    B, T, _ = x.shape
    return np.swapaxes(np.reshape(x, (B, T, heads, -1)), 1, 2)


def merge_heads(x):
    """(B, H, T, K) -> (B, T, H K)."""
    B, _, T, _ = x.shape
    return np.reshape(np.swapaxes(x, 1, 2), (B, T, -1))


def group_product(x, y):
    """x (B, H, T, S) times y (B, G, S, K), each y serving the r = H/G neighbouring heads of its group: (B, H, T, K).

    The heads of a group are stacked along time, so that y is never repeated in memory.
    """
    B, H, T, _ = x.shape
    stacked = np.reshape(x, (B, y.shape[1], -1, x.shape[-1]))  # (B, G, r*T, S)
    return np.reshape(stacked @ y, (B, H, T, y.shape[-1]))


def repeat_heads(x, heads):
    """(B, G, S, K) -> (B, H, S, K): key/value head j serves the query heads j r .. j r + r - 1."""
    return np.repeat(x, heads // x.shape[1], axis=1)
