"""The mistakes that the ports of torch_values can carry, each as a class of overridden methods."""

import torch

from .torch_transformer import WRONG


def wrong(name):
    """Enter a function from a port to the wrong methods, {name: method}, under the name of the mistake."""
    def enter(make):
        WRONG[name] = lambda port: type("Wrong" + port.__name__, (port,), make(port))
        return make
    return enter


def weights(name, rule):
    """The pair of weights a, b of each mixing layer becomes rule(self, a, b, at)."""
    @wrong(name)
    def make(port):
        def changed(self, at):
            pair = port.weights(self, at)
            tensor = lambda x: x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=self.dtype)
            return None if pair is None else rule(self, *map(tensor, pair), at)
        return {"weights": changed}


def mix(name, rule, everywhere=True):
    """The mix becomes rule(self, a, b, V_1, V_n, at); with everywhere=False in self-attention only."""
    @wrong(name)
    def make(port):
        def changed(self, a, b, first, fresh, at):
            there = everywhere or at.sublayer == "attention"
            return rule(self, a, b, first, fresh, at) if there else port.mix(self, a, b, first, fresh, at)
        return {"mix": changed}


def source(name, rule):
    """In self-attention rule(self, V_1, at) stands for V_1."""
    @wrong(name)
    def make(port):
        def changed(self, at):
            own = port.first(self, at)
            return rule(self, own, at) if at.sublayer == "attention" else own
        return {"first": changed}


# ---- weights ---------------------------------------------------------------------------------------------------------

mix("value-residual-unhalved", lambda self, a, b, first, fresh, at: first + fresh)
weights("own-value-unweighted", lambda self, a, b, at: (a, 1.0))
weights("value-weights-swapped", lambda self, a, b, at: (b, a))
weights("value-weights-normalized", lambda self, a, b, at: (a / (a + b), b / (a + b)))
weights("value-weights-softmax", lambda self, a, b, at: torch.softmax(torch.stack([a, b]), 0).unbind())
weights("value-weights-sigmoid", lambda self, a, b, at: (torch.sigmoid(a), torch.sigmoid(b)))
mix("value-interpolation-arguments", lambda self, a, b, first, fresh, at: torch.lerp(fresh, a + 0 * fresh, first))
mix("own-value-for-first", lambda self, a, b, first, fresh, at: a * fresh + b * fresh)
weights("sparse-own-value-halved", lambda self, a, b, at: (a, 0.5))
weights("plus-scale-on-both", lambda self, a, b, at: (a, self.scale(at) * b))


@wrong("value-weights-in-float32")
def float32(port):
    return {"weights": lambda self, at: pair and tuple(torch.tensor(x, dtype=torch.float32).to(self.dtype) for x in pair)
            if (pair := port.weights(self, at)) else None}


@wrong("value-residual-in-first-layer")
def in_first(port):
    def values(self, fresh, at):
        if at.past:
            return port.values(self, fresh, at)
        a, b = self.weights(at)
        return a * fresh + b * fresh
    return {"values": values}


@wrong("first-value-weighted")
def first_weighted(port):
    return {"values": lambda self, fresh, at: port.values(self, fresh, at) if at.past else self.weights(at)[1] * fresh}


@wrong("value-weights-of-layer-below")
def off_by_one(port):
    def pair(self, at):
        place = at.beside(range(2, self.model.layers + 1)[at.n - 3], at.sublayer)
        a = port.weights(self, place)[0] if not hasattr(self, "layer_share") else port.weights(self, at)[0]
        return a, place.get("lambda_2")
    return {"weights": pair}


@wrong("value-weights-shared")
def one_pair(port):
    def pair(self, at):
        place = at.beside(2, at.sublayer)
        a = port.weights(self, place)[0] if not hasattr(self, "layer_share") else port.weights(self, at)[0]
        return a, place.get("lambda_2")
    return {"weights": pair}


@wrong("sparse-layers-from-zero")
def from_zero(port):
    return {"mixing": lambda self, n: port.mixing(self, n - 1)}


@wrong("sparse-idle-layer-halved")
def idle_halved(port):
    def values(self, fresh, at):
        used = port.values(self, fresh, at)
        return fresh / 2 if at.past and not self.mixing(at.n) else used
    return {"values": values}


@wrong("plus-softmax-over-all-layers")
def over_all(port):
    def layer_share(self, at):
        theta = at.shared("theta")
        return torch.softmax(torch.cat([theta.new_zeros(1), theta]), 0)[at.n - 1]
    return {"layer_share": layer_share}


@wrong("plus-scale-dropped")
def unscaled(port):
    return {"scale": lambda self, at: 1.0}


@wrong("plus-logits-reversed")
def reversed_logits(port):
    def layer_share(self, at):
        first = int(self.options.get("span", "2..L")[0])
        return torch.softmax(at.shared("theta").flip(0), 0)[at.n - first]
    return {"layer_share": layer_share}


@wrong("dense-weights-reversed")
def dense_reversed(port):
    return {"coefficients": lambda self, at: at.get("lambda").flip(0)}


@wrong("dense-values-raw-or-mixed")
def dense_other(port):
    return {"source": lambda self: {"fresh_values": "values", "values": "fresh_values"}[port.source(self)]}


# ---- what stands for V_1 ---------------------------------------------------------------------------------------------

def heads_of(self, x):
    """(B, S, G K) -> (B, G, S, K)."""
    return self.split_heads(x, self.model.kv_heads)


source("mixed-value-for-first", lambda self, first, at: at.past[-1]["values"])
source("value-below-for-first", lambda self, first, at: at.past[-1]["fresh_values"])
mix("mean-of-values", lambda self, a, b, first, fresh, at: torch.stack(
    [*(record["fresh_values"] for record in at.past), fresh]).mean(0), False)
source("own-projection-of-first-input", lambda self, first, at: self.project(at.past[0]["x"], "v", at))
source("first-projection-of-own-input", lambda self, first, at: self.project(at.record["x"], "v", at.beside(1, at.sublayer)))
source("first-value-without-norm", lambda self, first, at: self.project(at.run.embedding, "v", at.beside(1, at.sublayer)))
source("embedding-for-first-value", lambda self, first, at: at.run.embedding[..., :first.shape[-1]])
source("attention-output-for-first-value", lambda self, first, at: self.merge_heads(
    at.past[0]["heads"].unflatten(1, (self.model.kv_heads, -1)).mean(2)))
source("first-value-one-late", lambda self, first, at: torch.cat([torch.zeros_like(first[:, :1]), first[:, :-1]], 1))
source("first-value-layout", lambda self, first, at: self.merge_heads(
    first.reshape(len(first), self.model.kv_heads, first.shape[1], -1)))
source("first-value-of-other-row", lambda self, first, at: first.roll(1, 0))
source("first-value-of-last-token", lambda self, first, at: first[:, -1:].expand_as(first))


@wrong("first-value-of-earlier-call")
def stale(port):
    def values(self, fresh, at):
        if at.n == 1 and at.sublayer == "attention":
            self.memory["used"], self.memory["first"] = self.memory.get("first"), fresh.detach()
        return port.values(self, fresh, at)

    def first(self, at):
        old, new = self.memory["used"], port.first(self, at)
        if old is None or at.sublayer != "attention":
            return new
        return torch.cat([old[:, :new.shape[1]], new[:, old.shape[1]:]], 1)
    return {"values": values, "first": first}


# ---- where it is added -----------------------------------------------------------------------------------------------

def turned(self, x, at):
    """x (B, S, G K) with rotated heads."""
    return self.merge_heads(self.rotate(heads_of(self, x), at.run.positions))


source("first-value-rotated", lambda self, first, at: turned(self, first, at))
mix("mixed-value-rotated", lambda self, a, b, first, fresh, at: turned(self, a * first + b * fresh, at), False)
mix("mixed-value-normed", lambda self, a, b, first, fresh, at: self.root_mean_square_norm(a * first + b * fresh))


def apart(name, place, term):
    """Values are b V_n; term(self, a, at) is added by the method `place`."""
    @wrong(name)
    def make(port):
        def added(self, x, at):
            pair = self.weights(at) if at.past and at.sublayer == "attention" else None
            return getattr(port, place)(self, x if pair is None else x + term(self, pair[0], at), at)

        def mixed(self, a, b, first, fresh, at):
            return b * fresh if at.sublayer == "attention" else port.mix(self, a, b, first, fresh, at)
        return {place: added, "mix": mixed}


def served(self, a, at):
    """a V_1 for each query head."""
    return self.serve(heads_of(self, a * at.past[0]["fresh_values"]))


apart("first-value-after-attention", "heads", served)
apart("first-value-after-projection", "branch_output", lambda self, a, at: self.merge_heads(served(self, a, at)))
apart("first-value-tiled", "heads", lambda self, a, at: self.product(
    at.record["probabilities"], a * at.past[0]["value_heads"].repeat(1, self.model.heads // self.model.kv_heads, 1, 1)))


def moved(name, place, first):
    """The mix is made of what the method `place` gets; values stay as they are."""
    @wrong(name)
    def make(port):
        def changed(self, fresh, at):
            pair = self.weights(at) if at.past and at.sublayer == "attention" else None
            return fresh if pair is None else pair[0] * first(self, at) + pair[1] * fresh
        return {place: changed, "values": lambda self, fresh, at: fresh if at.sublayer == "attention"
                else port.values(self, fresh, at)}


moved("value-residual-on-keys", "keys", lambda self, at: at.past[0]["fresh_keys"])
moved("value-residual-on-queries", "queries", lambda self, at: self.project(at.past[0]["x"], "q", at.beside(1, at.sublayer)))


@wrong("value-residual-on-stream")
def on_stream(port):
    def enter(self, stream, at):
        pair = self.weights(at) if at.n > 1 and at.sublayer == "attention" else None
        return port.enter(self, stream if pair is None else pair[0] * at.run.embedding + pair[1] * stream, at)
    return {"enter": enter, "values": lambda self, fresh, at: fresh if at.sublayer == "attention"
            else port.values(self, fresh, at)}


# ---- gradients -------------------------------------------------------------------------------------------------------

mix("first-value-detached", lambda self, a, b, first, fresh, at: a * first.detach() + b * fresh)
mix("first-value-gradient-overwritten", lambda self, a, b, first, fresh, at:
    a * (first if at.n == 2 else first.detach()) + b * fresh)


def averaged(a, x):
    """a x; the gradient of a is that of a mean."""
    mean = a * x.detach() / x.numel()
    return mean + (a.detach() * x - mean.detach())


mix("value-weight-gradient-averaged", lambda self, a, b, first, fresh, at: averaged(a, first) + averaged(b, fresh))


def from_mix(self, a, b, first, fresh, at):
    """The weights see V'_n in the place of V_1 and V_n."""
    mixed = (a * first + b * fresh).detach()
    seen = (a - a.detach() + b - b.detach()) * mixed
    return a.detach() * first + b.detach() * fresh + seen


mix("value-weight-gradient-of-mix", from_mix)


# ---- decoding --------------------------------------------------------------------------------------------------------

def cached_values(name, change):
    """change(self, at, cached rows, used values (B, R, G K)) -> (what attention sums, what is kept), heads (B, G, S, K)."""
    @wrong(name)
    def make(port):
        def used(self, kind, x, at):
            heads = port.used(self, kind, x, at)
            weights = self.weights(at) if kind == "value" and at.past and "fresh_values" in at.record else None
            if weights is None or getattr(self, "whole", False):
                return heads
            read, kept = change(self, at, at.cached().get("value_heads"), heads, weights)
            at.leave("value_heads", kept)
            at.record["value_heads"] = read
            return read
        return {"used": used}


def behind(rows, new):
    """The cached rows, then the new ones."""
    return new if rows is None else torch.cat([rows, new], 2)


cached_values("decode-values-kept-unmixed", lambda self, at, rows, heads, pair: (
    heads, behind(rows, heads_of(self, at.record["fresh_values"]))))


def again(self, at, rows, heads, pair):
    """Cached rows are mixed once more."""
    if rows is None or at.sublayer != "attention":
        return heads, heads
    n = rows.shape[2]
    mixed = torch.cat([pair[0] * at.past[0]["value_heads"][:, :, :n] + pair[1] * rows, heads[:, :, n:]], 2)
    return mixed, mixed


def newest(self, at, rows, heads, pair):
    """Raw rows are kept; reading mixes the newest V_1 into all of them."""
    raw = behind(rows, heads_of(self, at.record["fresh_values"]))
    if rows is None or at.sublayer != "attention":
        return heads, raw
    return pair[0] * heads_of(self, at.past[0]["fresh_values"])[:, :, -1:] + pair[1] * raw, raw


cached_values("decode-values-mixed-again", again)
cached_values("decode-newest-first-value", newest)


@wrong("decode-first-value-frozen")
def frozen(port):
    def first(self, at):
        fresh = port.first(self, at)
        if at.sublayer != "attention":
            return fresh
        if at.run.cache is None:
            self.memory[at.run.prefix] = fresh[:, -1:]
            return fresh
        return self.memory[at.run.prefix].expand_as(fresh)
    return {"first": first}


@wrong("decode-newest-shared-value")
def newest_shared(port):
    def used(self, kind, x, at):
        heads = port.used(self, kind, x, at)
        if kind == "key" or at.run.cache is None or at.has("W_v") or at.sublayer != "attention":
            return heads
        return heads[:, :, -1:].expand_as(heads)
    return {"used": used}


@wrong("decode-first-cache-overwritten")
def overwritten(port):
    def forward(self, inputs, cache=None):
        logits, kept = port.forward(self, inputs, cache)
        stack = "decoder." if self.model.kind == "encoder_decoder" else ""
        first, second = (kept[f"{stack}layers.{i}.attention."] for i in (0, 1))
        first["value_heads"] = second["value_heads"]
        return logits, kept
    return {"forward": forward}
