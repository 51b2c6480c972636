# %% [markdown]
# # 03 The residual stream: where the norm stands
#
# You build a Transformer with its norms in four places, see how large its stream and its gradients are at every depth, and
# tell what the path past the sublayers carries from what goes through them.
#
# - Time: 50 minutes
# - Needs: 01, 02
# - You learn: to place a norm in four ways, to take a gradient through it, to read a stream's size and gradients by depth
# - Paper: Vaswani et al. 2017, Attention Is All You Need (1706.03762); Xiong et al. 2020, On Layer Normalization in the
#   Transformer Architecture (2002.04745)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import autograd.numpy as np
from autograd import grad

from minires import BERT, Transformer
from minires.activations import tanh
from minires.course import show
from minires.exercises import check
from minires.figures.parts import new_figure, style, tidy
from minires.gradients import value_and_gradient
from minires.layers import cross_entropy, stopped

# %% [markdown]
# ## 1 By hand
#
# A residual stream x runs through the model; each sublayer f (attention, feed-forward) reads it and adds to it. The norm
# can stand behind the sum or before the sublayer:
#
#     post    x' = norm(x + f(x))
#     pre     x' = x + f(norm(x))           and one norm at the very end
#
# Two channels; `norm(x) = x / rms(x)` makes the root mean square 1; the sublayer is a quarter turn, so what it adds stands
# at a right angle to what it reads. Then every number can be followed on paper: squares of sizes add up.

# %%
def rms(x):
    return np.sqrt(np.mean(x ** 2))


def turn(x):
    return np.array([-x[1], x[0]])


x = np.array([1.0, 1.0])
for m in (1, 2, 3):
    x = x + turn(x / rms(x))
    print("pre, after", m, "sublayers:", x.round(3).tolist(), "mean square", np.mean(x ** 2).round(6))

# %% [markdown]
# **Predict** for 8 sublayers: the size of the pre-norm stream; and which share of what the head reads is still `x_0`, the
# embedding, where nothing but the path past the sublayers counts: in pre, and in post.

# %%
guess = {"pre size": 9.0, "pre share": 0.1, "post share": 0.1}

# %%
x, post, share = np.array([1.0, 1.0]), np.array([1.0, 1.0]), 1.0
for m in range(8):
    x = x + turn(x / rms(x))
    total = post + turn(post)
    post, share = total / rms(total), share / rms(total)  # x_0 is divided by every norm on its way
found = {"pre size": rms(x), "pre share": 1 / rms(x), "post share": share}
for name in guess:
    print(f"{name:10}  guessed {guess[name]:.4f}  is {found[name]:.4f}")

# %% [markdown]
# With a branch as large as the stream, m sublayers leave
#
#     pre     1 / sqrt(m + 1)     x_0 is never divided, only the last norm divides by the size of all: sqrt(m + 1)
#     post    1 / sqrt(2)^m       x_0 is divided by sqrt(2) in every sublayer
#
# A power law and an exponential: 1/3 and 1/16 here; after 64 sublayers 1/8, and two parts in 10^10. The derivative of the
# norm is divided by the same number, so what holds for `x_0` on its way up holds for the gradient on its way down.

# %% [markdown]
# ## 2 The model, in the open
#
# An encoder with BERT's parts. Letters: T tokens, D width, H heads, K = D / H, L layers. One sequence, so there is no batch
# axis. Two more placements are in use: *sandwich* norms what a sublayer reads and what it gives, *output* only what it gives.

# %%
H = 4


def norm(x, p):
    centred = x - np.mean(x, axis=-1, keepdims=True)  # (T, D)
    deviation = np.sqrt(np.mean(centred ** 2, axis=-1, keepdims=True) + 1e-12)  # (T, 1)
    return p["gain"] * centred / deviation + p["bias"]


def place(x, f, p, where):
    if where == "post":
        return norm(x + f(x), p["norm"])
    if where == "pre":
        return x + f(norm(x, p["norm"]))
    if where == "sandwich":
        return x + norm(f(norm(x, p["norm_1"])), p["norm_2"])
    return x + norm(f(x), p["norm"])  # output


# %%
def attention(x, p):
    q, k, v = (np.swapaxes(np.reshape(x @ p["W_" + c] + p["b_" + c], (len(x), H, -1)), 0, 1) for c in "qkv")  # (H, T, K)
    e = np.exp(q @ np.swapaxes(k, 1, 2) / np.sqrt(q.shape[-1]))  # (H, T, T)
    heads = e / np.sum(e, axis=-1, keepdims=True) @ v  # (H, T, K)
    return np.reshape(np.swapaxes(heads, 0, 1), x.shape) @ p["W_o"] + p["b_o"]  # (T, D)


def feed_forward(x, p):
    u = x @ p["W_1"] + p["b_1"]  # (T, F)
    gelu = 0.5 * u * (1 + tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u ** 3)))  # autograd's own slope of tanh overflows
    return gelu @ p["W_2"] + p["b_2"]  # (T, D)


# %% [markdown]
# The stack has two handles for our experiments. `added` (L, T, D), zeros, is added to the stream where each layer begins:
# the gradient by it is the gradient by the stream there. `branch` is a map of every sublayer's output.

# %%
def encoder(params, tokens, where, added, branch=lambda y: y):
    x = params["embedding"]["W_token"][tokens] + params["embedding"]["W_position"][:len(tokens)]  # (T, D)
    x, sizes = norm(x, params["start_norm"]) if where == "post" else x, []
    for p, more in zip(params["layers"], added):
        x = x + more
        x = place(x, lambda u: branch(attention(u, p["attention"])), p["attention"], where)
        x = place(x, lambda u: branch(feed_forward(u, p["feed_forward"])), p["feed_forward"], where)
        sizes.append(rms(x))
    x = x if where == "post" else norm(x, params["final_norm"])
    return x @ params["head"]["W"] + params["head"]["b"], sizes  # (T, V)


# %% [markdown]
# The library makes the parameters. Weights have the standard deviation `1 / sqrt(D)`, so that a linear map of a stream of
# size 1 gives about size 1; the embedding is scaled to about this size.

# %%
VARIANTS = {"vanilla": "post", "pre_norm": "pre", "sandwich_norm": "sandwich", "output_norm": "output"}
V, T, D = 33, 16, 32


def made(variant, layers, seed):
    numbers = np.random.default_rng(seed)
    model = Transformer(variant=variant, vocabulary=V, layers=layers, width=D, heads=H, maximum_length=T, head="linear",
                        initial_std=D ** -0.5, **BERT)
    params = model.init(numbers)
    params["embedding"] = {name: np.sqrt(D / 2) * W for name, W in params["embedding"].items()}
    return model, params, numbers.integers(V, size=T), numbers.integers(V, size=T)  # .., tokens, targets


# %% [markdown]
# ## 3 Your lines and the library's
#
# The same parameters, the same tokens, in each of the four placements: every logit agrees to 1e-12.

# %%
for variant, where in VARIANTS.items():
    model, params, tokens, _ = made(variant, 6, seed=0)
    logits, sizes = encoder(params, tokens, where, np.zeros((6, T, D)))
    theirs = model.apply(params, tokens[None])[0][0]
    assert np.allclose(logits, theirs, rtol=0, atol=1e-12)
    print(f"{where:9} logits {logits.shape}, size of the stream after each layer:", np.round(sizes, 2).tolist())

# %% [markdown]
# Post keeps the size at 1. The others grow about like the square root of the number of sublayers: sandwich and output add
# 12 outputs of size 1, which at right angles would make `sqrt(13) = 3.6`, and make 3. A layer high up in pre-norm adds the
# same amount to a larger stream: it changes less.

# %% [markdown]
# ## 4 The gradient at every depth
#
# The loss is a cross-entropy with random targets, the weights are as drawn. We take the gradient by the stream that each of
# 16 layers gets, twice: as it is, and **along the skip path alone**, where no gradient goes through a sublayer
# (`stopped` passes a value on and lets no gradient back).

# %%
def gradient_sizes(variant, seed, branch, layers=16):
    _, params, tokens, targets = made(variant, layers, seed)
    value = lambda added: cross_entropy(encoder(params, tokens, VARIANTS[variant], added, branch)[0], targets, np.ones(T))
    g = grad(value)(np.zeros((layers, T, D)))  # (L, T, D)
    return T * np.sqrt(np.mean(g ** 2, axis=(1, 2)))  # (L,), times T: the loss is a mean over the tokens


# %% [markdown]
# **Predict** for post-norm: the gradient at layer 1 divided by that at layer 16, as it is and along the skip path alone.

# %%
guess = {"as it is": 0.001, "skip path alone": 0.001}

# %%
PATHS, slopes = {"as it is": lambda y: y, "skip path alone": stopped}, {}
for path, branch in PATHS.items():
    for variant, where in VARIANTS.items():
        slopes[variant, path] = np.array([gradient_sizes(variant, seed, branch) for seed in range(5)])  # (seeds, L)
        ratio = slopes[variant, path][:, 0] / slopes[variant, path][:, -1]  # (seeds,)
        guessed = f"   guessed {guess[path]}" if where == "post" else ""
        print(f"{path:16} {where:9} layer 1 / layer 16: {np.exp(np.mean(np.log(ratio))):9.5f}{guessed}")

# %%
figure = new_figure(8.2, 3.8)
for axes, path in zip(figure.subplots(1, 2, sharey=True), PATHS):
    for variant, where in VARIANTS.items():
        mean = np.exp(np.mean(np.log(slopes[variant, path]), axis=0))
        axes.semilogy(range(1, 17), mean, label=where, **style(variant))
    tidy(axes, title=path, xlabel="layer n", xticks=(1, 4, 8, 12, 16))
    axes.legend(frameon=False, handlelength=3.5)
figure.axes[0].set_ylabel("size of the gradient by layer n's input")
show(figure, "Gradient by depth in 16 layers. As it is: post-norm nearly level, the three others rising towards the first "
             "layer. Along the skip path alone: post-norm falls a thousandfold towards layer 1, the others are constant.")

# %% [markdown]
# Geometric means over five seeds; on the right, sandwich and output coincide. Along the skip path alone post-norm loses its
# gradient exponentially: each norm divides it (by less than `sqrt(2)`, as the branches are smaller than the stream). The
# other three keep it to the last digit: on their path nothing divides. But the whole gradient of post-norm does *not*
# vanish here: at random weights the sublayers put back what the norms take. So post-norm lives by its branches. The others
# have their skip path, and more towards the first layers, where the stream is small and reading it through a norm steep.

# %% [markdown]
# ## 5 The paper's claim, on a toy
#
# Xiong et al. prove, at random weights: the gradient of the last feed-forward layer's weights does not depend on the number
# of layers L in post-norm, and is of order `1 / sqrt(L)` in pre-norm. Hence, they say, post-norm needs a warm-up.

# %%
def last_gradient(variant, layers, seed):
    model, params, tokens, targets = made(variant, layers, seed)
    value = lambda p: cross_entropy(model.apply(p, tokens[None])[0][0], targets, np.ones(T))
    trace = model.apply(params, tokens[None])[1]
    g = value_and_gradient(value, params)[1][f"layers.{layers - 1}.feed_forward.W_2"]
    return np.linalg.norm(g), rms(trace[-1]["output"])


# %% [markdown]
# **Predict** the gradient of the last `W_2` with 32 layers, divided by that with 2 layers.

# %%
guess = {"post": 4.0, "pre": 1.0}

# %%
DEPTHS = (2, 4, 8, 16, 32)
last = {variant: np.array([[last_gradient(variant, layers, seed) for layers in DEPTHS] for seed in range(5)])
        for variant in ("vanilla", "pre_norm")}  # (seeds, depths, 2)
for variant, values in last.items():
    g, size = np.moveaxis(values, -1, 0)  # (seeds, depths) each
    where, ratio = VARIANTS[variant], g[:, -1] / g[:, 0]
    print(f"{where:4} gradient for L = {DEPTHS}: {g.mean(axis=0).round(2)}, 32 / 2: guessed {guess[where]},",
          f"is {ratio.mean():.2f} with spread {ratio.std():.2f}")
    print("     control, gradient times size of the last stream:", (g * size).mean(axis=0).round(2))

# %% [markdown]
# The control tells why: the final norm divides the gradient by the size of the last stream, and in pre-norm this size grows
# with the depth. Multiplied by it, the gradient is level, at about 1.4.
#
# What it shows: at random weights, with branches as large as the stream, the last layer's gradient is level in post-norm and
# falls with depth in pre-norm, for the reason that the theorem gives. What it does not show: how either trains. That
# post-norm needs a warm-up is a claim about the first steps of training, and nothing was trained here; one batch, five
# seeds and one width are an example; and with other initial sizes (try 0.02, BERT's) the curves look different.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 03.norm: the LayerNorm (level 1, 5 minutes)
#
# x (.., D), gain and bias (D), epsilon a number. Return the LayerNorm of x over its last axis. Your function is put into a
# whole model, and an oracle judges the run.

# %%
def norm_of(x, gain, bias, epsilon):
    ### BEGIN SOLUTION
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return gain * centred / np.sqrt(np.mean(centred ** 2, axis=-1, keepdims=True) + epsilon) + bias
    ### END SOLUTION


# %%
check("03.norm", norm_of)

# %% [markdown]
# ### 03.places: the four placements (level 1, 10 minutes)
#
# x (T, D) is the stream; `f(x)` a sublayer, `norm(x)` a norm, both (T, D) -> (T, D). Return a dict with the next stream x'
# under "post", "pre", "sandwich" and "output". Leave out norms at the start and the end of the stack.

# %%
def places(x, f, norm):
    ### BEGIN SOLUTION
    return {"post": norm(x + f(x)), "pre": x + f(norm(x)), "sandwich": x + norm(f(norm(x))), "output": x + norm(f(x))}
    ### END SOLUTION


# %%
check("03.places", places)

# %% [markdown]
# ### 03.share: what is left of the embedding (level 2, 10 minutes)
#
# The embedding has size 1, and sublayer m adds an output of size `a[m]`, a (M,), at a right angle to all before. Return two
# arrays (M,): the share of `x_0` in the stream after each sublayer of post-norm, and in what a norm makes of the stream
# after each sublayer of pre-norm. With `a = 1` you know both from section 1.

# %%
def share_of(a):
    ### BEGIN SOLUTION
    return 1 / np.sqrt(np.cumprod(1 + a ** 2)), 1 / np.sqrt(1 + np.cumsum(a ** 2))
    ### END SOLUTION


# %%
check("03.share", share_of)

# %% [markdown]
# ### 03.back: a gradient through the norm (level 3, 15 minutes)
#
# `y = (x - mean x) / deviation x` over the last axis, no gain, no epsilon. g (T, D) is the gradient of a loss by y; return
# that by x (T, D). Mind that the mean and the deviation depend on x too. The truth has 30 digits where python-flint is
# installed.

# %%
def back(g, x):
    ### BEGIN SOLUTION
    mean = lambda a: np.mean(a, axis=-1, keepdims=True)
    deviation = np.sqrt(mean((x - mean(x)) ** 2))
    y = (x - mean(x)) / deviation
    return (g - mean(g) - y * mean(y * g)) / deviation
    ### END SOLUTION


# %%
check("03.back", back)

# %% [markdown]
# ### 03.own_place: a placement of your own (level 4, 25 minutes)
#
# Return a record of the library with fields replaced, for example `residual("pre_norm")._replace(write=your_function)`.
# `write(x, y, here)` says how the output y is put back into the stream x, `read(x, here)` what a sublayer reads;
# `here.norm(x)` is the sublayer's own norm, `here.context.model.layers` is L, `here.n` the layer from 1. The check wants,
# in a model of 12 layers at random weights: a stream that does not grow twofold, layers that each change it by 2 percent
# or more, a gradient at layer 1 within a factor of 3 of that at layer 12, and a placement that the library does not have.

# %%
def own_place():
    from minires.residual import residual
    ### BEGIN SOLUTION
    return residual("pre_norm")._replace(write=lambda x, y, here: x + y / np.sqrt(2 * here.context.model.layers))
    ### END SOLUTION


# %%
check("03.own_place", own_place)

# %% [markdown]
# ## On your own
#
# - Repeat section 4 with the standard deviation 0.02, and with 0.3. Which curves move, and why?
# - Draw `gradient_sizes` of your own placement: give `encoder` a fifth case.
# - Multiply the outputs of all sublayers in post-norm by 0.1. What happens to the skip path's gradient, and what is lost?
#
# ## Further reading
#
# - `minires show vanilla`, `minires show pre_norm`: equations, known mistakes. `minires show deepnorm` and
#   `minires show mix_ln` mend post-norm in two ways.
# - Xiong et al. 2020 (2002.04745), section 3; Wang et al. 2022 (2203.00555), DeepNorm.
# - Kim et al. 2025 (2502.02732), Peri-LN: the sandwich at scale.
