"""The variants of values, keys and their sharing in PyTorch, from the papers' equations.

Each class overrides keys, values or heads of the plain Transformer. Letters of the shapes: B batch, S keys, G key/value
heads, K head width. Their mistakes: torch_values_wrong.
"""

import torch

from .torch_transformer import PORTS, Port


class FirstValue(Port):
    """V'_n = a V_1 + b V_n from the second layer on, wherever `weights` are not None."""

    house = "pre"

    def weights(self, at):
        """a, b of this layer, or None: it does not mix."""
        raise NotImplementedError

    def first(self, at):
        """V_1 (B, S, G K)."""
        return at.past[0]["fresh_values"]

    def mix(self, a, b, first, fresh, at):
        """a V_1 + b V_n."""
        return a * first + b * fresh

    def values(self, fresh, at):
        weights = self.weights(at) if at.past else None
        return self.idle(fresh, at) if weights is None else self.mix(*weights, self.first(at), fresh, at)

    def idle(self, fresh, at):
        """The used value of a layer that does not mix."""
        return fresh


class Fixed(FirstValue):
    """ResFormer with numbers for weights."""

    default = 0.5, 0.5

    def weights(self, at):
        return self.options.get("lambda_1", self.default[0]), self.options.get("lambda_2", self.default[1])


class Constant(Fixed):
    """2 V_1 + V_n."""

    default = 2.0, 1.0


class Sparse(Fixed):
    """5 V_1 + V_n in some layers, by default the last three eighths."""

    default = 5.0, 1.0

    def mixing(self, n):
        """Whether layer n mixes."""
        L = self.model.layers
        layers = self.options.get("layers")
        return n in (range(L + 1 - round(L * 3 / 8), L + 1) if layers is None else layers)

    def weights(self, at):
        return super().weights(at) if self.mixing(at.n) else None

    def idle(self, fresh, at):
        return 1.0 * fresh if at.past else fresh  # 0 V_1 + 1 V_n: a tensor of its own


class Learnable(FirstValue):
    """Two scalars per layer."""

    def weights(self, at):
        return at.get("lambda_1"), at.get("lambda_2")


class Plus(FirstValue):
    """a = s softmax(theta)[n] over the layers of a span."""

    def layer_share(self, at):
        """softmax(theta) at this layer."""
        return torch.softmax(at.shared("theta"), 0)[at.n - int(self.options.get("span", "2..L")[0])]

    def scale(self, at):
        """s."""
        return at.shared("s")

    def weights(self, at):
        return self.scale(at) * self.layer_share(at), at.get("lambda_2")


class Dense(Port):
    """V'_n = sum over i <= n of lambda[n, i] V_i, of the raw values or of the mixed ones."""

    house = "pre"

    def coefficients(self, at):
        """lambda (n)."""
        return at.get("lambda")

    def source(self):
        """The name of what is summed over the layers below."""
        return {"raw": "fresh_values", "mixed": "values"}[self.options.get("source", "raw")]

    def values(self, fresh, at):
        if not at.past:
            return fresh
        stacked = torch.stack([*(record[self.source()] for record in at.past), fresh])  # (n, B, S, G*K)
        return torch.tensordot(self.coefficients(at), stacked, dims=1)


class SVFormer(Port):
    """Layers without W_v use the values of the layer below."""

    house = "pre"

    def values(self, fresh, at):
        return at.past[-1]["values"] if fresh is None else fresh


class NeuTRENO(Port):
    """lambda (V_1 - own) joins the heads' output of self-attention, from the second layer on."""

    house, strength = "pre", 0.4

    def own(self, at):
        """The own value that is subtracted."""
        return at.record["values"]

    def sign(self):
        """Of the term."""
        return 1.0

    def over_heads(self, x):
        """(B, S, G K) -> (B, H, S, K)."""
        return self.serve(self.split_heads(x, self.model.kv_heads))

    def term(self, at):
        """lambda (V_1 - own) (B, H, T, K)."""
        return self.sign() * self.options.get("lambda_", self.strength) * self.over_heads(
            at.past[0]["fresh_values"] - self.own(at))

    def heads(self, heads, at):
        return heads + self.term(at) if at.past and at.sublayer == "attention" else heads


class ResFormerNeuTRENO(NeuTRENO, Fixed):
    """Both, the difference from the mixed value unless the options say raw."""

    strength = 0.2

    def own(self, at):
        return at.record["values" if self.options.get("difference", "mixed") == "mixed" else "fresh_values"]


class Lime(Port):
    """Each key/value head is a mix, rho (G, n G), of the heads of all layers so far."""

    house = "pre"

    def over_layers(self, name, fresh, at):
        """What stands side by side along the heads, n G of them: the layers' own keys or values."""
        return [*(record["fresh_" + name] for record in at.past), fresh]

    def mixed(self, name, fresh, at):
        """rho applied to the heads."""
        if not at.past:
            return fresh
        heads = torch.cat([x.unflatten(-1, (self.model.kv_heads, -1)) for x in self.over_layers(name, fresh, at)], -2)
        return torch.einsum("gm,bsmk->bsgk", at.get("rho"), heads).flatten(-2)

    def keys(self, fresh, at):
        return self.mixed("keys", fresh, at)

    def values(self, fresh, at):
        return self.mixed("values", fresh, at)


class TokenMix(FirstValue):
    """a = sigmoid(x W_mix + b_mix) per token and key/value head, b = 1 - a; self-attention only."""

    def gate(self, at):
        """(B, S, G K)."""
        x = at.record.get("x_v", at.record["x"])
        m = torch.sigmoid(self.linear(x, at.get("W_mix"), at.get("b_mix")))  # (B, S, G)
        m = 1 - m if self.options.get("weight", "first") == "own" else m
        return m[..., None].expand(*m.shape, self.model.head_width).flatten(-2)

    def weights(self, at):
        if at.sublayer != "attention":
            return None
        gate = self.gate(at)
        return gate, 1 - gate


class RWKV7(TokenMix):
    """The gate per channel: sigmoid(v0 + (x A_1) A_2)."""

    def gate(self, at):
        x = at.record.get("x_v", at.record["x"])
        return torch.sigmoid(at.get("v0") + self.linear(self.linear(x, at.get("A_1")), at.get("A_2")))


class ValueEmbeddings(Port):
    """(1 - lambda) V_n + lambda E[token], or V_n + c sigmoid(x[first 12] W_gate) E[token], c = 3 or 2."""

    house = "pre"

    def table(self, at):
        """The prefix of the layer whose table and gate join, None where none does."""
        return at if at.has("E") else None

    def largest(self):
        """c."""
        return {"sigma3": 3, "sigma2": 2}[self.options["form"]]

    def share(self, at):
        """lambda."""
        return at.get("lambda")

    def values(self, fresh, at):
        source = self.table(at) if at.sublayer == "attention" else None
        if source is None:
            return fresh
        embedded = source.get("E")[at.run.tokens]  # (B, S, G*K)
        if self.options.get("form", "lambda") == "lambda":
            return (1 - self.share(at)) * fresh + self.share(at) * embedded
        x = at.record.get("x_v", at.record["x"])[..., :12]
        gate = self.largest() * torch.sigmoid(self.linear(x, source.get("W_gate")))  # (B, S, G)
        return fresh + (gate[..., None] * embedded.unflatten(-1, (self.model.kv_heads, -1))).flatten(-2)


class Shared(Port):
    """Layers without W_k, W_v use keys and values of the layer `owner`."""

    house = "pre"

    def owner(self, at):
        """1-based; by default the layer below, which has those of its own owner."""
        return at.n - 1

    def keys(self, fresh, at):
        return at.past[self.owner(at) - 1]["keys"] if fresh is None else fresh

    def values(self, fresh, at):
        return at.past[self.owner(at) - 1]["values"] if fresh is None else fresh


class Gemma(Shared):
    """The last layer below with keys and values of its own and the same kind of attention."""

    def candidates(self, at):
        """The owners of the same kind, lowest first."""
        window = self.model.window
        windows = window if isinstance(window, list | tuple) else [window] * self.model.layers
        own = [n for n in range(1, at.n) if f"{at.run.prefix}layers.{n - 1}.attention.W_k" in self.params]
        return [n for n in own if (windows[n - 1] is None) == (windows[at.n - 1] is None)]

    def owner(self, at):
        return self.candidates(at)[-1]


class Yoco(Shared):
    """The second half of the layers uses K and V made of the normed stream behind the first half."""

    def middle(self, at):
        """z (B, S, D), of which the pair is made; at the first layer of the second half."""
        return self.norm(self.behind(at), at.shared("kv_norm.gain"), self.bias_of_norm(at))

    def behind(self, at):
        """The stream after layer L/2."""
        return self.named_stream

    def bias_of_norm(self, at):
        """The norm's bias, where the kind of norm has one."""
        return self.params.get(f"{at.run.prefix}shared.attention.kv_norm.bias")

    def enter(self, stream, at):
        if at.first and at.n == self.model.layers // 2 + 1:
            self.named_stream = stream
        return super().enter(stream, at)

    def pair(self, name, at):
        """z W_k or z W_v at the first layer of the second half, then that of the layer below."""
        if at.n > self.model.layers // 2 + 1:
            return at.past[-1][name]
        bias = self.params.get(f"{at.run.prefix}shared.attention.b_{name[0]}")
        return self.linear(self.middle(at), at.shared("W_" + name[0]), bias)

    def keys(self, fresh, at):
        return self.pair("keys", at) if fresh is None else fresh

    def values(self, fresh, at):
        return self.pair("values", at) if fresh is None else fresh


class Shifting(Port):
    """own x_t + other x_(t-1) of keys (alpha) and of values (beta), one weight per key/value head; self-attention only."""

    house = "pre"

    def shift(self, symbol, x, at):
        """x (B, S, G K) and the token before, which is 0 before the first and where it is padded."""
        own, other = (self.per_channel(at.get(f"{symbol}_{i}")) for i in (1, 2))
        return own * x + other * self.before(symbol, x, at)

    def before(self, symbol, x, at):
        """x of the token before."""
        longer = at.earlier(symbol, at.real(x), 1)
        at.keep("last_" + symbol, longer[:, -1:])
        return longer[:, :-1]

    def per_channel(self, weight):
        """(G) -> (G K)."""
        return weight.repeat_interleave(self.model.head_width)

    def keys(self, fresh, at):
        return self.shift("alpha", fresh, at) if at.sublayer == "attention" else fresh

    def values(self, fresh, at):
        return self.shift("beta", fresh, at) if at.sublayer == "attention" else fresh


PORTS.update({
    "resformer": Fixed, "resformer_constant": Constant, "resformer_sparse": Sparse, "resformer_learnable": Learnable,
    "resformer_plus": Plus, "resformer_dense": Dense, "svformer": SVFormer, "neutreno": NeuTRENO,
    "resformer_neutreno": ResFormerNeuTRENO, "lime": Lime, "rwkv7_v_first": RWKV7, "token_mix": TokenMix,
    "value_embeddings": ValueEmbeddings, "cla": Shared, "mlkv": Shared, "yoco": Yoco, "gemma_sharing": Gemma,
    "kv_shifting": Shifting})
