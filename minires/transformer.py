"""The residual record, the block and the stack. Read top-down: this is the whole Transformer.

Depth reuses the past along three streams: the hidden stream, the attention scores, the attention values. A residual
scheme is a record of small pure functions, one per place where it can act. A variant replaces some of them.
"""

from typing import Any, Callable, NamedTuple

from minires.activations import feed_forward
from minires.attention import attention
from minires.layers import dropout, normalize


class Residual(NamedTuple):
    """The places where a residual scheme acts. Each default is the plain Transformer without any norm.

    `past` is the list of the records of the same sublayer in the layers below, nearest last (see `attention`);
    `here` says where we are (see `Here`).
    """

    start: Callable = lambda embedding, here: embedding     # what the hidden stream is
    read: Callable = lambda stream, here: stream            # what a sublayer sees
    values: Callable = lambda fresh, past, here: fresh      # V_n (B, S, G K) -> V'_n, what attention sums
    scores: Callable = lambda fresh, past, here: fresh      # A_n (B, H, T, S) -> S_n, what the next layer may add
    logits: Callable = lambda scores, here: scores          # S_n -> Z_n, what bias, mask and softmax get
    heads: Callable = lambda heads, past, here: heads       # P_n V'_n (B, H, T, K) -> U_n, before W_o
    write: Callable = lambda stream, y, here: stream + y    # how a sublayer's output is put back
    finish: Callable = lambda stream, here: stream          # what the head of the model gets
    parameters: tuple = ()                                  # functions (rng, model, stack) -> stack with own parameters


class Context(NamedTuple):
    """What is the same in all layers of a stack while it runs."""

    model: Any                # the description (minires.Transformer)
    residual: Residual
    tokens: Any               # (B, T)
    positions: Any            # (T,) of the queries
    masks: dict = {}          # sublayer -> additive mask (B or 1, H or 1, T or 1, S), or one per layer, or None
    bias: Any = None          # on the logits of self-attention, (H or 1, T, S) or (B, H, T, S), the same in all layers
    memory: Any = None        # (B, S, D) what cross-attention reads
    shared: dict = {}         # sublayer -> parameters that all layers share
    cache: Any = None         # per layer: {sublayer: {"keys", "value_heads"}} of the earlier steps of decoding
    rng: Any = None           # generator of dropout; None outside training


class Here(NamedTuple):
    """Where we are."""

    n: int                    # layer of this stack, 1 .. L as in the papers (0 before the first, L + 1 after the last)
    sublayer: str             # "attention", "cross_attention", "feed_forward"; "stack" in start and finish
    params: dict              # the parameters of this sublayer
    context: Context
    now: dict = {}            # the record of this sublayer, as far as it is computed

    def norm(self, x, name="norm"):
        """The model's kind of norm with this sublayer's own gain and bias."""
        return normalize(self.context.model.norm, x, self.params[name], self.context.model.epsilon)

    def mask(self):
        """The additive mask of this layer, or None."""
        masks = self.context.masks.get(self.sublayer)
        return masks[self.n - 1] if isinstance(masks, (list, tuple)) else masks

    def bias(self):
        """The shared additive bias, or None. It exists in self-attention only."""
        return self.context.bias if self.sublayer == "attention" else None

    def shared(self):
        """The parameters that all layers of this chain share."""
        return self.context.shared.get(self.sublayer, {})

    def kept(self):
        """Keys and value heads kept from the earlier steps of decoding."""
        return {} if self.context.cache is None else self.context.cache[self.n - 1][self.sublayer]


def network(x, past, here):
    """The feed-forward sublayer; it reads nothing of the past."""
    weights = {name: W for name, W in here.params.items() if name[:2] in ("W_", "b_")}
    return feed_forward(x, here.context.model.activation, **weights)


SUBLAYERS = {"attention": attention, "cross_attention": attention, "feed_forward": network}


def block(stream, below, n, params, context):
    """One layer: each sublayer reads the stream, computes, and writes back. Returns the stream and the layer's record."""
    residual, record = context.residual, {"input": stream}
    for sublayer, operation in SUBLAYERS.items():
        if sublayer in params:
            here = Here(n, sublayer, params[sublayer], context)
            x = residual.read(stream, here)
            y, record[sublayer] = operation(x, [layer[sublayer] for layer in below], here)
            stream = residual.write(stream, dropout(y, context.model.dropout, context.rng), here)
    return stream, {**record, "output": stream}


def stack(embedding, params, context):
    """All layers: embedding (B, T, D) -> output (B, T, D) and the trace, one record of named arrays per layer."""
    residual, trace = context.residual, []
    context = context._replace(shared=params["shared"] if "shared" in params else {})
    stream = residual.start(embedding, Here(0, "stack", params, context))
    stream = dropout(stream, context.model.dropout, context.rng)
    for n, layer in enumerate(params["layers"], start=1):
        stream, record = block(stream, trace, n, layer, context)
        trace.append(record)
    output = residual.finish(stream, Here(n + 1, "stack", params, context))
    trace[-1]["final"] = output
    return output, trace


# ---- building blocks of variants -------------------------------------------------------------------------------------

def after_first(change):
    """The first layer has nothing to reuse: `change(fresh, past, here)` from the second layer on."""
    return lambda fresh, past, here: change(fresh, past, here) if past else fresh


def each_sublayer(params, change):
    """The stack with each sublayer's parameters p replaced by change(n, sublayer, p). Nothing is changed in place."""
    layers = [{sublayer: change(n, sublayer, p) for sublayer, p in layer.items()}
              for n, layer in enumerate(params["layers"], start=1)]
    return {**params, "layers": layers}
