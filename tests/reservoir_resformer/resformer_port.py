"""An independent port of the reservoir ResFormer, a number at a time where it matters, with the spec's mistakes to plant.

It shares no code with the library. `fault` is the name of one mistake; None is the correct model.
"""

import numpy as np


def layer_norm(x, p, eps=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + eps) * p["gain"] + p["bias"]


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def heads_of(x, H, fault=None):
    if fault == "heads split without the transpose":
        return x.reshape(H, len(x), -1)
    return x.reshape(len(x), H, -1).transpose(1, 0, 2)


def attend(q_in, kv_in, p, H, names, mask=None, fault=None):
    """Multi-head attention of one sequence, (T, D) on (S, D)."""
    W_q, W_k, W_v, W_o = (p[name] for name in names)
    if fault == "C_q and C_k swapped":
        W_q, W_k = W_k, W_q
    b = lambda name: p.get("b_" + name, 0.0)
    q, k, v = (heads_of(x @ W + b(n), H, fault) for x, W, n in ((q_in, W_q, "q"), (kv_in, W_k, "k"), (kv_in, W_v, "v")))
    width = q_in.shape[1] if fault == "scaled by the width, not the head's" else q.shape[-1]
    scores = q @ k.transpose(0, 2, 1) / (1.0 if fault == "not scaled" else np.sqrt(width))
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    P = softmax(scores, axis=1 if fault == "softmax over the queries" else -1)
    out = (P @ v).transpose(1, 0, 2).reshape(len(q_in), -1)
    return out @ W_o + b("o")


def reservoir_step(r, x, u, t, fault):
    """One token."""
    a, W = r["g"], r["W"].T if fault == "W transposed" else r["W"]
    b = 0 * r["b"] if fault == "bias dropped" else r["b"]
    W_in = 2 * r["W_in"] if fault == "input scale doubled" else r["W_in"]
    f = {"ReLU reservoir": lambda p: np.maximum(p, 0), "identity for tanh": lambda p: p,
         "sigmoid for tanh": lambda p: 1 / (1 + np.exp(-p))}.get(fault, np.tanh)
    if fault == "in place, unit by unit":
        x = x.copy()
        for i in range(len(x)):
            x[i] = (1 - a) * x[i] + a * np.tanh(W[i] @ x + W_in[i] @ u + b[i])
        return x
    p = W @ x + W_in @ u + (0 if fault == "bias outside tanh" else b)
    h = f(a * p) if fault == "leak inside tanh" else f(p)
    h = h + b if fault == "bias outside tanh" else h
    if fault == "leak swapped":
        return a * x + (1 - a) * h
    if fault == "leak ignored" or fault == "leak skipped for two steps" and t < 2:
        return h
    if fault in ("leak missing on tanh", "leak inside tanh"):
        return (1 - a) * x + h
    x = (1 - a) * x + a * h
    return x / max(abs(np.linalg.eigvals(r["A"]))) if fault == "divided by the raw radius" else x


def conversation_states(r, E_r, conversation, lengths, fault, x_0):
    """s_i of one conversation: (U, N), and the last state. `conversation` is a list of padded rows of ids."""
    x, t, kept, last_u = x_0, 0, [], np.zeros(E_r.shape[1])
    everything, after = [], []
    for ids, length in zip(conversation, lengths):
        s = x
        if fault == "reset at every utterance":
            x = 0 * x
        rows = E_r[ids[:length]]
        if fault == "padding steps the state":
            rows = E_r[ids]
        if fault == "padding steps with zero input":
            rows = np.concatenate([rows, 0 * E_r[ids[length:]]])
        if fault == "tokens in reverse":
            rows = rows[::-1]
        if fault == "sentence mean for tokens" and length:
            rows = rows.mean(0, keepdims=True)
        if fault == "only what the Transformer reads":
            rows = rows[:4]
        for u in rows:
            x = reservoir_step(r, x, last_u if fault == "input one step late" else u, t, fault)
            last_u, t = u, t + 1
            everything.append(x)
        kept.append(s)
        after.append(x)
    if fault == "inclusive":
        kept = after
    if fault == "one utterance too old":
        kept = [x_0] + kept[:-1]
    if fault == "aliased":
        kept = [after[-1]] * len(kept)
    if fault == "mean of the states":
        ends = np.cumsum(lengths)
        kept = [np.mean(everything[:end - length], axis=0) if end > length else x_0 for end, length in zip(ends, lengths)]
    return np.array(kept), x


def memory_of(model, params, states, fault):
    """R (M, D) of one utterance, from the states of the group."""
    M, D, tokens = model.memory_tokens, model.width, []
    pairs = list(zip(states, params["readouts"]))
    if fault == "group readout of the mean state" and len({len(s) for s in states}) == 1:
        pairs = [(np.mean(states, axis=0), params["readouts"][0])]
    for s, p in pairs:
        b_1, b_2 = (0, 0) if fault == "readout biases dropped" else (p["b_1"], p["b_2"])
        p_1 = s @ p["W_1"] + b_1
        h = {"linear readout": p_1, "tanh for ReLU": np.tanh(p_1)}.get(fault, np.maximum(p_1, 0))
        y = h @ p["W_2"] + b_2
        y = np.maximum(y, 0) if fault == "ReLU after the last layer" else y
        tokens.append(y.reshape(D, M).T if fault == "reshaped transposed" else y.reshape(M, D))
    R = np.sum(tokens, axis=0) if fault == "group summed" else np.mean(tokens, axis=0)
    if fault == "memory normed":
        R = (R - R.mean(-1, keepdims=True)) / R.std(-1, keepdims=True)
    return R[:1] if fault == "first memory token only" else R


def utterance_logits(model, params, ids, length, R, fault):
    """Logits of one utterance."""
    H, L, p = model.heads, model.maximum_length, params
    ids, length = ids[:L], min(length, L)
    shift = len(R) if fault == "positions shifted" else 0
    X = p["embedding"]["W_token"][ids] + p["embedding"]["W_position"][(np.arange(len(ids)) + shift) % L]
    real, place = np.arange(len(ids)) < length, slice(None)
    cross, names = p["fusion"], ("W_q", "W_k", "W_v", "W_o")
    query = X if fault == "no norm on the query" else layer_norm(X, cross["norm"])
    added = attend(query, R, cross, H, names, fault=fault)
    if fault == "mean of the memory added":
        X = X + R.mean(0)
    elif fault == "no residual":
        X = added
    elif fault == "prefix for cross-attention":
        X, real, place = np.concatenate([R, X]), np.concatenate([np.ones(len(R), bool), real]), slice(len(R), None)
    elif fault != "memory unused":
        X = X + added
    mask = None if fault == "key padding not masked" else real[None, None, :]
    for layer in p["layers"]:
        a, f = layer["attention"], layer["feed_forward"]
        n = layer_norm(X, a["norm"])
        X = X + attend(n, n, a, H, names, mask)
        X = X + np.maximum(layer_norm(X, f["norm"]) @ f["W_1"] + f["b_1"], 0) @ f["W_2"] + f["b_2"]
    X = layer_norm(X, p["final_norm"])
    chosen = X[place][:length] if place != slice(None) else X[:length]
    if fault == "pooled over the padding":
        chosen = X
    if fault == "first token for the mean":
        chosen = X[:1]
    return chosen.mean(0) @ p["head"]["W"] + p["head"]["b"]


def port(model, params, tokens, real, fault=None):
    """States [(B, U, N)] and logits (B, U, classes) of a batch of conversations."""
    B, U, _ = tokens.shape
    lengths, groups = real.sum(-1), []
    memory = params["memory"]
    rng = np.random.default_rng(99)
    for r in memory["reservoirs"]:
        states, x = [], np.zeros(len(r["W"]))
        for b in range(B):
            start = x if fault in ("never reset", "one state for the batch") and b else np.zeros(len(r["W"]))
            start = 0.3 * rng.standard_normal(len(start)) if fault == "random start" else start
            s, x = conversation_states(r, memory["E_r"], tokens[b], lengths[b], fault, start)
            states.append(s)
        states = np.array(states)
        groups.append(np.roll(states, 1, axis=0) if fault == "rows rolled" else states)
    logits = np.array([[utterance_logits(model, params, tokens[b, i], lengths[b, i],
                                         memory_of(model, params, [s[b, i] for s in groups], fault), fault)
                        if lengths[b, i] else np.zeros(model.classes) for i in range(U)] for b in range(B)])
    return groups, logits
