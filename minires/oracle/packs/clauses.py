"""The clauses that the tensors of a case are computed by, and the meaning of their axes.

A clause is found by the last part of a tensor's name, `layers.2.cross_attention.fresh_scores` by "attention.fresh_scores";
what a variant changes is the clause "variant.NAME", its equation.
Letters: B batch, T time (queries), S source (keys), D width, H heads, G key/value heads, K head width, F feed-forward
width, V vocabulary, N units of a reservoir, d its inputs, q its outputs.
"""

import re

from minires.residual import VARIANTS, members

ATTENTION = {
    "attention.x": ("B T D", "what the sublayer reads of the stream, after its norm where that stands before"),
    "attention.query_heads": ("B H T K", "q = x W_q + b_q, head h in columns h K .. h K + K - 1; rotated where positions are"),
    "attention.fresh_keys": ("B S GK", "K_n = x W_k + b_k"),
    "attention.keys": ("B S GK", "K'_n, the keys that are used"),
    "attention.key_heads": ("B G S K", "k = K'_n in heads; rotated where positions are rotary"),
    "attention.fresh_values": ("B S GK", "V_n = x W_v + b_v"),
    "attention.values": ("B S GK", "V'_n, the values that are used"),
    "attention.value_heads": ("B G S K", "v = V'_n in heads; query head h reads head h // (H/G)"),
    "attention.fresh_scores": ("B H T S", "A_n = q k^T / sqrt(K)"),
    "attention.scores": ("B H T S", "S_n, what the next layer may add"),
    "attention.logits": ("B H T S", "Z_n, before bias and mask"),
    "attention.probabilities": ("B H T S", "P_n = softmax(Z_n + bias + mask) over S; a row that sees nothing is 0"),
    "attention.heads": ("B H T K", "U_n = P_n v"),
    "attention.output": ("B T D", "U_n W_o + b_o, the heads side by side"),
    "attention.y": ("B T D", "what is written to the stream"),
}
REST = {
    "feed_forward.x": ("B T D", "what the sublayer reads of the stream, after its norm where that stands before"),
    "feed_forward.inner": ("B T F", "u = x W_1 + b_1"),
    "feed_forward.gate": ("B T F", "x W_gate + b_gate"),
    "feed_forward.active": ("B T F", "the activation of u, times the gate's where there is one"),
    "feed_forward.output": ("B T D", "a W_2 + b_2"),
    "feed_forward.y": ("B T D", "what is written to the stream"),
    "input": ("B T D", "the stream before the layer"),
    "output": ("B T D", "the stream after the layer"),
    "final": ("B T D", "the stream as the head reads it"),
    "logits": ("B T V", "the head: x W + b, or LN(gelu(x W + b)) W_token^T + b_token, or x W_token^T"),
    "loss": ("", "- sum_i w_i ln softmax(z_i)[target_i] / sum_i w_i"),
    "decode": ("B 1 V", "the logits of one more token, the tokens before it read earlier and kept"),
    "embedding.W_token": ("V D", "x_0 = W_token[token] + W_position[position]; sqrt(D) W_token[token] + sinusoids"),
    "embedding.W_position": ("positions D", "see W_token"),
    "W_q": ("D HK", "see query_heads"), "W_k": ("D GK", "see fresh_keys"), "W_v": ("D GK", "see fresh_values"),
    "W_o": ("HK D", "see output"), "W_1": ("D F", "see inner"), "W_gate": ("D F", "see gate"), "W_2": ("F D", "see output"),
    "b_q": ("HK", ""), "b_k": ("GK", ""), "b_v": ("GK", ""), "b_o": ("D", ""), "b_1": ("F", ""), "b_2": ("D", ""),
    "norm.gain": ("D", "gain (x - mean) / sqrt(var + epsilon) + bias; rms: gain x / sqrt(mean x^2 + epsilon)"),
    "norm.bias": ("D", "see norm.gain"),
    "inputs.tokens": ("B T", ""), "inputs.targets": ("B T", ""), "inputs.weights": ("B T", ""), "inputs.bias": ("H T S", ""),
    "inputs.padding": ("B T", "True at real tokens"), "inputs.source": ("B S", ""),
    "inputs.mask": ("T S", "added to the logits, one for each layer"),
}
TABLE = {**ATTENTION, **REST}
GRADIENT = "d objective / d the tensor; objective = loss + sum over the cotangents of <cotangent/NAME, NAME>"


def clause_of(name):
    """The id of a tensor's clause, or None.

    >>> clause_of("decoder.layers.2.cross_attention.scores"), clause_of("layers.0.input"), clause_of("decode.1")
    ('attention.scores', 'input', 'decode')
    """
    plain = re.sub(r"\.\d+(?=\.|$)", "", name).replace("cross_attention", "attention")
    parts = plain.split(".")
    tails = [".".join(parts[i:]) for i in range(len(parts))]
    return next((tail for tail in tails if tail in TABLE), None)


def axes_of(name, shape):
    """What each axis means, or None where that is not written down.

    >>> axes_of("layers.0.attention.scores", (2, 3, 4, 4)), axes_of("lambda", ())
    (['B', 'H', 'T', 'S'], [])
    """
    clause = clause_of(name)
    axes = TABLE[clause][0].split() if clause else []
    return axes if len(axes) == len(shape) else None


def clauses_of(case):
    """The clauses of a whole case."""
    variant = case.config.get("model", {}).get("variant")
    return [f"variant.{name}" for name in members(variant)] if isinstance(variant, str) else [f"system.{case.system}"]


def all_clauses():
    """SPEC-CLAUSES.json: {clause: {"formula", "axes" or "source"}}."""
    variants = {f"variant.{name}": {"formula": variant.equation, "source": variant.paper} for name, variant in VARIANTS.items()}
    return {"gradient": {"formula": GRADIENT}, **variants,
            **{name: {"formula": formula, "axes": axes.split()} for name, (axes, formula) in TABLE.items()}}
