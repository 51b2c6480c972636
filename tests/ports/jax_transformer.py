"""An independent Transformer in JAX, from the papers: encoder, decoder, encoder_decoder; its variants are in jax_residual.

    run(case, dtype, wrong, jit=True, **style) -> {name: array}: tensors, loss, grad/<name>
BERT's block (2012.11747) with post norms, Llama's (2410.17897) with pre norms; learned or rotary positions. A decoding step
is the last row of a run of all tokens so far: there is no cache. A mistake is a row of `jax_wrong`.
"""

from importlib import import_module

import jax.numpy as jnp
import numpy as np

from minires.errors import one_of, require

from .jax_answer import answer, replaced
from .jax_attention import Sublayers

PORTS = {}  # variant -> class


class Transformer(Sublayers):
    """One model with the numbers of a case. A place is the beginning of a name: `decoder.layers.0.attention`."""

    house = "post"

    def __init__(self, case, values, names, style):
        self.case, self.p, self.names, self.style, self.m = case, values, names, style, case.config["model"]
        self.keep, self.options = names.keep, self.m["options"]
        self.norms = self.m["placement"] or {"pre_norm": "pre"}.get(self.m["variant"], self.house)
        require(self.norms in ("pre", "post"), f"norms {self.norms!r}: this port has pre and post")
        self.inputs = {name[7:]: value for name, value in values.items() if name.startswith("inputs.")}
        self.dtype = values["embedding.W_token"].dtype

    def run(self):
        """Names everything, returns the loss."""
        given, tokens = self.inputs, self.inputs["tokens"]
        logits = self.keep("logits", self.forward(tokens, given.get("padding"), given))
        self.names.on, steps, real = False, self.case.config.get("decode", 0), given.get("padding")
        found, prompt = {}, tokens.shape[1] - steps
        for i in range(steps):
            seen = prompt + i + 1
            padding = None if real is None else jnp.where(np.arange(seen) < prompt, real[:, :seen], True)
            found[f"decode.{i}"] = self.forward(tokens[:, :seen], padding, {})[:, -1:]
        self.names.on = True
        for name, x in found.items():
            self.keep(name, x)
        return self.cross_entropy(logits, given["targets"], given["weights"])

    def forward(self, tokens, padding, inputs):
        """Logits (B, T, V)."""
        if self.m["kind"] == "encoder_decoder":
            memory = self.stack("encoder.", self.inputs["source"], self.inputs.get("source_padding"), False, {})
            x = self.stack("decoder.", tokens, padding, True, inputs, memory)
        else:
            x = self.stack("", tokens, padding, self.m["kind"] == "decoder", inputs)
        return self.head(x)

    def stack(self, prefix, tokens, padding, causal, inputs, memory=None):
        """All layers (B, T, D)."""
        self.past, self.heads_of, self.history, self.prefix = {}, {}, [], prefix
        x = self.embed(tokens)
        x = stream = self.begin(self.norm(x, prefix + "start_norm") if self.norms == "post" else x)
        for n in range(self.m["layers"]):
            layer = f"{prefix}layers.{n}."
            stream = self.keep(layer + "input", stream)
            mask, bias = self.mask(n, tokens.shape[1], padding, causal, inputs), inputs.get("bias")
            for name in ("attention", "cross_attention", "feed_forward"):
                if any(each.startswith(f"{layer}{name}.") for each in self.p):
                    view = self.read(stream, layer + name)
                    x = self.keep(f"{layer}{name}.x", view)
                    stream = x if view is stream else stream
                    beside = {"attention": (mask, bias), "cross_attention": (self.source_mask(), None, memory)}.get(name)
                    y = self.attention(x, layer + name, *beside) if beside else self.feed_forward(x, layer + name)
                    stream = self.write(stream, self.keep(f"{layer}{name}.y", y), layer + name)
            stream = self.keep(layer + "output", self.close(stream, layer))
        return self.keep(f"{prefix}layers.{self.m['layers'] - 1}.final", self.finish(stream))

    # ---- the residual ------------------------------------------------------------------------------------------------

    def begin(self, x):
        """The stream before the first layer."""
        return x

    def read(self, stream, at):
        """What a sublayer gets."""
        return self.norm(stream, at + ".norm") if self.norms == "pre" else stream

    def write(self, stream, y, at):
        """The stream after a sublayer."""
        return self.norm(stream + y, at + ".norm") if self.norms == "post" else stream + y

    def close(self, stream, layer):
        """The stream after a layer."""
        return stream

    def finish(self, stream):
        """What the head gets."""
        return self.norm(stream, self.prefix + "final_norm") if self.norms == "pre" else stream

    # ---- the ends ----------------------------------------------------------------------------------------------------

    def embed(self, tokens):
        """Token vectors, and positions where they are learned."""
        x = self.p["embedding.W_token"][tokens]
        return x + self.p["embedding.W_position"][:tokens.shape[1]] if self.m["positions"] == "learned" else x

    def head(self, x):
        """Linear, tied, or BERT's."""
        kind = self.m["head"] or ("masked_lm" if self.m["kind"] == "encoder" else "linear")
        if kind == "linear":
            return self.linear(x, self.p["head.W"], self.p.get("head.b"))
        if kind == "masked_lm":
            x = self.norm(self.gelu(self.linear(x, self.p["head.W"], self.p.get("head.b"))), "head.norm")
        return self.linear(x, self.p["embedding.W_token"].T, self.p.get("head.b_token"))


def run(case, dtype="float64", wrong=(), jit=True, **style):
    """The port's answer to a case; ValueError for a variant or a mistake that it lacks."""
    import_module(".jax_residual", __package__)
    rows = import_module(".jax_wrong", __package__).WRONG
    port = one_of("variant", case.config["model"]["variant"], PORTS)
    for name in wrong:
        port = replaced(port, *one_of("mistake of the port in JAX", name, rows))
    return answer(case, dtype, port, jit, **style)


PORTS.update(vanilla=Transformer, pre_norm=Transformer)
