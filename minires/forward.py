"""The forward pass of a described model: embed, run the stacks, predict.

Letters of the shapes: B batch, T time (queries), S source (keys), D width, H heads, V vocabulary.
"""

import autograd.numpy as np

from minires.activations import gelu_tanh
from minires.arithmetic import sqrt
from minires.layers import embedding, linear, normalize
from minires.masks import causal_mask, global_local_mask, padding_mask
from minires.positions import alibi, sinusoidal
from minires.record import Context
from minires.transformer import stack


def forward(model, params, tokens, source=None, padding=None, source_padding=None, mask=None, bias=None, segments=None,
            rng=None, cache=None):
    """`Transformer.apply` without its checks, for loops that have checked once. Same arguments, same result."""
    context = Context(model, model.residual, tokens, np.arange(tokens.shape[1]), rng=rng)
    if model.kind != "encoder_decoder":
        context = self_attending(context, params, padding, mask, bias, cache, causal=model.kind == "decoder")
        x, trace = stack(embed(params, context, segments), params, context)
        return predict(model, params, x), trace
    encoded, traces = None, {}
    if source is not None:
        reading = context._replace(tokens=source, positions=np.arange(source.shape[1]))
        reading = self_attending(reading, params, source_padding, None, None, None, causal=False)
        encoded, traces["encoder"] = stack(embed(params, reading, None), params["encoder"], reading)
    context = self_attending(context, params, padding, mask, bias, cache, causal=True)._replace(memory=encoded)
    if source_padding is not None:
        hidden = padding_mask(source_padding, dtype_of(params))  # (B, 1, 1, S)
        context = context._replace(masks={**context.masks, "cross_attention": hidden})
    x, traces["decoder"] = stack(embed(params, context, segments), params["decoder"], context)
    return predict(model, params, x), traces


def dtype_of(params):
    """The dtype of the model's arithmetic."""
    return params["embedding"]["W_token"].dtype


def self_attending(context, params, padding, mask, bias, cache, causal):
    """The context with the positions, masks and bias of self-attention, and the cache of earlier steps."""
    model, dtype = context.model, dtype_of(params)
    before = 0 if cache is None else cache.length
    t, s = context.positions + before, np.arange(before + len(context.positions))  # (T), (S)
    fixed = [causal_mask(t, s, dtype)] if causal else []
    fixed += [] if padding is None else [padding_mask(padding, dtype)]
    windows = model.window if isinstance(model.window, tuple) else [model.window] * model.layers
    given = mask if isinstance(mask, (tuple, list)) else [mask] * model.layers
    given, bias = [cast(one, dtype) for one in given], cast(bias, dtype)
    local = {window: global_local_mask(t, s, window, model.global_tokens, dtype) for window in windows if window}
    masks = [total(fixed + [local.get(window), own]) for window, own in zip(windows, given)]
    if model.positions == "alibi":
        bias = total([alibi(model.heads, t, s, dtype), bias])  # (H, T, S)
    layers = None if cache is None else cache.layers
    return context._replace(positions=t, masks={"attention": masks}, bias=bias, cache=layers, padding=padding)


def cast(array, dtype):
    """The array in the model's arithmetic, or None: a float64 mask must not turn a float32 model into float64."""
    return None if array is None else np.array(array, dtype=dtype)


def total(terms):
    """The sum of the terms that are there, or None."""
    there = [term for term in terms if term is not None]
    return sum(there[1:], start=there[0]) if there else None


def embed(params, context, segments):
    """x_0 = token + position + segment vectors (B, T, D); sinusoids are added to token vectors times sqrt(D)."""
    model, tables = context.model, params["embedding"]
    x = embedding(tables["W_token"], context.tokens)  # (B, T, D)
    if model.positions == "sinusoidal":
        x = x * sqrt(model.width, x) + sinusoidal(context.positions, model.width, x.dtype)  # (B, T, D)
    if model.positions == "learned":
        x = x + embedding(tables["W_position"], context.positions)  # (B, T, D)
    if model.segments:
        segments = np.zeros_like(context.tokens) if segments is None else segments
        x = x + embedding(tables["W_segment"], segments)  # (B, T, D)
    return x


def predict(model, params, x):
    """Logits (B, T, V), as the residual record leaves them."""
    head = params["head"] if "head" in params else {}  # a tied head without bias has no parameters of its own
    return model.residual.predictions(head_logits(model, params, head, x), head, model)  # (B, T, V)


def head_logits(model, params, head, x):
    """Logits (B, T, V): linear, tied to the token table, or BERT's masked-LM head LN(gelu(x W + b)) W_token^T + b_token."""
    if model.head_ == "linear":
        return linear(x, head["W"], head.get("b"))  # (B, T, V)
    if model.head_ == "masked_lm":
        x = normalize(model.norm, gelu_tanh(linear(x, head["W"], head.get("b"))), head["norm"], model.epsilon)
    return linear(x, params["embedding"]["W_token"].T, head.get("b_token"))  # (B, T, V)
