"""What stands between scores and probabilities: masks, the shared bias, and fused attention where nothing else does."""

import math

import torch
import torch.nn.functional as F


class Masks:
    """Additive masks, one per layer, the shared bias, and scaled_dot_product_attention."""

    def masks(self, t, s, causal, padding, inputs):
        """One additive mask per layer, or None: causal, padding, window and the given ones together."""
        fixed = [self.causal(t, s)] if causal else []
        fixed += [] if padding is None else [self.padded(padding)]
        given = [inputs[name] for name in sorted(inputs, key=self.number) if name.startswith("mask")]
        windows = self.model.window if isinstance(self.model.window, list | tuple) else [self.model.window] * self.model.layers
        given = given if len(given) == self.model.layers else (given or [None]) * self.model.layers
        terms = [[*fixed, *([self.window(t, s, w)] if w else []), *([] if own is None else [own])]
                 for w, own in zip(windows, given)]
        return [sum(term[1:], start=term[0]) if term else None for term in terms]

    def padded(self, real):
        """The keys of padded tokens are hidden: (B, 1, 1, S)."""
        return self.hidden(real)[:, None, None]

    @staticmethod
    def number(name):
        """The number at the end of a name, for sorting."""
        end = name.rsplit(".", 1)[-1]
        return int(end) if end.isdigit() else -1

    def causal(self, t, s):
        """A query sees the keys at and before its own position."""
        return self.hidden(s <= t[:, None])

    def window(self, t, s, width):
        """|t - s| < width, and the global tokens."""
        tokens = self.model.global_tokens
        return self.hidden(((t[:, None] - s).abs() < width) | (t[:, None] < tokens) | (s < tokens))

    def bias(self, t, s, inputs):
        """The shared additive bias, or None."""
        terms = [self.alibi(t, s)] if self.model.positions == "alibi" else []
        terms += [inputs["bias"]] if "bias" in inputs else []
        return sum(terms[1:], start=terms[0]) if terms else None

    def fused(self, views, at):
        """scaled_dot_product_attention; rows that may attend to nothing give 0."""
        q = at.keep("query_heads", self.query_heads(views[0], at))
        k, v = (self.serve(self.used(name, view, at)) for name, view in zip(("key", "value"), views[1:]))
        mask = self.masked(q.new_zeros(*q.shape[:3], k.shape[2]), at)
        dead = (mask <= self.style.get("mask_value", -math.inf) / 2).all(-1, keepdim=True)
        out = F.scaled_dot_product_attention(q, k, v, torch.where(dead, torch.zeros_like(mask), mask))
        return torch.where(dead, torch.zeros_like(out), out)
