"""The description of a model, its initial parameters, and running it.

Letters of the shapes: B batch, T time (queries), S source (keys), D width, H heads, G key/value heads, K head width,
F feed-forward width, L layers, V vocabulary.
"""

from dataclasses import asdict, dataclass, field

import autograd.numpy as np

from minires import checks
from minires.activations import gelu_tanh
from minires.initial import initial_parameters
from minires.layers import dropout, embedding, linear, normalize
from minires.masks import causal_mask, global_local_mask, padding_mask
from minires.positions import alibi, sinusoidal
from minires.residual import residual
from minires.transformer import Context, stack

# The two houses the papers build in: RealFormer's BERT and the value residual's Llama.
BERT = {"norm": "layer", "epsilon": 1e-12, "activation": "gelu_tanh", "positions": "learned", "biases": True}
LLAMA = {"norm": "rms", "epsilon": 1e-5, "activation": "swiglu", "positions": "rotary", "biases": False}


@dataclass(frozen=True)
class Transformer:
    """An immutable description; `init` makes parameters, `apply` runs them. It holds no state.

    >>> model = Transformer(variant="realformer", kind="decoder", vocabulary=11, layers=2, width=8, heads=2)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, trace = model.apply(params, np.array([[3, 1, 4]]))
    >>> logits.shape, trace[1]["attention"]["scores"].shape
    ((1, 3, 11), (1, 2, 3, 3))
    """

    variant: str = "vanilla"            # a name of minires.VARIANTS, or a Residual record of your own
    kind: str = "encoder"               # encoder (masked-LM head), decoder (causal), encoder_decoder
    vocabulary: int = 0                 # V
    layers: int = 4                     # L (of each stack)
    width: int = 64                     # D
    heads: int = 4                      # H
    kv_heads: int | None = None         # G; None: H
    head_width: int | None = None       # K; None: D / H
    feed_forward: int | None = None     # F; None: 4 D
    positions: str = "learned"          # learned, sinusoidal, rotary, alibi, none
    maximum_length: int = 512           # of learned positions
    segments: int = 0                   # segment (token type) vocabulary; 0: none
    norm: str = "layer"                 # layer, rms
    placement: str | None = None        # post, pre, sandwich, output; None: the variant's own
    epsilon: float = 1e-12              # of the norms
    activation: str = "gelu_tanh"       # gelu_tanh, gelu_erf, relu, swiglu
    biases: bool = True                 # in linear maps and LayerNorm
    window: int | tuple | None = None   # sliding window |t - s| < window; one number, or one (or None) per layer
    global_tokens: int = 0              # with a window: the first tokens see all and are seen by all
    head: str | None = None             # masked_lm, linear, tied; None: by kind
    dropout: float = 0.0                # on embeddings, probabilities and sublayer outputs, where apply gets an rng
    initial_std: float = 0.02           # of W; normal, redrawn beyond two deviations as BERT does
    options: dict = field(default_factory=dict, hash=False)  # of the variant, e.g. {"lambda_1": 2.0}

    def __post_init__(self):
        if isinstance(self.window, list):
            object.__setattr__(self, "window", tuple(self.window))
        checks.check_description(self)

    @property
    def residual(self):
        """The record of pure functions that makes the variant."""
        return residual(self.variant, self.placement, self.options)

    @property
    def kv_heads_(self):
        """G."""
        return self.kv_heads or self.heads

    @property
    def head_width_(self):
        """K."""
        return self.head_width or self.width // self.heads

    @property
    def head_(self):
        """The kind of head on top."""
        return self.head or ("masked_lm" if self.kind == "encoder" else "linear")

    def as_dict(self):
        """The description in JSON-able form; `Transformer(**description)` is the inverse."""
        checks.require(isinstance(self.variant, str), "a model with a Residual record of its own has no name to write")
        return asdict(self)

    def init(self, rng, dtype="float64"):
        """Initial parameters, nested dicts of arrays, from a numpy.random.Generator."""
        return initial_parameters(self, rng, checks.float_type(dtype))

    def apply(self, params, tokens, **inputs):
        """Logits (B, T, V) and the trace: per layer, per sublayer, a dict of named arrays.

        tokens (B, T) ids; by keyword, where the kind has a use for it:
        source (B, S)           ids the encoder reads (encoder_decoder only)
        padding, source_padding boolean (B, T), (B, S): True at real tokens; padded keys are not attended
        mask                    additive (0 / -inf or soft), broadcast to (B, H, T, S), or a list of one per layer
        bias                    additive on every self-attention's logits, (H, T, S) or (B, H, T, S), never masked
        segments (B, T)         token types, where the model has them
        rng                     generator of dropout; without it nothing is dropped

        For an encoder_decoder the trace is {"encoder": [...], "decoder": [...]}, as the parameters are.
        ValueError: ids out of range, sequences too long, shapes, dtypes or values that do not fit; one line each.
        """
        checks.check_parameters(self, params)
        inputs = checks.check_inputs(self, tokens, inputs)
        return forward(self, params, **inputs)


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
        context.masks["cross_attention"] = padding_mask(source_padding, dtype_of(params))  # (B, 1, 1, S)
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
    local = {window: global_local_mask(t, s, window, model.global_tokens, dtype) for window in windows if window}
    masks = [total(fixed + [local.get(window), own]) for window, own in zip(windows, given)]
    if model.positions == "alibi":
        bias = total([alibi(model.heads, t, s, dtype), bias])  # (H, T, S)
    layers = None if cache is None else cache.layers
    return context._replace(positions=t, masks={"attention": masks}, bias=bias, cache=layers)


def total(terms):
    """The sum of the terms that are there, or None."""
    there = [term for term in terms if term is not None]
    return sum(there[1:], start=there[0]) if there else None


def embed(params, context, segments):
    """x_0 = token + position + segment vectors (B, T, D); sinusoids are added to token vectors times sqrt(D)."""
    model, tables = context.model, params["embedding"]
    x = embedding(tables["W_token"], context.tokens)  # (B, T, D)
    if model.positions == "sinusoidal":
        x = x * model.width ** 0.5 + sinusoidal(context.positions, model.width, x.dtype)  # (B, T, D)
    if model.positions == "learned":
        x = x + embedding(tables["W_position"], context.positions)  # (B, T, D)
    if model.segments:
        segments = np.zeros_like(context.tokens) if segments is None else segments
        x = x + embedding(tables["W_segment"], segments)  # (B, T, D)
    return dropout(x, model.dropout, context.rng)


def predict(model, params, x):
    """Logits (B, T, V): linear, tied to the token table, or BERT's masked-LM head LN(gelu(x W + b)) W_token^T + b_token."""
    head = params["head"]
    if model.head_ == "linear":
        return linear(x, head["W"], head.get("b"))  # (B, T, V)
    if model.head_ == "masked_lm":
        x = normalize(model.norm, gelu_tanh(linear(x, head["W"], head.get("b"))), head["norm"], model.epsilon)
    return linear(x, params["embedding"]["W_token"].T, head.get("b_token"))  # (B, T, V)
