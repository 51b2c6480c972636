"""ResFormer with reservoir memory: a reservoir remembers all that was said, a short Transformer reads what is said now.

    s_i = state of the frozen reservoirs before utterance i            (`memory`)
    R_i = readout(s_i), M memory tokens                                (`readout`)
    X   = E[tokens] + P[0 .. T-1], fused with R_i                      (`fusion`)
    logits_i = mean over the real tokens of encoder(X) W + b

Liu & Xu 2025, arXiv 2509.24074 (EMNLP 2025). There is no official code, and what was published leaves choices open; each
is a field of the description, and the defaults are ours. The gradient stops at s_i, so that the states are worked out
once for a corpus.
Letters of the shapes: B batch, U utterances of a conversation, T tokens of an utterance, M memory tokens, D width, N units.
"""

from dataclasses import asdict, dataclass, field

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.checks import check_generator, float_type
from minires.forward import embed, self_attending
from minires.layers import linear, stopped
from minires.model import Transformer
from minires.parameters import tree_map
from minires.record import Context
from minires.reservoir_resformer.checks import check_conversations, check_description, check_tree, shapes
from minires.reservoir_resformer.fusion import FUSIONS
from minires.reservoir_resformer.initial import initial_parameters
from minires.reservoir_resformer.memory import remember_corpus
from minires.reservoir_resformer.readout import memory_tokens
from minires.transformer import stack


@dataclass(frozen=True)
class ReservoirResFormer:
    """An immutable description; `init` makes parameters, `apply` reads whole conversations, `streaming.hear` one utterance.

    >>> model = ReservoirResFormer(vocabulary=11, classes=3, width=8, heads=2, units=5)
    >>> params = model.init(numpy.random.default_rng(0))
    >>> tokens = numpy.array([[[3, 1, 4], [1, 5, 0]]])
    >>> model.apply(params, tokens, tokens > 0).shape
    (1, 2, 3)
    """

    vocabulary: int = 0                 # V
    classes: int = 2
    width: int = 32                     # D
    heads: int = 2                      # H
    layers: int = 1                     # of the encoder
    feed_forward: int | None = None     # F; None: 4 D
    maximum_length: int = 64            # tokens of an utterance that the Transformer reads; the reservoir reads all
    variant: str = "pre_norm"           # of the encoder: any residual variant that changes layers only
    options: dict = field(default_factory=dict, hash=False)
    initial_std: float = 0.2            # of the encoder's and the fusion's W
    units: int | tuple = 128            # N; several numbers: a group of reservoirs. So with leak and radius.
    leak: float | tuple = 0.03          # alpha, the weight of the new value
    radius: float | tuple = 0.95
    scaled_by: str = "spectral_radius"  # of W; effective_radius, spectral_norm
    density: float = 0.2                # of W: the share of weights that are not zero, before scaling
    input_scale: float = 0.5            # of W_in
    bias_scale: float = 0.1             # of b
    input_width: int | None = None      # r, of the frozen table E_r; None: V
    table: str = "orthonormal"          # E_r: orthonormal rows (V <= r), or normal
    step: str = "token"                 # of the reservoir: token, sentence_mean, cls (vectors from outside)
    reset: str = "conversation"         # conversation, or never
    memory: str = "exclusive"           # s_i is the state before utterance i; inclusive: after it
    first: str = "zero_state"           # the first utterance sees the readout of s_1; masked: no memory at all
    readout: str = "relu_mlp"
    hidden: int = 64                    # F of the readout
    memory_tokens: int = 4              # M, of each reservoir
    group: str = "mean"                 # sum, concatenate, learned
    fusion: str = "cross_attention"
    gradient: str = "stopped"           # at the state; end_to_end: through the reservoir's own derivative

    def __post_init__(self):
        for name, value in vars(self).items():
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        check_description(self)

    @property
    def encoder(self):
        """The short-term memory's description: an encoder of minires's own core."""
        return Transformer(self.variant, "encoder", self.vocabulary, self.layers, self.width, self.heads, options=self.options,
                           feed_forward=self.feed_forward, maximum_length=self.maximum_length, epsilon=1e-5, activation="relu",
                           head="linear", initial_std=self.initial_std)

    def as_dict(self):
        """The description in JSON-able form; `ReservoirResFormer(**description)` is the inverse."""
        return asdict(self)

    def init(self, rng, dtype="float64"):
        """Parameters from a numpy.random.Generator: "memory" is frozen, all else is trained."""
        check_generator(rng)
        dtype = float_type(dtype)
        return tree_map(lambda array: numpy.asarray(array, dtype=dtype), initial_parameters(self, rng))

    def remember(self, params, tokens, real, vectors=None, x=None):
        """s_i for every utterance, a list of (B, U, N) for the reservoirs, and the states at the end, a list of (B, N)."""
        return remember_corpus(params["memory"], self.step, tokens, real, vectors, self.memory == "inclusive", self.reset, x)

    def apply(self, params, tokens, real, vectors=None):
        """Logits (B, U, classes) for every utterance of a batch of conversations.

        tokens (B, U, T) ids, right-padded; real (B, U, T) bool; vectors (B, U, r) with step="cls"
        ValueError: ids out of range, an empty conversation or utterance, shapes and dtypes that do not fit.
        """
        check_tree(params, shapes(self))
        tokens, real = check_conversations(self, tokens, real, vectors)
        states, _ = self.remember(params, tokens, real, vectors)
        B, U, T = tokens.shape
        first = numpy.tile(numpy.arange(U) == 0, B)  # (B*U)
        rows = lambda array: np.reshape(array, (B * U, *array.shape[2:]))
        logits = classify(self, params, rows(tokens), rows(real), [rows(s) for s in states], first)
        return np.reshape(logits, (B, U, self.classes))  # (B, U, classes)


def classify(model, params, tokens, real, states, first, rng=None):
    """Logits (B, classes) of single utterances: tokens and real (B, T), states a list of (B, N), first (B,) bool."""
    return traced(model, params, tokens, real, states, first, rng)[0]


def traced(model, params, tokens, real, states, first, rng=None):
    """`classify`, and a record of the arrays on the way."""
    tokens, real = tokens[:, :model.maximum_length], real[:, :model.maximum_length]
    R = memory_tokens(model, params, states if model.gradient == "end_to_end" else list(map(stopped, states)))  # (B, M, D)
    seen = ~first if model.first == "masked" else numpy.ones(len(tokens), dtype=bool)
    fusion, encoder, now = FUSIONS[model.fusion], model.encoder, {}
    context = Context(encoder, encoder.residual, tokens, numpy.arange(tokens.shape[1]), rng=rng)
    fused = fusion.before(embed(params, context, None), R, seen, params.get("fusion"), context, now)  # (B, T, D)
    X, place = fusion.joined(fused, R)
    everything = fusion.joined(real[..., None], numpy.broadcast_to(seen[:, None, None], (*R.shape[:2], 1)))[0][..., 0]
    output, trace = stack(X, params, seeing(context, params, everything, R, seen))
    summary = pooled(output[:, place], real)  # (B, D)
    record = {"memory_tokens": R, "fusion": now, "fused": fused, "layers": trace, "pooled": summary}
    return linear(summary, **params["head"]), record  # (B, classes)


def seeing(context, params, real, R, seen):
    """The context of the encoder: padding is not attended, the memory is where there is any."""
    context = context._replace(positions=numpy.arange(real.shape[1]))
    context = self_attending(context, params, real, None, None, None, causal=False)
    hidden = numpy.where(seen, 0.0, -numpy.inf).astype(getval(R).dtype)[:, None, None, None]  # (B, 1, 1, 1)
    return context._replace(memory=R, masks={**context.masks, "cross_attention": hidden})


def pooled(x, real):
    """The mean of x (B, T, D) over the real tokens: (B, D). A row without any gives zero."""
    count = numpy.maximum(numpy.sum(real, axis=1), 1).astype(getval(x).dtype)  # (B)
    weight = real.astype(getval(x).dtype) / count[:, None]  # (B, T)
    return np.sum(x * weight[..., None], axis=1)  # (B, D)
