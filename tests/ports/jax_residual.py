"""Residual variants in JAX: RealFormer, ResFormer's forms, SVFormer, hyper-connections, DenseFormer."""

import jax
import jax.numpy as jnp

from .jax_transformer import PORTS, Transformer


class RealFormer(Transformer):
    """S_n = A_n + S_{n-1} (He et al., 2012.11747)."""

    def scores(self, fresh, chain):
        return fresh + self.carried(chain[-1]["scores"]) if chain else fresh

    def carried(self, below):
        """What the layer below leaves."""
        return below


class RunningMean(RealFormer):
    """Z_n = S_n / n."""

    def logits(self, scores, n):
        return scores / n


class ResFormer(Transformer):
    """V'_n = a V_1 + b V_n from the second layer on (Zhou et al., 2410.17897)."""

    house, default = "pre", (0.5, 0.5)

    def weights(self, at):
        """a, b."""
        return self.options.get("lambda_1", self.default[0]), self.options.get("lambda_2", self.default[1])

    def values(self, fresh, chain, at):
        return self.mixed(self.weights(at), chain, fresh) if chain else fresh

    def mixed(self, weights, chain, fresh):
        """a V_1 + b V_n."""
        return weights[0] * self.first(chain) + weights[1] * fresh

    def first(self, chain):
        """V_1, raw."""
        return chain[0]["fresh_values"]


class Constant(ResFormer):
    """2 V_1 + V_n."""

    default = 2.0, 1.0


class Sparse(ResFormer):
    """5 V_1 + V_n in some layers, V_n in the others."""

    default = 5.0, 1.0

    def values(self, fresh, chain, at):
        L, n = self.m["layers"], len(chain) + 1
        layers = self.options.get("layers") or range(L + 1 - round(3 * L / 8), L + 1)
        return super().values(fresh, chain, at) if n in layers or n == 1 else 1.0 * fresh


class Learnable(ResFormer):
    """Two scalars per layer."""

    def weights(self, at):
        return self.p[at + ".lambda_1"], self.p[at + ".lambda_2"]


class Plus(ResFormer):
    """a = s softmax(theta)[n]."""

    def weights(self, at):
        shared = f"{self.prefix}shared.{at.rsplit('.', 1)[-1]}."
        n = int(at.split("layers.")[1].split(".")[0]) + 1
        share = jax.nn.softmax(self.p[shared + "theta"])[n - int(self.options.get("span", "2..L")[0])]
        return self.p[shared + "s"] * share, self.p[at + ".lambda_2"]


class SVFormer(Transformer):
    """V_1 in every layer."""

    house = "pre"

    def values(self, fresh, chain, at):
        return fresh if fresh is not None else chain[-1]["values"]


class DenseFormer(Transformer):
    """Y_i = sum over j <= i of alpha[j] X_j of the blocks' outputs (Pagliardini et al., 2402.02622)."""

    house = "pre"

    def read(self, stream, at):
        self.history = self.history or [stream]
        return super().read(stream, at)

    def close(self, stream, layer):
        self.history.append(self.keep(layer + "feed_forward.block_output", stream))
        return self.average(self.p[layer + "feed_forward.alpha"], self.history)

    def average(self, alpha, blocks):
        """sum_j alpha_j X_j."""
        return sum(alpha[j] * block for j, block in enumerate(blocks))


class HyperConnections(Transformer):
    """u = sum_i alpha_i h_i, h'_j = sum_i C_ij h_i + beta_j y (Zhu et al., 2409.19606); X is (R, B, T, D)."""

    house = "pre"

    def begin(self, x):
        return jnp.stack([x] * self.options.get("streams", 4))

    def dynamic(self, X, name, at):
        """s tanh(LN(X) W), LN without gain: (R, B, T, columns)."""
        return self.p[f"{at}.s_{name}"] * jnp.tanh(self.standard(X) @ self.p[f"{at}.W_{name}"])

    def read(self, stream, at):
        static = self.p[at + ".A_m"][:, None, None, None]
        moving = self.dynamic(stream, "alpha", at)[..., :1] if at + ".W_alpha" in self.p else 0.0
        alpha = self.keep(at + ".alpha", static + moving)
        return self.norm(jnp.sum(alpha * stream, 0), at + ".norm")

    def write(self, stream, y, at):
        C, beta = self.p[at + ".A_r"][:, :, None, None, None], self.p[at + ".B"][:, None, None, None]
        if at + ".W_alpha" in self.p:
            C = C + jnp.moveaxis(self.dynamic(stream, "alpha", at)[..., 1:], -1, 1)[..., None]
        if at + ".W_beta" in self.p:
            beta = beta + self.dynamic(stream, "beta", at)
        C, beta = self.keep(at + ".C", C), self.keep(at + ".beta", beta)
        return self.exchanged(C, stream) + beta * y

    def exchanged(self, C, X):
        """sum_i C_ij h_i."""
        return jnp.sum(C * X[:, None], 0)

    def finish(self, stream):
        return self.norm(self.collapsed(stream), self.prefix + "final_norm")

    def collapsed(self, X):
        """The sum of the streams."""
        return jnp.sum(X, 0)


PORTS.update(realformer=RealFormer, realformer_mean=RunningMean, resformer=ResFormer, resformer_constant=Constant,
             resformer_sparse=Sparse, resformer_learnable=Learnable, resformer_plus=Plus, svformer=SVFormer,
             denseformer=DenseFormer, hyper_connections=HyperConnections, hyper_connections_static=HyperConnections)
