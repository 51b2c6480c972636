# %% [markdown]
# # 07 Many streams: the depth-mixing matrix
#
# You write one small model that can be any of DenseFormer, hyper-connections and attention residuals, reduce each of them
# to one triangular matrix that says who reads how much of whom, and see what training makes of that matrix.
#
# - Time: 60 minutes
# - Needs: 02, 03
# - You learn: to unroll any hidden stream into its depth-mixing matrix, to tell C from its transpose, to say what a norm hides
# - Paper: Pagliardini et al. 2024, DenseFormer (2402.02622); Zhu et al. 2024, Hyper-Connections (2409.19606); Xie et al.
#   2025, mHC (2512.24880); Kimi Team 2026, Attention Residuals (2603.15031)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires import LLAMA, Transformer
from minires.course import show
from minires.depth import depth_mixing
from minires.exercises import check
from minires.experiments import run
from minires.figures.depth import depth_matrices
from minires.gradients import random_parameters
from minires.parameters import unflatten
from minires.residual.hidden.mhc import sinkhorn

# %% [markdown]
# ## 1 By hand
#
# A model is a row of M sublayers (attention, feed-forward, attention, ..). Sublayer m reads `u_m` and writes `y_m`. Call
# what there is to read the sources: `s_0 = x_0` the embedding, `s_i = y_i`. In the plain residual stream everybody reads the
# sum of all that was written before, so with `x_0 = 1` and sublayers that write 10 and 100, whatever they read:

# %%
sources = [1, 10, 100]
Phi = np.array([[1, 0, 0],   # sublayer 1 reads x_0
                [1, 1, 0],   # sublayer 2 reads x_0 + y_1
                [1, 1, 1]])  # the head reads it all
print("read:", (Phi @ sources).tolist())

# %% [markdown]
# `Phi` is the depth-mixing matrix, a row per reader and a column per source. Now two streams side by side, X = (x_1, x_2),
# both of which start as x_0. Each sublayer has read weights `alpha`, mixing weights `C` and write weights `beta`
# (hyper-connections):
#
#     u = sum_i alpha_i x_i        y = f(u)        x'_j = sum_i C[i, j] x_i + beta_j y
#
# So `C[i, j]` goes from stream i to stream j. Let sublayer 1 read stream 1, write to stream 1 only, and let stream 1 flow into
# stream 2 as well, but not the reverse; sublayer 2 reads stream 2.
#
# **Predict** what sublayer 2 reads, if y_1 = 10. It is no number from above.

# %%
guess = 12

# %%
C = np.array([[1, 1], [0, 1]])
X = np.array([1, 1])
X_new = C.T @ X + np.array([1, 0]) * 10
print("streams:", X_new.tolist(), "u_2: guessed", guess, "is", X_new[1])
print("with C for its transpose:", (C @ X + np.array([1, 0]) * 10).tolist())

# %% [markdown]
# Stream 2 has x_0 twice, and y_1 not at all: the mixing is of what was there before the write. The transpose gives other
# numbers, and is the mistake that several public implementations have made.
#
# ## 2 The model, in the open
#
# A pre-norm decoder without positions. Letters: T tokens, D width, H heads, M sublayers, R streams. One sequence.

# %%
H, EPSILON = 2, 1e-5


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def normalise(x, gain=1.0):
    return gain * x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)


def attention(x, p):
    q, k, v = (np.reshape(x @ p["W_" + name], (len(x), H, -1)).swapaxes(0, 1) for name in "qkv")  # (H, T, K) each
    later = np.arange(len(x)) > np.arange(len(x))[:, None]  # (T, T)
    P = softmax(np.where(later, -np.inf, q @ k.swapaxes(1, 2) / np.sqrt(k.shape[-1])))
    return (P @ v).swapaxes(0, 1).reshape(len(x), -1) @ p["W_o"]


def feed_forward(x, p):
    gate = x @ p["W_gate"]
    return (gate / (1 + np.exp(-gate)) * (x @ p["W_1"])) @ p["W_2"]


# %% [markdown]
# What a sublayer reads is up to `reader(m, sources, p)`, which gets all sources so far, (T, D) each, and the sublayer's
# parameters. That is all that a scheme of the hidden stream has to say.

# %%
def transformer(params, tokens, reader):
    sources = [params["embedding"]["W_token"][tokens]]  # (T, D) each
    for layer in params["layers"]:
        for f, p in ((attention, layer["attention"]), (feed_forward, layer["feed_forward"])):
            u = reader(len(sources), sources, p)  # (T, D)
            sources.append(f(normalise(u, p["norm"]["gain"]), p))
    u = reader(len(sources), sources, params)
    return normalise(u, params["final_norm"]["gain"]) @ params["head"]["W"]


def by_matrix(Phi):
    return lambda m, sources, p: sum(Phi[m - 1, i] * s for i, s in enumerate(sources))


# %% [markdown]
# **Attention residuals** (AttnRes): the weights are a softmax over the sources, one set per token, from a learned query w.

# %%
def attn_res(m, sources, p):
    s = np.stack(sources, axis=1)  # (T, m, D)
    weights = softmax(normalise(s, p["depth"]["gain"]) @ p["depth"]["w"])  # (T, m)
    return np.sum(weights[..., None] * s, axis=1)  # (T, D)


# %% [markdown]
# **Hyper-connections** (HC) and **DenseFormer** say how streams move, and do not mention Phi. To get it, move unit vectors:
# where the activations were, stands a vector that counts how much of each source there is. A sublayer writes one more unit
# vector, and what it reads is its row of Phi.

# %%
def phi_of_streams(sublayers):
    unit = np.eye(len(sublayers) + 1)  # a row per source
    X, rows = np.stack([unit[0]] * len(sublayers[0]["A_m"])), []  # (R, M + 1)
    for m, p in enumerate(sublayers, start=1):
        rows.append(p["A_m"] @ X)
        X = p["A_r"].T @ X + np.outer(p["B"], unit[m])
    return np.array([*rows, X.sum(axis=0)])  # (M + 1, M + 1); the head gets the sum of the streams


def phi_of_denseformer(alphas):
    unit = np.eye(2 * len(alphas) + 1)
    Y, outputs, rows = unit[0], [unit[0]], []
    for n, alpha in enumerate(alphas, start=1):  # a layer: attention writes 2 n - 1, the feed-forward 2 n
        rows += [Y, Y + unit[2 * n - 1]]
        outputs.append(Y + unit[2 * n - 1] + unit[2 * n])  # X_n, un-averaged
        Y = alpha @ outputs  # Y_n = sum_j alpha[n, j] X_j
    return np.array([*rows, Y])


# %% [markdown]
# **Predict** the shape of Phi for 3 layers.

# %%
SIZES = {"kind": "decoder", "vocabulary": 11, "layers": 3, "width": 8, "heads": H, "feed_forward": 16, "initial_std": 0.4,
         **LLAMA, "positions": "none"}
tokens = np.array([3, 1, 4, 1, 5, 9, 2])
guess = (3, 3)


def drawn(variant, **options):
    own = Transformer(variant=variant, options=options, **SIZES)
    return own, random_parameters(own, np.random.default_rng(0))  # every parameter different from every other


# %%
model, params = drawn("hyper_connections_static", streams=3)
Phi = phi_of_streams([p for layer in params["layers"] for p in (layer["attention"], layer["feed_forward"])])
print("Phi: guessed", guess, "is", Phi.shape, "= (M sublayers and the head, x_0 and M outputs)")
print(Phi.round(2))

# %% [markdown]
# ## 3 Your lines and the library's
#
# Three schemes, random parameters, one reader each: the logits agree to 1e-12, and so does Phi with the library's, which it
# finds in its own way, by running the record's own functions on one-hot streams.

# %%
def compare(model, params, reader, Phi=None):
    assert np.allclose(transformer(params, tokens, reader), model.apply(params, tokens[None])[0][0], rtol=0, atol=1e-12)
    found = depth_mixing(model, params, tokens[None])
    assert Phi is None or np.allclose(Phi, found.matrix, rtol=1e-12, atol=1e-12)
    print(f"{model.variant:26} agrees; Phi varies between tokens by", f"{found.spread:.2f}")


compare(model, params, by_matrix(Phi), Phi)
model, params = drawn("denseformer")
Phi = phi_of_denseformer([layer["feed_forward"]["alpha"] for layer in params["layers"]])
compare(model, params, by_matrix(Phi), Phi)
compare(*drawn("attn_res"), attn_res)

# %% [markdown]
# HC (in its static form) and DenseFormer are the same kind of thing: a triangular matrix, constrained in two different
# ways. AttnRes fills the triangle anew for each token.
#
# ## 4 The matrix at the start, and after training
#
# Each scheme starts from the initial values of its paper. mHC is hyper-connections with constraints (section 5).
#
# **Predict** which of these differ from the plain pre-norm model before any training, in Phi, and in the logits.

# %%
guess = {"denseformer": (False, False), "hyper_connections": (True, True), "mhc": (True, True), "attn_res": (True, True)}


def start(variant):
    model = Transformer(variant=variant, **{**SIZES, "epsilon": 1e-12})
    params = model.init(np.random.default_rng(0))
    return depth_mixing(model, params, tokens[None]).matrix, model.apply(params, tokens[None])[0]


# %%
plain_Phi, plain_logits = start("pre_norm")
for variant, guessed in guess.items():
    own_Phi, logits = start(variant)
    differs = bool(np.max(abs(own_Phi - plain_Phi)) > 0.05), bool(np.max(abs(logits - plain_logits)) > 1e-3)
    print(f"{variant:18} differs in (Phi, logits): guessed {guessed}, is {differs}; head reads {own_Phi[-1].round(2)}")

# %% [markdown]
# All of them start as the plain model. HC's head reads four streams, four times the sum; AttnRes reads means, `1 / m` of the
# sum. Each reader begins with a norm, and a norm does not see the scale of a row: only the **ratios within a row** of Phi
# matter. (The norm's epsilon does see the scale; it is tiny here. "Differs" asks for 0.05 in Phi, for 0.001 in the logits.)
#
# Now train each for 40 steps on the next character of English text (2 layers, width 32, three seeds), and look again.

# %%
SMALL = {"layers": 2, "width": 32, "heads": 4, "feed_forward": 64}
RECIPE = {"dtype": "float32", "steps": 40, "batch": 8, "learning_rate": 1e-2, "evaluate_every": 40, "validation": 64}
TWO = {"streams": 2}
OPTIONS = {"pre_norm": {}, "denseformer": {}, "attn_res": {}, "hyper_connections": TWO, "mhc": {**TWO, "iterations": 4}}


def trained(variant, seed):
    one = run(variant, "characters", {"length": 24}, {**SMALL, "options": OPTIONS[variant]}, {**RECIPE, "seed": seed})
    model = Transformer(**one["model"])
    some = np.random.default_rng(9).integers(model.vocabulary, size=(1, 16))
    return depth_mixing(model, unflatten(one["params"]), some), one["loss"]


results = {variant: [trained(variant, seed) for seed in (0, 1, 2)] for variant in OPTIONS}

# %%
pictured = {variant: results[variant][0][0] for variant in ("denseformer", "hyper_connections", "mhc", "attn_res")}
show(depth_matrices(pictured, "Phi after 40 steps, mean over tokens and channels"),
     "Four triangular matrices, readers by sources, after training: DenseFormer and above all hyper-connections give late "
     "readers more of the early sources, mHC stays close to equal weights, attention residuals have rows that sum to one.")

# %% [markdown]
# Each panel has a scale of its own: read the numbers. A row of the plain model would be all ones. DenseFormer weighs whole
# layers, so that the columns of a finished layer agree; the streams of HC bend every entry.
#
# ## 5 A paper's claim, on a toy
#
# The product of the mixing matrices is what carries a source through depth: `Phi[i -> m] = beta_i C_{i+1} .. C_{m-1} alpha_m`.
# The mHC paper's claim: with free matrices this product grows without bound, and training becomes unstable; with doubly
# stochastic ones (no negative entry, rows and columns sum to 1) it cannot, as a product of such is one again. Sinkhorn makes
# them: scale the rows, then the columns, then the rows .. (exercise 07.sinkhorn).
#
# First as arithmetic: matrices near the identity, eight seeds, R = 4. The gain is the largest row sum of absolute values of
# the product. Control: rows that sum to 1 (a softmax) without the columns; there look at the columns.
#
# **Predict** the gain of 96 free matrices (48 layers) whose entries are off the identity by 0.2.

# %%
guess = 2.0
MAKE = {"free": lambda noise: np.eye(4) + 0.2 * noise, "rows only": lambda noise: softmax(2 * np.eye(4) + noise),
        "Sinkhorn": lambda noise: sinkhorn(2 * np.eye(4) + noise, 20, 0.0)}  # logits, iterations, epsilon


def product(make, count, seed):
    numbers, found = np.random.default_rng(seed), np.eye(4)
    for _ in range(count):
        found = found @ make(numbers.standard_normal((4, 4)))
    return found


# %%
for name, make in MAKE.items():
    for count in (12, 48, 96):
        products = np.array([product(make, count, seed) for seed in range(8)])
        rows, columns = (np.median(abs(products).sum(axis=axis).max(axis=-1)) for axis in (2, 1))
        spread = np.median(np.ptp(products, axis=1).max(axis=-1))
        print(f"{name:9} {count:2} matrices: rows {rows:7.2f}, columns {columns:7.2f}, rows differ by {spread:7.3f}")
print("free, 96 matrices: guessed", guess)

# %% [markdown]
# Rows that sum to 1 keep the row sums, but let one stream collect more than its share; with the columns too, neither can
# grow. The last number is the price: a product of many doubly stochastic matrices has equal rows, so that all streams are
# alike. (mHC starts near the identity, so that this takes longer.) Now the trained models of section 4. A norm hides the
# scale of a row, so take the ratio of the largest to the smallest weight with which the head reads a source.

# %%
for variant, found in results.items():
    ratios = [abs(mixing.matrix[-1]).max() / abs(mixing.matrix[-1]).min() for mixing, _ in found]
    losses = " ".join(f"{loss:.2f}" for _, loss in found)
    print(f"{variant:18} ratio", " ".join(f"{ratio:5.1f}" for ratio in ratios), "  loss", losses)

# %% [markdown]
# What it shows: free streams drift apart within 40 steps, in each seed, to about twice as much of one source as of
# another; mHC's stay nearer to equal weights, and the plain model, the control, has them by definition. Attention residuals
# go furthest, but there it is meant, and rows that sum to 1 cannot grow. What it does not show: that the drift does harm.
# Look at the losses: the seeds differ about as much as the schemes, and free hyper-connections are none the worse for it; at
# two layers nothing becomes unstable, the claim is about large models. And ratios of Phi say how much is read, not how much
# it matters: a large source counts more at the same weight.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 07.step: one step of the streams (level 1, 10 minutes)
#
# `X` (R, T, D) the streams, `alpha` (R,), `C` (R, R) with `C[i, j]` from stream i to stream j, `beta` (R,), and `f` the
# sublayer, norm included: (T, D) -> (T, D). Return the streams after it, (R, T, D).

# %%
def step(X, alpha, C, beta, f):
    ### BEGIN SOLUTION
    y = f(np.tensordot(alpha, X, axes=1))
    return np.tensordot(C.T, X, axes=1) + beta[:, None, None] * y
    ### END SOLUTION


# %%
check("07.step", step)

# %% [markdown]
# ### 07.sinkhorn: mHC's mixing matrix (level 2, 15 minutes)
#
# `Z` (.., R, R) are logits, whatever axes come first. mHC takes the softmax of each row and adds epsilon, divides by
# (column sums + epsilon), then `iterations` - 1 times by (row sums + epsilon) and (column sums + epsilon). Return C. Your
# function is put into a whole model, and an oracle judges the run.

# %%
def doubly_stochastic(Z, iterations, epsilon):
    ### BEGIN SOLUTION
    C = softmax(Z) + epsilon
    for i in range(iterations):
        C = C if i == 0 else C / (C.sum(axis=-1, keepdims=True) + epsilon)
        C = C / (C.sum(axis=-2, keepdims=True) + epsilon)
    return C
    ### END SOLUTION


# %%
check("07.sinkhorn", doubly_stochastic)

# %% [markdown]
# ### 07.blocks: attention over blocks of depth (level 3, 15 minutes)
#
# Deep models have too many sources, so AttnRes sums them by blocks: the sources are x_0, the sum of each finished block of
# `size` sublayers, and the partial sum of the unfinished one, if it has begun. `outputs` (m, T, D) are x_0 and what the
# sublayers have written; `w`, `gain` (D,) as in `attn_res`. Return what is read, (T, D).

# %%
def blocks(outputs, w, gain, size):
    ### BEGIN SOLUTION
    sums = [outputs[i:i + size].sum(axis=0) for i in range(1, len(outputs), size)]
    s = np.stack([outputs[0], *sums], axis=1)  # (T, sources, D)
    weights = softmax(normalise(s, gain) @ w)  # (T, sources)
    return np.sum(weights[..., None] * s, axis=1)
    ### END SOLUTION


# %%
check("07.blocks", blocks)

# %% [markdown]
# ### 07.product: Phi in closed form (level 3, 20 minutes)
#
# `alpha` (M + 1, R): what sublayers 1 .. M read, and in the last row what the head reads; `C` (M, R, R) and `beta` (M + 1, R):
# `beta[0]` the weights with which x_0 is put into the streams at the start, `beta[m]` and `C[m - 1]` those of sublayer m.
# Return Phi (M + 1, M + 1), `Phi[m - 1, i]` what reader m has of source i: with which matrices between, and in which order?

# %%
def product_form(alpha, C, beta):
    ### BEGIN SOLUTION
    Phi = np.zeros((len(beta), len(beta)))
    for i in range(len(beta)):
        row = beta[i]
        for m in range(i + 1, len(beta) + 1):
            Phi[m - 1, i] = row @ alpha[m - 1]
            row = row @ C[m - 1] if m <= len(C) else row
    return Phi
    ### END SOLUTION


# %%
check("07.product", product_form)

# %% [markdown]
# ### 07.own_mixing: a stream of your own (level 4, 30 minutes)
#
# Return a record of the library whose hidden stream is your own: `residual("pre_norm")._replace(..)` with `read(stream,
# here)` and/or `write(stream, y, here)`. `here.sources()` are x_0 and all outputs so far, `here.norm(x)` the norm,
# `here.params` the sublayer's parameters; `parameters` holds functions (rng, model, params) that add your own (the solution
# shows one). Whatever depends on data goes through `here.coefficient(name, lambda: ..)`. The check wants: Phi exists; the
# logits at the start are those of the pre-norm model; your parameters change the ratios in Phi.

# %%
def own_mixing():
    from minires.residual import residual
    from minires.transformer import each_sublayer
    ### BEGIN SOLUTION
    plain = residual("pre_norm")

    def scalars(rng, model, params):
        return each_sublayer(params, lambda n, sublayer, p: {**p, "g": np.zeros(())})

    def read(stream, here):  # the newest output, once more or less
        return here.norm(stream + here.params["g"] * here.sources()[-1])

    return plain._replace(read=read, parameters=plain.parameters + (scalars,))
    ### END SOLUTION


# %%
check("07.own_mixing", own_mixing)

# %% [markdown]
# ## On your own
#
# - In section 4, train with half the learning rate. Which ratio shrinks most?
# - Put a LayerNorm model (`norm="layer"`) into section 3. Which assertion still holds, and what does LayerNorm hide besides
#   the scale?
# - In `attn_res`, give the running sums as sources instead of the outputs: a well-known misreading. Is it still the pre-norm
#   model at w = 0?
#
# ## Further reading
#
# - `minires depth`: Phi of any variant on the command line; `minires show hyper_connections`, `mhc`, `attn_res`, `denseformer`.
# - Kimi Team 2026 (2603.15031), section 6: the matrix for all of these schemes.
# - Xie et al. 2025 (2512.24880); Zhu et al. 2024 (2409.19606); Xiao et al. 2025 (2502.12170), MUDDFormer.
