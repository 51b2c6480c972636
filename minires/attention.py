"""Multi-head and grouped-query attention, with a place for every residual that runs through it.

Letters of the shapes: B batch, T time (queries), S source (keys), R the keys that are new (in decoding S also counts
those kept from earlier steps), D width, H heads, G key/value heads (H = G r: query head h reads key/value head h // r),
K head width.
"""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.fused import maps, probabilities
from minires.heads import group_product, merge_heads, split_heads
from minires.layers import dropout, linear, softmax
from minires.positions import rotate
from minires.record import Views
from minires.spelling import fusible


def attention(x, past, here):
    """One attention sublayer; x (B, T, D) or three views of the stream. `past`: its records in the layers below.

        q, K'_n, V'_n                      queries, keys, values: what residual.queries makes of x W_q, residual.keys of
                                           x W_k (fresh_keys), residual.values of x W_v (fresh_values), and their heads
        A_n = q k^T / sqrt(K)              fresh_scores
        S_n = residual.scores(A_n)         scores         what the next layer may add
        Z_n = residual.logits(S_n)         logits
        P_n = residual.probabilities(softmax(Z_n + bias + mask))   probabilities
        U_n = residual.heads(P_n V'_n)     heads
        U_n W_o + b_o                      output

    Returns the output (B, T, D); all these arrays are in the record, here.now.
    """
    residual, model, now = here.context.residual, here.context.model, here.now
    q, k, v = x if isinstance(x, Views) else (x, x, x)
    now.update({"x": q, "x_k": k, "x_v": v} if isinstance(x, Views) else {"x": x})
    own = attended(q, k, past, here) if "W_q" in here.params else None  # (B, H, T, S)
    now["probabilities"] = residual.probabilities(own, past, here)  # (B, H, T, S)
    now.update(reused("values", v, past, here))
    kept = dropout(now["probabilities"], model.dropout, here.context.rng)  # (B, H, T, S)
    now["heads"] = residual.heads(group_product(kept, now["value_heads"]), past, here)  # (B, H, T, K)
    now["output"] = project(merge_heads(now["heads"]), here, "o")  # (B, T, D)
    return now["output"]


def attended(q, k, past, here):
    """What queries and keys make of each other: softmax(Z_n + bias + mask) (B, H, T, S), with all that leads to it."""
    residual, model, now = here.context.residual, here.context.model, here.now
    queries = residual.queries(project(q, here, "q"), past, here)  # (B, T, H*K)
    now["query_heads"] = turn(split_heads(queries, model.heads), here)  # (B, H, T, K)
    now.update(reused("keys", k, past, here, lambda x: turn(x, here)))
    now["fresh_scores"] = scaled_product(now["query_heads"], np.swapaxes(now["key_heads"], -1, -2), model)  # (B, H, T, S)
    now["scores"] = residual.scores(now["fresh_scores"], past, here)  # (B, H, T, S)
    now["logits"] = residual.logits(now["scores"], here)  # (B, H, T, S)
    return masked_softmax(now["logits"], here)  # (B, H, T, S)


def reused(name, x, past, here, turned=lambda x: x):
    """Keys or values: the layer's own and the used ones (B, R, G K), and the heads of these (B, G, S, K).

    In decoding the rows kept from earlier steps come first. What an earlier layer already keeps is shared with it,
    not kept twice: a variant that reuses keys or values saves their memory without saying so.
    """
    heads, kept, crossing = name[:-1] + "_heads", here.kept(), here.sublayer == "cross_attention"
    if crossing and heads in kept:
        return {heads: kept[heads]}
    W, groups = name[0], here.context.model.kv_heads_
    source = here.context.memory if crossing else x  # (B, R, D)
    fresh = project(source, here, W) if "W_" + W in here.params else None  # (B, R, G*K)
    used = getattr(here.context.residual, name)(fresh, past, here)  # (B, R, G*K)
    shared = [earlier[heads] for earlier in past if earlier.get(name) is used]
    used_heads = shared[0] if shared else append(kept.get(heads), turned(split_heads(used, groups)))  # (B, G, S, K)
    return {**({} if fresh is None else {"fresh_" + name: fresh}), name: used, heads: used_heads}


def project(x, here, name):
    """x W + b with the sublayer's W_name and b_name."""
    return linear(x, here.params["W_" + name], here.params.get("b_" + name))


def turn(x, here):
    """Rotary positions on queries and keys of self-attention; across attention the two index spaces are unrelated."""
    rotary = here.context.model.positions == "rotary" and here.sublayer == "attention"
    return rotate(x, here.context.positions) if rotary else x


@fusible(maps.scaled_product, lambda q, k, model: ((q, k), {"K": model.head_width_}))
def scaled_product(q, k, model):
    """A = q k / sqrt(K), q (B, H, T, K), k (B, G, K, S): (B, H, T, S)."""
    products = group_product(q, k)  # (B, H, T, S)
    return products / sqrt(model.head_width_, products)  # (B, H, T, S)


@fusible(probabilities.masked_softmax, lambda logits, here: ((logits,), {"bias": here.bias(), "mask": here.mask()}))
def masked_softmax(logits, here):
    """P = softmax(Z + bias + mask)."""
    return softmax(masked(logits, here))  # (B, H, T, S)


def masked(logits, here):
    """Bias and mask come last, on the logits only: they are never carried to the next layer."""
    for term in (here.bias(), here.mask()):
        logits = logits if term is None else logits + term  # (B, H, T, S)
    return logits


def append(kept, new):
    """The rows kept from earlier steps, then the new ones. (B, G, S, K)."""
    return new if kept is None else np.concatenate([kept, new], axis=2)
