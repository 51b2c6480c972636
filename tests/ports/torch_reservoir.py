"""An independent echo-state network in PyTorch, written from the papers' equations, able to carry each mistake.

    run(case, dtype, wrong, **style) -> {name: array}
    style: fused=True, one product [W W_in] [x; u]; lerp=True, x + a (h - x) for (1 - a) x + a h
"""

import torch

from .torch_reservoir_parts import OfNewState, SlopeAtState, ThroughW, WithoutGain, answer, tree
from .torch_reservoir_weights import weights

FUNCTIONS = {"tanh": torch.tanh, "identity": lambda p: p, "relu": torch.relu, "logistic": torch.sigmoid}
READS = {"minimal": "1ux", "jaeger2001": "uxy", "jaeger2001_leaky": "uxy", "pyesn": "xu", "pyrcn": "x1", "pyrcn_euler": "x1",
         "easyesn": "1ux", "rescompy": "x", "rcjl": "x", "orc": "x"}  # the others read the constant and the state


def run(case, dtype="float64", wrong=(), **style):
    """The answer to a case."""
    return answer(case, dtype, lambda values: Network(case, values, frozenset(wrong), style).run())


class Network:
    """One case with its numbers."""

    def __init__(self, case, values, wrong, style):
        self.config, self.wrong, self.style, self.named = case.config, wrong, style, {}
        self.network = case.config["network"]
        self.preset = self.network.get("preset")
        self.inputs, self.p, self.readout = (tree(values, name) for name in ("inputs", "reservoir", "readout"))
        self.external = self.preset == "reservoirpy03_external"
        if wrong & {"activation-outside-leak", "activation-inside-leak"}:
            self.external = not self.external
        self.f = self.network.get("f", "tanh")

    def run(self):
        u, T = self.inputs["u"], self.inputs["u"].shape[1]
        if self.config.get("bidirectional"):
            states = self.both()
        else:
            self.layers = weights(self.network, self.p, self.wrong)
            self.keep_kernel(self.layers, "")
            states, x = self.walk(self.layers, u, self.first(len(u)))
        if "states-kept-by-reference" in self.wrong:
            states = [states[-1]] * T
        outputs = self.read(self.joined(states), u, self.inputs.get("y"))
        self.named["outputs"] = outputs
        self.named["loss"] = self.loss(outputs)
        if "generate" in self.config:
            self.generate(self.named["last"])
        return self.named

    # ---- the series

    def real(self):
        """Which steps are real."""
        u = self.inputs["u"]
        real = self.inputs.get("real", torch.ones(u.shape[:2], dtype=torch.bool)).clone()
        if self.preset == "pyesn" and "first-input-heard" not in self.wrong:
            real[:, 0] = False
        return real

    def first(self, B):
        """The states before the first step."""
        sizes, given = [layer["W_in"].shape[0] for layer in self.layers], self.inputs.get("x_0")
        given = given if isinstance(given, list) else [given] * len(sizes)
        zeros = [torch.zeros(B, N, dtype=self.inputs["u"].dtype) for N in sizes]
        if "state-carried-between-calls" in self.wrong and "earlier" in self.inputs:
            earlier, named = self.inputs["earlier"]["u"], dict(self.named)
            _, x = self.walk(self.layers, earlier, zeros)
            self.named = named
            return x
        ignored = "initial-state-ignored" in self.wrong
        return [zero if x is None or ignored else x for x, zero in zip(given, zeros)]

    def walk(self, layers, u, x, prefix=""):
        """The states of every step and the last."""
        real = self.real() if u is self.inputs["u"] else torch.ones(u.shape[:2], dtype=torch.bool)
        if "state-carried-between-series" in self.wrong:
            return self.row_by_row(layers, u, x, prefix)
        return self.steps(layers, u, x, real, self.inputs, prefix)

    def row_by_row(self, layers, u, x, prefix):
        """Each series begins where the one before it ended."""
        names, found, states, last = dict(self.named), [], [], [each[:1] for each in x]
        for b in range(len(u)):
            own = {key: value[b:b + 1] for key, value in self.inputs.items() if key in ("u", "y", "y_0")}
            self.named = {}
            walked, last = self.steps(layers, u[b:b + 1], last, self.real()[b:b + 1], own, prefix)
            found.append(self.named)
            states.append(walked)
        self.named = {**names, **{name: torch.cat([each[name] for each in found]) for name in found[0]}}
        joined = [[torch.cat(parts) for parts in zip(*layer)] for layer in zip(*states)]
        return joined, joined[-1]

    def steps(self, layers, u, x, real, inputs, prefix):
        """One step after another."""
        states, T, several = [], u.shape[1], len(layers) > 1
        for t in range(T):
            if real[:, t].any():
                heard = u[:, t] if "input-one-step-late" not in self.wrong else u[:, t - 1] if t else 0 * u[:, 0]
                new, records = self.advance(layers, t, x, heard, self.back(inputs, t) if "W_fb" in layers[0] else None)
                where = real[:, t, None] | torch.tensor("padding-steps-the-state" in self.wrong)
                x = [torch.where(where, after, before) for after, before in zip(new, x)] if not where.all() else new
                shown = x if not self.external else [record["state"] for record in records]
                for i, record in enumerate(records):
                    place = f"{prefix}steps.{t}.layers.{i}." if several else f"{prefix}steps.{t}."
                    self.named.update({place + name: tensor for name, tensor in {**record, "state": shown[i]}.items()})
            states.append(shown if real[:, :t + 1].any() else x)
        self.named[prefix + "last"] = x[-1]
        if not real.all():
            counted = torch.ones_like(real) if "mean-over-the-padding" in self.wrong else real
            total = sum(torch.where(counted[:, t, None], state[-1], 0.0 * state[-1]) for t, state in enumerate(states))
            self.named[prefix + "mean_state"] = total / counted.sum(1, keepdim=True)
        return states, x

    def back(self, inputs, t):
        """What is fed back at step t."""
        y = inputs["y"]
        if "feedback-of-the-same-step" in self.wrong:
            return y[:, t]
        return y[:, t - 1] if t else inputs.get("y_0", torch.zeros_like(y[:, 0]))

    def both(self):
        """Forwards and backwards."""
        halves = []
        for i, name in enumerate(("forward.", "backward.")):
            layers = weights(self.network, self.p[i], self.wrong)
            self.keep_kernel(layers, name)
            u = self.inputs["u"] if i == 0 else self.inputs["u"].flip(1)
            x_0 = self.inputs["x_0"][i] if "initial-state-ignored" not in self.wrong else 0 * self.inputs["x_0"][i]
            halves.append([state for state, in self.walk(layers, u, [x_0], name)[0]])
        turned = halves[1] if "backward-half-not-turned" in self.wrong else halves[1][::-1]
        return [list(pair) for pair in zip(halves[0], turned)]

    def keep_kernel(self, layers, prefix):
        """Name what is kept and gained; x + a (h - x) has no number for what is kept."""
        if self.style.get("lerp"):
            return
        for i, layer in enumerate(layers):
            place = f"{prefix}layers.{i}." if len(layers) > 1 else prefix
            self.named.update({place + name: layer[name] for name in ("K", "g") if isinstance(layer[name], torch.Tensor)})

    # ---- one step

    def advance(self, layers, t, x, u, y):
        """All layers at step t: the new carried states and their records."""
        still = lambda layer: {name: value.detach() if name in ("W", "W_in", "b", "W_fb") and isinstance(value, torch.Tensor)
                               else value for name, value in layer.items()}
        if "gradient-overwritten" in self.wrong and t:
            layers = [still(layer) for layer in layers]
        if "gradient-truncated" in self.wrong and t == 4:
            x = [each.detach() for each in x]
        if "leak-skipped-at-first" in self.wrong and t < 2:
            layers = [{**layer, "K": 0.0, "g": 1.0} for layer in layers]
        record = {}
        if "map" in layers[0]:
            u = record["heard"] = torch.tanh(u @ layers[0]["map"]["W_in"].T + layers[0]["map"]["b"])
        new, records = [], []
        for i, layer in enumerate(layers):
            late = self.wrong & {"layer-hears-the-step-before", "memory-of-the-step-before"}
            below = None if i == 0 else x[i - 1] if late else new[-1]
            heard = u if i == 0 else torch.cat([u, below], 1) if self.preset == "resrmn" else below
            step = self.outside if self.external else self.step
            records.append({**(record if i == 0 else {}), **step(layer, x[i], heard, y if i == 0 else None)})
            new.append(records[-1].get("leaked", records[-1]["state"]))
        if "first-input-skipped" in self.wrong and t == 0:
            new = x
        return new, records

    def product(self, A, x):
        """A x for rows x."""
        if isinstance(A, dict):
            return sum(v * x[:, s] for v, s in zip(A["values"], A["sources"]))
        return x @ A.T if isinstance(A, torch.Tensor) and A.ndim == 2 else A * x

    def drive(self, layer, u, y):
        """W_in u + b + W_fb y."""
        W_in, d = layer["W_in"], layer["W_in"].shape[1]
        if "input-weights-reshaped" in self.wrong:
            W_in = W_in.reshape(d, -1).T
        W_in = 2 * W_in if "input-weights-doubled" in self.wrong else W_in
        W_in = W_in / d ** 0.5 if "input-weights-divided-by-root-width" in self.wrong else W_in
        z = u @ W_in.T
        if "b" in layer and not self.wrong & {"bias-dropped", "bias-outside-activation"}:
            z = z + layer["b"]
        return z if y is None else z + y @ layer["W_fb"].T

    def outside(self, layer, r, u, y):
        """f after the leak."""
        f, z = FUNCTIONS[layer.get("f", self.f)], self.drive(layer, u, y)
        p = self.product(layer["W"], f(r)) + z
        leaked = layer["K"] * r + layer["g"] * p
        return {"drive": z, "preactivation": p, "leaked": leaked, "state": f(leaked)}

    def step(self, layer, x, u, y):
        """x_t = K x + g f(W x + z)."""
        wrong, (W, K, g), z = self.wrong, self.kernel(layer), self.drive(layer, u, y)
        f = self.activation(layer)
        if "state-updated-in-place" in wrong:
            return self.in_place(W, K, g, f, x, z)
        p = self.recurrent(layer, W, K, g, f, x, z, u) + z
        h = self.active(layer, f, x, z, p, W, K, g)
        if "leak-inside-activation" in wrong:
            h = f(self.product(K, x) + g * p)
            return {"drive": z, "preactivation": p, "activation": h, "state": h}
        kept = self.product(K, x.detach() if "adjoint-without-carry" in wrong else x)
        gained = WithoutGain.apply(torch.as_tensor(g, dtype=h.dtype), h) if "adjoint-without-gain" in wrong else g * h
        if "leak-along-the-batch" in wrong:
            kept, gained = K[:, None] * x, g[:, None] * h
        if "rotation-after-the-update" in wrong:
            gained = g * self.product(layer["O"], h)
        state = x + g * (h - x) if self.style.get("lerp") and self.network.get("family") == "leaky" else kept + gained
        state = state.float().to(state.dtype) if "state-in-float32" in wrong else state
        return {"drive": z, "preactivation": p, "activation": h, "state": state}

    def kernel(self, layer):
        """W, K and g as this port has them."""
        W, K, g, wrong = layer["W"], layer["K"], layer["g"], self.wrong
        W = W.T if "recurrent-weights-transposed" in wrong else W
        if "rotation-transposed" in wrong and isinstance(K, torch.Tensor) and K.ndim == 2:
            K = K.T
        if "leak-swapped" in wrong:
            K, g = g, K
        if "leak-ignored" in wrong:
            K, g = 0.0, 1.0
        if "leak-gradient-without-retention" in wrong and isinstance(K, torch.Tensor):
            K = K.detach()
        return W, K, 1.0 if "gain-without-leak" in wrong else g

    def activation(self, layer):
        """f as this port has it."""
        name = layer.get("f", self.f)
        for other in ("logistic", "identity", "relu"):
            if name == "tanh" and f"activation-{other}" in self.wrong:
                return FUNCTIONS[other]
        if name == "tanh" and "noise-mean-not-zero" in self.wrong:
            return lambda p: torch.tanh(p + 0.005)
        return FUNCTIONS[name]

    def recurrent(self, layer, W, K, g, f, x, z, u):
        """W x."""
        if "adjoint-through-W" in self.wrong:
            return ThroughW.apply(x, W)
        if "weights-gradient-of-the-new-state" in self.wrong:
            with torch.no_grad():
                new = self.product(K, x) + g * f(self.product(W, x) + z)
            return OfNewState.apply(x, W, new)
        if self.style.get("fused") and isinstance(W, torch.Tensor):
            return torch.cat([x, u], 1) @ torch.cat([W, layer["W_in"]], 1).T - u @ layer["W_in"].T
        return self.product(W, x)

    def active(self, layer, f, x, z, p, W, K, g):
        """f(p)."""
        if "activation-per-part" in self.wrong:
            return f(self.product(W, x)) + f(z)
        if "bias-outside-activation" in self.wrong and "b" in layer:
            return f(p) + layer["b"]
        if "slope-at-the-state" in self.wrong and f is torch.tanh:
            with torch.no_grad():
                state = self.product(K, x) + g * f(p)
            return SlopeAtState.apply(p, state)
        return f(p)

    def in_place(self, W, K, g, f, x, z):
        """Gauss-Seidel: unit i hears the units before it as they are already."""
        kept, now, p, h = self.product(K, x), list(x.unbind(1)), [], []
        for i in range(x.shape[1]):
            p.append(sum(W[i, j] * now[j] for j in range(x.shape[1])) + z[:, i])
            h.append(f(p[-1]))
            gain = g[i] if isinstance(g, torch.Tensor) and g.ndim else g
            now[i] = kept[:, i] + gain * h[-1]
        p, h, now = (torch.stack(parts, 1) for parts in (p, h, now))
        return {"drive": z, "preactivation": p, "activation": h, "state": now}

    # ---- the readout

    def joined(self, states):
        """All layers side by side (B, T, N)."""
        if "layers-joined-by-view" in self.wrong:
            stacked = torch.stack([torch.stack(layer, 1) for layer in zip(*states)])  # (L, B, T, N)
            return stacked.reshape(stacked.shape[1], stacked.shape[2], -1)
        return torch.cat([torch.stack(layer, 1) for layer in zip(*states)], 2)

    def read(self, states, u, y, fed=None):
        """o_t (B, T, q)."""
        if self.preset is None:
            if self.config.get("squares") == "even" and "squares-missing" not in self.wrong:
                odd = torch.arange(states.shape[2]) % 2 == 1
                states = torch.where(odd, states * states, states)
            parts = [states, u] if "features-in-other-order" in self.wrong else [u, states]
            return torch.cat(parts, 2) @ self.readout["W_o"] + self.readout["b_o"]
        W_out = self.readout["W_out"]
        states = states[..., 6:] if self.preset == "resrmn" else states
        before = None if y is None else torch.stack([self.back(self.inputs, t) for t in range(u.shape[1])], 1)
        parts = {"1": torch.ones_like(u[..., :1]), "u": u, "x": states, "y": before}
        return torch.cat([parts[name] for name in READS.get(self.preset, "1x")], 2) @ W_out.T

    def loss(self, outputs):
        """The mean square over the real steps after the washout."""
        targets, w, real = self.inputs["targets"], self.config["washout"], self.real()
        T, ones = targets.shape[1], torch.ones_like(real)
        if "washout-of-the-batch" in self.wrong:
            return ((outputs[w:] - targets[w:]) ** 2)[real[w:]].mean()
        if "washout-of-outputs-only" in self.wrong:
            return ((outputs[:, w:] - targets[:, :T - w]) ** 2)[real[:, w:]].mean()
        if "target-one-step-early" in self.wrong:
            targets = torch.cat([targets[:, :1], targets[:, :-1]], 1)
        counted = (torch.arange(T) >= w) & ones & real
        return ((outputs - targets) ** 2)[counted].mean()

    def generate(self, x):
        """The free run."""
        if "free-run-from-zero" in self.wrong:
            x = 0 * x
        layer, outputs, fed = self.layers[0], [], "W_fb" in self.layers[0]
        if fed:
            back = self.inputs["y"][:, -1]
        else:
            back = self.inputs["u"][:, -1] if "free-run-hears-the-last-input" in self.wrong else self.inputs["u_0"]
        for t in range(self.config["generate"]):
            u = self.inputs["future"][:, t] if fed else back
            x = self.inside(layer, x, u, back if fed else None)
            back = self.read(x[:, None], u[:, None], None)[:, 0]
            outputs.append(back)
        self.named["generated"], self.named["generated_state"] = torch.stack(outputs, 1), x

    def inside(self, layer, x, u, back):
        """A step of the free run, with f inside the leak: the library's knows no other."""
        external, self.external = self.external, False
        state = self.step(layer, x, u, back)["state"]
        self.external = external
        return state
