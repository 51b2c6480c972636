# %% [markdown]
# # 11 The reservoir ResFormer: a memory of fixed size
#
# You build a small Transformer that reads one sentence at a time and asks a frozen reservoir what was said before, see how
# far back that memory reaches, and tell what the reservoir's recurrence adds to it.
#
# - Time: 60 minutes
# - Needs: 02, 03, 08, 09
# - You learn: to keep a state before each sentence, to fuse it by cross-attention, to test what a memory is worth
# - Paper: Liu, Xu 2025, ResFormer: All-Time Reservoir Memory for Long Sequence Classification (2509.24074)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires.course import slider
from minires.exercises import check
from minires.figures.parts import tidy
from minires.reservoir import predict, ridge
from minires.reservoir_resformer import ReservoirResFormer
from minires.tasks.conversations.toy import cue_recall, mood_flip
from minires.training import Recipe
from minires.training.conversations import evaluate_utterances, labelled, train_conversations, without_memory

# %% [markdown]
# The name is taken twice: this is not the value residual of tutorial 05. There is no public code of this paper, and what was
# published leaves choices open; the library's defaults are its own, and each choice is a field of its description.
#
# ## 1 By hand
#
# A conversation of three sentences. A reservoir of one unit hears every word; the Transformer reads sentence i, and gets
# `s_i`, the state **before** sentence i:
#
#     x <- x / 2 + tanh(u + x) / 2          one step for each word, u = 1 for "yes", -1 for "no", 0 for others
#
# **Predict.** The word "no" is in sentence 2. In how many of `s_1`, `s_2`, `s_3` is it heard?

# %%
guess = 2

# %%
talk = [[1, 0], [-1], [0, 1]]  # yes well - no - so yes
x, kept = 0.0, []
for sentence in talk:
    kept.append(x)
    for u in sentence:
        x = x / 2 + np.tanh(u + x) / 2
print("s_1, s_2, s_3:", np.round(kept, 3).tolist(), "and at the end", round(x, 3))
print("heard in: guessed", guess, "is 1, s_3 alone; s_1 has heard nothing at all")

# %% [markdown]
# What is said now is read by attention, word by word; what was said before is one vector, however long ago it began.

# %% [markdown]
# ## 2 The model, in the open
#
# Letters: T tokens of a sentence, D width, N units, M memory tokens, H heads. First the memory; nothing in it is trained.

# %%
H = 2


def hear(r, E_r, x, sentence):
    for token in sentence:
        x = r["K"] * x + r["g"] * np.tanh(r["W_in"] @ E_r[token] + r["W"] @ x + r["b"])  # (N,)
    return x


def remember(r, E_r, talk):
    x, kept = np.zeros(len(r["W"])), []
    for sentence in talk:
        kept.append(x)  # before the sentence
        x = hear(r, E_r, x, sentence)
    return kept


# %%
def memory_tokens(p, s, D):
    hidden = np.maximum(s @ p["W_1"] + p["b_1"], 0)
    return (hidden @ p["W_2"] + p["b_2"]).reshape(-1, D)  # (M, D), the first D numbers are the first token


# %% [markdown]
# Then attention, for both uses: of a sentence to itself, and of a sentence to the memory.

# %%
def normalise(x, p):
    centred = x - x.mean(axis=-1, keepdims=True)
    return p["gain"] * centred / np.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + 1e-5) + p["bias"]


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attend(x, source, p):
    split = lambda a: a.reshape(len(a), H, -1).swapaxes(0, 1)  # (T, D) -> (H, T, K)
    q, k, v = (split(a @ p["W_" + n] + p.get("b_" + n, 0.0)) for n, a in (("q", x), ("k", source), ("v", source)))
    P = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]))  # (H, T, S)
    return (P @ v).swapaxes(0, 1).reshape(len(x), -1) @ p["W_o"] + p.get("b_o", 0.0), P


# %%
def classify(p, sentence, s):
    X = p["embedding"]["W_token"][sentence] + p["embedding"]["W_position"][:len(sentence)]  # (T, D)
    R = memory_tokens(p["readouts"][0], s, X.shape[1])  # (M, D)
    X = X + attend(normalise(X, p["fusion"]["norm"]), R, p["fusion"])[0]  # the memory enters here, once
    for layer in p["layers"]:
        own, f = layer["attention"], layer["feed_forward"]
        z = normalise(X, own["norm"])
        X = X + attend(z, z, own)[0]
        X = X + np.maximum(normalise(X, f["norm"]) @ f["W_1"] + f["b_1"], 0) @ f["W_2"] + f["b_2"]
    return normalise(X, p["final_norm"]).mean(axis=0) @ p["head"]["W"] + p["head"]["b"]  # (classes,)


# %% [markdown]
# **Predict.** With M = 1 memory token, how much attention does a word of the sentence pay to it, from 0 to 1?

# %%
guess = 0.5

# %%
model = ReservoirResFormer(vocabulary=12, classes=3, width=8, heads=H, units=20, leak=0.3, initial_std=0.5)
params = model.init(np.random.default_rng(0))
params["readouts"][0]["b_1"] = np.linspace(-1, 1, model.hidden)  # biases that count
talk = [[3, 1, 4], [1, 5], [9, 2, 6, 5], [3]]
reservoir, E_r = params["memory"]["reservoirs"][0], params["memory"]["E_r"]
states = remember(reservoir, E_r, talk)
logits = np.array([classify(params, sentence, s) for sentence, s in zip(talk, states)])
R = memory_tokens(params["readouts"][0], states[2], 8)
X = params["embedding"]["W_token"][talk[2]]
print("states", np.shape(states), "memory tokens", R.shape, "logits", logits.shape)
print("to one memory token: guessed", guess, "is", attend(X, R[:1], params["fusion"])[1].round(3).ravel().tolist())
print("to four of them, first head, first word:", attend(X, R, params["fusion"])[1][0, 0].round(3).tolist())

# %% [markdown]
# The softmax runs over the memory tokens, and one alone always gets everything: what is added no longer depends on the
# sentence. Ask a memory something only if it can answer in more than one way.

# %% [markdown]
# ## 3 Your lines and the library's
#
# The library takes a batch (B, U, T) of conversations, padded; where `real` is False, nothing is heard and nothing is read.

# %%
tokens = np.zeros((1, 4, 4), dtype=int)  # (B, U, T)
for i, sentence in enumerate(talk):
    tokens[0, i, :len(sentence)] = sentence
theirs = model.apply(params, tokens, tokens > 0)  # no sentence here uses token 0
assert np.allclose(states, model.remember(params, tokens, tokens > 0)[0][0][0], rtol=0, atol=1e-12)
assert np.allclose(logits, theirs[0], rtol=0, atol=1e-12)
print("the same to 1e-12:", np.shape(states), logits.shape)

# %% [markdown]
# ## 4 How far back does the memory reach?
#
# Sentence 1 hides one of four cues, then come sentences of 3 to 6 words that mean nothing. Can a linear readout tell the cue
# from the state, n sentences later? Chance is 1/4. The **control** is the same reservoir with `W = 0`: no unit hears
# another, each is but a fading average of its own drive.
#
# **Predict** the accuracies ten sentences later, for leak 0.1, with W and without.

# %%
guess = {"with W": 1.0, "W = 0": 0.25}
DISTANCE = 16


def probe(leak, recurrent, seed, count=800):
    numbers = np.random.default_rng(seed)
    data = cue_recall(numbers, count, distance=DISTANCE)
    model = ReservoirResFormer(vocabulary=24, classes=4, units=64, leak=leak)
    params = model.init(numbers)
    params["memory"]["reservoirs"][0]["W"] *= recurrent
    s, half = model.remember(params, data.tokens, data.real)[0][0], count // 2  # (C, U, N)
    cues = np.eye(4)[data.labels[:, -1]]
    readouts = [ridge(s[:half, n], cues[:half], 1e-4) for n in range(1, DISTANCE + 1)]
    answers = [np.argmax(predict(readout, s[half:, n + 1]), axis=-1) for n, readout in enumerate(readouts)]
    return np.mean(np.array(answers) == data.labels[half:, -1], axis=1)  # (DISTANCE,)


# %%
for name, recurrent in (("with W", 1), ("W = 0", 0)):
    accuracy = [probe(0.1, recurrent, seed)[9] for seed in range(3)]
    print(f"{name:7} guessed {guess[name]:.2f}, is", ", ".join(f"{each:.2f}" for each in accuracy))

# %%
def draw(axes, leak):
    for name, recurrent, look in (("with W", 1, {"color": "#000000", "linestyle": "-", "marker": "o"}),
                                  ("W = 0", 0, {"color": "#D55E00", "linestyle": "-.", "marker": "^"})):
        accuracies = [probe(leak, recurrent, seed) for seed in range(2)]
        axes.plot(range(1, DISTANCE + 1), np.mean(accuracies, axis=0), markersize=4, label=name, **look)
    axes.axhline(0.25, color="#7F7F7F", linestyle=":", label="chance")
    tidy(axes, xlabel="sentences since the cue", ylabel="accuracy of a linear readout", ylim=(0, 1.5))
    axes.legend(frameon=False, loc="upper right", handlelength=3.5)


slider(draw, "Accuracy of recalling the cue against sentences since: with a small leak it stays at 1, with leak 0.1 it falls "
             "after some ten sentences, with leak 0.4 at once; without W the cue is recalled somewhat longer than with W.",
       leak=(0.02, 0.4, 0.1))

# %% [markdown]
# The leak decides how far the memory reaches; the recurrence does not lengthen it, it shortens it a little. To recall one
# cue, a fading average is enough. **Explain.** With W = 0 a word's trace in each unit is multiplied by `1 - a` at each step:
# `0.9 ** 45` is 0.009 after ten sentences of 4.5 words, small and still readable. With W, later words add traces of
# traces, and a linear readout must tell the cue's from all of them.

# %% [markdown]
# ## 5 The paper's claim, on a toy
#
# The paper reports that a Transformer with this memory classifies sentences of a dialogue better than larger ones without it.
# The toy: an early sentence sets a mood, good or bad; the last one says "keep" or "flip", and the answer is the mood,
# flipped or not. Neither half tells anything alone: chance is 1/2. **deaf** is the model trained with a reservoir that
# hears nothing, `g = 0`; the last column gives a trained model a silent memory at the test only.
#
# **Predict** the accuracies with W, with W = 0, and of the deaf one. This takes a quarter of a minute.

# %%
guess = {"with W": 0.9, "W = 0": 0.6, "deaf": 0.5}
CHANGES = {"with W": {}, "W = 0": {"W": 0}, "deaf": {"g": 0}}

# %%
def trained(changes, seed):
    numbers = np.random.default_rng(seed)
    data, test = (mood_flip(numbers, count, distance=2, longest=4) for count in (1500, 1000))
    model = ReservoirResFormer(vocabulary=24, classes=2, width=16, units=64, leak=0.1, initial_std=0.3)
    params = model.init(np.random.default_rng([seed, 5]), "float32")
    for name, factor in changes.items():
        params["memory"]["reservoirs"][0][name] *= factor
    recipe = Recipe(steps=250, batch=48, learning_rate=1.5e-2, warm_up=10, seed=seed, dtype="float32")
    params, _ = train_conversations(model, data, recipe, progress=False, params=params)
    heard = labelled(test, model.remember(params, test.tokens, test.real)[0])
    return [evaluate_utterances(model, params, each)[1] for each in (heard, without_memory(heard))]


for name, changes in CHANGES.items():
    heard, silent = np.array([trained(changes, seed) for seed in range(3)]).T
    print(f"{name:7} guessed {guess[name]:.2f}, is", ", ".join(f"{each:.2f}" for each in heard),
          "  memory silent at the test:", ", ".join(f"{each:.2f}" for each in silent))

# %% [markdown]
# What it shows: the answer comes through the memory, as without it the model is at chance, in training and in test alike.
# What it does not show: that a reservoir is needed. With W = 0 the toy is solved as well, so it cannot tell a reservoir from
# a fading average; nor can it tell a right program from one that has lost its W. States and logits
# must be compared for that, as section 3 does. A Transformer that reads the whole conversation would solve the toy too;
# the memory's merit is its cost, which does not grow with what was said. No dialogue of the paper is here.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 11.readout: from the state to the memory tokens (level 1, 5 minutes)
#
# States `s` (B, N) of a batch, `W_1` (N, F), `b_1`, `W_2` (F, M D), `b_2`. Return (B, M D): a ReLU between two linear maps.
# Your function is put into the whole model, and an oracle judges the run.

# %%
def readout(s, W_1, b_1, W_2, b_2):
    ### BEGIN SOLUTION
    return np.maximum(s @ W_1 + b_1, 0) @ W_2 + b_2
    ### END SOLUTION


# %%
check("11.readout", readout)

# %% [markdown]
# ### 11.kept: the state before each sentence (level 2, 15 minutes)
#
# `rows` (U, T, r) are the reservoir's inputs of U sentences, padded on the right; `real` (U, T) bool says which of them are
# there. The step is `x <- (1 - a) x + a tanh(W_in u + W x + b)`. Return `s` (U, N): the state before each sentence, the first
# is zero.

# %%
def kept_states(W, W_in, b, a, rows, real):
    ### BEGIN SOLUTION
    x, kept = np.zeros(len(W)), []
    for sentence, there in zip(rows, real):
        kept.append(x)
        for u in sentence[there]:
            x = (1 - a) * x + a * np.tanh(W_in @ u + W @ x + b)
    return np.array(kept)
    ### END SOLUTION


# %%
check("11.kept", kept_states)

# %% [markdown]
# ### 11.fuse: ask the memory (level 3, 15 minutes)
#
# One head, no norm: `X` (T, D) the sentence, `R` (M, D) the memory, `C_q`, `C_k`, `C_v`, `C_o` (D, D). Return (T, D): X plus
# the attention of the sentence to the memory. `softmax` above works over the last axis.

# %%
def fuse(X, R, C_q, C_k, C_v, C_o):
    ### BEGIN SOLUTION
    P = softmax((X @ C_q) @ (R @ C_k).T / np.sqrt(X.shape[1]))  # (T, M)
    return X + P @ (R @ C_v) @ C_o
    ### END SOLUTION


# %%
check("11.fuse", fuse)

# %% [markdown]
# ### 11.pool: the mean over what is there (level 2, 5 minutes)
#
# `x` (B, T, D) are the encoder's outputs of B sentences, `real` (B, T) bool. Return the mean of each sentence over its real
# tokens (B, D), without a loop.

# %%
def pool(x, real):
    ### BEGIN SOLUTION
    return np.sum(x * real[..., None], axis=1) / np.sum(real, axis=1)[:, None]
    ### END SOLUTION


# %%
check("11.pool", pool)

# %% [markdown]
# ### 11.own_memory: a memory of your own (level 4, 30 minutes)
#
# A step of your own, `own_memory(x, u)`: from the state `x` (12,) and what is heard, `u` (5,), to the next state (12,). No
# drawing at each step: a step is a fixed function. The check starts from zeros, lets it hear 1,000 inputs, and wants: the
# state stays below 10; two starts that differ end alike; an input of twenty steps ago is still seen; and it is no fading
# average of single units as in section 4: what happens in one unit is seen in another one five steps later.

# %%
def own_memory(x, u):
    ### BEGIN SOLUTION
    turned = np.roll(x, 1)  # a cycle: each unit hands its number to the next one, and hardly anything is lost
    return 0.95 * turned + 0.05 * np.tanh(np.resize(u, 12) + turned)
    ### END SOLUTION


# %%
check("11.own_memory", own_memory)

# %% [markdown]
# ## On your own
#
# - In section 5, transpose W after the training and before the test. Who notices? Then compare logits.
# - In section 5, set `memory_tokens=1`. What does the mood flip lose, where each sentence is read after the fusion?
# - Give two reservoirs, `leak=(0.02, 0.4)`: `ReservoirResFormer` takes a group. Draw section 4 for both together.
#
# ## Further reading
#
# - `minires/reservoir_resformer/model.py`: the definition, and each choice that the paper leaves open.
# - `minires conversation benchmark --task mood_flip`: the toys at full length, with all controls.
# - Liu, Xu 2025 (2509.24074); Kowsher et al. 2024 (2402.09573): several reservoirs; Shen et al. 2020 (2012.15045).
