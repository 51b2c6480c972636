"""An independent reservoir ResFormer in PyTorch: reservoirs token after token, readout, fusion, a pre-norm encoder.

    run(case, dtype, wrong, **style) -> {name: array}
    style: large_mask=True, -1e4 for -inf; packed=True, the padding of an utterance is never heard, not masked
"""

import torch

from .torch_reservoir_parts import answer, tree

ATTENTION = ("q", "k", "v", "o")


def run(case, dtype="float64", wrong=(), **style):
    """The answer to a case."""
    return answer(case, dtype, lambda values: Model(case, values, frozenset(wrong), style).run())


def norm(x, p=None):
    """Layer norm with the biased variance; p has gain and bias."""
    centred = x - x.mean(-1, keepdim=True)
    y = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
    return y if p is None else y * p["gain"] + p["bias"]


class Model:
    """One case with its numbers."""

    def __init__(self, case, values, wrong, style):
        self.m, self.wrong, self.style, self.named = case.config["model"], wrong, style, {}
        self.inputs = tree(values, "inputs")
        for name in ("memory", "readouts", "fusion", "embedding", "layers", "final_norm", "head"):
            setattr(self, name, tree(values, name))
        self.mix = values.get("mix")

    def run(self):
        tokens, real, wrong = self.inputs["tokens"], self.inputs["real"], self.wrong
        B, U, _ = tokens.shape
        start = [torch.zeros(B, len(r["W"]), dtype=r["W"].dtype) for r in self.memory["reservoirs"]]
        if "state-carried-between-calls" in wrong and "earlier" in self.inputs:
            start = self.remember(self.inputs["earlier"]["tokens"], self.inputs["earlier"]["real"], start)[1]
        states, ended = self.remember(tokens, real, start)
        self.named.update({f"ended.{g}": s for g, s in enumerate(ended)})
        there = real.any(-1)
        rows = [torch.stack(each, 1)[there] for each in zip(*states)]
        self.named.update({f"states.{g}": s for g, s in enumerate(rows)})
        if self.m["gradient"] == "stopped" and "gradient-through-the-state" not in wrong:
            rows = [s.detach() for s in rows]
        L = self.m["maximum_length"]
        first = (torch.arange(U) == 0).expand(B, U)[there]
        logits = self.named["logits"] = self.read(tokens[there][:, :L], real[there][:, :L], rows, first)
        self.named["loss"] = self.loss(logits, there)
        return self.named

    def loss(self, logits, there):
        """Cross-entropy over the real utterances."""
        labels = self.inputs["labels"]
        if "labels-one-utterance-late" in self.wrong:
            labels = labels.roll(1, 1)
        chosen = labels[there]
        if "loss-over-padded-utterances" in self.wrong:
            chosen = torch.cat([chosen, labels[~there]])
            logits = torch.cat([logits, self.head["b"].expand(int((~there).sum()), -1)])
        return torch.nn.functional.cross_entropy(logits, chosen)

    # ---- the memory

    def remember(self, tokens, real, x):
        """For each utterance the states that are remembered, and those at the end."""
        wrong, kept, after, silence = self.wrong, [], [], [0 * s for s in x]
        self.total, self.count = silence, torch.zeros(len(tokens), 1, dtype=x[0].dtype)
        for i in range(tokens.shape[1]):
            kept.append(self.mean(silence) if "mean-of-the-states" in wrong else x)
            x = self.hear(tokens[:, i], real[:, i], silence if "state-reset-at-every-utterance" in wrong else x)
            after.append(x)
        inclusive = self.m["memory"] == "inclusive"
        if "memory-includes-the-utterance" in wrong or inclusive and "memory-without-the-utterance" not in wrong:
            kept = after
        if "memory-one-utterance-too-old" in wrong:
            kept = kept[:1] + kept[:-1]
        if "states-kept-as-views" in wrong:
            kept = [x] * len(kept)
        if "batch-rows-rolled" in wrong:
            kept = [[s.roll(1, 0) for s in group] for group in kept]
        return kept, x

    def mean(self, silence):
        """The mean of all states so far."""
        return [total / self.count.clamp(min=1) for total in self.total]

    def hear(self, tokens, real, x):
        """The states after one utterance (B, T)."""
        wrong = self.wrong
        if "memory-truncated-as-the-utterance" in wrong:
            tokens, real = tokens[:, :self.m["maximum_length"]], real[:, :self.m["maximum_length"]]
        if "ended-conversations-go-on" in wrong:
            real = real | ~real.any(1, keepdim=True)
        u, real = self.heard(tokens, real)
        for t in range(u.shape[1]):
            new = [self.step(r, s, u[:, t], t) for r, s in zip(self.members(), x)]
            there = real[:, t, None] | (len(wrong & {"padding-steps-the-state", "padding-steps-with-zero-input"}) > 0)
            x = [torch.where(there, after, before) for after, before in zip(new, x)]
            self.total = [total + torch.where(real[:, t, None], s, 0 * s) for total, s in zip(self.total, x)]
            self.count = self.count + real[:, t, None]
        return [s[:1].expand_as(s) for s in x] if "one-state-for-the-batch" in wrong else x

    def members(self):
        """The reservoirs of the group."""
        group = self.memory["reservoirs"]
        return [group[0]] * len(group) if "group-members-alike" in self.wrong else group

    def heard(self, tokens, real):
        """What the reservoir hears: (B, steps, r), and which steps are real."""
        wrong, table = self.wrong, self.memory["E_r"]
        if "tokens-in-reverse" in wrong:
            tokens = torch.stack([torch.cat([row[:n].flip(0), row[n:]]) for row, n in zip(tokens, real.sum(1))])
        u = table[tokens]
        if self.m["step"] == "sentence_mean" or "sentence-mean-for-tokens" in wrong:
            u = (u * real[..., None]).sum(1, keepdim=True) / real.sum(1).clamp(min=1)[:, None, None]
            real = real.any(1, keepdim=True)
        if "padding-steps-with-zero-input" in wrong:
            u = u * real[..., None]
        if "input-one-step-late" in wrong:
            u = torch.cat([0 * u[:, :1], u[:, :-1]], 1)
        return u, real

    def step(self, r, x, u, t):
        """x <- K x + g tanh(W_in u + W x + b)."""
        wrong, W, W_in, b, K, g = self.wrong, r["W"], r["W_in"], r["b"], r["K"], r["g"]
        W = W.T if "recurrent-weights-transposed" in wrong else W
        W_in = 2 * W_in if "input-weights-doubled" in wrong else W_in
        W_in = W_in / W_in.shape[1] ** 0.5 if "input-weights-divided-by-root-width" in wrong else W_in
        K, g = (g, K) if "leak-swapped" in wrong else (K, g)
        if "leak-ignored" in wrong or "leak-skipped-at-first" in wrong and t < 2:
            K, g = 0.0, 1.0
        g = 1.0 if "gain-without-leak" in wrong else g
        inside = 0 if wrong & {"bias-dropped", "bias-outside-activation"} else b
        f = {"activation-logistic": torch.sigmoid, "activation-relu": torch.relu, "activation-identity": lambda p: p,
             "noise-mean-not-zero": lambda p: torch.tanh(p + 0.005)}
        f = next((f[name] for name in f if name in wrong), torch.tanh)
        z = u @ W_in.T + inside
        if "state-updated-in-place" in wrong:
            x = list(x.unbind(1))
            for i in range(len(x)):
                x[i] = K * x[i] + g * f(sum(W[i, j] * x[j] for j in range(len(x))) + z[:, i])
            return torch.stack(x, 1)
        h = f(x @ W.T) + f(z) if "activation-per-part" in wrong else f(x @ W.T + z)
        h = h + b if "bias-outside-activation" in wrong else h
        if "leak-inside-activation" in wrong:
            return f(K * x + g * (x @ W.T + z))
        x = K * x + g * h
        return x.float().to(x.dtype) if "state-in-float32" in wrong else x

    # ---- the readout

    def readout(self, s, p):
        """The numbers of the memory tokens (B, M D)."""
        kind, wrong = self.m["readout"], self.wrong
        if kind == "relu":
            return torch.relu(s @ p["W"] + p["b"])
        if kind == "linear":
            return s @ p["W"] + p["b"]
        if kind == "quadratic":
            return (((s @ p["A"]).reshape(len(s), -1, s.shape[1]) + p["c"]) * s[:, None]).sum(-1) / s.shape[1]
        if kind == "neuron_attention":
            z = s[..., None] * p["v"] + p["e"]
            A = torch.softmax((z @ p["W_q"]) @ (z @ p["W_k"]).transpose(1, 2) / len(p["v"]) ** 0.5, -1) @ (z @ p["W_v"])
            return (p["P"].T @ A @ p["W_o"]).flatten(1)
        f = {"readout-linear": lambda h: h, "readout-gelu": torch.nn.functional.gelu, "readout-tanh": torch.tanh}
        f = next((f[name] for name in f if name in wrong), torch.relu)
        b_1, b_2 = (0, 0) if "readout-without-biases" in wrong else (p["b_1"], p["b_2"])
        y = f(s @ p["W_1"] + b_1) @ p["W_2"] + b_2
        return torch.relu(y) if "readout-relu-last" in wrong else y

    def memory_tokens(self, states):
        """R (B, M, D)."""
        wrong, D, readouts = self.wrong, self.m["width"], self.readouts
        if "readout-of-the-mean-state" in wrong:
            states, readouts = [sum(states) / len(states)], readouts[:1]
        if "states-standardised" in wrong:
            states = [(s - s.mean(0)) / s.std(0, correction=0) for s in states]
        tokens = [self.readout(s, p).reshape(len(s), -1, D) for s, p in zip(states, readouts)]
        how = "sum" if "group-summed" in wrong else self.m["group"]
        R = {"mean": lambda: sum(tokens) / len(tokens), "sum": lambda: sum(tokens), "concatenate": lambda: torch.cat(tokens, 1),
             "learned": lambda: sum(w * t for w, t in zip(self.mix, tokens))}[how]()
        if "memory-reshaped-transposed" in wrong:
            R = R.reshape(len(R), D, -1).transpose(1, 2)
        R = norm(R) if "memory-normed" in wrong else R
        return R[:, :1] if "first-memory-token-only" in wrong else R

    # ---- fusion and encoder

    def read(self, tokens, real, states, first):
        """Logits of single utterances."""
        wrong, fusion, L = self.wrong, self.m["fusion"], self.m["maximum_length"]
        R = self.named["memory_tokens"] = self.memory_tokens(states)
        T, M = tokens.shape[1], R.shape[1]
        seen = ~first if self.m["first"] == "masked" else torch.ones_like(first)
        shift = self.m["memory_tokens"] if "positions-shifted-by-memory" in wrong else 0
        X = self.embedding["W_token"][tokens] + self.embedding["W_position"][(torch.arange(T) + shift) % L]
        if "prefix-for-cross-attention" in wrong:
            fusion = "prefix"
        if "mean-of-the-memory-added" in wrong:
            fusion = "addition"
        X = X if "memory-unused" in wrong else self.fuse(fusion, X, R, seen)
        self.named["fused"], place, attended = X, slice(0, T), real
        if fusion in ("prefix", "suffix"):
            there = (seen[:, None] & torch.tensor("memory-masked-out" not in wrong)).expand(-1, M)
            before = fusion == "prefix"
            X = torch.cat([R, X] if before else [X, R], 1)
            attended = torch.cat([there, real] if before else [real, there], 1)
            place = slice(M, M + T) if before else place
        if "encoder-attends-padding" in wrong:
            attended = torch.ones_like(attended)
        X = self.encode(X, self.hidden(attended[:, None, None]), R, self.hidden(seen[:, None, None, None]))
        counted = torch.ones_like(real) if "pooled-over-padding" in wrong else real
        pooled = (X[:, place] * counted[..., None]).sum(1) / counted.sum(1, keepdim=True).clamp(min=1)
        pooled = self.named["pooled"] = X[:, place][:, 0] if "first-token-pooled" in wrong else pooled
        return pooled @ self.head["W"] + self.head["b"]

    def hidden(self, seen):
        """An additive mask."""
        low = -1e4 if self.style.get("large_mask") else -torch.inf
        return torch.zeros(seen.shape, dtype=self.head["W"].dtype).masked_fill(~seen, low)

    def fuse(self, fusion, X, R, seen):
        """What becomes of the utterance before the encoder."""
        p, wrong = self.fusion, self.wrong
        if fusion == "addition":
            return X + R.mean(1, keepdim=True) * seen[:, None, None]
        if fusion not in ("cross_attention", "gate"):
            return X
        query = X if "memory-query-without-norm" in wrong else norm(X, p["norm"])
        mask = self.hidden(seen[:, None, None, None])
        if "memory-off-by-zero-keys" in wrong:
            R, mask = R * seen[:, None, None], 0 * self.hidden(torch.ones_like(seen)[:, None, None, None])
        if "causal-mask-on-the-memory" in wrong:
            mask = mask + self.hidden(torch.ones(X.shape[1], R.shape[1]).tril().bool())
        if fusion == "gate":
            gamma = torch.sigmoid(norm(X, p["norm"]) @ p["W_g"] + p["b_g"])
            self.named["fusion.gate"] = gamma
        added = self.attend(query, R, p, mask, "fusion.", wrong)
        if fusion == "gate":
            return gamma * added + (1 - gamma) * X
        return added if "fusion-without-residual" in wrong else X + added

    def attend(self, x, memory, p, mask, place, wrong=frozenset()):
        """Multi-head attention of x to memory, every array named."""
        H, now = self.m["heads"], {}
        W = {name: p["W_" + name] for name in ATTENTION}
        if "memory-queries-and-keys-exchanged" in wrong:
            W["q"], W["k"] = W["k"], W["q"]
        plain = "memory-heads-split-plainly" in wrong
        split = lambda a: a.reshape(len(a), H, a.shape[1], -1) if plain else a.unflatten(2, (H, -1)).transpose(1, 2)
        linear = lambda a, name: a @ W[name] + p.get("b_" + name, 0)
        now["x"], q = x, split(linear(x, "q"))
        now["query_heads"] = q
        for name, full in (("k", "key"), ("v", "value")):
            fresh = linear(memory, name)
            now.update({f"fresh_{full}s": fresh, f"{full}s": fresh, f"{full}_heads": split(fresh)})
        K = 1 if "memory-scores-unscaled" in wrong else x.shape[2] if "memory-scores-by-width" in wrong else q.shape[3]
        scores = q @ now["key_heads"].transpose(2, 3) / K ** 0.5
        now.update(fresh_scores=scores, scores=scores, logits=scores)
        axis, z = (2 if "memory-softmax-over-queries" in wrong else 3), scores + mask
        blind = torch.isneginf(z).all(axis, keepdim=True)
        now["probabilities"] = torch.softmax(z.masked_fill(blind, 0), axis).masked_fill(blind, 0)
        now["heads"] = now["probabilities"] @ now["value_heads"]
        now["output"] = linear(now["heads"].transpose(1, 2).flatten(2), "o")
        self.named.update({place + name: tensor for name, tensor in now.items()})
        return now["output"]

    def encode(self, X, mask, R, memory_mask):
        """Pre-norm blocks, the last norm."""
        for n, layer in enumerate(self.layers):
            place = f"layers.{n}."
            self.named[place + "input"] = X
            for sublayer in ("attention", "cross_attention"):
                if sublayer in layer:
                    p, within = layer[sublayer], place + sublayer + "."
                    x = norm(X, p["norm"])
                    memory, hidden = (x, mask) if sublayer == "attention" else (R, memory_mask)
                    y = self.named[within + "y"] = self.attend(x, memory, p, hidden, within)
                    X = X + y
            p, within = layer["feed_forward"], place + "feed_forward."
            x = self.named[within + "x"] = norm(X, p["norm"])
            inner = self.named[within + "inner"] = x @ p["W_1"] + p["b_1"]
            active = self.named[within + "active"] = torch.relu(inner)
            y = self.named[within + "output"] = self.named[within + "y"] = active @ p["W_2"] + p["b_2"]
            X = self.named[place + "output"] = X + y
        X = self.named[f"layers.{n}.final"] = norm(X, self.final_norm)
        return X
