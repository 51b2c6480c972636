"""Where a model is while it runs: what the functions of a port are told."""

from types import SimpleNamespace


class Place(SimpleNamespace):
    """A sublayer of a layer. Fields:

    n, m         layer 1 .. L (0 before the first, L + 1 after the last) and sublayer 1 .. M of this stack
    sublayer     "attention", "cross_attention", "feed_forward"; "stack" before the first and after the last layer
    prefix       of the names of its tensors and parameters: "decoder.layers.0.attention."
    record       {name: tensor} of this sublayer so far; `layer` {sublayer: record} of this layer
    below        [{sublayer: record}] of the layers below; `past`: of the same sublayer, nearest last
    run          of this stack: prefix, tokens, positions, masks, bias, memory, padding, cache, kept, embedding
    first, last  whether it is the first, the last sublayer of its layer
    """

    def keep(self, name, tensor):
        """Name a tensor (or a nesting of them); returns it. It is in the record, and its gradient will be known."""
        self.record[name] = tensor
        self.port.keep(self.prefix + name, tensor)
        return tensor

    def has(self, name):
        """Whether this sublayer has the parameter."""
        return self.prefix + name in self.port.params

    def get(self, name):
        """A parameter of this sublayer as the model uses it; None where there is none."""
        return self.port.weight(self.port.params[self.prefix + name], name, self) if self.has(name) else None

    def shared(self, name):
        """A parameter that all layers of the stack share: shared.attention.<name>."""
        return self.port.params[f"{self.run.prefix}shared.{self.sublayer}.{name}"]

    def stack(self, name):
        """A parameter of the stack, e.g. final_norm.gain; None where there is none."""
        return self.port.params.get(self.run.prefix + name)

    def norm(self, x, name="norm"):
        """The norm of this sublayer (before the first and after the last layer: of the stack) called `name`."""
        get = self.stack if self.sublayer == "stack" else self.get
        return self.port.norm(x, get(name + ".gain"), get(name + ".bias"))

    def cached(self):
        """What earlier steps of decoding left here: {name: tensor}."""
        return (self.run.cache or {}).get(self.prefix, {})

    def leave(self, name, tensor):
        """Leave a tensor for the next step of decoding."""
        self.run.kept.setdefault(self.prefix, {})[name] = tensor

    def earlier(self, name, x, rows):
        """x (B, T, C) behind the `rows` rows before it, zeros at the beginning: (B, rows + T, C)."""
        before = self.cached().get(name)
        longer = self.port.cat([x.new_zeros(len(x), rows, x.shape[-1]) if before is None else before, x], 1)
        self.leave(name, longer[:, longer.shape[1] - rows:])
        return longer

    def real(self, x):
        """x (B, T, ..) with zeros at padded tokens."""
        if self.run.padding is None:
            return x
        real = self.run.padding[:, self.run.padding.shape[1] - x.shape[1]:]
        return x * real.reshape(real.shape + (1,) * (x.dim() - 2)).to(x.dtype)

    def sources(self):
        """[x_0, y_1, y_2, ..]: the embedding and what each earlier sublayer of this stack made."""
        return [self.run.embedding] + [record["y"] for layer in (*self.below, self.layer)
                                       for record in layer.values() if "y" in record]

    def beside(self, n, sublayer, **changes):
        """Another place of the same stack, e.g. to read its parameters."""
        prefix = f"{self.run.prefix}layers.{n - 1}.{sublayer}."
        return Place(**{**vars(self), "n": n, "sublayer": sublayer, "prefix": prefix, "record": {}, **changes})
