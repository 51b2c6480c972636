# %% [markdown]
# # 02 Attention by hand: scores, a softmax, a mixture
#
# You compute attention with three keys on paper, build a layer of it with heads, groups and a causal mask, and tell what the
# division by the square root of the head width is good for, and what would do as well.
#
# - Time: 50 minutes
# - Needs: 01
# - You learn: to follow attention through its shapes, to place a mask, to tell a scale from a start and a learning rate
# - Paper: Vaswani et al. 2017, Attention Is All You Need (1706.03762); Ainslie et al. 2023, GQA (2305.13245)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires import BERT, Transformer
from minires.course import show
from minires.exercises import check
from minires.figures.parts import new_figure, tidy

# %% [markdown]
# ## 1 By hand
#
# One query q, three keys `k_s` and three values `v_s`. The score of a key is its product with the query, divided by the
# square root of their width K; a softmax turns scores into weights; the result is the weighted mean of the values:
#
#     A_s = q . k_s / sqrt(K)        P_s = exp(A_s) / sum_r exp(A_r)        u = sum_s P_s v_s

# %%
q = np.array([2.0, 0.0, 0.0, 0.0])  # (K,) = (4,)
k = np.zeros((3, 4))  # (S, K)
k[:, 0] = np.log([1.0, 2.0, 5.0])
v = np.array([[8.0, 0.0], [0.0, 8.0], [8.0, 8.0]])  # (S, 2)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


A = k @ q / np.sqrt(len(q))  # (S,)
P = softmax(A)
print("P =", P.round(12).tolist(), "= 1/8, 2/8, 5/8;  u =", (P @ v).round(12).tolist())

# %% [markdown]
# Check u on paper: the weights are as 1 : 2 : 5. Now hide the third key, as a causal mask hides the future.
#
# **Predict** the weights then, and the weights of all three keys where the division by sqrt(K) = 2 is forgotten.

# %%
guess = {"third hidden": [0.125, 0.25, 0.0], "undivided": [0.05, 0.2, 0.75]}

# %%
mask = np.array([0.0, 0.0, -np.inf])
print("third hidden: guessed", guess["third hidden"], "is", softmax(A + mask).round(4).tolist())
print("undivided: guessed", guess["undivided"], "is", softmax(k @ q).round(4).tolist(), "= 1/30, 4/30, 25/30")

# %% [markdown]
# A mask that is added before the softmax takes a key out of the race, and the others share its weight: 1/3 and 2/3. A mask
# that multiplies after it leaves 1/8 and 2/8, a row that sums to 3/8. And twice the scores square the ratios.

# %% [markdown]
# ## 2 The model, in the open
#
# Letters: T tokens (queries), S tokens (keys; here S = T), D width, H heads of queries, G heads of keys and values, K head
# width. Each query head has its own columns of `W_q`. With **grouped queries** (G < H) neighbouring query heads share the
# keys and values of one group: head h reads group `h // (H / G)`.

# %%
H, G = 6, 3


def split(x, heads):
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)  # (T, heads K) -> (heads, T, K)


def causal(T):
    return np.where(np.arange(T)[None, :] <= np.arange(T)[:, None], 0.0, -np.inf)  # (T, S): query t sees the keys s <= t


# %%
def attention(x, p, mask=0.0):
    q = split(x @ p["W_q"] + p["b_q"], H)  # (H, T, K)
    k, v = (split(x @ p["W_" + name] + p["b_" + name], G) for name in "kv")  # (G, S, K) each
    k, v = np.repeat(k, H // G, axis=0), np.repeat(v, H // G, axis=0)  # (H, S, K) each: 0, 0, 1, 1, 2, 2
    A = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])  # (H, T, S)
    P = softmax(A + mask)  # (H, T, S): each row sums to 1
    U = P @ v  # (H, T, K)
    merged = U.swapaxes(0, 1).reshape(len(x), -1)  # (T, H K)
    return merged @ p["W_o"] + p["b_o"], P  # (T, D)


# %% [markdown]
# The library makes the parameters, larger than a training would start with. **Predict** the shapes of `W_q` and `W_k`, at
# D = 12, H = 6, G = 3, K = 2, and of the weights P of 7 tokens.

# %%
description = Transformer(variant="pre_norm", kind="decoder", vocabulary=11, layers=3, width=12, heads=H, kv_heads=G,
                          maximum_length=9, initial_std=0.7, **BERT)
params = description.init(np.random.default_rng(0))
first = params["layers"][0]["attention"]
x = np.random.default_rng(1).standard_normal((7, 12))  # (T, D)
guess = {"W_q": (12, 12), "W_k": (12, 12), "P": (7, 7)}

# %%
y, P = attention(x, first, causal(7))
shapes = {"W_q": first["W_q"].shape, "W_k": first["W_k"].shape, "P": P.shape}
print("guessed", guess)
print("is     ", shapes, "and the output", y.shape)
print("row of the third query, head 1:", P[0, 2].round(3).tolist())

# %% [markdown]
# Does attention know the order of its tokens? Write the same seven tokens in reverse order. **Predict**: by how much does
# what the layer returns for a token change, at most, without a mask, and with the causal mask?

# %%
guess = {"no mask": 0.5, "causal": 0.5}

# %%
for name, mask in (("no mask", 0.0), ("causal", causal(7))):
    forward, reversed_ = attention(x, first, mask)[0], attention(x[::-1], first, mask)[0][::-1]  # (T, D) each
    print(f"{name}: guessed {guess[name]}, is {np.max(np.abs(forward - reversed_)):.3f}")

# %% [markdown]
# Not at all without a mask: a weighted mean over a set. All that a Transformer knows of order comes from the mask and from
# positions: vectors added to the tokens (here), or a rotation of queries and keys (Llama).

# %% [markdown]
# ## 3 Your lines and the library's
#
# A whole decoder of the library runs; each of its layers records what its attention read (`x`). From that, your lines
# must make the same weights and the same output.

# %%
tokens = np.array([[3, 1, 4, 1, 5, 9, 2, 6]])  # (B, T)
_, trace = description.apply(params, tokens)
for layer, p in zip(trace, params["layers"]):
    theirs = layer["attention"]
    y, P = attention(theirs["x"][0], p["attention"], causal(8))
    assert np.allclose(P, theirs["probabilities"][0], rtol=0, atol=1e-12)
    assert np.allclose(y, theirs["output"][0], rtol=0, atol=1e-12)
print("weights", P.shape, "and outputs", y.shape, "of", len(trace), "layers agree to 1e-12")

# %% [markdown]
# ## 4 What the scale does
#
# The paper's footnote: if the entries of q and k are independent with mean 0 and variance 1, their product has the variance
# K. So undivided scores grow as sqrt(K). What that does to learning is in the softmax's rule of tutorial 01,
# `dA = P (g - sum g P)`: its Jacobian has the diagonal `P_s (1 - P_s)`, which vanishes where P is 0 or 1. Its sum over the
# keys says how much the weights still move; over 16 keys it is at most 15/16, where all weights are alike.
#
# **Predict** the largest of the 16 weights, on average, at K = 256 without the division.

# %%
guess = 0.5
KEYS, WIDTHS = 16, 2 ** np.arange(9)
SCALES = {"A = q.k": lambda K: 1.0, "A = q.k / sqrt(K)": lambda K: K ** -0.5, "A = q.k / K": lambda K: 1.0 / K}


def weights(K, scale, seed, queries=200):
    numbers = np.random.default_rng(seed)
    q, k = numbers.standard_normal((queries, 1, K)), numbers.standard_normal((queries, KEYS, K))
    return softmax(scale * np.sum(q * k, axis=-1))  # (queries, KEYS)


# %%
movable = lambda P: np.mean(np.sum(P * (1 - P), axis=-1))
moves = {name: np.array([[movable(weights(K, scale(K), seed)) for K in WIDTHS] for seed in range(5)])
         for name, scale in SCALES.items()}  # (seeds, widths) each
largest = np.mean([weights(256, 1.0, seed).max(axis=-1).mean() for seed in range(5)])
print(f"largest of 16 weights at K = 256, undivided: guessed {guess}, is {largest:.2f}")
for name, own in moves.items():
    print(f"{name:18} sum of P (1 - P) at K = 1, 16, 256:", own.mean(axis=0)[[0, 4, 8]].round(2).tolist())

# %%
figure = new_figure(6.4, 3.6)
axes = figure.subplots()
looks = (("#000000", "-", "o"), ("#0072B2", "--", "s"), ("#D55E00", "-.", "^"))
for (name, own), (color, line, marker) in zip(moves.items(), looks):
    axes.errorbar(WIDTHS, own.mean(axis=0), own.std(axis=0), color=color, linestyle=line, marker=marker, capsize=3, label=name)
axes.set_xscale("log", base=2)
tidy(axes, xlabel="head width K", ylabel="sum over keys of P (1 - P)", ylim=(0, 1.02))
axes.legend(frameon=False, loc="lower left", handlelength=3.5)
show(figure, "How much the weights can still move, by head width: with the division by the square root of K level near 0.87, "
             "with the division by K a little higher, undivided falling from 0.88 at K = 1 to below 0.1 at K = 256.")

# %% [markdown]
# Bars: one standard deviation over five seeds.

# %% [markdown]
# ## 5 The paper's claim, on a toy
#
# The paper suspects that large products push the softmax into regions with extremely small gradients, and divides. A toy:
# 16 keys of width 64, 64 queries `q = x W`; a hidden matrix says which key is right for each x, and the output `P V` should
# be its value. W (64, 64) is learned by 200 steps of gradient descent on the squared error. W starts at random so that the
# entries of q have variance 1. A fair comparison gives each scale the rate that suits it: the best of nine.
#
# Two controls. **small start**: no division, but W starts 8 times smaller, so that the first scores are those of the
# divided form. **large start**: the division, but W starts 8 times larger.

# %%
K = 64
TRIALS = {"A = q.k / sqrt(K)": (K ** -0.5, 1.0), "A = q.k": (1.0, 1.0), "A = q.k / K": (1.0 / K, 1.0),
          "A = q.k, small start": (1.0, K ** -0.5), "A = q.k / sqrt(K), large start": (K ** -0.5, K ** 0.5)}


def learned(seed, scale, start, rate, K=K):
    numbers = np.random.default_rng(seed)
    x, k, v = (numbers.standard_normal(shape) for shape in ((64, K), (16, K), (16, 4)))
    hidden, W = numbers.standard_normal((2, K, K)) / np.sqrt(K)
    target, W = v[np.argmax(x @ hidden @ k.T, axis=-1)], start * W  # (64, 4)
    for _ in range(200):
        P = softmax(scale * (x @ W @ k.T))  # (64, 16)
        g = 2 * (P @ v - target) @ v.T / len(x)  # the gradient by P
        W = W - rate * scale * x.T @ (P * (g - np.sum(P * g, axis=-1, keepdims=True))) @ k
    error = softmax(scale * (x @ W @ k.T)) @ v - target
    return np.mean(error ** 2) / np.mean((target - target.mean(axis=0)) ** 2)  # 1: no better than a constant


# %% [markdown]
# **Predict** the error that is left (0: learned, 1: no better than a constant) of the undivided form, and of the undivided
# form with a small start.

# %%
guess = {"A = q.k": 0.5, "A = q.k, small start": 0.5}

# %%
RATES = 10.0 ** np.arange(-5, 4)
for name, (scale, start) in TRIALS.items():
    left = {rate: [learned(seed, scale, start, rate) for seed in range(5)] for rate in RATES}
    best = min(left, key=lambda rate: np.mean(left[rate]))
    told = f", guessed {guess[name]}" if name in guess else ""
    print(f"{name:31} best rate {best:<6g} error left {np.mean(left[best]):.2f} +- {np.std(left[best]):.2f}{told}")

# %% [markdown]
# The undivided form hardly learns at any of the nine rates, as the paper suspects. But with a small start it learns as well
# as the divided one, and the division does not help a start that is too large. What is bad is to begin with a saturated
# softmax; to divide is one way not to. Indeed the undivided form with a start 8 times smaller and a rate 64 times smaller
# is the divided one, step by step: only the name of W has changed. What the division buys is that the same start and the
# same rate do at other widths:

# %%
assert np.isclose(learned(0, K ** -0.5, 1.0, 1.0), learned(0, 1.0, K ** -0.5, 1.0 / K), rtol=1e-9)
for width in (16, 64, 256):
    divided = np.mean([learned(seed, width ** -0.5, 1.0, 1.0, width) for seed in range(5)])
    undivided = np.mean([learned(seed, 1.0, 0.125, 1.0 / 64, width) for seed in range(5)])
    print(f"K = {width:3}, error left: divided, start 1, rate 1: {divided:.2f}; not, start 1/8, rate 1/64: {undivided:.2f}")

# %% [markdown]
# What it shows: that the size of the first scores decides, and that the division makes start and rate depend less on K.
# What it does not show: that sqrt(K) is the best divisor (here K does better, at its own rate), what happens when products
# grow during training, or anything about Adam, whose steps do not shrink with the gradient.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 02.split: cut the heads (level 1, 5 minutes)
#
# x (B, T, H K), with a batch. Return the heads (B, H, T, K): head h has the channels h K to (h + 1) K - 1.

# %%
def split_heads(x, heads):
    ### BEGIN SOLUTION
    B, T, _ = x.shape
    return x.reshape(B, T, heads, -1).swapaxes(1, 2)
    ### END SOLUTION


# %%
check("02.split", split_heads)

# %% [markdown]
# ### 02.causal: what a query may see (level 2, 10 minutes)
#
# `t` (T,) are the positions of the queries, `s` (S,) those of the keys. Return what is added to the scores, (T, S): 0 where
# the query may see the key, `-np.inf` where not. Positions need not begin at 0: in decoding there is one query, the last.
# Your mask is put into a whole decoder, and an oracle judges the run.

# %%
def causal_mask(t, s):
    ### BEGIN SOLUTION
    return np.where(s[None, :] <= t[:, None], 0.0, -np.inf)
    ### END SOLUTION


# %%
check("02.causal", causal_mask)

# %% [markdown]
# ### 02.groups: scores with grouped queries (level 2, 10 minutes)
#
# q (H, T, K), k (G, S, K). Return the scores A (H, T, S), divided by sqrt(K). Try it without repeating k in memory.

# %%
def grouped_scores(q, k):
    ### BEGIN SOLUTION
    heads, T, K = q.shape
    stacked = q.reshape(len(k), -1, K)  # (G, H / G T, K): the heads of a group, one after the other
    return (stacked @ k.swapaxes(1, 2)).reshape(heads, T, -1) / np.sqrt(K)
    ### END SOLUTION


# %%
check("02.groups", grouped_scores)

# %% [markdown]
# ### 02.rule: attention backwards (level 3, 20 minutes)
#
# One head, no mask: `U = softmax(q k^T / sqrt(K)) v` with q (T, K), k (S, K), v (S, K). `g` (T, K) is the gradient by U.
# Return three arrays: the gradients by q, k and v.

# %%
def attention_rule(g, q, k, v):
    ### BEGIN SOLUTION
    scale = 1 / np.sqrt(q.shape[-1])
    P = softmax(scale * q @ k.T)  # (T, S)
    g_P = g @ v.T  # (T, S)
    g_A = P * (g_P - np.sum(P * g_P, axis=-1, keepdims=True))  # (T, S)
    return scale * g_A @ k, scale * g_A.T @ q, P.T @ g
    ### END SOLUTION


# %%
check("02.rule", attention_rule)

# %% [markdown]
# ### 02.own_weights: weights of your own (level 4, 25 minutes)
#
# Something else than a softmax. `z` (T, S) are scores, `visible` (T, S) is True where a query may see a key; each query sees
# at least one. Return the weights (T, S). The check wants what makes attention a mean over a set: hidden keys get 0, no
# weight is negative, rows sum to 1, the order of the keys does not matter, a larger score gets no smaller weight. And it
# wants weights that depend on the scores and are no softmax at any temperature.

# %%
def own_weights(z, visible):
    ### BEGIN SOLUTION
    lowest = np.min(np.where(visible, z, np.inf), axis=-1, keepdims=True)
    raised = np.where(visible, 1 + z - lowest, 0.0) ** 2
    return raised / np.sum(raised, axis=-1, keepdims=True)
    ### END SOLUTION


# %%
check("02.own_weights", own_weights)

# %% [markdown]
# ## On your own
#
# - Put your weights into a model: `PLACEMENTS["pre"]._replace(probabilities=..)` of `minires`, with `here.now["logits"]`.
# - Repeat section 5 with the division by K, at K = 16 and 256. Does its best rate stay where it is?
# - In section 5, give the large start ten times as many steps. Does the saturated softmax come back?
#
# ## Further reading
#
# - Vaswani et al. 2017 (1706.03762), section 3.2 and its footnote 4.
# - Ainslie et al. 2023 (2305.13245): groups between one head of keys for all and one for each.
# - `minires/attention.py`: the same with places for every residual that runs through it.
