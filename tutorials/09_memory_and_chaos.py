# %% [markdown]
# # 09 Memory, chaos and what a reservoir can hold
#
# You measure how many steps of its past a reservoir still knows, see when it forgets where it began, and can tell what a
# bigger radius, a stronger input and a nonlinearity each cost.
#
# - Time: 45 minutes
# - Needs: 08
# - You learn: to measure memory capacity without fooling yourself, to compute a conditional Lyapunov exponent, to say why a
#   spectral radius of 1 is no boundary
# - Paper: Jaeger 2002, Short term memory in echo state networks (GMD report 152, no arXiv id); Bertschinger, Natschlaeger
#   2004, Real-time computation at the edge of chaos (no arXiv id); Dambre, Verstraeten, Schrauwen, Massar 2012, Information
#   processing capacity of dynamical systems (no arXiv id)
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires.course import show, slider
from minires.exercises import check
from minires.figures.parts import new_figure, tidy
from minires.reservoir import EchoState, kernels, run
from minires.reservoir.measures.linear_memory import linear_memory
from minires.reservoir.measures.lyapunov import lyapunov_exponents
from minires.reservoir.measures.memory import memory_of
from minires.reservoir.measures.processing import processing_capacity

# %% [markdown]
# ## 1 By hand
#
# Three units in a ring, without tanh, each weight r; unit 0 hears the input, unit 1 hears unit 0, unit 2 unit 1, and unit 0
# unit 2 again:
#
#     unit 0:  u_t         + r^3 u_{t-3} + r^6 u_{t-6} + ..
#     unit 1:  r u_{t-1}   + r^4 u_{t-4} + ..
#     unit 2:  r^2 u_{t-2} + r^5 u_{t-5} + ..
#
# The inputs are independent draws. How well does a linear readout of the state know the input of k steps ago? Measure it by
# the squared correlation `MC_k`, 0 to 1; the **memory capacity** is its sum over k = 1, 2, ... Only unit 1 knows anything of
# `u_{t-1}`, and its share in the variance of that unit is
#
#     MC_1 = r^2 / (r^2 + r^8 + r^14 + ..) = 1 - r^6
#
# **Predict.** Which of three rings remembers one step back best: r = 0.5, 0.9 or 0.99?

# %%
guess = 0.99

# %%
def ring(N, r):
    return {"W": r * np.roll(np.eye(N), 1, axis=0), "W_in": np.eye(N, 1), **kernels.leaky(1.0)}  # (N, N), (N, 1)


for r in (0.5, 0.9, 0.99):
    curve = [r ** (6 * (k // 3)) * (1 - r ** 6) for k in range(600)]  # MC_k = r^(2 N floor(k / N)) (1 - r^(2 N))
    print(f"r = {r:4}: MC_1 = {curve[1]:.3f}, MC_4 = {curve[4]:.3f}, sum over k = 0, 1, ..: {sum(curve):.3f}")
print("guessed", guess)

# %% [markdown]
# The weakest ring knows the last steps best. With r near 1 unit 1 still holds `u_{t-4}`, `u_{t-7}` and so on nearly as loud
# as `u_{t-1}`, and one number cannot hold them all: a network that never forgets cannot tell what is new. All three have the
# same total, 3: **N numbers hold N inputs**, and r only says over how many steps they are spread (Jaeger 2002).

# %% [markdown]
# ## 2 Two measures, in the open
#
# Letters: T steps, N units. The states come from the library, which you rebuilt in tutorial 08. First the memory. For each
# delay k a linear readout is fitted on one part of the rows, and judged on another; between them lie k_max rows, so that no
# input is a target in both. For a target that is forgotten r^2 is not 0 but about 1 / rows; that is taken away.

# %%
def memory(X, u, k_max, train):
    T = len(X)
    Y = np.stack([u[k_max - k:T - k, 0] for k in range(1, k_max + 1)], axis=1)  # (T - k_max, k_max), u(t-k)
    X = X[k_max:]  # (T - k_max, N)
    mean = X[:train].mean(axis=0)
    W_o = np.linalg.pinv(X[:train] - mean, rcond=1e-10) @ Y[:train]  # (N, k_max)
    predicted, Y = (X[train + k_max:] - mean) @ W_o, Y[train + k_max:]  # (rows, k_max)
    predicted, Y = predicted - predicted.mean(axis=0), Y - Y.mean(axis=0)
    squares = (predicted ** 2).sum(axis=0) * (Y ** 2).sum(axis=0)
    curve = np.divide((predicted * Y).sum(axis=0) ** 2, squares, out=np.zeros(k_max), where=squares > 0)
    return curve - (1 - curve) / (len(Y) - 2)  # (k_max,)


# %% [markdown]
# Then the forgetting. Two states that differ by a little v differ by `J_t v` one step later, J the Jacobian of the step:
#
#     J_t = (1 - a) I + a diag(1 - h_t^2) W,    h_t = tanh(W x_{t-1} + W_in u_t + b)
#
# The mean of `ln |J_t v| / |v|`, v scaled back to length 1 after each step, is the largest **conditional Lyapunov
# exponent**: negative where states come together under this input, positive where they part. Here a = 1.

# %%
def largest_exponent(X, u, params, v, washout=100):
    before = np.concatenate([np.zeros((1, len(v))), X[:-1]])  # (T, N), x_{t-1}
    h = np.tanh(before @ params["W"].T + u @ params["W_in"].T + params.get("b", 0))  # (T, N)
    logs, v = [], v / np.linalg.norm(v)
    for slope in 1 - h ** 2:
        new = slope * (params["W"] @ v)  # J_t v
        logs.append(np.log(np.linalg.norm(new)))
        v = new / np.linalg.norm(new)
    return np.mean(logs[washout:])


# %% [markdown]
# A reservoir of 50 units, random, radius 0.9. **Predict** its memory capacity, of at most 50.

# %%
guess = 45
N, K_MAX, TRAIN, WASHOUT = 50, 60, 2000, 200


def reservoir(seed, radius, scale, **others):
    return EchoState(units=N, radius=radius, input_scale=scale, bias_scale=0, **others).init(np.random.default_rng(seed))


def driven(params, seed, f="tanh"):
    u = np.random.default_rng(seed).uniform(-1, 1, (WASHOUT + 2 * K_MAX + TRAIN + 1000, 1))  # (T, 1), i.i.d.
    return run(params, u, f=f)[0][WASHOUT:], u[WASHOUT:]  # (T, N), (T, 1)


# %%
params = reservoir(0, 0.9, 0.1)
X, u = driven(params, 7)
curve = memory(X, u, K_MAX, TRAIN)
print("curve", curve.shape, "= (k_max,); memory capacity: guessed", guess, "is", curve.sum().round(1), "of", N)

# %% [markdown]
# ## 3 Your lines and the library's
#
# The memory curve, the exponent, and the exact capacity of the ring of section 1 agree to 1e-12.

# %%
theirs = memory_of(X, u, K_MAX, TRAIN)
assert np.allclose(curve, theirs.curve, rtol=0, atol=1e-12)
x, inputs = run(params, u[:1000])[0], u[:1000]
v = np.random.default_rng(5).standard_normal(N)
found = lyapunov_exponents(params, inputs, np.random.default_rng(5))
assert np.allclose(largest_exponent(x, inputs, params, v), found.exponents[0], rtol=0, atol=1e-12)
by_hand = [0.9 ** (6 * (k // 3)) * (1 - 0.9 ** 6) for k in range(7)]
assert np.allclose(by_hand, linear_memory(ring(3, 0.9)).curve, rtol=0, atol=1e-12)
print(theirs)
print(found)

# %% [markdown]
# ## 4 Does it forget where it began?
#
# The same reservoir is started twice, in two random states, and then gets the same input. "Echo states" means that the
# distance dies out: the state is then a function of the input alone. It is often said that a spectral radius below 1
# decides this.
#
# **Predict**, for a radius of 1.3: do the two runs come together without any input? And with an input uniform in [-1, 1]?

# %%
guess = {"no input": "apart", "input": "apart"}


def distances(radius, strength, seed=0, T=300):
    params = reservoir(seed, radius, 1.0)
    numbers = np.random.default_rng(seed + 1)
    u, starts = strength * numbers.uniform(-1, 1, (T, 1)), numbers.uniform(-1, 1, (2, N))
    first, second = (run(params, u, x_0)[0] for x_0 in starts)
    return np.linalg.norm(first - second, axis=1) / np.linalg.norm(starts[0] - starts[1])  # (T,)


# %%
for name, strength in (("no input", 0.0), ("input", 1.0)):
    ends = [distances(1.3, strength, seed)[-1] for seed in range(3)]
    print(f"radius 1.3, {name:8}: guessed {guess[name]}, distance after 300 steps:", ", ".join(f"{each:.1e}" for each in ends))

# %%
def draw(axes, radius):
    for strength, colour, line, name in ((0.0, "#000000", "-", "no input"), (1.0, "#0072B2", "--", "input in [-1, 1]")):
        axes.semilogy(np.maximum(distances(radius, strength), 1e-16), color=colour, linestyle=line, label=name)
    tidy(axes, xlabel="step t", ylabel="distance / first distance", ylim=(1e-23, 30))
    axes.legend(frameon=False, loc="lower right", fontsize=8, handlelength=3)


# %%
slider(draw, "Distance of two runs from different starts, on a logarithmic scale: at radius 0.8 both die out, at 1.3 only the "
             "driven one does, at 2.5 neither.", radius=(0.8, 2.5, 1.3))

# %% [markdown]
# What is below 1e-16 is rounding, and drawn at 1e-16. **Explain.** An input pushes units to where tanh is flat, 1 - h^2 is
# below 1, and J_t is smaller than W. So a radius above 1 excludes echo states only for inputs that contain silence, and a
# radius below 1 is no guarantee either: what is sufficient is that the largest singular value of W is below 1 (Jaeger 2001,
# propositions 3 and 4).

# %% [markdown]
# ## 5 The papers' claims, on a toy
#
# Jaeger 2002: the capacity is at most N for independent inputs, a linear ring reaches it, nonlinearity costs memory.
# Bertschinger and Natschlaeger 2004: networks compute best near the edge of chaos, where the exponent changes its sign.
#
# The control comes first. The same states, but the targets come from an **unrelated** series: whatever memory is found is
# made by the method. Once as above, and once with the readout judged on the rows that it was fitted on, as is often done.
# **Predict** the memory capacity of each, over 60 delays.

# %%
guess = {"test rows": 0, "training rows": 0}


def on_training_rows(X, u, k_max):
    Y = np.stack([u[k_max - k:len(u) - k, 0] for k in range(1, k_max + 1)], axis=1)
    X, Y = X[k_max:] - X[k_max:].mean(axis=0), Y - Y.mean(axis=0)
    fitted = X @ np.linalg.pinv(X, rcond=1e-10) @ Y
    return np.sum(fitted ** 2, axis=0) / np.sum(Y ** 2, axis=0)  # r^2 of a fit on its own rows, (k_max,)


# %%
for seed in range(3):
    X, _ = driven(reservoir(seed, 0.9, 0.1), seed)
    unrelated = np.random.default_rng(seed + 50).uniform(-1, 1, (len(X), 1))
    found = memory(X, unrelated, K_MAX, TRAIN).sum(), on_training_rows(X[:2000], unrelated[:2000], K_MAX).sum()
    print(f"memory of a series never heard: test rows {found[0]:+.2f}, training rows {found[1]:.2f}")
print("guessed", guess)

# %% [markdown]
# On its own rows a readout of 50 units explains 50 / 2000 of anything, for each of 60 delays: 1.5 units of memory of nothing.
# Measured values that exceed N come from there, or from rounding. Now the radius: two strengths of the input, three seeds.

# %%
RADII = np.array([0.5, 0.8, 0.95, 1.1, 1.3, 1.6, 2.0])


def both(seed, radius, scale):
    params = reservoir(seed, radius, scale)
    X, u = driven(params, seed + 20)
    x, v = run(params, u[:1100])[0], np.random.default_rng(seed).standard_normal(N)
    return memory(X, u, K_MAX, TRAIN).sum(), largest_exponent(x, u[:1100], params, v)


measured = {scale: np.array([[both(seed, radius, scale) for radius in RADII] for seed in range(3)])
            for scale in (0.1, 1.0)}
for scale, values in measured.items():  # (seeds, radii, 2)
    print(f"input scale {scale}:")
    for radius, (held, growth) in zip(RADII, values.mean(axis=0)):
        print(f"  radius {radius:4}: memory capacity {held:5.1f}, exponent {growth:+.3f}")

# %%
figure = new_figure(8.4, 3.6)
for panel, (axes, name) in enumerate(zip(figure.subplots(1, 2), ("memory capacity (steps)", "Lyapunov exponent (1 / step)"))):
    for (scale, values), colour, line, marker in zip(measured.items(), ("#000000", "#0072B2"), ("-", "--"), "os"):
        axes.errorbar(RADII, values[:, :, panel].mean(axis=0), values[:, :, panel].std(axis=0), color=colour, linestyle=line,
                      marker=marker, capsize=3, label=f"input scale {scale}")
    tidy(axes, xlabel="spectral radius of W", ylabel=name)
    axes.axvline(1, color="#7F7F7F", linewidth=1)
axes.axhline(0, color="#7F7F7F", linewidth=1)
axes.legend(frameon=False, loc="lower right", handlelength=3.5)
show(figure, "Left: memory capacity by spectral radius, highest at 0.95 for the weak input and near 1.1 for the strong one, "
             "then falling. Right: the exponent rises with the radius and crosses zero above 1, later for the strong input.")

# %% [markdown]
# Bars: one standard deviation over three seeds. Memory peaks where states still come together clearly, at an exponent of
# about -0.06 and -0.15, and it is well past its peak where the exponent reaches 0. And with the strong input nothing happens
# at radius 1 at all.
#
# What is lost, and to what? To structure: even where an input is so weak that tanh is nearly straight, a random W holds about
# 30 of 50, a ring or a random rotation nearly all; the states of the random one overlap too much. To nonlinearity: what is no
# memory any more may be products of past inputs. Dambre et al. 2012 count those as well, by degree: Legendre polynomials of
# past inputs in place of the inputs. All degrees together are at most N, and N if the network forgets its start.

# %%
KEPT = {"random": {}, "ring": {"topology": "cycle"}, "random rotation": {"family": "edge_of_stability"}}  # the last: ES2N
for name, own in KEPT.items():
    held = [memory(*driven(reservoir(seed, 0.9, 0.01, **own), seed), K_MAX, TRAIN).sum() for seed in range(3)]
    print(f"{name:15} N = {N}, input scale 0.01: memory capacity", np.round(held, 1).tolist())

# %%
for scale in (0.1, 1.0, 3.0):
    totals = []
    for seed in range(3):
        own = EchoState(units=10, radius=0.9, input_scale=scale, bias_scale=0.5).init(np.random.default_rng(seed))
        totals.append(processing_capacity(own, np.random.default_rng(seed), rows=10000, delays={1: 40, 2: 20, 3: 10}))
    degrees = np.mean([[each.degrees[k] for k in (1, 2, 3)] for each in totals], axis=0).round(1).tolist()
    print(f"N = 10, input scale {scale}: degrees 1, 2, 3: {degrees}, together", [round(each.value, 1) for each in totals])

# %% [markdown]
# The stronger the input, the less is memory (degree 1) and the more is products (degrees 2 and 3); what is missing to 10 has
# a higher degree or a longer delay than were counted.
#
# What it shows: memory is bounded by N, falls with nonlinearity, and is best before the edge of chaos, not at it; radius 1 is
# no boundary for a driven network. What it does not show: that more memory makes a task easier (a task may need products, or
# to forget), anything for inputs that are not independent, for which capacities may exceed N, or a law for other sizes.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 09.delayed: the targets of a memory (level 1, 5 minutes)
#
# `u` (T,). Return (T - k_max, k_max): for the rows t = k_max .. T - 1 the inputs `u(t-k)` of k = 1 .. k_max steps ago, k = 1
# in the first column.

# %%
def delayed(u, k_max):
    ### BEGIN SOLUTION
    return np.stack([u[k_max - k:len(u) - k] for k in range(1, k_max + 1)], axis=1)
    ### END SOLUTION


# %%
check("09.delayed", delayed)

# %% [markdown]
# ### 09.squared: how much is known (level 1, 10 minutes)
#
# `predicted` and `target` are both (rows, k). Return the squared correlation of each column with its own, (k,).

# %%
def squared(predicted, target):
    ### BEGIN SOLUTION
    p, y = predicted - predicted.mean(axis=0), target - target.mean(axis=0)
    return (p * y).sum(axis=0) ** 2 / ((p ** 2).sum(axis=0) * (y ** 2).sum(axis=0))
    ### END SOLUTION


# %%
check("09.squared", squared)

# %% [markdown]
# ### 09.jacobian: one step, linearised (level 2, 15 minutes)
#
# Return the Jacobian (N, N) of the leaky step `x_t = (1 - a) x_{t-1} + a tanh(W x_{t-1} + W_in u_t + b)` by x_{t-1}, at the
# state `x` (N,) and the input `u` (d,). `W` (N, N), `W_in` (N, d), `b` (N,), `a` a number. Entry [i, j]: how unit i moves
# when unit j did.

# %%
def jacobian(x, u, W, W_in, b, a):
    ### BEGIN SOLUTION
    h = np.tanh(W @ x + W_in @ u + b)
    return (1 - a) * np.eye(len(x)) + a * (1 - h ** 2)[:, None] * W
    ### END SOLUTION


# %%
check("09.jacobian", jacobian)

# %% [markdown]
# ### 09.exponent: how fast two states part (level 3, 15 minutes)
#
# `jacobians` (T, N, N) in the order of time, `v` (N,) a first difference of any length. Return a number, the mean over the
# steps of `ln(|J_t v| / |v|)`, v being what the steps before have made of it. With T large, a v that is never scaled back
# would overflow or vanish.

# %%
def exponent(jacobians, v):
    ### BEGIN SOLUTION
    logs = []
    for J in jacobians:
        new = J @ v
        logs.append(np.log(np.linalg.norm(new) / np.linalg.norm(v)))
        v = new / np.linalg.norm(new)
    return float(np.mean(logs))
    ### END SOLUTION


# %%
check("09.exponent", exponent)

# %% [markdown]
# ### 09.own_memory: a memory of your own (level 4, 25 minutes)
#
# Return the parameters of a reservoir of at most 20 units with one input, drawn from a generator of this `seed`: a dict with
# "W", "W_in", "K", "g" and, if wanted, "b". It is run with tanh. The check wants one that forgets its start without input,
# and a memory capacity of at least 18 for inputs uniform in [-0.8, 0.8]. A ring is one way; can you do it with a random
# orthogonal W, or with one of `minires.reservoir.FAMILIES`?

# %%
def own_memory(seed):
    ### BEGIN SOLUTION
    network = EchoState(units=20, topology="cycle", radius=0.9, input_scale=0.02, bias_scale=0)
    return network.init(np.random.default_rng(seed))
    ### END SOLUTION


# %%
check("09.own_memory", own_memory)

# %% [markdown]
# ## On your own
#
# - Measure the ring of 50 units at radius 0.99, 0.999 and 1. Section 1 says what the linear one does; what does tanh change?
# - Put a leak rate of 0.3 into `reservoir` and into `largest_exponent`. Does a leak make the memory longer, or larger?
# - Run NARMA-10 of tutorial 08 over the same radii. Is the best radius that of the most memory?
# - `linear_memory(reservoir(0, 0.9, 0.1))` says what a linear readout could get out of the random W with exact numbers, and
#   at which condition number. Compare with section 5.
#
# ## Further reading
#
# - Jaeger 2001, GMD report 148, with its erratum of 2010: what guarantees echo states, and what excludes them.
# - Ballarin, Grigoryeva, Ortega 2023 (2305.01457): why measured capacities of linear networks go wrong numerically.
# - Yildiz, Jaeger, Kiebel 2012, Re-visiting the echo state property (no arXiv id).
# - Ceni, Gallicchio 2024 (Neurocomputing, 127966; no arXiv id): residual reservoirs, which turn the state by a rotation;
#   `minires.reservoir.kernels` has them and ES2N as settings of one kernel.
