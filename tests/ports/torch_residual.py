"""The places of the residual stream and the ends of the model: norms post, pre, sandwich, output or none."""

import torch

PLACEMENTS = {"pre_norm": "pre", "sandwich_norm": "sandwich", "output_norm": "output"}  # of the plain variants; else post


class Plain:
    """x' = x + f(x) with norms where `placement` says; a variant overrides what it changes."""

    house = "post"  # where the variant's authors put the norms

    @property
    def placement(self):
        """post, pre, sandwich, output or none."""
        return self.model.placement or PLACEMENTS.get(self.model.variant, self.house)

    # ---- the stream --------------------------------------------------------------------------------------------------

    def start(self, embedding, at):
        """The embedding -> x_0 (B, T, D); normed before post-norm layers, as in BERT."""
        return at.norm(embedding, "start_norm") if self.placement == "post" else embedding

    def expand(self, x, at):
        """x_0 -> the stream."""
        return x

    def enter(self, stream, at):
        """The stream before a sublayer reads it."""
        return stream

    def read(self, stream, at):
        """What a sublayer sees: (B, T, D), or a tuple of three for queries, keys and values."""
        if self.placement == "pre":
            return at.norm(stream)
        return at.norm(stream, "norm_1") if self.placement == "sandwich" else stream

    def branch_input(self, x, at):
        """A map of what was read."""
        return x

    def branch_output(self, y, at):
        """A map of what the sublayer made."""
        if self.placement == "sandwich":
            return at.norm(y, "norm_2")
        return at.norm(y) if self.placement == "output" else y

    def write(self, stream, y, at):
        """The stream with a sublayer's output."""
        return at.norm(stream + y) if self.placement == "post" else stream + y

    def finish(self, stream, at):
        """What the head gets: (B, T, D)."""
        return at.norm(stream, "final_norm") if self.placement in ("pre", "sandwich", "output") else stream

    def weight(self, W, name, at):
        """A sublayer's parameter as it is used."""
        return W

    def predictions(self, logits):
        """The logits of the vocabulary as the model returns them."""
        return logits

    # ---- the ends ----------------------------------------------------------------------------------------------------

    def embed(self, tokens, positions, segments):
        """Token, position and segment vectors (B, T, D); sinusoids stand beside token vectors times sqrt(D)."""
        x = self.look_up("embedding.W_token", tokens)
        if self.model.positions == "sinusoidal":
            x = x * self.model.width ** 0.5 + self.sinusoids(positions)
        if self.model.positions == "learned":
            x = x + self.look_up("embedding.W_position", positions)
        if self.model.segments:
            x = x + self.look_up("embedding.W_segment", torch.zeros_like(tokens) if segments is None else segments)
        return x

    def look_up(self, table, ids):
        """Rows of a table."""
        return self.params[table][ids]

    def head(self, x):
        """Logits (B, T, V): linear, tied, or BERT's masked_lm: LN(gelu(x W + b)) W_token^T + b_token."""
        kind = self.model.head or ("masked_lm" if self.model.kind == "encoder" else "linear")
        get = lambda name: self.params.get("head." + name)
        if kind == "linear":
            return self.linear(x, get("W"), get("b"))
        if kind == "masked_lm":
            x = self.norm(self.gelu_tanh(self.linear(x, get("W"), get("b"))), get("norm.gain"), get("norm.bias"))
        return self.linear(x, self.params["embedding.W_token"].T, get("b_token"))
