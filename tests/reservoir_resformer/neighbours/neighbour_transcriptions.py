"""The equations of each neighbour, a unit, a sentence and a step at a time; no code of the library."""

from math import erf

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x, p, eps):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + eps) * p["gain"] + p["bias"]


def rms_norm(x, p, eps=1e-8):
    return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + eps) * p["gain"]


def gelu(x):
    return np.vectorize(lambda z: 0.5 * z * (1 + erf(z / 2 ** 0.5)))(x)


def self_attention(x, p, H, visible):
    """Multi-head self-attention of one sequence (T, D)."""
    K, heads = x.shape[1] // H, []
    for h in range(H):
        cut = slice(h * K, (h + 1) * K)
        q, k, v = (x @ p["W_" + n][:, cut] + p["b_" + n][cut] for n in "qkv")
        heads.append(softmax(np.where(visible, q @ k.T / K ** 0.5, -np.inf)) @ v)
    return np.concatenate(heads, axis=1) @ p["W_o"] + p["b_o"]


# ---- group reservoir -------------------------------------------------------------------------------------------------

def group_states(A, W_in, leak, radius, E_r, conversation, divide):
    """x before each utterance of one conversation, a list of lists of ids; one step for the mean of an utterance's rows."""
    R_0 = max(abs(np.linalg.eigvals(A)))
    W, x, kept = A / R_0 if divide else A / R_0 * radius, np.zeros(len(A)), []
    for ids in conversation:
        kept.append(x)
        u = sum(E_r[i] for i in ids) / len(ids)
        x = (1 - leak) * x + leak * np.tanh(W_in @ u + W @ x)
        x = x / R_0 if divide else x
    return np.array(kept)


def linear_tokens(s, p, M, D):
    return (s @ p["W"] + p["b"]).reshape(M, D)


def attention_tokens(s, p, M, D):
    """Each unit i is a token s_i v + e_i."""
    z = np.array([s[i] * p["v"] + p["e"][i] for i in range(len(s))])
    q, k, v = z @ p["W_q"], z @ p["W_k"], z @ p["W_v"]
    heads = softmax(q @ k.T / len(p["v"]) ** 0.5) @ v
    return np.array([sum(p["P"][i, m] * heads[i] for i in range(len(s))) @ p["W_o"] for m in range(M)])


def suffix_logits(params, ids, R, H, L, eps=1e-5):
    """A post-norm encoder on [utterance; memory], the mean over the utterance's tokens."""
    ids, p = ids[:L], params
    x = p["embedding"]["W_token"][ids] + p["embedding"]["W_position"][:len(ids)]
    x = layer_norm(np.concatenate([x, R]), p["start_norm"], eps)
    for layer in p["layers"]:
        a, f = layer["attention"], layer["feed_forward"]
        x = layer_norm(x + self_attention(x, a, H, True), a["norm"], eps)
        x = layer_norm(x + np.maximum(x @ f["W_1"] + f["b_1"], 0) @ f["W_2"] + f["b_2"], f["norm"], eps)
    return x[:len(ids)].mean(0) @ p["head"]["W"] + p["head"]["b"]


# ---- frozen layers ---------------------------------------------------------------------------------------------------

def frozen_logits(params, ids, H, activation, eps):
    """A causal pre-norm stack whose layers may lack their attention, or be one random map."""
    p, T = params, len(ids)
    x = p["embedding"]["W_token"][ids] + p["embedding"]["W_position"][:T]
    for layer in p["layers"]:
        if "dense" in layer:
            x = x + np.maximum(x @ layer["dense"]["W"] + layer["dense"]["b"], 0)
            continue
        if "attention" in layer:
            a = layer["attention"]
            x = x + self_attention(layer_norm(x, a["norm"], eps), a, H, np.tril(np.ones((T, T))) > 0)
        f = layer["feed_forward"]
        x = x + activation(layer_norm(x, f["norm"], eps) @ f["W_1"] + f["b_1"]) @ f["W_2"] + f["b_2"]
    return layer_norm(x, p["final_norm"], eps) @ p["head"]["W"] + p["head"]["b"]


# ---- echo state transformer ------------------------------------------------------------------------------------------

def est_series(params, u, norm=rms_norm):
    """Outputs and last states of one series (T, d)."""
    S = [np.zeros(p["memory"]["b"].shape) for p in params["layers"]]
    outputs = []
    for u_t in u:
        e = u_t @ params["W_embed"]
        for n, p in enumerate(params["layers"]):
            e, S[n] = est_layer(p, e, S[n], norm)
        outputs.append(e @ params["W_head"])
    return np.array(outputs), S


def est_layer(p, e, S, norm):
    M, D = len(S), len(e)
    O = [S[k] @ p["W_out"][k] for k in range(M)]
    v = []
    for k in range(M):
        q = e @ p["hear"]["W_q"][k]
        weights = softmax(np.array([q @ (o @ p["hear"]["W_k"][k]) for o in O]) / D ** 0.5)
        read = sum(w * (o @ p["hear"]["W_v"][k]) for w, o in zip(weights, O))
        v.append(norm(read + e, p["hear"]["norm"]))
    leak = softmax(np.array([v[k] @ p["a"][k] for k in range(M)]) / p["tau"][0])
    m, new = p["memory"], []
    for k in range(M):
        inside = m["W_in"][k] @ v[k] + p["sr"][k] * (m["W"][k] @ S[k]) + m["b"][k]
        new.append((1 - leak[k]) * S[k] + leak[k] * np.tanh(inside))
    O = np.array([new[k] @ p["W_out"][k] for k in range(M)])
    q, k, v = (O @ p["mix"][n] for n in ("W_q", "W_k", "W_v"))
    Z = norm(softmax(q @ k.T / D ** 0.5) @ v + O, p["mix"]["norm"])
    o = p["out"]
    r = np.concatenate(list(Z)) @ o["W_r"] + o["b_r"]
    return norm(gelu(r @ o["W_1"] + o["b_1"]) @ o["W_2"] + o["b_2"] + r, o["norm"]), np.array(new)


# ---- attention-enhanced ----------------------------------------------------------------------------------------------

def aerc_series(params, u, x_0=None):
    """Outputs of one series (T, d), an output and a unit at a time."""
    m, p, outputs = params["memory"], params["readout"], []
    r = m["reservoir"]
    N = len(r["b"])
    q, x = len(p["c"]), np.zeros(N) if x_0 is None else x_0
    for u_t in u:
        x = np.tanh(r["W"] @ x + r["W_in"] @ u_t + r["b"])
        s = (x - m["mean"]) / m["deviation"]
        s = np.tanh(s @ p["W_h"] + p["b_h"]) if "W_h" in p else s
        y = np.zeros(q)
        for k in range(q):
            for i in range(N):
                weight = sum(p["A"][j, k * N + i] * s[j] for j in range(N)) + p["c"][k, i]
                y[k] += weight * s[i] / N
        outputs.append(y)
    return np.array(outputs)


# ---- random sentence encoders ----------------------------------------------------------------------------------------

def sentence_states(r, e, late):
    """h_t of one sentence (T, d) without a nonlinearity; lambda = K is the share of the old state."""
    h, kept, old = np.zeros(len(r["W"])), [], float(r["K"])
    for t, e_t in enumerate(e):
        new = r["W_in"] @ e_t + r["W"] @ h
        h = new if t < late else (1 - old) * new + old * h
        kept.append(h)
    return np.array(kept)


def sentence_logits(params, ids, late, pool):
    m = params["memory"]
    e = m["E"][ids]
    if "P" in m:
        z = e @ m["P"]
    elif "forward" in m:
        back = sentence_states(m["backward"], e[::-1], late)[::-1]
        z = np.concatenate([sentence_states(m["forward"], e, late), back], axis=1)
    else:
        z = e
    return getattr(z, pool)(0) @ params["head"]["W"] + params["head"]["b"]
