"""An independent echo-state network in JAX, from the papers' equations: six families, feedback, ragged series, free runs.

    x_t = K x_{t-1} + g f(W x_{t-1} + W_in u_t + b + W_fb y_{t-1})     o_t = [u_t, s(x_t)] W_o + b_o
    run(case, dtype, wrong, jit=True, **style) -> {name: array}; style: row=True, products from the left, x W^T
"""

import jax.numpy as jnp
import numpy as np

from minires.errors import one_of, require

from .jax_answer import answer, replaced
from .jax_wrong import RESERVOIR


class Network:
    """One case with its numbers."""

    def __init__(self, case, values, names, style):
        self.config, self.keep, self.style, network = case.config, names.keep, style, case.config["network"]
        require("preset" not in network and not case.config.get("bidirectional"), "this port has families in one direction")
        part = lambda word: {name[len(word):]: value for name, value in values.items() if name.startswith(word)}
        self.inputs, self.p, self.readout = part("inputs."), part("reservoir."), part("readout.")
        self.family, self.f = network["family"], network.get("f", "tanh")

    def run(self):
        """Names everything, returns the loss."""
        u, targets = self.inputs["u"], self.inputs["targets"]
        real = np.asarray(self.inputs.get("real", np.ones(u.shape[:2], bool)))
        self.W = self.recurrent()
        self.K, self.g = self.kernel()
        self.K = self.keep("K", self.K) if self.family != "euler" else self.K  # 1, no tensor
        self.g = self.keep("g", self.g) if self.family == "jaeger_leaky" else self.g
        states = self.walk(u, real)
        last = self.keep("last", states[-1])
        if not real.all():
            counts = real.sum(1, keepdims=True)
            self.keep("mean_state", sum(x * real[:, t, None].astype(x.dtype) for t, x in enumerate(states)) / counts)
        outputs = self.keep("outputs", self.read(jnp.stack(states, 1), u))
        if "generate" in self.config:
            self.generate(last)
        return self.loss(outputs, targets, real)

    def loss(self, outputs, targets, real):
        """The mean of (o - target)^2 over the real steps that are not washed out."""
        counted, wide = self.counted(real)[..., None], jnp.promote_types(outputs.dtype, jnp.float32)
        return jnp.sum(counted * jnp.square((outputs - targets).astype(wide))) / (counted.sum() * outputs.shape[-1])

    def counted(self, real):
        """The steps of the loss (B, T)."""
        return (real & (np.arange(real.shape[1]) >= self.config.get("washout", 0))).astype("float32")

    # ---- weights -----------------------------------------------------------------------------------------------------

    def recurrent(self):
        """W, times the radius where one is given."""
        return self.p["W"] * self.p["radius"] if "radius" in self.p else self.p.get("W")

    def kernel(self):
        """K and g by family: (1-a, a); (1 - delta C a, delta C); (1-a, 1); (1, eps); ((1-beta) O, beta); (alpha O, beta)."""
        p, one = self.p, lambda: jnp.ones((), self.p["W_in"].dtype)
        return {"leaky": lambda: (1 - p["a"], p["a"]),
                "jaeger_leaky": lambda: (1 - p["delta"] * p["C"] * p["a"], p["delta"] * p["C"]),
                "additive": lambda: (1 - p["a"], one()), "euler": lambda: (one(), p["eps"]),
                "edge_of_stability": lambda: ((1 - p["beta"]) * p["O"], p["beta"]),
                "residual": lambda: (p["alpha"] * p["O"], p["beta"])}[self.family]()

    def times(self, W, x):
        """W x for each row of x (B, .)."""
        return (W @ x.T).T if self.style.get("row") is None else x @ W.T

    # ---- the series --------------------------------------------------------------------------------------------------

    def walk(self, u, real):
        """The states x_t (B, N) of every t."""
        x = self.inputs.get("x_0")
        x = jnp.zeros((len(u), len(self.p["W_in"])), u.dtype) if x is None else x
        states = []
        for t in range(u.shape[1]):
            if real[:, t].any():
                new = self.step(x, u[:, t], self.back(t), f"steps.{t}.")
                x = new if real[:, t].all() else jnp.where(real[:, t, None], new, x)
                x = self.keep(f"steps.{t}.state", x)
            states.append(x)
        return states

    def back(self, t):
        """What the teacher said one step before."""
        if "W_fb" not in self.p:
            return None
        return self.inputs["y"][:, t - 1] if t else self.inputs.get("y_0", 0 * self.inputs["y"][:, 0])

    def step(self, x, u, y, at=None):
        """x_t."""
        keep = (lambda name, z: self.keep(at + name, z)) if at else lambda name, z: z
        drive = keep("drive", self.drive(u, y))
        h = keep("activation", self.activation(keep("preactivation", self.times(self.W, x) + drive)))
        return self.retained(x) + self.gained(h)

    def drive(self, u, y):
        """W_in u + b + W_fb y."""
        z = self.heard(u) + self.p["b"] if "b" in self.p else self.heard(u)
        return z if y is None else z + self.times(self.p["W_fb"], y)

    def heard(self, u):
        """W_in u."""
        return self.times(self.p["W_in"], u)

    def activation(self, p):
        """f."""
        return {"tanh": jnp.tanh, "identity": lambda p: p, "relu": lambda p: jnp.maximum(p, 0),
                "logistic": lambda p: 1 / (1 + jnp.exp(-p))}[self.f](p)

    def retained(self, x):
        """K x."""
        return self.times(self.K, x) if self.K.ndim == 2 else self.K * x

    def gained(self, h):
        """g h."""
        return self.g * h

    def read(self, states, u):
        """[u, s(x)] W_o + b_o."""
        return jnp.concatenate([u, self.squared(states)], -1) @ self.readout["W_o"] + self.readout["b_o"]

    def squared(self, x):
        """s: squares of every second state, the second the first of them, where the config says so."""
        kind = self.config.get("squares", "none")
        require(kind in ("none", "even"), f"squares {kind!r}: this port has none and even")
        return x if kind == "none" else jnp.where(np.arange(x.shape[-1]) % 2 == 1, x * x, x)

    def generate(self, x):
        """The free run: what comes out goes in, as feedback or as input."""
        outputs, given = [], self.inputs
        o = given["y"][:, -1] if "W_fb" in self.p else given["u_0"]
        for t in range(steps := self.config["generate"]):
            u = given["future"][:, t] if "W_fb" in self.p else o
            x = self.step(x, u, o if "W_fb" in self.p else None)
            x = self.keep("generated_state", x) if t == steps - 1 else x
            o = self.read(x, u)
            outputs.append(o)
        self.keep("generated", jnp.stack(outputs, 1))


def run(case, dtype="float64", wrong=(), jit=True, **style):
    """The port's answer to a case; ValueError for a mistake that it lacks."""
    port = Network
    for name in wrong:
        port = replaced(port, *one_of("mistake of the reservoir in JAX", name, RESERVOIR))
    return answer(case, dtype, port, jit, **style)
