"""The mistakes of NeuTRENO, of shared, mixed and shifted keys and values, and of value embeddings, in PyTorch."""

import torch

from .torch_values_wrong import behind, heads_of, wrong


def methods(name, **rules):
    """Enter rule(port, self, *arguments) for each method."""
    @wrong(name)
    def make(port):
        bound = lambda rule: lambda self, *arguments: rule(port, self, *arguments)
        return {method: bound(rule) for method, rule in rules.items()}


# ---- NeuTRENO --------------------------------------------------------------------------------------------------------

methods("neutreno-sign", sign=lambda port, self: -1.0)
methods("neutreno-heads-tiled", over_heads=lambda port, self, x: heads_of(self, x).repeat(
    1, self.model.heads // self.model.kv_heads, 1, 1))
methods("neutreno-raw-or-mixed", own=lambda port, self, at: at.record[
    "fresh_values" if self.options.get("difference", "mixed") == "mixed" else "values"])
methods("neutreno-after-projection", heads=lambda port, self, heads, at: heads,
        branch_output=lambda port, self, y, at: port.branch_output(
            self, y + self.merge_heads(self.term(at)) if at.past and at.sublayer == "attention" else y, at))


# ---- sharing ---------------------------------------------------------------------------------------------------------

methods("svformer-keys-shared", keys=lambda port, self, fresh, at: at.past[0]["keys"] if at.past else fresh)
methods("gemma-owner-of-any-kind", owner=lambda port, self, at: at.n - 1)
methods("gemma-first-owner-of-kind", owner=lambda port, self, at: self.candidates(at)[0])
methods("yoco-pair-without-norm", middle=lambda port, self, at: self.behind(at))
methods("yoco-pair-from-layer-input", middle=lambda port, self, at: at.record["x"])


def owner_before(port, self, at):
    """The last but one of the layers with keys and values of their own."""
    own = [n for n in range(1, at.n) if f"{at.run.prefix}layers.{n - 1}.{at.sublayer}.W_k" in self.params]
    return own[max(0, len(own) - 2)]


methods("sharing-groups-off-by-one", owner=owner_before)


def rotated_twice(port, self, kind, x, at):
    """A follower rotates what it gets."""
    heads = port.used(self, kind, x, at)
    itself = kind != "key" or at.sublayer != "attention"
    borrowed = not itself and any(record.get("keys") is at.record["keys"] for record in at.past)
    return at.keep("key_heads", self.rotate(heads, torch.arange(heads.shape[2]))) if borrowed else heads


methods("shared-keys-rotated-twice", used=rotated_twice)
methods("lime-own-layer-first", over_layers=lambda port, self, name, fresh, at: [
    fresh, *(record["fresh_" + name] for record in at.past)])
methods("lime-used-for-own", over_layers=lambda port, self, name, fresh, at: [*(record[name] for record in at.past), fresh])


# ---- shifting --------------------------------------------------------------------------------------------------------

def swapped(port, self, symbol, x, at):
    """The weights the other way round."""
    own, other = (self.per_channel(at.get(f"{symbol}_{i}")) for i in (2, 1))
    return own * x + other * self.before(symbol, x, at)


def key_heads_shifted(port, self, kind, x, at):
    """Keys are rotated, then shifted."""
    if kind != "key" or at.sublayer != "attention":
        return port.used(self, kind, x, at)
    fresh = at.keep("keys", at.keep("fresh_keys", self.project(x, "k", at)))
    rotated = self.merge_heads(self.turned(heads_of(self, fresh), at))
    heads = behind(at.cached().get("key_heads"), heads_of(self, self.shift("alpha", rotated, at)))
    at.leave("key_heads", heads)
    return at.keep("key_heads", heads)


methods("shift-weights-swapped", shift=swapped)
methods("shift-weight-shared", per_channel=lambda port, self, weight: port.per_channel(self, weight[:1].expand_as(weight)))
methods("shift-to-the-left", before=lambda port, self, symbol, x, at: torch.cat(
    [at.real(x)[:, 1:], torch.zeros_like(x[:, :1])], 1))
methods("shift-after-rotation", used=key_heads_shifted)


@wrong("shift-first-token-repeated")
def first_repeated(port):
    def before(self, symbol, x, at):
        begins, earlier = symbol not in at.cached(), port.before(self, symbol, x, at)
        return torch.cat([x[:, :1], earlier[:, 1:]], 1) if begins else earlier
    return {"before": before}


# ---- value embeddings ------------------------------------------------------------------------------------------------

methods("value-embedding-weights-swapped", share=lambda port, self, at: 1 - at.get("lambda"))
methods("value-embedding-gate-range", largest=lambda port, self: {"sigma2": 3, "sigma3": 2}[self.options["form"]])


def one_early(port, self, at):
    """Of the layer above."""
    above = at.beside(at.n + 1, at.sublayer)
    return above if above.has("E") else None


methods("value-embedding-layers-one-early", table=one_early)
