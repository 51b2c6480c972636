# %% [markdown]
# # 05 The value residual: what the first layer saw
#
# You build a Transformer in which every layer mixes the first layer's values into its own, find the first number that this
# changes, and tell with a control what it does about tokens that grow alike.
#
# - Time: 50 minutes
# - Needs: 02, 03
# - You learn: to mix values across layers, to measure how alike the tokens of a layer are, to look for the control that
#   takes a claim apart
# - Paper: Zhou, Wu, Jiang, Obeid, Lan 2024, Value Residual Learning (2410.17897)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
from functools import lru_cache

import numpy as np

from minires import LLAMA, Transformer
from minires.course import slider
from minires.exercises import check
from minires.experiments import run
from minires.figures.parts import tidy

# %% [markdown]
# ## 1 By hand
#
# Layer n makes values `V_n`; attention takes means of them, `U_n = P_n V_n`. What if layer n could attend to the *first
# layer's* values too? Then its keys and values stand there twice: each key `k` once with `V_n` and once with `V_1`.
#
# One query, two tokens, one channel. The scores are `ln 3` and 0, so the probabilities are 3/4 and 1/4.

# %%
scores = np.array([np.log(3), 0.0])
V_n, V_1 = np.array([2.0, 4.0]), np.array([8.0, 0.0])


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


print("P_n V_n =", (softmax(scores) @ V_n).round(9), " P_n V_1 =", (softmax(scores) @ V_1).round(9))

# %% [markdown]
# **Predict** what attention over the four places gives: keys 1, 2 with `V_n`, and the same keys again with `V_1`.

# %%
guess = 2.5 + 6.0

# %%
four = softmax(np.concatenate([scores, scores]))
print("probabilities", four.round(3).tolist())
print("guessed", guess, "is", (four @ np.concatenate([V_n, V_1])).round(9))

# %% [markdown]
# The same keys share their probability: half each. So attention over both equals attention over the mean of both,
# `P_n (V_1 + V_n) / 2`, at no further cost. This is the value residual, ResFormer:
#
#     V'_1 = V_1
#     V'_n = lambda_1 V_1 + lambda_2 V_n,  n >= 2         lambda_1 = lambda_2 = 1/2
#
# `lambda_1` weighs the first layer's value, `lambda_2` the own. (0, 1) is the plain Transformer; (1, 0) gives all layers one
# value and is called SVFormer.

# %% [markdown]
# ## 2 The model, in the open
#
# A pre-norm decoder with Llama's parts, without positions (values are never rotated, so rotary positions would change
# nothing below). Letters: T tokens, D width, H heads, K = D / H, F feed-forward width. One sequence, no batch axis.

# %%
H = 4


def norm(x, p):
    return p["gain"] * x / np.sqrt(np.mean(x ** 2, axis=-1, keepdims=True) + 1e-5)


def split(x):
    return x.reshape(len(x), H, -1).swapaxes(0, 1)  # (T, D) -> (H, T, K)


# %%
def attention(x, p, V_1, lambda_1, lambda_2):
    V = x @ p["W_v"]  # (T, D), before it is split into heads
    used = V if V_1 is None else lambda_1 * V_1 + lambda_2 * V  # ResFormer is this line
    q, k, v = split(x @ p["W_q"]), split(x @ p["W_k"]), split(used)  # (H, T, K) each
    later = np.triu(np.full((len(x), len(x)), -np.inf), 1)  # (T, T): a query sees no later key
    P = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]) + later)  # (H, T, T)
    return (P @ v).swapaxes(0, 1).reshape(x.shape) @ p["W_o"], V, P


# %%
def feed_forward(x, p):
    gate = x @ p["W_gate"]  # (T, F)
    return gate / (1 + np.exp(-gate)) * (x @ p["W_1"]) @ p["W_2"]  # (T, D)


def resformer(params, tokens, lambda_1=0.5, lambda_2=0.5):
    x, V_1, trace = params["embedding"]["W_token"][tokens], None, []  # (T, D)
    for p in params["layers"]:
        y, V, P = attention(norm(x, p["attention"]["norm"]), p["attention"], V_1, lambda_1, lambda_2)
        V_1 = V if V_1 is None else V_1  # the raw value of layer 1, never a mixed one
        x = x + y
        x = x + feed_forward(norm(x, p["feed_forward"]["norm"]), p["feed_forward"])
        trace.append({"V": V, "P": P, "x": x})
    return norm(x, params["final_norm"]) @ params["head"]["W"], trace


# %% [markdown]
# The library makes the parameters. The plain model is the same function with the weights (0, 1).
#
# **Predict**: which is the first layer whose attention probabilities `P` differ between ResFormer and the plain model?

# %%
sizes = {**LLAMA, "positions": "none", "kind": "decoder", "heads": H}
model = Transformer(variant="resformer", vocabulary=12, layers=5, width=16, initial_std=0.3, **sizes)
params = model.init(np.random.default_rng(0))
tokens = np.array([3, 1, 4, 1, 5, 9, 2, 6])
guess = 2

# %%
logits, trace = resformer(params, tokens)
plain_logits, plain = resformer(params, tokens, 0, 1)
differences = [np.max(np.abs(own["P"] - other["P"])) for own, other in zip(trace, plain)]
print("P", trace[0]["P"].shape, "= (H, T, T); largest difference by layer:", np.round(differences, 3).tolist())
print("first layer that differs: guessed", guess, "is", 1 + int(np.flatnonzero(differences)[0]))

# %% [markdown]
# Layer 2 is the first that *uses* other values. Its queries and keys come from the stream below, which nobody has changed;
# what it writes is new, and layer 3 reads it. A port in which `P_2` changes has mixed something else than values.
#
# **Predict**: tokens 2 and 4 are the same, a 1. In which layers are their values `V_n`, the layer's own, equal?

# %%
guess = [1, 2, 3, 4, 5]

# %%
equal = [n for n, layer in enumerate(trace, start=1) if np.allclose(layer["V"][1], layer["V"][3])]
print("guessed", guess, "is", equal, "; distance by layer:",
      [float(np.linalg.norm(layer["V"][1] - layer["V"][3]).round(2)) for layer in trace])

# %% [markdown]
# `V_1` is made of the embedding alone: it says which token stands there, whatever came before. Above, each token has
# mixed in the tokens before it. So the residual hands every layer the tokens as they were.

# %% [markdown]
# ## 3 Your lines and the library's
#
# The same parameters: every probability, value and logit agrees to 1e-12; so do the two ends, the plain model and SVFormer.

# %%
theirs, library = model.apply(params, tokens[None])
for own, layer in zip(trace, library):
    assert np.allclose(own["P"], layer["attention"]["probabilities"][0], rtol=0, atol=1e-12)
    assert np.allclose(own["V"], layer["attention"]["fresh_values"][0], rtol=0, atol=1e-12)
assert np.allclose(logits, theirs[0], rtol=0, atol=1e-12)
ends = {"pre_norm": ({}, plain_logits), "resformer": ({"lambda_1": 1.0, "lambda_2": 0.0}, resformer(params, tokens, 1, 0)[0])}
for variant, (options, own) in ends.items():
    other = Transformer(variant=variant, vocabulary=12, layers=5, width=16, options=options, **sizes)
    assert np.allclose(own, other.apply(params, tokens[None])[0][0], rtol=0, atol=1e-12)
svformer = Transformer(variant="svformer", vocabulary=12, layers=5, width=16, **sizes)
without = [{**p, "attention": {name: W for name, W in p["attention"].items() if n == 0 or name != "W_v"}}
           for n, p in enumerate(params["layers"])]
assert np.allclose(svformer.apply({**params, "layers": without}, tokens[None])[0][0], ends["resformer"][1], rtol=0, atol=1e-12)
print("ResFormer, the plain model and SVFormer: all equal to the library's")

# %% [markdown]
# ## 4 Tokens that grow alike
#
# Attention takes means, and means are more alike than what they are taken of. Layer after layer the tokens of a plain
# Transformer come to point the same way: *over-smoothing*. The measure is the mean cosine of two different tokens: 0 for
# random directions, 1 where all are the same.
#
# 24 layers at random weights, 64 random tokens. Move `lambda_1` from the plain model (0) over ResFormer (1/2) to SVFormer
# (1); here `lambda_2 = 1 - lambda_1`.

# %%
DEPTH, T = 24, 64


def similarity(x):
    unit = x / np.linalg.norm(x, axis=-1, keepdims=True)  # (T, D)
    return (np.sum(unit @ unit.T) - T) / (T * (T - 1))  # without the diagonal


@lru_cache(maxsize=None)
def curve(lambda_1, lambda_2, seed):
    deep = Transformer(vocabulary=500, layers=DEPTH, width=64, feed_forward=224, initial_std=0.08, variant="resformer", **sizes)
    numbers = np.random.default_rng(seed)
    params = deep.init(numbers)
    params["embedding"] = {"W_token": params["embedding"]["W_token"] / 4}  # 0.02, as usual
    return [similarity(layer["x"]) for layer in resformer(params, numbers.integers(500, size=T), lambda_1, lambda_2)[1]]


def curves(lambda_1, lambda_2):
    return np.array([curve(lambda_1, lambda_2, seed) for seed in range(4)])  # (seeds, layers)


# %% [markdown]
# **Predict** the similarity after layer 24 in ResFormer, where the plain model has 0.8.

# %%
guess = 0.7

# %%
print("ResFormer after layer 24: guessed", guess, "is", curves(0.5, 0.5)[:, -1].mean().round(2),
      "; plain:", curves(0.0, 1.0)[:, -1].mean().round(2))


# %%
def draw(axes, lambda_1):
    found, n = curves(lambda_1, 1 - lambda_1), np.arange(1, DEPTH + 1)
    axes.plot(n, curves(0.0, 1.0).mean(axis=0), color="#000000", linestyle="-", label="plain")
    axes.errorbar(n, found.mean(axis=0), found.std(axis=0), color="#0072B2", linestyle="--", marker="o", markersize=3,
                  label="this one")
    tidy(axes, xlabel="layer n", ylabel="mean cosine of two tokens", ylim=(0, 1), xticks=(1, 8, 16, 24))
    axes.legend(frameon=False, handlelength=3, loc="upper left")


slider(draw, "How alike the tokens are, by layer, for three weights of the first layer's value: at 0 the curve is the plain "
             "model's and rises to 0.8, at one half it stays level, at 1 it falls.", lambda_1=(0.0, 1.0, 0.5))

# %% [markdown]
# Bars: one standard deviation over four seeds. Half of `V_1` stops the rise. So the first layer's values keep the tokens
# apart, as they still say which token is which. Do they?

# %% [markdown]
# ## 5 The paper's claims, on toys
#
# **Claim 1**: the value residual works against over-smoothing. **The control**: `V'_n = V_n / 2`. It halves the own value as
# ResFormer does, and hands on nothing of the first layer. The reverse, `V'_n = V_1 + V_n`, hands on all and halves nothing.
#
# **Predict** the similarity after layer 24 for the halved values.

# %%
guess = 0.8

# %%
WEIGHTS = {"plain": (0.0, 1.0), "ResFormer": (0.5, 0.5), "halved, no V_1": (0.0, 0.5), "V_1 added, not halved": (1.0, 1.0),
           "SVFormer": (1.0, 0.0)}
for name, weights in WEIGHTS.items():
    last, guessed = curves(*weights)[:, -1], f"  guessed {guess}" if name.startswith("halved") else ""
    print(f"{name:22} after layer 24: {last.mean():.2f}, spread {last.std():.2f}{guessed}")

# %% [markdown]
# At random weights it is the one half that keeps the tokens apart, not the first layer: without `V_1` the result is the
# same, and with `V_1` but without the half most of it is gone. A smaller attention branch adds less of what the tokens
# have in common. `V_1` does more only where it stands alone (SVFormer): the mean of unlike tokens is small. And a factor on
# the values can be put into `W_o`: `V_n / 2` is no other model, only another start.
#
# **Claim 2**: the value residual trains to a lower loss (about 1 percent in the paper, at 82 to 468 million parameters). The
# toy: four keys with their values, then the keys again in another order; say the values. Two layers of width 32, 150
# steps, three seeds; the loss of guessing among all 16 values is 2.77, among the four values shown about 1.3.
#
# **Predict** the order of the three losses.

# %%
guess = ["halved, no V_1", "ResFormer", "plain"]

# %%
losses = {}
for name in ("plain", "ResFormer", "halved, no V_1"):
    options = dict(zip(("lambda_1", "lambda_2"), WEIGHTS[name]))
    small = {"layers": 2, "width": 32, "feed_forward": 32, "heads": 2, "options": options}
    recipe = {"dtype": "float32", "steps": 150, "batch": 16, "learning_rate": 5e-3}
    losses[name] = [run("resformer", "recall", {}, small, {**recipe, "seed": seed})["loss"] for seed in range(3)]
    print(f"{name:15} loss by seed:", np.round(losses[name], 2).tolist(), "mean", np.mean(losses[name]).round(2))
print("guessed", guess, "is", sorted(losses, key=lambda name: np.mean(losses[name])))

# %% [markdown]
# What it shows: at random weights the value residual's effect on over-smoothing is that of its factor 1/2; in this training
# the order is another one, the factor alone is no help, and `V_1` lowers the loss a little with each of three seeds. So the
# one claim does not explain the other. What it does not show: the paper's 1 percent, which is measured on language with
# models thousands of times as large; a gain at the end of training (all three are still above guessing among the values
# shown); or that attention sinks go away, which the paper reports too. Three seeds are an example, no statistics.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 05.values: the mix of one layer (level 1, 5 minutes)
#
# `own` (B, S, C) are the layer's own values, `first` those of the first layer, `lambda_1` and `lambda_2` two numbers; in the
# first layer `first` and both numbers are None. Return the values that attention uses. Your function is put into a whole
# model with learned weights, and an oracle judges the run.

# %%
def values(own, first, lambda_1, lambda_2):
    ### BEGIN SOLUTION
    return own if first is None else lambda_1 * first + lambda_2 * own
    ### END SOLUTION


# %%
check("05.values", values)

# %% [markdown]
# ### 05.layers: the values of all layers (level 2, 10 minutes)
#
# `fresh` (L, S, C) are the own values of L layers, `lambda_1` and `lambda_2` (L) their weights; entry 0 of both stands for
# layer 1 and has no meaning. Return the used values (L, S, C).

# %%
def layers(fresh, lambda_1, lambda_2):
    ### BEGIN SOLUTION
    used = lambda_1[:, None, None] * fresh[0] + lambda_2[:, None, None] * fresh
    return np.concatenate([fresh[:1], used[1:]])
    ### END SOLUTION


# %%
check("05.layers", layers)

# %% [markdown]
# ### 05.similarity: how alike the tokens are (level 2, 10 minutes)
#
# x (T, D), a row per token. Return the mean cosine over all pairs of two different tokens.

# %%
def similarity_of(x):
    ### BEGIN SOLUTION
    unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return (np.sum(unit @ unit.T) - len(x)) / (len(x) * (len(x) - 1))
    ### END SOLUTION


# %%
check("05.similarity", similarity_of)

# %% [markdown]
# ### 05.gradients: the gradients of the mix (level 3, 20 minutes)
#
# The same arrays as in 05.layers, and `g` (L, S, C), the gradient of a loss by the used values. Return three arrays: the
# gradient by `fresh` (L, S, C), by `lambda_1` (L) and by `lambda_2` (L). `V_1` is used in every layer; the weights of layer 1
# in none. The learnable ResFormer trains its weights by these.

# %%
def gradients(g, fresh, lambda_1, lambda_2):
    ### BEGIN SOLUTION
    by_fresh = lambda_2[:, None, None] * g
    by_fresh[0] = g[0] + np.sum(lambda_1[1:, None, None] * g[1:], axis=0)
    by_first, by_own = np.sum(g * fresh[0], axis=(1, 2)), np.sum(g * fresh, axis=(1, 2))
    by_first[0] = by_own[0] = 0
    return by_fresh, by_first, by_own
    ### END SOLUTION


# %%
check("05.gradients", gradients)

# %% [markdown]
# ### 05.own_mix: a mix of your own (level 4, 25 minutes)
#
# Return a record of the library, ResFormer's with `values` replaced:
# `residual("resformer")._replace(values=your_function)`. `your_function(fresh, past, here)` gets the layer's own values
# (B, S, C) and in `past` the records of the layers below, nearest last, each with "fresh_values" and "values"; `here.n` is
# the layer. The check wants a plain first layer, plain attention in layers 1 and 2, values that are more than a multiple of
# the layer's own, no look ahead in time, and something that is not in the library already.

# %%
def own_mix():
    from minires.residual import residual
    ### BEGIN SOLUTION
    fading = lambda fresh, past, here: (past[0]["fresh_values"] + (here.n - 1) * fresh) / here.n if past else fresh
    return residual("resformer")._replace(values=fading)
    ### END SOLUTION


# %%
check("05.own_mix", own_mix)

# %% [markdown]
# ## On your own
#
# - Repeat section 4 with the raw value of the layer below for `V_1`. Is the similarity that of ResFormer, or of the plain
#   model? What does the table of section 5 lead you to expect?
# - Train `"resformer_learnable"` in section 5 and look at `run(..)["params"]`: which weight grows, in which layer?
# - Draw the similarity of your own mix. Which control belongs to it?
#
# ## Further reading
#
# - `minires show resformer`, `minires show resformer_learnable`: the equations, known mistakes, what public code does
#   differently. Two public ports give the one weight opposite meanings.
# - Zhou et al. 2024 (2410.17897): weights that are learned, or that act in late layers only.
# - Nguyen, Nguyen, Baraniuk 2023 (2312.00751), NeuTRENO: the difference to `V_1` is added after attention.
