"""The two sublayers in JAX: attention, self or across, and the feed-forward network. No cache."""

import math

import jax.numpy as jnp
import numpy as np

from .jax_parts import Parts


class Sublayers(Parts):
    """What a variant changes first; then the order inside. A place is the beginning of a name."""

    def scores(self, fresh, chain):
        """S_n; chain: what the layers below left, {"scores", "fresh_values", "values"} each."""
        return fresh

    def logits(self, scores, n):
        """Z_n of the n-th layer, 1 the first."""
        return scores

    def values(self, fresh, chain, at):
        """V'_n."""
        return fresh

    # ---- the sublayers -----------------------------------------------------------------------------------------------

    def project(self, x, name, at):
        """x W + b, None without W."""
        W = self.p.get(f"{at}.W_{name}")
        return None if W is None else self.linear(x, W, self.p.get(f"{at}.b_{name}"))

    def attention(self, x, at, mask, bias, memory=None):
        """(B, T, D)."""
        groups, chain = self.m["kv_heads"] or self.m["heads"], self.past.setdefault(at.rsplit(".", 1)[-1], [])
        keep = lambda name, z: self.keep(f"{at}.{name}", z)
        turn = self.turned if memory is None else lambda z: z
        source = x if memory is None else memory
        q = keep("query_heads", turn(self.split(self.project(x, "q", at), self.m["heads"])))
        keys = keep("keys", keep("fresh_keys", self.project(source, "k", at)))
        k = keep("key_heads", turn(self.split(keys, groups)))
        fresh = keep("fresh_scores", self.scaled(self.products(q, k)))
        scores = keep("scores", self.scores(fresh, chain))
        p = keep("probabilities", self.softmax(self.masked(keep("logits", self.logits(scores, len(chain) + 1)), mask, bias)))
        own = self.project(source, "v", at)
        own = own if own is None else keep("fresh_values", own)
        v = keep("values", self.values(own, chain, at))
        if id(v) not in self.heads_of:
            self.heads_of[id(v)] = self.split(v, groups)
        self.heads_of[id(v)] = keep("value_heads", self.heads_of[id(v)])
        chain.append({"scores": scores, "fresh_values": own, "values": v})
        heads = keep("heads", self.product(p, self.serve(self.heads_of[id(v)])))
        return keep("output", self.project(self.merge(heads), "o", at))

    def turned(self, x):
        """Rotary positions."""
        return self.rotate(x, np.arange(x.shape[2])) if self.m["positions"] == "rotary" else x

    def products(self, q, k):
        """q k^T (B, H, T, S)."""
        return self.product(q, jnp.swapaxes(self.serve(k), -1, -2))

    def scaled(self, products):
        """Over sqrt(K)."""
        return products / math.sqrt(self.m["head_width"] or self.m["width"] // self.m["heads"])

    def masked(self, z, mask, bias):
        """Bias and mask on the logits."""
        z = z if bias is None else z + bias
        return z if mask is None else z + mask

    def mask(self, n, T, padding, causal, inputs):
        """The additive mask of the n-th layer, 0 the first."""
        terms = [self.hide(self.causal(T))] if causal else []
        terms += [] if padding is None else [self.hide(padding[:, None, None])]
        terms += [inputs[f"mask.{n}"]] if f"mask.{n}" in inputs else []
        return sum(terms) if terms else None

    def causal(self, T):
        """Which keys a query sees (T, T)."""
        return np.tril(np.ones((T, T), bool))

    def source_mask(self):
        """Of the source's padding."""
        real = self.inputs.get("source_padding")
        return None if real is None else self.hide(real[:, None, None])

    def feed_forward(self, x, at):
        """f(x W_1 + b_1) W_2 + b_2, or (silu(x W_gate) * x W_1) W_2."""
        inner = self.keep(at + ".inner", self.project(x, "1", at))
        gate = self.project(x, "gate", at)
        active = self.activation(inner) if gate is None else self.gated(self.keep(at + ".gate", gate), inner)
        return self.keep(at + ".output", self.project(self.keep(at + ".active", active), "2", at))

    def gated(self, gate, inner):
        """silu(x W_gate) * x W_1."""
        return self.activation(gate) * inner
