# %% [markdown]
# # 12 Verify your port: three planted mistakes
#
# You port a value-residual decoder to PyTorch with three mistakes in it, find out why neither a comparison of logits nor a
# training curve shows them, and let the oracle name each of them from the numbers alone.
#
# - Time: 60 minutes
# - Needs: 01, 02, 05
# - You learn: to derive a tolerance instead of choosing one, to find the first wrong tensor, to choose a test that is not blind
# - Paper: Zhou et al. 2024, ResFormer (2410.17897); Su et al. 2021, RoFormer (2104.09864)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires import Transformer
from minires.course import show
from minires.exercises import check
from minires.experiments import run
from minires.figures.parts import new_figure, tidy
from minires.layers import stopped
from minires.oracle.judgement.judge import judge
from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.packs.pack import core
from minires.parameters import flatten

try:
    import torch as xp
except ImportError:
    import autograd.numpy as xp
    print("PyTorch is not installed (pip install torch): the same lines run on NumPy and autograd")

# %% [markdown]
# ## 1 By hand
#
# A port computes in float32, the truth is known to many digits. How far off may the port be? Two answers:
#
# - a score `q . k` whose terms nearly cancel, computed in float32 as it should be;
# - a root-mean-square norm with epsilon 1e-6, where the weights were made for 1e-5.
#
# **Predict** what `np.allclose(answer, truth, rtol=1e-5, atol=0)` says of each.

# %%
guess = {"right, in float32": True, "wrong epsilon": False}

# %%
q, k = np.float32([173.3, 0.4, -173.1]), np.float32([173.1, 0.5, 173.2])
terms = q.astype(float) * k  # (3,)
score = (q[0] * k[0] + q[1] * k[1]) + q[2] * k[2]  # float32 all the way
x = np.array([1.0, -2.0, 2.5, 0.5])
norm_of = lambda epsilon: x / np.sqrt(np.mean(x * x) + epsilon)
answers = {"right, in float32": (score, terms.sum()), "wrong epsilon": (norm_of(1e-6), norm_of(1e-5))}
for name, (answer, truth) in answers.items():
    relative = np.max(abs(answer - truth) / abs(truth))
    print(f"{name:18} relative error {relative:.1e}; allclose: guessed {guess[name]}, "
          f"is {np.allclose(answer, truth, rtol=1e-5, atol=0)}")

# %% [markdown]
# The right one is refused and the wrong one let through. No choice of `rtol` mends this: the right answer errs more. The
# question is how far **this** number may be off. A float32 result is rounded by at most `u = 2^-24` relative to itself; a sum
# of n terms errs like `u sqrt(n) sqrt(sum of terms^2)`, however small the sum is. Divide the error by that, and call it z:

# %%
u = 2.0 ** -24
z_score = abs(score - terms.sum()) / (u * np.sqrt(len(terms) * np.sum(terms ** 2)))
z_norm = np.max(abs(norm_of(1e-6) - norm_of(1e-5)) / (u * abs(norm_of(1e-5))))
print(f"z of the right score {z_score:.2f}, of the wrong epsilon {z_norm:.1f}")

# %% [markdown]
# The oracle does this for each element of each tensor: it runs the model's own program many times with random errors of the
# declared precision in every operation, and z is the error in units of their spread.
#
# The second idea: RoPE turns pairs of channels by an angle that grows with the position. Which pairs? The paper has
# neighbours (0, 1), (2, 3); most public weights are made for halves (0, 2), (1, 3). A vector with one entry, at position 1:

# %%
def pairs_of(K, neighbours):
    return [(2 * i, 2 * i + 1) if neighbours else (i, i + K // 2) for i in range(K // 2)]


def turned_by_hand(x, position, neighbours):
    y = x.copy()
    for i, (a, b) in enumerate(pairs_of(len(x), neighbours)):
        c, s = np.cos(position / 10000 ** (2 * i / len(x))), np.sin(position / 10000 ** (2 * i / len(x)))
        y[a], y[b] = c * x[a] - s * x[b], c * x[b] + s * x[a]
    return y


e_0 = np.array([1.0, 0.0, 0.0, 0.0])
print("neighbours", turned_by_hand(e_0, 1, True).round(3), "halves", turned_by_hand(e_0, 1, False).round(3))

# %% [markdown]
# Same shape, same length, and the score of two such vectors depends on the distance of their positions in both. Nothing
# looks wrong.
#
# ## 2 The port, in the open
#
# PyTorch understands NumPy's names (`axis`, `keepdims`, `concatenate`), so `xp` is PyTorch here. Five lines deal with what
# differs: tensors, and a value that no gradient goes through.

# %%
TORCH = hasattr(xp, "from_numpy")
REAL = {"of": np.float32}  # the precision of the port


def tensor(x):
    x = np.array(x) if np.asarray(x).dtype.kind == "i" else np.array(x, REAL["of"])
    return xp.from_numpy(x) if TORCH else x


def detached(x):
    return x.detach() if TORCH else stopped(x)


# %% [markdown]
# Then the model: RMSNorm before each sublayer, rotary positions, SwiGLU, and the learned value residual
#
#     V'_n = lambda_1[n] V_1 + lambda_2[n] V_n        n = 2 .. L
#
# Letters: B batch, T tokens, D width, H heads, G key/value heads, K head width. **Three of the lines below are wrong.** Read
# them as you would read a colleague's port.

# %%
def norm(x, gain):
    return gain * x / xp.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6)


def rotate(x):  # (B, H, T, K)
    T, K = x.shape[-2:]
    angle = np.arange(T)[:, None] / 10000 ** (np.arange(0, K, 2) / K)  # (T, K/2)
    c, s = tensor(np.cos(angle)), tensor(np.sin(angle))
    a, b = x[..., 0::2], x[..., 1::2]
    return xp.stack([a * c - b * s, b * c + a * s], axis=-1).reshape(x.shape)


def split(x, heads):
    return x.reshape(x.shape[0], x.shape[1], heads, -1).swapaxes(1, 2)  # (B, T, H K) -> (B, H, T, K)


# %%
def mixed(p, V_1, V):
    return p["lambda_1"] * detached(V_1) + p["lambda_2"] * V


def attention(x, p, V_1, config, keep):
    V = keep("fresh_values", x @ p["W_v"])  # (B, T, G K)
    used = V if V_1 is None else keep("values", mixed(p, V_1, V))
    q = keep("query_heads", rotate(split(x @ p["W_q"], config["heads"])))  # (B, H, T, K)
    k = keep("key_heads", rotate(split(x @ p["W_k"], config["kv_heads"])))  # (B, G, T, K); G = 1 here
    A = keep("fresh_scores", q @ k.swapaxes(2, 3) / q.shape[-1] ** 0.5)  # (B, H, T, T)
    e = xp.exp(A + tensor(np.triu(np.full(A.shape[-2:], -np.inf), 1)))
    P = keep("probabilities", e / e.sum(axis=-1, keepdims=True))
    U = keep("heads", P @ split(used, config["kv_heads"]))
    y = keep("output", U.swapaxes(1, 2).reshape(x.shape[0], x.shape[1], -1) @ p["W_o"])
    return y, V if V_1 is None else V_1


# %%
def feed_forward(x, p):
    gate = x @ p["W_gate"]
    return (gate / (1 + xp.exp(-gate)) * (x @ p["W_1"])) @ p["W_2"]


def below(params, prefix):
    return {name[len(prefix):]: value for name, value in params.items() if name.startswith(prefix)}


def forward(params, tokens, config, keep):
    x, V_1 = params["embedding.W_token"][tokens], None  # (B, T, D)
    for n in range(config["layers"]):
        p, f = below(params, f"layers.{n}.attention."), below(params, f"layers.{n}.feed_forward.")
        keep_here = lambda name, value: keep(f"layers.{n}.attention.{name}", value)
        y, V_1 = attention(norm(x, p["norm.gain"]), p, V_1, config, keep_here)
        x = keep(f"layers.{n}.output", x + y + feed_forward(norm(x + y, f["norm.gain"]), f))
    return keep("logits", norm(x, params["final_norm.gain"]) @ params["head.W"])  # (B, T, V)


# %% [markdown]
# What the port hands in: its tensors under the library's names, as many as it likes. It keeps whatever passes `keep`.

# %%
def answer(case):
    named = {}
    keep = lambda name, value: named.setdefault(name, value)
    params = {name: tensor(value) for name, value in case.params.items()}
    forward(params, tensor(case.inputs["tokens"]), case.config["model"], keep)
    return {name: np.asarray(value) for name, value in named.items()}


golden = core("transformer/resformer_learnable-decoder")[0]
case, truth = golden.case, golden.truth.values
first_answer = answer(case)
print(len(first_answer), "tensors; logits", first_answer["logits"].shape, "= (B, T, V); all finite:",
      all(np.all(np.isfinite(value)) for value in first_answer.values()))

# %% [markdown]
# ## 3 The oracle, and your lines equal to the library's
#
# `core` are the cases that come with minires, with exact truth: the same model run in ball arithmetic. `judge` compares, and
# plants known mistakes in the library's own program to see which of them gives the port's numbers. (`verify` of
# `minires.oracle` does this for many cases; the cell below prints the heart of its report.)
#
# **Predict** which three lines are wrong, and how many of them the forward pass can show.

# %%
guess = {"wrong": ["split", "the mask", "the scale"], "seen in the forward pass": 3}


def report(port):
    verdict = judge(golden, port, "float32")
    print("PASSED" if verdict.passed else "FAILED", "with", len(verdict.supplied), "tensors")
    for direction, first in verdict.first.items():
        print(f"  {direction}: first wrong is {first.get('global')}")
    for cause in verdict.causes:
        print(f"  {'cause' if cause.explains else 'resembles'}: {' and '.join(cause.names)}\n  fix: {cause.fix}")
    return verdict


# %%
first_verdict = report(first_answer)
print("guessed", guess)

# %% [markdown]
# Two mistakes at once, each by its name, out of hundreds. The epsilon is the wrong answer of section 1; the pairs are what
# Hugging Face's and Meta's weights differ in. Mend one at a time, the pairs first:

# %%
def rotate(x):  # (B, H, T, K), halves  # noqa: F811
    T, K = x.shape[-2:]
    angle = np.arange(T)[:, None] / 10000 ** (np.arange(0, K, 2) / K)  # (T, K/2)
    c, s = tensor(np.cos(angle)), tensor(np.sin(angle))
    a, b = x[..., :K // 2], x[..., K // 2:]
    return xp.concatenate([a * c - b * s, b * c + a * s], axis=-1)


second_answer = answer(case)
far = np.max(abs(second_answer["logits"] - truth["logits"]))
print(f"logits up to {np.max(abs(truth['logits'])):.1f}, off by at most {far:.0e}")
second_verdict = report(second_answer)

# %% [markdown]
# Here most people would have stopped: five digits agree, "that is float32". It is not; the oracle sees errors dozens of times
# as large as float32 makes them.

# %%
def norm(x, gain):  # noqa: F811
    return gain * x / xp.sqrt((x * x).mean(axis=-1, keepdims=True) + case.config["model"]["epsilon"])


third_answer = answer(case)
third_verdict = report(third_answer)

# %% [markdown]
# PASSED. **Predict.** One of the planted mistakes is left. What have we not handed in?

# %%
guess = "the logits of decoding, step by step"

# %%
def objective(params, keep):
    logits, inputs = forward(params, tensor(case.inputs["tokens"]), case.config["model"], keep), case.inputs
    log_p = logits - xp.log(xp.exp(logits).sum(axis=-1, keepdims=True))
    chosen = (log_p * tensor(np.eye(logits.shape[-1])[inputs["targets"]])).sum(axis=-1)  # (B, T)
    loss = keep("loss", -(chosen * tensor(inputs["weights"])).sum() / inputs["weights"].sum())
    return loss + (tensor(case.cotangents["logits"]) * logits).sum()


def slopes(case):
    params = {name: tensor(value) for name, value in case.params.items()}
    if not TORCH:
        from autograd import grad
        return {f"grad/{name}": value for name, value in grad(objective)(params, lambda name, value: value).items()}
    params = {name: value.requires_grad_() for name, value in params.items()}
    objective(params, lambda name, value: value).backward()
    return {f"grad/{name}": value.grad.numpy() for name, value in params.items()}


# %%
fourth_verdict = report({**third_answer, **slopes(case)})
print("guessed", guess)

# %% [markdown]
# The gradients. `detached(V_1)` is the kind of line that is written to save memory, or copied from a cache. Every number of
# the forward pass is right, and layer 1's values learn from layer 1 only. Mend it:

# %%
def mixed(p, V_1, V):  # noqa: F811
    return p["lambda_1"] * V_1 + p["lambda_2"] * V


last_verdict = report({**answer(case), **slopes(case)})

# %% [markdown]
# Now the whole port equals the library, in float64, to 1e-12:

# %%
REAL["of"] = np.float64
description = Transformer(**case.config["model"])
rng = np.random.default_rng(0)
params, tokens = description.init(rng), rng.integers(7, size=(2, 6))
params["embedding"]["W_token"] *= 50  # so that attention has something to choose
theirs = description.apply(params, tokens)[0]
own = {name: tensor(value) for name, value in flatten(params).items()}
mine = forward(own, tensor(tokens), case.config["model"], lambda name, value: value)
assert np.allclose(np.asarray(mine), theirs, rtol=0, atol=1e-12)
print("the same to 1e-12:", theirs.shape)

# %% [markdown]
# ## 4 Where a mistake begins
#
# Each tensor is judged twice: against the truth (global), and against its own step taken again from the port's own tensors
# (local). The picture has z of every tensor, in the order in which they are computed, for the second port (epsilon wrong) and
# the mended one.

# %%
ports = {"epsilon 1e-6": (second_verdict, "#D55E00", "o"), "mended": (third_verdict, "#000000", "x")}
figure = new_figure(8.0, 3.4)
panels = figure.subplots(1, 2, sharey=True)
for axes, scope in zip(panels, ("global", "local")):
    for name, (verdict, colour, marker) in ports.items():
        z = [row.rms_z for row in verdict.rows if row.scope == scope]
        axes.semilogy(range(1, len(z) + 1), z, color=colour, marker=marker, linestyle="", label=name)
    axes.axhline(1, color="#0072B2", linestyle="--", label="z = 1")
    tidy(axes, xlabel=f"tensor, in order of computation ({scope})", ylabel="z, root mean square")
panels[0].legend(frameon=False, loc="center", bbox_to_anchor=(0.5, 0.52), ncols=3, columnspacing=1.0)
show(figure, "z of the forward tensors: with the wrong epsilon it is far above one everywhere globally, locally only in "
             "those tensors that are computed right behind a norm; the mended port stays below one everywhere.")

# %% [markdown]
# Globally everything after the first norm is off, and nobody knows why. Locally only the steps with a norm in them are:
# queries, keys, values, the layers' outputs and the logits. That is where to look.
#
# ## 5 A claim on a toy: training shows it
#
# "If there were a mistake in the port, we would see it in training." Train the right model and the three wrong ones: the next
# character of English text, three layers of width 32, 40 steps, three seeds each. The control is the seed: how far do two
# right models differ?
#
# **Predict** by how much of the seeds' spread each mistake moves the held-out loss: 0 not at all, 1 as much as a seed.

# %%
guess = {"rotary-of-neighbours": 1.0, "epsilon-1e-6": 0.1, "first-value-detached": 1.0}
SMALL = {"layers": 3, "width": 32, "heads": 2, "feed_forward": 64, "epsilon": 1e-5}
RECIPE = {"dtype": "float32", "steps": 40, "batch": 8, "learning_rate": 1e-2, "evaluate_every": 40, "validation": 64}


def losses(**changes):
    return np.array([run("resformer_learnable", "characters", {"length": 16}, {**SMALL, **changes},
                         {**RECIPE, "seed": seed})["loss"] for seed in range(3)])


# %%
found = {"right": losses(), "epsilon-1e-6": losses(epsilon=1e-6)}
for name in ("rotary-of-neighbours", "first-value-detached"):
    with planted(case, MISTAKES[name]):
        found[name] = losses()
spread = found["right"].std()
for name, values in found.items():
    moved = abs(values - found["right"]).mean() / spread
    print(f"{name:21} losses", " ".join(f"{value:.2f}" for value in values),
          "" if name == "right" else f"  moved by {moved:.2f} of the spread, guessed {guess[name]}")

# %% [markdown]
# What it shows: each mistake moves the loss by a fraction of what another seed does, so that one run, or three, tell nothing.
# The pairs could not show at all in a long training from the start: a model with neighbours is the right model with other
# columns of `W_q` and `W_k` (an exercise below). It matters when weights are loaded. What it does not show: that these mistakes
# never matter. A detached V_1 may cost at the paper's size, where the value residual's gain is itself about 1 % of the loss;
# forty steps of a toy cannot say so.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 12.scale: the norm that the weights were made for (level 1, 5 minutes)
#
# `x` (.., D) and `epsilon`: return `x` divided by the root of its mean square over the last axis plus epsilon, without any
# gain. Your function is put into a whole model, and an oracle judges the run.

# %%
def scale(x, epsilon):
    ### BEGIN SOLUTION
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
    ### END SOLUTION


# %%
check("12.scale", scale)

# %% [markdown]
# ### 12.z: a tolerance for a sum (level 2, 10 minutes)
#
# `given` (m,) are sums that a port has computed in a precision of unit roundoff `u`, `terms` (n, m) the exact terms of each.
# Return z (m,): the absolute error of each sum in units of `u sqrt(n) sqrt(sum of terms^2)`.

# %%
def z(given, terms, u):
    ### BEGIN SOLUTION
    return abs(given - terms.sum(axis=0)) / (u * np.sqrt(len(terms) * np.sum(terms ** 2, axis=0)))
    ### END SOLUTION


# %%
check("12.z", z)

# %% [markdown]
# ### 12.first: the first wrong tensor (level 2, 10 minutes)
#
# `order` is a tuple of names, in order of computation; `errors` and `tolerances` are dicts of arrays by name. A tensor is wrong
# where an absolute error is above its tolerance, or is NaN. A port need not hand in every tensor: a name may be missing in
# `errors`. Return the first wrong name, "" where none is.

# %%
def first(order, errors, tolerances):
    ### BEGIN SOLUTION
    for name in order:
        if name in errors and not np.all(abs(errors[name]) <= tolerances[name]):
            return name
    return ""
    ### END SOLUTION


# %%
check("12.first", first)

# %% [markdown]
# ### 12.columns: load weights of the other convention (level 3, 20 minutes)
#
# `W` (D, heads K) makes queries or keys for RoPE that turns neighbours (2i, 2i + 1). Return the W that gives the same scores
# with halves (i, i + K/2): the same columns in another order, within each head.

# %%
def columns(W, heads):
    ### BEGIN SOLUTION
    by_pair = W.reshape(len(W), heads, -1, 2)  # (D, H, K/2, 2)
    return by_pair.swapaxes(2, 3).reshape(W.shape)
    ### END SOLUTION


# %%
check("12.columns", columns)

# %% [markdown]
# ### 12.own_test: a test that is not blind (level 4, 25 minutes)
#
# A test with one head cannot see heads that are mixed up. Return a tuple: a dict of sizes for `Transformer(variant=
# "resformer_learnable", kind="decoder", vocabulary=5, **LLAMA, **sizes)`, with layers, width, heads, kv_heads, head_width and
# feed_forward, and an array of tokens (B, T) below 5. Five mistakes are planted, with random parameters, and each must
# change a logit: neighbours for halves; key/value heads shared in the wrong order; V of the layer below for V_1; scores
# divided by sqrt(D) for sqrt(K); a mask that lets the next token in. At most 1000 parameters, so that it can be read.

# %%
def own_test():
    ### BEGIN SOLUTION
    sizes = {"layers": 3, "width": 3, "heads": 4, "kv_heads": 2, "head_width": 4, "feed_forward": 2}
    return sizes, np.array([[0, 3, 1, 4]])
    ### END SOLUTION


# %%
check("12.own_test", own_test)

# %% [markdown]
# ## On your own
#
# - Declare `"bfloat16"` in `report` for the second port. Is epsilon 1e-6 still seen? Should it be?
# - Plant all three mistakes and hand in the gradients as well. What can be said of three mistakes at once?
# - Judge a port of your own: `minires oracle export cases --blind` writes the cases for any language,
#   `minires oracle check cases answers` reads what it has written.
#
# ## Further reading
#
# - `minires oracle list`: the cases. `minires.oracle.mistakes.MISTAKES`: what each mistake does, its fix, where it was seen.
# - Su et al. 2021 (2104.09864), section 3.4: neighbours; huggingface/transformers, issue 25199: why halves, and the columns.
# - Higham 2002, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4: errors of sums.
