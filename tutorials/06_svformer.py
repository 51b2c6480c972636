# %% [markdown]
# # 06 SVFormer and the cache
#
# You build a decoder that reads one token at a time from a cache, let all its layers share the values of the first, count
# what that saves (it is never half), and find out what the shared values are: a table of the vocabulary.
#
# - Time: 50 minutes
# - Needs: 02, 05
# - You learn: to decode with a cache that equals the full pass, to share values between layers, to count what is kept
# - Paper: Zhou, Wu, Jiang, Obeid, Lan 2024, Value Residual Learning (2410.17897)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires import LLAMA, Transformer
from minires.course import show
from minires.decoding import decode
from minires.exercises import check
from minires.experiments import run
from minires.figures.parts import new_figure, style, tidy

# %% [markdown]
# ## 1 By hand
#
# A decoder predicts a token, appends it, and goes on. The newest query attends to all keys and sums all values:
#
#     u_t = sum_s P[t, s] V[s],  s = 1 .. t        P[t, :] = softmax(q_t . k_1, .., q_t . k_t)
#
# No earlier query occurs, so keys and values are all that must be kept: the KV cache. In SVFormer each layer has keys of
# its own, but all layers sum the values of layer 1. One layer above the first, one head, values of one number:

# %%
V_1 = [10.0, 20.0, 40.0]     # made in layer 1, one per token so far
P_3 = [0.25, 0.25, 0.5]      # of the third token, in some layer above
print("u_3 =", sum(p * v for p, v in zip(P_3, V_1)))

V_1 = V_1 + [80.0]           # a token comes; layer 1 appends, once for all layers
P_4 = [0.0, 0.0, 0.5, 0.5]
print("u_4 =", sum(p * v for p, v in zip(P_4, V_1)))

# %% [markdown]
# Count what a plain decoder keeps: L layers, two arrays each (keys, values), G key/value heads of width K, so `2 L G K`
# numbers per token.
#
# **Predict.** SVFormer keeps the values once. Which share of the plain cache is left with 4 layers?

# %%
guess = 0.5

# %%
L, G, K = 4, 2, 8
plain, shared = 2 * L * G * K, L * G * K + G * K
print(f"numbers per token: {plain} and {shared}; share: guessed {guess}, is {shared / plain}")

# %% [markdown]
# `L` keys and one value are left of `2 L` arrays: `(L + 1) / (2 L)`. "Half" is where this goes to, and it never gets there.

# %% [markdown]
# ## 2 The model, in the open
#
# A pre-norm decoder of the Llama kind. Letters: T new tokens, S all tokens so far, D width, H query heads, G key/value
# heads, K = D / H. One sequence. The first two functions are those of tutorial 02: a norm, and heads; `rotate` turns the
# pairs (x_i, x_{i + K/2}) of queries and keys by their position. Values are never turned: that is why other layers can use
# them as they are.

# %%
H, G, EPSILON = 4, 2, 1e-5


def normalise(x, gain):
    return gain * x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)


def split(x, heads):
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)  # (T, heads K) -> (heads, T, K)


def rotate(x, t):
    angle = t[:, None] / 10000 ** (np.arange(0, x.shape[-1], 2) / x.shape[-1])  # (T, K/2)
    a, b = np.split(x, 2, axis=-1)  # (heads, T, K/2) each
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=-1)


# %%
def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attend(q, keys, values, t):
    keys, values = (np.repeat(x, H // G, axis=0) for x in (keys, values))  # (H, S, K): G heads serve H queries
    scores = q @ keys.swapaxes(1, 2) / np.sqrt(q.shape[-1])  # (H, T, S)
    later = np.arange(keys.shape[1]) > t[:, None]  # (T, S): which keys come after which query
    U = softmax(np.where(later, -np.inf, scores)) @ values  # (H, T, K)
    return U.swapaxes(0, 1).reshape(len(t), -1)  # (T, H K)


# %% [markdown]
# The cache of a layer is `kept`: keys and values (G, S, K). One line makes the difference between a plain decoder and
# SVFormer: a layer without `W_v` takes the values of the layer below, which are those of layer 1.

# %%
def attention(x, p, kept, below, t):
    joined = lambda name, new: np.concatenate([kept[name], new], axis=1)  # (G, S, K)
    keys = joined("keys", rotate(split(x @ p["W_k"], G), t))
    values = joined("values", split(x @ p["W_v"], G)) if "W_v" in p else below  # SVFormer is this line
    y = attend(rotate(split(x @ p["W_q"], H), t), keys, values, t)  # (T, D)
    return y @ p["W_o"], {"keys": keys, "values": values}


def feed_forward(x, p):
    gate = x @ p["W_gate"]
    return (gate / (1 + np.exp(-gate)) * (x @ p["W_1"])) @ p["W_2"]


# %%
def read(params, tokens, cache):
    x, values, new = params["embedding"]["W_token"][tokens], None, []  # (T, D)
    t = cache[0]["keys"].shape[1] + np.arange(len(tokens))  # (T,): positions go on where the cache ends
    for p, kept in zip(params["layers"], cache):
        y, now = attention(normalise(x, p["attention"]["norm"]["gain"]), p["attention"], kept, values, t)
        values, x = now["values"], x + y
        x = x + feed_forward(normalise(x, p["feed_forward"]["norm"]["gain"]), p["feed_forward"])
        new.append(now)
    return normalise(x, params["final_norm"]["gain"]) @ params["head"]["W"], new


def empty(layers, width):
    return [{"keys": np.zeros((G, 0, width)), "values": np.zeros((G, 0, width))} for _ in range(layers)]


# %% [markdown]
# A model of 4 layers and width 16, with larger weights than a training starts from. Eight tokens are read at once, then
# three more, one by one.
#
# **Predict** the shape of the scores, (heads, queries, keys), in the last of these three steps.

# %%
model = Transformer(variant="svformer", kind="decoder", vocabulary=11, layers=4, width=16, heads=H, kv_heads=G,
                    initial_std=0.4, **LLAMA)
params = model.init(np.random.default_rng(0))
tokens = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])
guess = (4, 11, 11)

# %%
logits, cache = read(params, tokens[:8], empty(4, 4))
print("prompt: logits", logits.shape, "keys per layer", cache[0]["keys"].shape)
steps = [logits]
for token in tokens[8:]:
    logits, cache = read(params, np.array([token]), cache)
    steps.append(logits)
print("scores of the last step: guessed", guess, "are", (H, 1, cache[0]["keys"].shape[1]))

# %% [markdown]
# One row of scores, against all keys: the step does not read the whole sequence anew, and the cache is the price of that.

# %% [markdown]
# ## 3 Your lines and the library's
#
# Three programs must agree to 1e-12: your steps, the library's steps, and one pass over the whole sequence without any
# cache. The last is the law of every cache: what it keeps must not change what comes out.

# %%
full = model.apply(params, tokens[None])[0][0]  # (T, V)
theirs, kept = decode(model, params, tokens[None, :8])
for token in tokens[8:]:
    theirs, kept = decode(model, params, np.array([[token]]), kept)
assert np.allclose(np.concatenate(steps), full, rtol=0, atol=1e-12)
assert np.allclose(steps[-1], theirs[0], rtol=0, atol=1e-12)
for n in range(4):
    assert np.allclose(cache[n]["keys"], kept.layers[n]["attention"]["key_heads"][0], rtol=0, atol=1e-12)
    assert np.allclose(cache[n]["values"], kept.layers[n]["attention"]["value_heads"][0], rtol=0, atol=1e-12)

# %% [markdown]
# Are the values kept once, or four times? Equal numbers do not tell; ask which arrays are the same object.

# %%
count = {name: len({id(layer[name]) for layer in cache}) for name in ("keys", "values")}
print("arrays that you keep:", count)
print("the library's bytes per token:", kept.bytes_per_token(), "= (L + 1) G K numbers of 8 bytes =", 5 * 2 * 4 * 8)

# %% [markdown]
# The authors' published code keeps the shared value in each layer's cache: the outputs are right, and nothing is saved. No
# test of outputs can find that.

# %% [markdown]
# ## 4 What is kept
#
# The share of the plain cache that is left, against depth: **SVFormer** `(L + 1) / (2 L)`, with a second anchor layer in
# the middle that has a `W_v` of its own `(L + 2) / (2 L)`, and **CLA**, which shares keys and values in pairs of layers.
# The points are measured in the library's caches.

# %%
def share(depth, variant, **options):
    def size(**changes):
        tiny = Transformer(kind="decoder", vocabulary=2, layers=depth, width=4, heads=2, feed_forward=2, **LLAMA, **changes)
        return decode(tiny, tiny.init(np.random.default_rng(0)), np.array([[0]]))[1].bytes_per_token()
    return size(variant=variant, options=options) / size(variant="pre_norm")


# %%
DEPTHS = np.array([2, 4, 8, 12, 16, 24])
shares = {"two anchors": [share(L, "svformer", anchors=(1, L // 2 + 1)) for L in DEPTHS],
          "SVFormer": [share(L, "svformer") for L in DEPTHS], "CLA, pairs": [share(L, "cla") for L in DEPTHS]}
assert np.allclose(shares["SVFormer"], (DEPTHS + 1) / (2 * DEPTHS), rtol=0, atol=1e-12)
looks = {"two anchors": {"color": "#0072B2", "linestyle": "--", "marker": "s"}, "SVFormer": style("svformer"),
         "CLA, pairs": {"color": "#000000", "linestyle": ":", "marker": "o"}}
figure = new_figure(6.4, 3.6)
axes = figure.subplots()
for name, values in shares.items():
    axes.plot(DEPTHS, values, label=name, **looks[name])
tidy(axes, xlabel="layers L", ylabel="numbers kept / plain decoder's", ylim=(0, 1.05), xticks=DEPTHS)
axes.legend(frameon=False, loc="lower right", handlelength=3.5)
show(figure, "Share of the plain cache that is left, by depth: SVFormer falls from 0.75 at 2 layers to 0.52 at 24, never to a "
             "half; two anchors lie above it, from 1 to 0.54; CLA in pairs is one half at every depth.")

# %% [markdown]
# Now look at the values themselves. The sequence has 11 tokens, 7 of them different. Layer 1 makes
# `V_1[t] = norm(x_0[t]) W_v`, and `x_0[t]` is the embedding of token t.
#
# **Predict** how many different rows the 11 rows of SVFormer's value cache have. And layer 2's values of a plain decoder?

# %%
guess = (11, 11)

# %%
plain = Transformer(**{**model.as_dict(), "variant": "pre_norm"})
trace = plain.apply(plain.init(np.random.default_rng(0)), tokens[None])[1]
different = lambda rows: len(np.unique(rows.round(9), axis=0))  # rows (T, G K)
found = different(cache[0]["values"].swapaxes(0, 1).reshape(11, -1)), different(trace[1]["attention"]["values"][0])
print("different rows: guessed", guess, "are", found)

# %% [markdown]
# Rotary positions touch queries and keys only, so `V_1` knows the token and nothing else: a table with one row per word of
# the vocabulary. In all layers of SVFormer, attention sums rows of this one table. Context decides the weights (queries and
# keys), never what is summed; whatever else a layer says about context, its feed-forward network must make. And the value
# cache could be replaced by the token ids themselves (exercise 06.table).

# %% [markdown]
# ## 5 The paper's claim, on a toy
#
# The paper reports that SVFormer keeps nearly half of the cache and still learns about as well: faster at first, later
# overtaken by the plain model. The toy: the next character of English text, 4 layers of width 32, 100 steps, three seeds.
# Control: grouped heads (G = 2), which save even more without sharing anything between layers.
#
# **Predict** the held-out losses, in nats (guessing single characters by their frequency costs 3.25).

# %%
guess = {"plain": 2.5, "SVFormer": 2.7, "G = 2": 2.5}
SIZES = {"layers": 4, "width": 32, "heads": 4, "feed_forward": 64}
RECIPE = {"dtype": "float32", "steps": 100, "batch": 8, "learning_rate": 5e-3, "evaluate_every": 100, "validation": 64}


def losses(variant, **changes):
    runs = [run(variant, "characters", {"length": 32}, {**SIZES, **changes}, {**RECIPE, "seed": seed}) for seed in (0, 1, 2)]
    return [one["loss"] for one in runs], runs[0]["cache_bytes_per_token"]


# %%
results = {"plain": losses("pre_norm"), "SVFormer": losses("svformer"), "G = 2": losses("pre_norm", kv_heads=2)}
for name, (found, size) in results.items():
    print(f"{name:9} {size:5} bytes per token; loss: guessed {guess[name]:.2f}, is",
          ", ".join(f"{loss:.2f}" for loss in found), f"mean {np.mean(found):.2f}")
less = np.array(results["SVFormer"][0]) - np.array(results["plain"][0])
print("SVFormer less plain, seed by seed:", less.round(2))

# %% [markdown]
# What it shows: at this early stage the shared values cost nothing, with fewer parameters and 5/8 of the cache; with two of
# the three seeds they help. The control tells that a smaller cache can be had otherwise, too, at no cost here either. The
# seeds differ by as much as the variants, so compare within a seed. What it does not show: the end of a training (the
# paper's SVFormer falls behind there), long contexts, or which of the two ways is the better one. Three seeds are few.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 06.numbers: count the cache (level 1, 5 minutes)
#
# Return how many numbers SVFormer keeps per token: `layers` L, `heads` H query heads, `groups` G key/value heads, each of
# `width` K.

# %%
def numbers(layers, heads, groups, width):
    ### BEGIN SOLUTION
    return (layers + 1) * groups * width
    ### END SOLUTION


# %%
check("06.numbers", numbers)

# %% [markdown]
# ### 06.visible: who sees what in a step (level 2, 10 minutes)
#
# T new tokens come after S - T kept ones. Return the additive mask (T, S): 0 where a new token may see a key, `-np.inf`
# where it may not. A token sees itself and all before it.

# %%
def visible(T, S):
    ### BEGIN SOLUTION
    later = np.arange(S) > np.arange(S - T, S)[:, None]
    return np.where(later, -np.inf, 0.0)
    ### END SOLUTION


# %%
check("06.visible", visible)

# %% [markdown]
# ### 06.step: one token, one head (level 2, 15 minutes)
#
# `q`, `k`, `v` (K,) are those of the newest token, turned already; `keys`, `values` (S, K) what is kept. In a layer that
# shares values, `v` is None and `values` (S + 1, K) has the newest row already, as layer 1 has appended it. Return three
# arrays: the output (K,), the new keys (S + 1, K), the new values (S + 1, K). `softmax` above works over the last axis.

# %%
def step(q, k, v, keys, values):
    ### BEGIN SOLUTION
    keys = np.concatenate([keys, k[None]])
    values = values if v is None else np.concatenate([values, v[None]])
    return softmax(keys @ q / np.sqrt(len(q))) @ values, keys, values
    ### END SOLUTION


# %%
check("06.step", step)

# %% [markdown]
# ### 06.table: the value cache out of the ids (level 3, 15 minutes)
#
# Return the value cache (T, G K) of a whole SVFormer from the token ids alone: `W_token` (V, D) the embedding, `gain` (D,)
# of layer 1's norm (root mean square, epsilon 1e-5), `W_v` (D, G K), `tokens` (T,).

# %%
def table(W_token, gain, W_v, tokens):
    ### BEGIN SOLUTION
    return (normalise(W_token, gain) @ W_v)[tokens]
    ### END SOLUTION


# %%
check("06.table", table)

# %% [markdown]
# ### 06.own_sharing: keep less, in a way of your own (level 4, 30 minutes)
#
# Return a record of the library that keeps at most 3/4 of the plain cache in 4 layers. Fields to use: `keys` and `values`,
# each `function(fresh, past, here)`: `fresh` is None where the layer has no weights for them, `past[-1]["keys"]` are those
# of the layer below; and `parameters`, functions that take weights away (`residual("svformer").parameters`). The check
# wants: no token sees a later one; decoding equals the full pass; the cache is small; no weight is left that nothing uses;
# not a scheme that exists.

# %%
def own_sharing():
    from minires.residual import residual
    ### BEGIN SOLUTION
    pairs, first = residual("cla"), residual("svformer")  # keys in pairs of layers, values of layer 1
    return pairs._replace(values=first.values, parameters=pairs.parameters + first.parameters[-1:])
    ### END SOLUTION


# %%
check("06.own_sharing", own_sharing)

# %% [markdown]
# ## On your own
#
# - In section 2, start `t` from 0 in each step instead of going on. Which assertion of section 3 fails, and why not for the
#   prompt?
# - Train `svformer` with `anchors=(1, 3)` in section 5 (`run` takes `{"options": {"anchors": (1, 3)}}` with the sizes).
#   Is the value cache still a table?
# - Run section 5 with 600 steps and five seeds. Does the plain model overtake?
# - With `positions="learned"` the embedding knows its position. How many different rows has the value cache then?
#
# ## Further reading
#
# - `minires show svformer`: the equation, known mistakes, what public code does differently; `minires show cla`.
# - Zhou et al. 2024 (2410.17897); Brandon et al. 2024 (2405.12981), cross-layer attention; Zuhri et al. 2024 (2406.09297).
# - Ainslie et al. 2023 (2305.13245): grouped-query attention, the other way to a smaller cache.
