"""An independent Transformer in PyTorch, written from the papers: encoder, decoder, encoder_decoder, decoding with a cache.

    BERT's block (He et al. 2020, 2012.11747) and Llama's (Zhou et al. 2024, 2410.17897); norms post, pre, sandwich, output,
    none; learned, sinusoidal, rotary (halves), ALiBi or no positions; grouped queries; masks per layer, windows, bias.

A variant is a subclass of `Port` that overrides the functions of the residual (start .. predictions) and is entered in
PORTS; a mistake is a function from such a class to a wrong one, in WRONG. Every tensor that is named has a gradient.
    run(case, dtype, wrong, **style) -> {name: array}: tensors, loss, grad/<name>
Other ports import it relatively, `from .torch_transformer import PORTS, WRONG, Port`; tests as `ports.torch_transformer`.
"""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import torch

from minires.errors import one_of
from minires.oracle.mistakes import MISTAKES

from .torch_answer import Answer
from .torch_attention import Attention
from .torch_parts import Parts
from .torch_place import Place
from .torch_residual import Plain

PORTS = {}   # variant -> subclass of Port
WRONG = {}   # mistake -> function (class) -> class


class Port(Plain, Attention, Parts, Answer):
    """One model with the numbers of a case."""

    def __init__(self, case, dtype="float64", wrong=(), **style):
        self.case, self.dtype, self.style, self.wrong = case, getattr(torch, dtype), style, frozenset(wrong)
        self.model = SimpleNamespace(**case.config["model"])
        self.model.kv_heads = self.model.kv_heads or self.model.heads
        self.model.head_width = self.model.head_width or self.model.width // self.model.heads
        self.options = dict(self.model.options)
        self.named, self.memory, self.naming = {}, {}, True  # memory: what a wrong port keeps from one call to the next
        values = {name: self.tensor(name, value) for name, value in case.values.items()}
        self.inputs = {name[7:]: value for name, value in values.items() if name.startswith("inputs.")}
        self.leaves = {name: values[name] for name in case.differentiated}
        self.params = {name: value for name, value in values.items() if not name.startswith("inputs.")}

    # ---- a call ------------------------------------------------------------------------------------------------------

    def forward(self, inputs, cache=None):
        """Logits (B, T, V) and the cache {"length", "padding", prefix: {name: tensor}}."""
        kind, before, kept = self.model.kind, cache["length"] if cache else 0, {}
        memory, hidden = None, (cache or {}).get("hidden")
        if kind == "encoder_decoder" and cache is None:
            memory = self.stack("encoder.", inputs["source"], 0, inputs.get("source_padding"), {}, None, {}, False)
        if inputs.get("source_padding") is not None:
            hidden = self.padded(inputs["source_padding"])
        prefix = "decoder." if kind == "encoder_decoder" else ""
        padding = inputs.get("padding")
        if cache and cache["padding"] is not None:
            padding = torch.cat([cache["padding"], torch.ones_like(inputs["tokens"], dtype=torch.bool)], 1)
        x = self.stack(prefix, inputs["tokens"], before, padding, inputs, cache, kept, kind != "encoder", memory, hidden)
        kept.update(length=before + inputs["tokens"].shape[1], padding=padding, hidden=hidden)
        return self.predictions(self.head(x)), kept

    def stack(self, prefix, tokens, before, padding, inputs, cache, kept, causal, memory=None, hidden=None):
        """All layers of one stack: (B, T, D)."""
        t, s = torch.arange(before, before + tokens.shape[1]), torch.arange(before + tokens.shape[1])
        masks = {"attention": self.masks(t, s, causal, padding, inputs), "cross_attention": [hidden] * self.model.layers}
        run = SimpleNamespace(prefix=prefix, tokens=tokens, positions=t, masks=masks, bias=self.bias(t, s, inputs),
                              memory=memory, padding=padding, cache=cache, kept=kept, embedding=None)
        first = Place(port=self, n=0, m=0, sublayer="stack", prefix=prefix + "layers.0.start.", record={}, layer={}, below=[],
                      past=[], run=run, first=False, last=False)
        run.embedding = self.start(self.embed(tokens, t, inputs.get("segments")), first)
        stream, below, n = self.expand(run.embedding, first), [], 0
        for n in range(1, self.model.layers + 1):
            stream, layer = self.block(stream, first, n, below)
            below = [*below, layer]
        end = Place(**{**vars(first), "n": n + 1, "prefix": f"{prefix}layers.{n - 1}.finish.", "below": below, "record": {}})
        final = self.finish(stream, end)
        self.keep(f"{prefix}layers.{n - 1}.final", final)
        return final

    def block(self, stream, first, n, below):
        """One layer: the stream behind it and {sublayer: record}."""
        prefix, layer = f"{first.run.prefix}layers.{n - 1}.", {}
        self.keep(prefix + "input", stream)
        names = [name for name in ("attention", "cross_attention", "feed_forward")
                 if any(key.startswith(f"{prefix}{name}.") for key in self.params)]
        for i, name in enumerate(names):
            at = first.beside(n, name, m=(n - 1) * len(names) + i + 1, layer=layer, below=below, first=i == 0,
                              past=[record[name] for record in below], last=i == len(names) - 1)
            stream = self.enter(stream, at)
            view = self.read(stream, at)
            view = tuple(self.branch_input(x, at) for x in view) if isinstance(view, tuple) else self.branch_input(view, at)
            y = self.branch_output((self.feed_forward if name == "feed_forward" else self.attention)(view, at), at)
            stream = self.write(stream, at.keep("y", y), at)
            layer[name] = at.record
        self.keep(prefix + "output", stream)
        return stream, layer


def port_of(variant):
    """The class that ports a variant."""
    for path in sorted(Path(__file__).parent.glob("torch_*.py")):
        import_module("." + path.stem, __package__)
    return PORTS[variant]


def run(case, dtype="float64", wrong=(), **style):
    """The answer of the port to a case, {name: array}; with the mistakes `wrong`, and in another correct `style`."""
    port = port_of(case.config["model"]["variant"])
    for name in wrong:
        one_of("mistake", name, MISTAKES)
        port = WRONG[name](port) if name in WRONG else port
    threads = torch.get_num_threads()
    torch.set_num_threads(style.get("threads", 1))
    try:
        return port(case, dtype, wrong, **style).answer()
    finally:
        torch.set_num_threads(threads)


PORTS.update({"vanilla": Port, "pre_norm": Port, "sandwich_norm": Port, "output_norm": Port})
