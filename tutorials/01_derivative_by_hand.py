# %% [markdown]
# # 01 A derivative by hand: vector-Jacobian products, and how far to trust them
#
# You take the derivative of a small residual network by hand, teach autograd a rule of your own, and check both until
# thirty digits agree, so that you can tell a right gradient from one that only looks right.
#
# - Time: 50 minutes
# - Needs: nothing but NumPy and the chain rule
# - You learn: to write a backward pass, to give autograd a rule, to choose a check that finds the mistake
# - Paper: Baydin, Pearlmutter, Radul, Siskind 2015, Automatic differentiation in machine learning: a survey (1502.05767)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
from decimal import Decimal, localcontext

import autograd.numpy as anp
import numpy as np
from autograd import grad
from autograd.extend import defvjp, primitive
from autograd.tracer import getval

import minires.layers
from minires.course import show
from minires.exercises import check
from minires.figures.parts import new_figure, tidy
from minires.gradients import value_and_gradient

# %% [markdown]
# ## 1 By hand
#
# A softmax of two numbers, `p_i = exp(z_i) / sum_j exp(z_j)`. Its Jacobian has the entries
#
#     dp_i / dz_j = p_i (1 - p_i)  where i = j,   - p_i p_j  elsewhere
#
# Nobody builds this matrix. Given is a vector g, the derivative of the loss by each p_i; wanted is that by each z_j:
#
#     dz_j = sum_i g_i dp_i / dz_j = p_j (g_j - sum_i g_i p_i)
#
# That is a **vector-Jacobian product**, VJP: the rule by which one operation hands a gradient back.

# %%
z = np.array([0.0, np.log(3.0)])

def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


p = softmax(z)
print("p =", p.round(12).tolist())

# %% [markdown]
# **Predict.** The loss is `p_1` itself, so g = (1, 0), and p = (1/4, 3/4). What is dz?

# %%
guess = [0.25, 0.0]

# %%
g = np.array([1.0, 0.0])
dz = p * (g - np.sum(g * p))
J = np.diag(p) - np.outer(p, p)  # (2, 2)
print("dz: guessed", guess, "is", dz.round(12).tolist(), "and with the whole Jacobian", (g @ J).round(12).tolist())

# %% [markdown]
# 3/16 and -3/16: to raise `z_2` takes from `p_1` as much as to raise `z_1` gives. The entries of dz always sum to 0,
# since adding a number to all z changes nothing. And for g = (1, 1), the gradient of `p_1 + p_2`? Section 5 needs it.

# %% [markdown]
# ## 2 The model, in the open
#
# One residual block and a classifier. Letters: T tokens, D width, F inner width, V classes.
#
#     h = tanh(x W_1 + b_1)          y = x + h W_2 + b_2          z = y W
#     loss = - mean over the tokens of ln softmax(z)[target]
#
# `tanh` and `log` take whatever numbers an array holds: floats, complex numbers, and Python's `Decimal` with 60 digits.

# %%
tanh = lambda u: 1 - 2 / (np.exp(2 * u) + 1)
log = lambda a: np.frompyfunc(Decimal.ln, 1, 1)(a) if a.dtype == object else np.log(a)

def forward(p, x):
    h = tanh(x @ p["W_1"] + p["b_1"])  # (T, F)
    y = x + h @ p["W_2"] + p["b_2"]  # (T, D)
    return h, y, y @ p["W"]  # the last: (T, V)

def loss(p, x, targets):
    P = softmax(forward(p, x)[2])  # (T, V)
    return -log(P[np.arange(len(x)), targets]).sum() / len(x)

# %% [markdown]
# Backward, from the last line to the first. Three rules are enough. A product `u = a W + b`: da = g W^T, dW = a^T g, and
# db is the sum of g over the rows. A function of each entry: g times its slope. And where one array is used twice, as x is
# by the residual path and by the branch, **its gradients add**.

# %%
def backward(p, x, targets):
    h, y, z = forward(p, x)
    one_hot = np.eye(z.shape[1], dtype=int)[targets]  # (T, V)
    g_z = (softmax(z) - one_hot) / len(x)  # (T, V)
    g_y = g_z @ p["W"].T  # (T, D)
    g_u = g_y @ p["W_2"].T * (1 - h ** 2)  # (T, F)
    g_x = g_y + g_u @ p["W_1"].T  # (T, D): the residual path, and the branch
    return {"W": y.T @ g_z, "W_2": h.T @ g_y, "b_2": g_y.sum(0), "W_1": x.T @ g_u, "b_1": g_u.sum(0), "x": g_x}

# %%
T, D, F, V = 5, 3, 2, 4
rng = np.random.default_rng(0)
shapes = {"W_1": (D, F), "b_1": (F,), "W_2": (F, D), "b_2": (D,), "W": (D, V)}
params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
x, targets = rng.standard_normal((T, D)), rng.integers(V, size=T)
gradient = backward(params, x, targets)
print({name: g.shape for name, g in gradient.items()})

# %% [markdown]
# **Predict.** Many networks start with the last map of each branch at zero, here `W_2 = 0`. Which gradients are zero
# then? Name them.

# %%
guess = {"W_1", "b_1", "W_2", "x"}

# %%
at_zero = backward({**params, "W_2": np.zeros((F, D))}, x, targets)
print("zero: guessed", sorted(guess), "is", sorted(name for name, g in at_zero.items() if not np.any(g)))

# %% [markdown]
# Only what stands before the zero in its own branch. `W_2` has a gradient, `h^T g_y`, and moves in the first step; x has all
# of `g_y`, which came along the residual path. So a gradient gets down a deep stack even where no branch hands any back.

# %% [markdown]
# ## 3 Your lines and the library's
#
# The library differentiates the same function with autograd: each operation of `autograd.numpy` carries its VJP with it,
# and each fused one of `minires/layers.py` has its own, written under it. Every gradient agrees to 1e-12.

# %%
def library_loss(p):
    h = anp.tanh(minires.layers.linear(p["x"], p["W_1"], p["b_1"]))
    y = p["x"] + minires.layers.linear(h, p["W_2"], p["b_2"])
    return minires.layers.cross_entropy(minires.layers.linear(y, p["W"]), targets, np.ones(T))


value, theirs = value_and_gradient(library_loss, {**params, "x": x})
assert np.allclose(value, loss(params, x, targets), rtol=0, atol=1e-12)
for name, g in gradient.items():
    assert np.allclose(g, theirs[name], rtol=0, atol=1e-12)
print("the loss and", len(gradient), "gradients agree to 1e-12")

# %% [markdown]
# Your rule becomes autograd's with two lines: `primitive` hides the inside of a function, `defvjp` says how it hands a
# gradient back. `ans` is what the function has returned.

# %%
own_softmax = primitive(softmax)
defvjp(own_softmax, lambda ans, z: lambda g: ans * (g - np.sum(g * ans, axis=-1, keepdims=True)))
weights, z = rng.standard_normal((T, V)), forward(params, x)[2]  # (T, V) each
through = [grad(lambda z: anp.sum(weights * f(z) ** 2))(z) for f in (own_softmax, minires.layers.softmax)]
assert np.allclose(*through, rtol=0, atol=1e-12)
print("the gradient through your rule", through[0].shape, "agrees with that through the library's")

# %% [markdown]
# One trap. The functions of plain NumPy work on autograd's traced arrays too, but some of them (`concatenate`, `stack`,
# `where`, `einsum`) take the array apart. **Predict** the gradient of `sum((concatenate([a]) + a)^2)` at a = (1, 2) when
# `concatenate` is plain NumPy's. (The function is `sum((2 a)^2)`, its gradient 8 a.)

# %%
guess = [8.0, 16.0]

# %%
a = np.array([1.0, 2.0])
for name, library in (("plain NumPy", np), ("autograd.numpy", anp)):
    found = grad(lambda a: anp.sum((library.concatenate([a]) + a) ** 2))(a)
    print(f"{name:14} guessed", guess, "is", [float(getval(each)) for each in found], "of dtype", found.dtype)

# %% [markdown]
# Half of it: the path through `concatenate` is lost, without an error or a warning; the only trace is the dtype. In a
# network this is a residual path that hands no gradient back. So gradients are checked.

# %% [markdown]
# ## 4 The step, and thirty digits
#
# A check needs a derivative that knows nothing of your rules, from the function's values alone. Four ways, with a step h:
#
#     forward   (f(x + h) - f(x)) / h              error of the formula about h
#     central   (f(x + h) - f(x - h)) / 2 h        about h^2
#     complex   imaginary part of f(x + i h) / h   about h^2, and no difference is taken
#     central, in 60 digits
#
# Float64 rounds f by about 1e-16, and a difference divides that by h. **Predict** the step that is best for the central
# difference in float64.

# %%
guess = 1e-12

# %%
first = np.eye(1, D * F).reshape(D, F)  # 1 at [0, 0]
moved = lambda h: {**params, "W_1": params["W_1"] + h * first}

def exact(tree):  # a Decimal made from a float is exactly that float
    return {name: np.vectorize(Decimal, otypes=[object])(array) for name, array in tree.items()}

def central_60(p, x, name, index, h=Decimal(10) ** -20):
    ends = []
    for step in (h, -h):
        array = p[name].copy()
        array[index] += step
        ends.append(loss({**p, name: array}, x if name != "x" else array, targets))
    return (ends[0] - ends[1]) / (2 * h)

# %%
f = lambda p: loss(p, x, targets)
formulas = {
    "forward": lambda h: (f(moved(h)) - f(params)) / h,
    "central": lambda h: (f(moved(h)) - f(moved(-h))) / (2 * h),
    "complex": lambda h: f(moved(1j * h)).imag / h}
steps = 10.0 ** -np.arange(1, 31)
with localcontext() as context:
    context.prec = 60
    p60 = exact({**params, "x": x})
    true = backward(p60, p60["x"], targets)["W_1"][0, 0]
    relative = lambda found: float(abs(Decimal(found) / true - 1))
    errors = {name: [relative(float(formula(h))) for h in steps] for name, formula in formulas.items()}
    errors["central, 60 digits"] = [relative(central_60(p60, p60["x"], "W_1", (0, 0), Decimal(float(h)))) for h in steps]
print(f"best step of the central difference: guessed {guess:.0e}, is {steps[np.argmin(errors['central'])]:.0e}")
for name, own in errors.items():
    print(f"{name:18} smallest error about 1e{np.log10(min(own)):.0f}")

# %%
figure = new_figure(6.4, 4.2)
axes = figure.subplots()
looks = (("#000000", "-", "o"), ("#0072B2", "--", "s"), ("#D55E00", "-.", "^"), ("#009E73", ":", "D"))
for (name, own), (color, line, marker) in zip(errors.items(), looks):
    axes.loglog(steps, own, color=color, linestyle=line, marker=marker, markersize=4, label=name)
axes.legend(frameon=False, loc="lower left", handlelength=3.5)
tidy(axes, xlabel="step h", ylabel="relative error of the derivative", xlim=(1, 1e-31))
show(figure, "Error of the derivative against the step: in float64 forward and central differences turn near 1e-7 and 1e-5 and "
             "climb to 1, the complex step falls to 1e-16 and stays; the central difference in 60 digits falls to 1e-39.")

# %% [markdown]
# Each difference falls with its formula's error and climbs with the rounding's: in float64 the best central step is near
# the cube root of 1e-16. The complex step has nothing to cancel, but the function must be analytic: no `max`, no `abs`. Sixty
# digits move the turn to a step near 1e-20, and the error there to 1e-39.
#
# So at a step of 1e-20 the VJPs and the differences, which share no rule, must agree to 30 digits at every coordinate:

# %%
with localcontext() as context:
    context.prec = 60
    by_rule = backward(p60, p60["x"], targets)
    for name, array in p60.items():
        pairs = [(by_rule[name][index], central_60(p60, p60["x"], name, index)) for index in np.ndindex(array.shape)]
        apart = max(abs(a - b) for a, b in pairs) / max(abs(a) for a, _ in pairs)
        print(f"{name:4} {len(pairs):2} coordinates, worst difference relative to the largest: 1e{float(apart.log10()):.0f}")
        assert apart < Decimal(10) ** -30

# %% [markdown]
# The library does the same on all of its variants with balls, numbers that carry a bound of their own error. They need
# python-flint, the extra "oracle"; where that is missing, Decimal has to do.

# %%
try:
    from minires.oracle.exact.differences import confirm
    for row in confirm(library_loss, {**params, "x": x}):
        print(f"{row.parameter:4} {row.coordinates:2} coordinates, digits that agree at the worst: {int(row.digits)}")
        assert row.digits > 30
except ImportError as missing:
    print(missing)

# %% [markdown]
# ## 5 What a check finds, on a toy
#
# Reverse mode is exact up to rounding (Baydin et al.) if every rule is right. So plant wrong rules in LayerNorm's
# `y = (x - mean x) / s`, `s = sqrt(var x + epsilon)`, whose right rule is `dx = (g - mean g - y mean(y g)) / s`. Three
# checks compare the gradient of `sum(g y)` with central differences at each coordinate: **ones** (all g = 1) and **random**
# (g normal) in float64, with the tolerance 1e-6; **digits** (g normal) in 60 digits, with 1e-30.

# %%
def standardize(x, epsilon):
    c = x - x.sum(-1, keepdims=True) / x.shape[-1]
    s = np.sqrt((c * c).sum(-1, keepdims=True) / x.shape[-1] + epsilon)  # (T, 1)
    return c / s, s

mean = lambda a: a.sum(-1, keepdims=True) / a.shape[-1]
RULES = {
    "right (the control)": lambda g, y, s, n, epsilon: (g - mean(g) - y * mean(y * g)) / s,
    "mean held constant": lambda g, y, s, n, epsilon: (g - y * mean(y * g)) / s,
    "variance held constant": lambda g, y, s, n, epsilon: (g - mean(g)) / s,
    "n - 1 for n in the variance": lambda g, y, s, n, epsilon: (g - mean(g) - y * (y * g).sum(-1, keepdims=True) / (n - 1)) / s,
    "epsilon forgotten": lambda g, y, s, n, epsilon: (g - mean(g) - y * mean(y * g)) / np.sqrt(s * s - epsilon)}

# %%
def objected(rule, x, g, h, epsilon, relative, absolute):
    y, s = standardize(x, epsilon)
    by_rule, different = rule(g, y, s, x.shape[-1], epsilon), False
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] += h
        ends = [np.sum(g * standardize(x + sign * step, epsilon)[0]) for sign in (1, -1)]
        numeric = (ends[0] - ends[1]) / (2 * h)
        different |= abs(by_rule[index] - numeric) > relative * abs(numeric) + absolute
    return bool(different)

def three_checks(rule, seed):
    numbers = np.random.default_rng(seed)
    x, g = numbers.standard_normal((2, 4, 5))  # (4, 5) each
    floats = [objected(rule, x, weights, 1e-5, 1e-12, 1e-6, 1e-6) for weights in (np.ones((4, 5)), g)]
    with localcontext() as context:
        context.prec = 60
        e = exact({"x": x, "g": g, "epsilon": np.array([1e-12])})
        fine = objected(rule, e["x"], e["g"], Decimal(10) ** -20, e["epsilon"][0], Decimal(10) ** -30, Decimal(10) ** -30)
    return [*floats, fine]

# %% [markdown]
# Epsilon is 1e-12, as in BERT. **Predict** how many of the four wrong rules each check finds.

# %%
guess = {"ones": 3, "random": 4, "digits": 4}

# %%
SEEDS = 5
found = {name: np.array([three_checks(rule, seed) for seed in range(SEEDS)]).sum(axis=0) for name, rule in RULES.items()}
print(f"times that a rule is objected to, of {SEEDS} seeds:")
for name, times in found.items():
    print(f"{name:28}", dict(zip(guess, times.tolist())))
wrong = np.array([times for name, times in found.items() if "control" not in name])
print("wrong rules found by each: guessed", guess, "is", dict(zip(guess, (wrong == SEEDS).sum(axis=0).tolist())))

# %% [markdown]
# The sum of a standardised row is 0 whatever x is, as the sum of a softmax is 1: with g = 1 the gradient is 0, and a rule
# may be wrong in all that multiplies this 0. A random g finds what is wrong by more than the tolerance. A forgotten epsilon
# changes the gradient by 1e-12 of itself, less than the differences' own error in float64; where the variance is as small
# as epsilon, the same mistake is a factor.
#
# What it shows: what a check can find depends on the weights of its sum, and on its digits. What it does not show: how
# often people make these mistakes, or that a rule is right at other points, at ties or at kinks.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 01.softmax: the rule of a softmax (level 1, 5 minutes)
#
# `g` (.., T, S) is the gradient by the probabilities `P` (.., T, S), each row of which is a softmax. Return the gradient by
# what the softmax was taken of.

# %%
def softmax_rule(g, P):
    ### BEGIN SOLUTION
    return P * (g - np.sum(g * P, axis=-1, keepdims=True))
    ### END SOLUTION

# %%
check("01.softmax", softmax_rule)

# %% [markdown]
# ### 01.block: the rule of a residual block (level 2, 15 minutes)
#
# `y = x + tanh(x W_1 + b_1) W_2` with a batch: x (B, T, D), W_1 (D, F), b_1 (F,), W_2 (F, D). `g` (B, T, D) is the gradient
# by y. Return a dict of the gradients by "x", "W_1", "b_1", "W_2", each of the shape of what it belongs to.

# %%
def block_rule(g, x, W_1, b_1, W_2):
    ### BEGIN SOLUTION
    h = np.tanh(x @ W_1 + b_1)  # (B, T, F)
    g_u = g @ W_2.T * (1 - h ** 2)  # (B, T, F)
    rows = lambda a: a.reshape(-1, a.shape[-1])
    return {"x": g + g_u @ W_1.T, "W_1": rows(x).T @ rows(g_u), "b_1": rows(g_u).sum(axis=0), "W_2": rows(h).T @ rows(g)}
    ### END SOLUTION

# %%
check("01.block", block_rule)

# %% [markdown]
# ### 01.norm: the rule of RMSNorm with a gain (level 3, 20 minutes)
#
# `y = gain x / sqrt(mean(x^2) + epsilon)`, the mean over the last axis; x (T, D), gain (D,). Return two arrays, the
# gradients by x and by the gain. Derive it: write `y = gain n`, `n = x / s`, and differentiate s too.

# %%
def norm_rule(g, x, gain, epsilon):
    ### BEGIN SOLUTION
    s = np.sqrt(np.mean(x ** 2, axis=-1, keepdims=True) + epsilon)  # (T, 1)
    n, g_n = x / s, g * gain
    return (g_n - n * np.mean(n * g_n, axis=-1, keepdims=True)) / s, np.sum(g * n, axis=0)
    ### END SOLUTION

# %%
check("01.norm", norm_rule)

# %% [markdown]
# ### 01.own_check: a check of your own (level 4, 25 minutes)
#
# Return True where the rule is right, else False. `function(x)` returns an array of the shape of x (T, D), `rule(g, x)` the
# gradient by x; `rng` gives random numbers. Your check is checked: it must accept right rules, also where the function is
# a million times as steep, and reject rules that are wrong by a factor, where a sum with ones is blind, in one coordinate,
# or where all gradients are small.

# %%
def own_check(function, rule, x, rng):
    ### BEGIN SOLUTION
    g = rng.standard_normal(x.shape)
    numeric = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        numeric[index] = np.sum(g * (function(x + step) - function(x - step))) / 2e-5
    return bool(np.max(np.abs(rule(g, x) - numeric)) <= 1e-6 * np.max(np.abs(numeric)))
    ### END SOLUTION

# %%
check("01.own_check", own_check)

# %% [markdown]
# ## On your own
#
# - Give `own_softmax` the rule `p g`, with the denominator held constant, and train a small classifier with it. Does it learn?
# - Add a fourth check to section 5: one random direction instead of every coordinate. What does it miss, what does it save?
# - Set epsilon to 1 in section 5. Which check finds the forgotten epsilon now?
#
# ## Further reading
#
# - Baydin, Pearlmutter, Radul, Siskind 2015 (1502.05767), section 3: forward and reverse mode.
# - Squire, Trapp 1998, Using complex variables to estimate derivatives of real functions, SIAM Review 40: the complex step.
# - Johansson 2016 (1611.02831): the balls of `minires.oracle.exact`. `minires/layers.py`: operations, each above its rule.
