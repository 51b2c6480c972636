# %% [markdown]
# # 04 RealFormer: attention scores that add up
#
# You build a Transformer in which each layer adds the scores of the layer below to its own, see what one added line
# does to attention, and tell what the paper's gain is from what a mere temperature gives.
#
# - Time: 45 minutes
# - Needs: 02, 03
# - You learn: to carry scores from layer to layer, to measure how sharp attention is, to run a comparison with a control
# - Paper: He, Ravula, Kanagal, Ainslie 2020, RealFormer (2012.11747)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires import BERT, Transformer
from minires.course import show
from minires.exercises import check
from minires.experiments import run
from minires.figures.parts import new_figure, style, tidy

# %% [markdown]
# ## 1 By hand
#
# Two tokens, two layers, one head. Each layer has scores of its own, `A_1` and `A_2`: row t holds what query t makes of
# each key. RealFormer adds them up before the softmax:
#
#     S_1 = A_1
#     S_n = A_n + S_{n-1}
#     P_n = softmax(S_n)

# %%
A_1 = np.array([[2.0, 0.0], [0.0, 1.0]])
A_2 = np.array([[1.0, 0.0], [1.0, 0.0]])


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# %% [markdown]
# **Predict.** In the second row, layer 1 prefers key 2 by one, and layer 2 prefers key 1 by one. What is the second row
# of `P_2`?

# %%
guess = [0.7, 0.3]

# %%
S_2 = A_2 + A_1
print("S_2 =", S_2.tolist())
print("second row of P_2: guessed", guess, "computed", softmax(S_2)[1].tolist())
print("first row of P_2:", softmax(S_2)[0].round(3).tolist(), "without the carry:", softmax(A_2)[0].round(3).tolist())

# %% [markdown]
# The two layers cancel in the second row, and agree in the first: 3 against 0 makes 0.953, where layer 2 alone has 0.731.
# A layer need not find again what the layer below has found; it says only what it would change.

# %% [markdown]
# ## 2 The model, in the open
#
# A post-norm encoder. Letters: T tokens, D width, H heads, K = D / H. One sequence, so there is no batch axis.

# %%
H = 2


def normalise(x, p):
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + 1e-12)
    return p["gain"] * centred / scale + p["bias"]


def split(x):
    return x.reshape(len(x), H, -1).swapaxes(0, 1)  # (T, D) -> (H, T, K)


# %%
def attention(x, p, previous):
    q, k, v = (split(x @ p["W_" + name] + p["b_" + name]) for name in "qkv")  # (H, T, K) each
    own = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])  # (H, T, T)
    scores = own if previous is None else own + previous  # RealFormer is this line
    P = softmax(scores)
    merged = (P @ v).swapaxes(0, 1).reshape(len(x), -1)  # (T, D)
    return merged @ p["W_o"] + p["b_o"], scores, P


# %%
def feed_forward(x, p):
    u = x @ p["W_1"] + p["b_1"]
    gelu = 0.5 * u * (1 + np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u ** 3)))
    return gelu @ p["W_2"] + p["b_2"]


def layer(x, p, previous):
    y, scores, P = attention(x, p["attention"], previous)
    x = normalise(x + y, p["attention"]["norm"])
    x = normalise(x + feed_forward(x, p["feed_forward"]), p["feed_forward"]["norm"])
    return x, scores, P


# %%
def realformer(params, tokens):
    x = params["embedding"]["W_token"][tokens] + params["embedding"]["W_position"][:len(tokens)]
    x, scores, all_P = normalise(x, params["start_norm"]), None, []
    for p in params["layers"]:
        x, scores, P = layer(x, p, scores)
        all_P.append(P)
    return x @ params["head"]["W"] + params["head"]["b"], np.array(all_P)


# %% [markdown]
# The library makes the parameters; the numbers are larger than a training would start with, so that there is something
# to see. **Predict** the shape of `P`, all layers together.

# %%
description = Transformer(variant="realformer", vocabulary=12, layers=6, width=8, heads=H, maximum_length=9,
                          head="linear", initial_std=0.5, **BERT)
params = description.init(np.random.default_rng(0))
tokens = np.array([3, 1, 4, 1, 5, 9, 2, 6])
guess = (6, 8, 8)

# %%
logits, P = realformer(params, tokens)
print("P: guessed", guess, "is", P.shape, "= (layers, heads, queries, keys)")
print("logits", logits.shape, "= (T, V)")

# %% [markdown]
# ## 3 Your lines and the library's
#
# The same parameters, the same tokens: every probability and every logit agrees to 1e-12.

# %%
theirs, trace = description.apply(params, tokens[None])
for n in range(6):
    assert np.allclose(P[n], trace[n]["attention"]["probabilities"][0], rtol=0, atol=1e-12)
assert np.allclose(logits, theirs[0], rtol=0, atol=1e-12)
print("the same to 1e-12:", P.shape, logits.shape)

# %% [markdown]
# ## 4 What the sum does before any training
#
# How sharp is attention? Its entropy, `- sum P ln P` over the keys, is `ln T` where all keys count the same, 0 where one
# key has all; divided by `ln T` it lies between 0 and 1. A sum of n independent scores is about `sqrt(n)` times as wide as
# one of them. So compare with a **control** that has this width and no carry: `temperature`, `P_n = softmax(sqrt(n) A_n)`.
#
# **Predict** the entropy in layer 6 of RealFormer, where layer 1 has 0.87: near 0.9, near 0.6, near 0.3?

# %%
guess = 0.6
DEPTH, SEEDS, VARIANTS = 6, 8, ("vanilla", "temperature", "realformer", "realformer_mean")


def entropy(variant, seed):
    model = Transformer(variant=variant, vocabulary=33, layers=DEPTH, width=32, heads=4, initial_std=0.2, **BERT)
    numbers = np.random.default_rng(seed)
    trace = model.apply(model.init(numbers), numbers.integers(33, size=(4, 16)))[1]
    P = np.array([layer["attention"]["probabilities"] for layer in trace])  # (L, B, H, T, S)
    widths = [layer["attention"]["fresh_scores"].std(axis=-1).mean() for layer in trace]  # of own scores, over the keys
    return -np.sum(P * np.log(P), axis=-1).mean(axis=(1, 2, 3)) / np.log(16), widths  # (L,), (L,)


# %%
measured = {variant: np.array([entropy(variant, seed) for seed in range(SEEDS)]) for variant in VARIANTS}  # (seeds, 2, L)
entropies = {variant: values[:, 0] for variant, values in measured.items()}
for variant, values in entropies.items():
    print(f"{variant:16}", values.mean(axis=0).round(2), "spread in layer 6:", values[:, -1].std().round(2))
print("RealFormer in layer 6: guessed", guess, "is", entropies["realformer"][:, -1].mean().round(2))

# %%
figure = new_figure(6.4, 3.6)
axes = figure.subplots()
for marker, (variant, values) in zip("D^os", entropies.items()):
    look = {**style(variant), "marker": marker}  # no two alike in grey
    axes.errorbar(range(1, DEPTH + 1), values.mean(axis=0), values.std(axis=0), capsize=3, label=variant, **look)
tidy(axes, xlabel="layer n", ylabel="entropy of attention / ln T", ylim=(0, 1.02))
axes.legend(frameon=False, loc="lower left", handlelength=3.5)
show(figure, "Entropy of attention by layer at random weights: it rises for vanilla and for the running mean, falls and rises "
             "again for the temperature control, and falls all the way for RealFormer.")

# %% [markdown]
# Bars: one standard deviation over eight seeds. The plain model forgets to choose: its attention becomes flatter with depth.
# RealFormer's becomes sharper. Up to layer 3 the control is nearly as sharp, so that much is arithmetic; then it turns.
# **Explain.** Look at how much a query's own scores differ from key to key:

# %%
for variant in ("vanilla", "realformer"):
    print(f"{variant:12} standard deviation over the keys, by layer:", measured[variant][:, 1].mean(axis=0).round(2))

# %% [markdown]
# Averaging over tokens makes them alike, and so a query sees less and less difference between keys. The control can only
# stretch what is left; the sum still holds the scores of the first layers.

# %% [markdown]
# ## 5 The paper's claim, on a toy
#
# The paper reports that RealFormer trains to lower losses than post-norm and pre-norm Transformers of the same size, and
# more stably. The toy: a word of 4 symbols is written twice, half of its places are hidden in one of the two copies; fill
# them in. Six layers of width 24, post-norm, hardly any warm-up, 150 steps, three seeds each; chance is 1/12. This takes
# half a minute.
#
# **Predict** the accuracy of each after 150 steps.

# %%
guess = {"vanilla": 0.5, "temperature": 0.5, "realformer": 0.9}

# %%
for variant in guess:
    recipe = {"dtype": "float32", "batch": 24, "learning_rate": 4e-3, "steps": 150}
    found = [run(variant, "copy", {"alphabet": 12, "copied": 4}, {"width": 24}, {**recipe, "seed": seed})["accuracy"]
             for seed in range(3)]
    print(f"{variant:12} guessed {guess[variant]:.2f}, is", ", ".join(f"{accuracy:.2f}" for accuracy in found))

# %% [markdown]
# An accuracy near 0.3 is a guess among the few symbols that are still visible; 1 is copying.
#
# What it shows: in this setting only models with the carry have learnt to copy, two of three, and the sharpness alone does
# not do it. What it does not show: that post-norm never learns (with more steps, another learning rate or more warm-up it
# can), a gain at the paper's size, or a ranking on language. Three seeds are an example, no statistics.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 04.scores: carry the scores (level 1, 5 minutes)
#
# `fresh` are the layer's own scores (B, H, T, S), `previous` the scores S of the layer below, or None in the first layer.
# Return what this layer uses, and hands on. Your function is put into a whole model, and an oracle judges the run.

# %%
def scores(fresh, previous):
    ### BEGIN SOLUTION
    return fresh if previous is None else fresh + previous
    ### END SOLUTION


# %%
check("04.scores", scores)

# %% [markdown]
# ### 04.probabilities: all layers at once (level 2, 10 minutes)
#
# `fresh` (L, T, S) are the own scores of L layers, one head. Return the probabilities (L, T, S) of all layers, without a
# loop if you can. `softmax` above works over the last axis.

# %%
def probabilities(fresh):
    ### BEGIN SOLUTION
    return softmax(np.cumsum(fresh, axis=0))
    ### END SOLUTION


# %%
check("04.probabilities", probabilities)

# %% [markdown]
# ### 04.mean: the running mean (level 2, 10 minutes)
#
# For deep models the paper uses the mean of the scores instead of their sum. Return two arrays: what layer n hands on, and
# what it gives to the softmax. `previous` is what layer n - 1 handed on, None in layer 1.

# %%
def mean(fresh, previous, n):
    ### BEGIN SOLUTION
    total = fresh if previous is None else fresh + previous
    return total, total / n
    ### END SOLUTION


# %%
check("04.mean", mean)

# %% [markdown]
# ### 04.temperature: the control (level 3, 10 minutes)
#
# Return the probabilities of layer n with the width that n independent scores have, but without any carry.

# %%
def temperature(fresh, n):
    ### BEGIN SOLUTION
    return softmax(np.sqrt(n) * fresh)
    ### END SOLUTION


# %%
check("04.temperature", temperature)

# %% [markdown]
# ### 04.own_carry: a carry of your own (level 4, 25 minutes)
#
# Return a record of the library, RealFormer's with `scores` (or other fields) replaced:
# `residual("realformer")._replace(scores=your_function)`. `your_function(fresh, past, here)` gets the records of the layers
# below in `past`, nearest last, each with "fresh_scores", "scores", "probabilities"; `here.n` is the layer. The check wants
# a first layer that is plain, rows of P that sum to 1, a carry, and something that is not in the library already.

# %%
def own_carry():
    from minires.residual import residual
    ### BEGIN SOLUTION
    forgetful = lambda fresh, past, here: fresh + 0.5 * past[-1]["scores"] if past else fresh
    return residual("realformer")._replace(scores=forgetful)
    ### END SOLUTION


# %%
check("04.own_carry", own_carry)

# %% [markdown]
# ## On your own
#
# - Draw the entropies of section 4 with your own carry: `Transformer(variant=own_carry(), ..)`. Does it stay level?
# - Repeat section 5 with `pre_norm` and with five seeds. How much of the difference is post-norm's late start?
# - In section 2, carry `P` instead of `scores`. Which assertion fails first, and from which layer on?
#
# ## Further reading
#
# - `minires show realformer`: the equations, known mistakes, what public code does differently.
# - He et al. 2020 (2012.11747), sections 3 and 4.
# - Wang et al. 2021 (2102.12895): maps that evolve through a convolution; Diko et al. 2024 (2402.11301): ReViT's average.
