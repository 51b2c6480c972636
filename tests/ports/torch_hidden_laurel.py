"""LAuReL (the paper's and Gemma 3n's) and nGPT in PyTorch."""

import math

import torch

from .torch_hidden_norms import Switched
from .torch_transformer import PORTS


class LaurelRW(Switched):
    """alpha f(norm(x)) + beta x."""

    house = "pre"

    def write(self, stream, y, at):
        """The two weights from `a`."""
        a, way = at.get("a"), self.options.get("weights", "softmax")
        if way == "sigmoid":
            alpha, beta = torch.sigmoid(a), torch.sigmoid(-a)
        else:
            alpha, beta = (torch.softmax(a, -1) if way == "softmax" else a).unbind()
        return at.keep("alpha", alpha) * y + at.keep("beta", beta) * stream


class LaurelLR(Switched):
    """f(norm(x)) + x + A B x."""

    house = "pre"

    def low_rank(self, x, at):
        """A (B x) for x in rows."""
        A, B = at.get("W_A"), at.get("W_B")  # (D, r), (r, D)
        return x @ A @ B if "laurel-factors-exchanged" in self.wrong else x @ B.mT @ A.mT

    def write(self, stream, y, at):
        """The stream itself goes through the map."""
        return y + stream + self.low_rank(stream, at)


class LaurelPA(LaurelLR):
    """f(norm(x)) + x + A B sum_{j<k} gamma_j x_{m-1-j}."""

    def expand(self, x, at):
        """The streams so far."""
        self.streams = []
        return x

    def write(self, stream, y, at):
        """The nearest streams, as many as there are gammas."""
        at.keep("stream", stream)
        self.streams.append(stream)
        chosen = at.sources()[-1::-1] if "laurel-of-outputs" in self.wrong else self.streams[::-1]
        pairs = list(zip(at.get("gamma"), chosen))
        if "laurel-without-the-current-stream" in self.wrong:
            pairs = pairs[1:]
        total = sum((gamma * x for gamma, x in pairs), start=torch.zeros_like(stream))
        return y + stream + self.low_rank(total, at)


class LaurelGemma(Switched):
    """Sandwich-LN; in self-attention (x + y + z + norm(W_r W_l z)) / sqrt(2)."""

    house = "sandwich"

    def branch_input(self, x, at):
        """z."""
        self.z = x
        return x

    def write(self, stream, y, at):
        """The low-rank branch reads z."""
        if at.sublayer != "attention" and "laurel-gemma-in-every-sublayer" not in self.wrong:
            return stream + y
        own = at.beside(at.n, "attention")
        mapped = lambda x: x @ own.get("W_left") @ own.get("W_right")
        if "laurel-gemma-paper-form" in self.wrong:
            return stream + y + mapped(stream)
        return (stream + y + self.z + own.norm(mapped(self.z), "laurel_norm")) * math.sqrt(0.5)


class NGPT(Switched):
    """Everything on the unit sphere."""

    house = "none"

    def start(self, embedding, at):
        """unit(embedding)."""
        return self.unit(embedding)

    def unit(self, x):
        """x / ||x||."""
        return x / self.length(x)

    def length(self, x):
        """||x||, 1 where it is 0."""
        squared = (x * x).sum(-1, keepdim=True)
        return torch.sqrt(squared + (squared == 0))

    def write(self, stream, y, at):
        """unit(x + alpha (unit(y) - x)), as weights of x and of y."""
        alpha = at.get("alpha").abs()
        if "ngpt-alpha-not-rescaled" not in self.wrong:
            alpha = alpha * self.options.get("alpha", 0.05) * math.sqrt(self.model.width)
        kept = torch.ones_like(alpha) if "ngpt-alpha-on-output-only" in self.wrong else 1 - alpha
        mix = torch.stack([kept / self.length(stream), alpha / self.length(y)])
        moved = mix[0] * stream + mix[1] * y
        if "ngpt-outer-unit-left-out" not in self.wrong:
            mix = mix / self.length(moved)
        mix = at.keep("mix", mix)
        return mix[0] * stream + mix[1] * y

    def scores(self, fresh, at):
        """sqrt(K) (s unit(q)) . (s unit(k))."""
        s = (at.get("s_qk") * math.sqrt(self.model.width)).reshape(self.model.heads, 1, -1)
        q, k = at.record["query_heads"], self.serve(at.record["key_heads"])
        if "ngpt-scaled-before-rotation" in self.wrong:
            later = torch.arange(k.shape[2])
            q = self.rotate(s * self.unit(self.rotate(q, -at.run.positions)), at.run.positions)
            k = self.rotate(s * self.unit(self.rotate(k, -later)), later)
        else:
            q, k = s * self.unit(q), s * self.unit(k)
        size = math.sqrt(self.model.head_width)
        cosines = self.product(q, k.mT)
        return cosines / size if "ngpt-scores-divided" in self.wrong else size * cosines

    def inner(self, u, name, at):
        """sqrt(D) s u."""
        return math.sqrt(self.model.width) * at.get("s_v" if name == "gate" else "s_u") * u

    def predictions(self, logits):
        """s_z of the head."""
        return logits * (self.params["head.s_z"] * math.sqrt(self.model.width))


PORTS.update(laurel_rw=LaurelRW, laurel_lr=LaurelLR, laurel_pa=LaurelPA, laurel_gemma=LaurelGemma, ngpt=NGPT)
