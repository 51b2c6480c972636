# %% [markdown]
# # 13 Invent a residual: design, check, train, compare
#
# You invent a residual scheme, write it in the open and as a record of the library, put it to a table of laws that wrong
# designs fail, train it beside the plain model, a control and a published scheme, and say what you may claim.
#
# - Time: 75 minutes
# - Needs: 03, 05
# - You learn: to turn an equation into a record, to test a design before any training, to compare seed by seed
# - Paper: none
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import autograd.numpy as anp
import numpy as np

from minires import LLAMA, Transformer, decode
from minires.course import show
from minires.exercises import check
from minires.figures.parts import new_figure, tidy
from minires.gradients import check_gradients, loss, random_parameters, tiny_example
from minires.parameters import flatten, unflatten
from minires.recipes import describe, recipe_for
from minires.residual import residual
from minires.tasks import make_task
from minires.training import train
from minires.transformer import after_first, each_sublayer

# %% [markdown]
# ## 1 By hand
#
# An invention needs an equation. Here is one, of this course: the values of attention become a leaky integrator over depth,
# as the state of a reservoir is one over time. `V_n` are the layer's own values, `V'_n` what attention sums:
#
#     V'_1 = V_1
#     V'_n = (1 - a_n) V'_{n-1} + a_n V_n        n = 2 .. L
#
# with one learned number `a_n`, the leak, per layer. `a_n = 1` is the plain model. ResFormer is near: `(V_1 + V_n) / 2`.
#
# **Predict** the weight of `V_1` in layer 6 where each leak is 1/2. In ResFormer it is 1/2 in every layer.

# %%
guess = 0.5

# %%
V_1, others = 1.0, [0.0] * 5  # all others 0: what is left is the weight of V_1
used = V_1
for V_n in others:
    used = 0.5 * used + 0.5 * V_n
print("weight of V_1 in layer 6: guessed", guess, "is", used)

# %% [markdown]
# Each layer halves what it is handed, so that the past fades: 1/32. The weights of `V_1 .. V_n` sum to 1 in each layer, as
# `a_n` and `1 - a_n` do. That is the design's claim in one sentence: **recent layers count more, and nothing is thrown away at
# once**. Write such a sentence before any code; it says what to measure.
#
# ## 2 The model, in the open
#
# A small decoder: RMSNorm, rotary positions in halves, SwiGLU. Letters: T tokens, D width, H heads, K = D / H. One sequence.

# %%
H, EPSILON = 2, 1e-5


def norm(x, gain):
    return gain * x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)


def split(x):
    return x.reshape(len(x), H, -1).swapaxes(0, 1)  # (T, D) -> (H, T, K)


def rotate(x):
    T, K = x.shape[-2:]
    angle = np.arange(T)[:, None] / 10000 ** (np.arange(0, K, 2) / K)  # (T, K/2)
    a, b = x[..., :K // 2], x[..., K // 2:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=-1)


# %%
def attention(x, p, below):
    V = x @ p["W_v"]  # (T, D)
    V = V if below is None else (1 - p["leak"]) * below + p["leak"] * V  # the invention is this line
    q, k = rotate(split(x @ p["W_q"])), rotate(split(x @ p["W_k"]))
    A = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])  # (H, T, T)
    e = np.exp(A + np.triu(np.full(A.shape[1:], -np.inf), 1))
    P = e / e.sum(axis=-1, keepdims=True)
    return (P @ split(V)).swapaxes(0, 1).reshape(x.shape) @ p["W_o"], V


# %%
def feed_forward(x, p):
    gate = x @ p["W_gate"]
    return (gate / (1 + np.exp(-gate)) * (x @ p["W_1"])) @ p["W_2"]


def decoder(params, tokens):
    x, V = params["embedding"]["W_token"][tokens], None  # (T, D)
    for layer in params["layers"]:
        p, f = layer["attention"], layer["feed_forward"]
        y, V = attention(norm(x, p["norm"]["gain"]), p, V)
        x = x + y
        x = x + feed_forward(norm(x, f["norm"]["gain"]), f)
    return norm(x, params["final_norm"]["gain"]) @ params["head"]["W"]  # (T, V)


# %% [markdown]
# ## 3 The record, and your lines equal to the library's
#
# In the library a scheme is a record with a function for each place where it can act (`minires/record.py`). Ours needs two of
# them: `values`, and `parameters` for the leaks. `past[-1]` is the record of the layer below; `here.params` are the
# sublayer's parameters. The numbers are autograd's, so use `autograd.numpy` wherever a function of NumPy is called.

# %%
plain = residual("pre_norm")


def with_leak(start):
    def leak(rng, model, params):
        return each_sublayer(params, lambda n, sublayer, p:
                             {**p, "leak": np.array(start)} if n > 1 and sublayer == "attention" else p)
    return plain.parameters + (leak,)


def leaky_values(V, past, here):
    leak = here.params["leak"]
    return (1 - leak) * past[-1]["values"] + leak * V  # (B, S, D)


leaky = plain._replace(values=after_first(leaky_values), parameters=with_leak(0.5))

# %%
SIZES = {"kind": "decoder", "vocabulary": 7, "layers": 4, "width": 8, "heads": H, **LLAMA, "epsilon": EPSILON}
description = Transformer(variant=leaky, **SIZES)
params = random_parameters(description, np.random.default_rng(0))
tokens = np.array([3, 1, 4, 1, 5, 2])
theirs, trace = description.apply(params, tokens[None])
assert np.allclose(decoder(params, tokens), theirs[0], rtol=0, atol=1e-12)
print("the same to 1e-12:", theirs[0].shape, "= (T, V); own parameters:",
      [name for name in flatten(params) if name.endswith("leak")])

# %% [markdown]
# ## 4 A table of laws
#
# Most inventions are wrong before they are bad. A law is something that must hold whatever the numbers are; it costs a second
# and no training. Each takes a record and says yes or no.

# %%
def model_of(record, **changes):
    model = Transformer(variant=record, **{**SIZES, **changes})
    return model, random_parameters(model, np.random.default_rng(1))


def logits(record, tokens=(3, 1, 4, 1, 5, 2), **changes):
    model, params = model_of(record, **changes)
    return model.apply(params, np.atleast_2d(tokens))[0]


def one_layer_is_plain(record):
    return np.allclose(logits(record, layers=1), logits(plain, layers=1), rtol=0, atol=1e-12)


def sees_no_later_token(record):
    later = np.append(tokens[:-1], 6)
    return np.allclose(logits(record, later)[:, :-1], logits(record)[:, :-1], rtol=0, atol=1e-12)


# %%
def sequences_are_independent(record):
    both = logits(record, np.array([tokens, tokens[::-1]]))
    return np.allclose(both[0], logits(record)[0], rtol=0, atol=1e-12)


def decodes_as_it_reads(record):
    model, params = model_of(record)
    first, cache = decode(model, params, tokens[None, :4])
    second, _ = decode(model, params, tokens[None, 4:], cache)
    return np.allclose(np.concatenate([first, second], axis=1), logits(record), rtol=0, atol=1e-12)


# %%
def keeps_float32(record):
    model, params = model_of(record)
    single = unflatten({name: np.float32(value) for name, value in flatten(params).items()})
    return model.apply(single, tokens[None])[0].dtype == np.float32


def gradients_are_right(record):
    model, params = model_of(record)
    batch = tiny_example(model, np.random.default_rng(2))
    names = lambda name: name.endswith("leak") or name == "layers.0.attention.W_v"
    rows = check_gradients(lambda p: loss(model, p, batch)[0], params, np.random.default_rng(3), names)
    return max(row.reverse for row in rows) < 1e-6


def starts_as_plain(record):
    model, params = Transformer(variant=record, **SIZES), model_of(plain)[1]
    own = {**flatten(model.init(np.random.default_rng(0))), **flatten(params)}
    return np.allclose(model.apply(unflatten(own), tokens[None])[0], logits(plain), rtol=0, atol=1e-12)


# %% [markdown]
# Four designs: ours; a detached one, which holds the past as a constant to save memory; one that takes the mean over tokens
# off the values first, "to keep them centred"; one whose leak comes from a table of float64 numbers.
#
# **Predict** which law each of them breaks. (A law may also be broken by ours.)

# %%
guess = {"leaky": ["none"], "detached": ["gradients_are_right"], "centred": ["one_layer_is_plain"],
         "table": ["starts_as_plain"]}
LAWS = (one_layer_is_plain, sees_no_later_token, sequences_are_independent, decodes_as_it_reads, keeps_float32,
        gradients_are_right, starts_as_plain)


def detached_values(V, past, here):
    from minires.layers import stopped
    return leaky_values(V, [{"values": stopped(past[-1]["values"])}], here)


def centred_values(V, past, here):
    return leaky_values(V - anp.mean(V, axis=1, keepdims=True), past, here)


def table_values(V, past, here):
    leak = np.linspace(0.9, 0.5, 9)[here.n:here.n + 1]  # (1,), float64
    return (1 - leak) * past[-1]["values"] + leak * V


# %%
designs = {"leaky": leaky, "detached": leaky._replace(values=after_first(detached_values)),
           "centred": leaky._replace(values=after_first(centred_values)),
           "table": leaky._replace(values=after_first(table_values), parameters=plain.parameters)}
for name, design in designs.items():
    broken = [law.__name__ for law in LAWS if not law(design)]
    print(f"{name:8} breaks {broken or ['none']}\n         guessed {guess[name]}")

# %% [markdown]
# Centring over tokens lets a token see what follows, and decoding, which has one token at a time, computes something else:
# such a model has a wonderful loss and is worth nothing. The table turns float32 into float64. The detached one is right in
# every output; only a comparison of its gradient with differences shows it. And ours breaks a law too: with leaks of 1/2 it
# does not start as the plain model. That law is a wish, not a must: a design may say that it starts elsewhere. With leaks of 1:

# %%
print("starts as plain with leaks of 1:", starts_as_plain(leaky._replace(parameters=with_leak(1.0))))

# %% [markdown]
# ## 5 The claim, on a toy
#
# The claim to test: leaky values lower the held-out loss of the plain model. The comparison needs
#
# - a **control** with as many new numbers and no carry: `V'_n = a_n V_n`. If it gains as much, the carry is not the reason;
# - a **published neighbour**: ResFormer with learned weights, `V'_n = lambda_1 V_1 + lambda_2 V_n`;
# - several **seeds**, the same for all: a seed fixes the first weights and every batch, so that we may compare seed by seed.
#
# The next character of English text, four layers of width 32, 60 steps, three seeds each.
#
# **Predict** the gain over the plain model, in nats (the losses are about 3).

# %%
guess = {"gain only": 0.0, "leaky": 0.1, "resformer_learnable": 0.1}
gain_only = plain._replace(values=after_first(lambda V, past, here: here.params["leak"] * V), parameters=with_leak(1.0))
TASK = make_task("characters", length=24)
SMALL = {"layers": 4, "width": 32, "heads": 4, "feed_forward": 64}
RECIPE = {"dtype": "float32", "steps": 60, "batch": 8, "learning_rate": 1e-2, "evaluate_every": 60, "validation": 128}


def losses(variant):
    model = describe(variant, TASK, **SMALL)
    states = [train(model, TASK, recipe_for(TASK, **RECIPE, seed=seed), progress=False) for seed in range(3)]
    return np.array([state.history["validation_loss"][-1] for state in states]), states[0].params


# %%
compared = {"pre_norm": "pre_norm", "gain only": gain_only, "leaky": leaky,
            "resformer_learnable": "resformer_learnable"}
found = {name: losses(variant) for name, variant in compared.items()}
for name, (values, _) in found.items():
    gains = found["pre_norm"][0] - values
    print(f"{name:20} losses", " ".join(f"{value:.2f}" for value in values), f" spread {values.std():.2f}",
          "" if name == "pre_norm" else "  gain, seed by seed: " + " ".join(f"{gain:+.2f}" for gain in gains)
          + f"  guessed {guess[name]:+.2f}")

# %%
figure = new_figure(6.4, 3.4)
axes = figure.subplots()
looks = {"gain only": ("#0072B2", "s"), "leaky": ("#D55E00", "o"), "resformer_learnable": ("#009E73", "^")}
for name, (colour, marker) in looks.items():
    axes.plot(range(3), found["pre_norm"][0] - found[name][0], color=colour, marker=marker, linestyle="none", label=name)
axes.axhline(0, color="#000000", linewidth=1)
axes.set_xticks(range(3))
tidy(axes, xlabel="seed", ylabel="gain over pre_norm (nats)")
axes.legend(frameon=False)
show(figure, "Gain in held-out loss over the plain model for three seeds: about zero for the control, positive for leaky "
             "values in every seed, at least as large for ResFormer.")

# %% [markdown]
# Look at the losses first: the spread between seeds is about as large as any gain, and a comparison of means of different seeds
# would say nothing. Seed by seed the picture is clear. What has the model made of its leaks?

# %%
learned = [round(float(value), 2) for name, value in found["leaky"][1].items() if name.endswith("leak")]
print("leaks of layers 2, 3, 4:", learned)

# %% [markdown]
# What it shows: in this setting leaky values gain in each of three seeds, the control does not, and ResFormer gains as
# much or more. So the carry is the reason, and our sentence of section 1 gets a crack: direct access to layer 1 does better
# here than a fading past. What it does not show: a gain after long training (60 steps are the very
# beginning, where a short cut through depth helps anything), at another learning rate, another size or another text. Three
# seeds are an example, no statistics. The honest claim is one sentence: "at 60 steps, on this toy, better than
# plain, no better than ResFormer".
#
# To submit a design to the library's own table: a file of at most 60 lines in `minires/residual/values` (or `scores`, `hidden`)
# that ends in `VARIANTS = {name: Variant(fields, placement, equation, paper)}`; its equation once more, as scalar loops, and a
# row in `tests/residual/cases_carried.py`. The tests then put it to about twenty laws, as encoder, decoder and both.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 13.weights: who counts how much (level 1, 10 minutes)
#
# `a` (L,) are the leaks; `a[0]` belongs to layer 1, which has nothing below, and is not used. Return W (L, L), `W[n, i]` the
# weight of `V_i` in `V'_n` (layers from 0), zero above the diagonal.

# %%
def weights(a):
    ### BEGIN SOLUTION
    W = np.eye(len(a))
    for n in range(1, len(a)):
        W[n] = (1 - a[n]) * W[n - 1] + a[n] * W[n]
    return W
    ### END SOLUTION


# %%
check("13.weights", weights)

# %% [markdown]
# ### 13.causal: write a law (level 2, 15 minutes)
#
# `f` maps x (T, D) to (T, D), `x` is an example. Return True where no output depends on a later token, else False. Change each
# token in turn, the last one too, and look at what comes out before it (1e-9 is no difference).

# %%
def causal(f, x):
    ### BEGIN SOLUTION
    right = f(x)
    for t in range(1, len(x)):
        changed = x.copy()
        changed[t] = changed[t] + 1.0
        if np.max(abs(f(changed)[:t] - right[:t])) > 1e-9:
            return False
    return True
    ### END SOLUTION


# %%
check("13.causal", causal)

# %% [markdown]
# ### 13.slopes: back through the leaks (level 3, 20 minutes)
#
# `V` (L, C) are the own values of one token, `a` (L,) the leaks (`a[0]` is not used), `G` (L, C) the derivative of the loss by
# `V'_n` through layer n's attention alone. But `V'_n` is also handed on. Return the derivative by `a`, (L,), with 0 first.

# %%
def slopes(V, a, G):
    ### BEGIN SOLUTION
    used = [V[0]]
    for n in range(1, len(V)):
        used.append((1 - a[n]) * used[-1] + a[n] * V[n])
    result, g = np.zeros(len(a)), np.zeros(V.shape[1])
    for n in range(len(V) - 1, 0, -1):
        g = G[n] + g
        result[n] = g @ (V[n] - used[n - 1])
        g = (1 - a[n]) * g
    return result
    ### END SOLUTION


# %%
check("13.slopes", slopes)

# %% [markdown]
# ### 13.own_residual: a residual of your own (level 4, 60 minutes)
#
# Return a record: `residual("pre_norm")._replace(..)` with one field or several of `minires/record.py`. The check puts it to
# laws: no output sees a later token, sequences are independent, decoding computes what reading does, float32 stays, gradients
# agree with differences, and it is not in the library already: neither one of its schemes without parameters of their own,
# nor the leaky values above.

# %%
def own_residual():
    from minires.residual import residual
    ### BEGIN SOLUTION
    plain = residual("pre_norm")

    def heads(U, past, here):  # (B, H, T, K): a third of what the heads of the layer below have found
        return U + past[-1]["heads"] / 3 if past else U

    return plain._replace(heads=heads)
    ### END SOLUTION


# %%
check("13.own_residual", own_residual)

# %% [markdown]
# ## On your own
#
# - Put your own residual into sections 4 and 5. Write the claim, and what would refute it, before you train.
# - Let the leak depend on the token: `sigmoid(x W + b)` with `here.now["x"]`. Which laws could break?
# - Train 300 steps with five seeds overnight. Does ResFormer's lead over leaky values last?
#
# ## Further reading
#
# - `minires/record.py`: every place where a residual can act. `minires list`: what has been tried at each.
# - `tests/residual/laws.py` and `tests/residual/test_residual_laws.py`: the library's own laws.
# - Zhou et al. 2024 (2410.17897), section 3: how a published design argues against its neighbours.
