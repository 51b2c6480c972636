"""The two sublayers: attention, self or across, with grouped keys and values and a cache; and the feed-forward network."""

import math

import torch

from .torch_masks import Masks


class Attention(Masks):
    """The order inside: q, k, v; what the variant makes of them; heads; rotation; cache; scores; softmax; sum; W_o."""

    # ---- what a variant may change -----------------------------------------------------------------------------------

    def queries(self, fresh, at):
        """(B, T, H K), before heads and rotation."""
        return fresh

    def keys(self, fresh, at):
        """K_n (B, S, G K), before heads and rotation; None where the layer has no W_k. -> what is used."""
        return fresh

    def values(self, fresh, at):
        """V_n (B, S, G K); None where the layer has no W_v. -> what is used."""
        return fresh

    def scores(self, fresh, at):
        """A_n (B, H, T, S), scaled -> S_n, what the next layer may add."""
        return fresh

    def logits(self, scores, at):
        """S_n -> Z_n, what bias, mask and softmax get."""
        return scores

    def probabilities(self, fresh, at):
        """softmax (B, H, T, S), None where the layer has no W_q -> P_n."""
        return fresh

    def heads(self, heads, at):
        """P_n V'_n (B, H, T, K) -> U_n, before W_o."""
        return heads

    def inner(self, u, name, at):
        """x W + b (B, T, F) of the feed-forward network, name "1" or "gate", before the activation."""
        return u

    def active(self, a, at):
        """What W_2 gets."""
        return a

    # ---- the sublayers -----------------------------------------------------------------------------------------------

    def attention(self, x, at):
        """x (B, T, D), or a tuple of what queries, keys and values are made of -> (B, T, D)."""
        views = x if isinstance(x, tuple) else (x, x, x)
        for name, view in zip(("x", "x_k", "x_v") if isinstance(x, tuple) else ("x",), views):
            at.keep(name, view)
        if self.style.get("fused_attention") and self.plain_scores(at):
            heads = self.fused(views, at)
        else:
            own = self.attended(views, at) if at.has("W_q") else None
            kept = at.keep("probabilities", self.probabilities(own, at))
            heads = self.product(kept, self.serve(self.used("value", views[2], at)))
        return at.keep("output", self.project(self.merge_heads(at.keep("heads", self.heads(heads, at))), "o", at))

    def plain_scores(self, at):
        """Whether nothing but the plain softmax stands between products and probabilities."""
        names = ("scores", "logits", "probabilities", "attended", "products", "scaled", "masked")
        return at.has("W_q") and all(getattr(type(self), name) is getattr(Attention, name) for name in names)

    def attended(self, views, at):
        """softmax(Z_n + bias + mask) (B, H, T, S)."""
        q = at.keep("query_heads", self.query_heads(views[0], at))
        k = self.used("key", views[1], at)
        fresh = at.keep("fresh_scores", self.scaled(self.products(q, k), at))
        logits = at.keep("logits", self.logits(at.keep("scores", self.scores(fresh, at)), at))
        return self.softmax(self.masked(logits, at))

    def products(self, q, k):
        """q k^T (B, H, T, S)."""
        return self.product(q, self.serve(k).transpose(-1, -2))

    def query_heads(self, x, at):
        """(B, H, T, K), rotated."""
        return self.turned(self.split_heads(self.queries(self.project(x, "q", at), at), self.model.heads), at)

    def used(self, name, x, at):
        """The heads (B, G, S, K) of the used keys or values, cached rows first; an earlier layer's where they are the same."""
        heads, cached, across = name + "_heads", at.cached(), at.sublayer == "cross_attention"
        if across and heads in cached:
            at.leave(heads, cached[heads])
            return at.keep(heads, cached[heads])
        short = name[0]
        fresh = self.project(at.run.memory if across else x, short, at) if at.has("W_" + short) else None
        if fresh is not None:
            at.keep(f"fresh_{name}s", fresh)
        used = at.keep(name + "s", self.keys(fresh, at) if name == "key" else self.values(fresh, at))
        found = [record[heads] for record in at.past if record.get(name + "s") is used]
        if not found:
            new = self.split_heads(used, self.model.kv_heads)
            new = self.turned(new, at) if name == "key" else new
            found = [torch.cat([cached[heads], new], 2) if heads in cached else new]
        at.leave(heads, found[0])
        return at.keep(heads, found[0])

    def project(self, x, name, at):
        """x W_name + b_name."""
        return self.linear(x, at.get("W_" + name), at.get("b_" + name))

    def turned(self, x, at):
        """Rotary positions, in self-attention only."""
        rotary = self.model.positions == "rotary" and at.sublayer == "attention"
        return self.rotate(x, at.run.positions) if rotary else x

    def scaled(self, products, at):
        """Over sqrt(K)."""
        return products / math.sqrt(self.model.head_width)

    def masked(self, logits, at):
        """Bias and mask, on the logits only."""
        mask = at.run.masks[at.sublayer][at.n - 1]
        bias = at.run.bias if at.sublayer == "attention" else None
        return sum([term for term in (bias, mask) if term is not None], start=logits)

    def feed_forward(self, x, at):
        """f(x W_1 + b_1) W_2 + b_2; gated: (silu(x W_gate) * (x W_1)) W_2."""
        at.keep("x", x)
        inner = at.keep("inner", self.inner(self.project(x, "1", at), "1", at))
        if at.has("W_gate"):
            gate = at.keep("gate", self.inner(self.project(x, "gate", at), "gate", at))
            active = self.activation(gate) * inner
        else:
            active = self.activation(inner)
        return at.keep("output", self.project(at.keep("active", self.active(active, at)), "2", at))
