# %% [markdown]
# # 08 The echo-state network: train the readout only
#
# You build a random recurrent network of which only the last layer is fitted, see what its states keep of the input, and
# can tell a reservoir that does something from one that merely remembers.
#
# - Time: 45 minutes
# - Needs: nothing but NumPy
# - You learn: to write the leaky kernel and its ridge readout, to set a spectral radius, to choose a control, to test states
#   and not scores
# - Paper: Jaeger 2001, The echo state approach to analysing and training recurrent neural networks (GMD report 148, no
#   arXiv id); Atiya, Parlos 2000, New results on recurrent network training (no arXiv id), for the task
#
# Run the cells in order. Where a cell asks for a guess, change it before you run the next one.

# %%
import numpy as np

from minires.course import show, slider
from minires.exercises import check
from minires.figures.parts import new_figure, tidy
from minires.reservoir import features, kernels, predict, rescale, ridge, run
from minires.tasks.series import driven_narma, make_series

# %% [markdown]
# ## 1 By hand
#
# N units, each with one number as its state. At each step a unit hears the input and the states of the step before:
#
#     p_t = W x_{t-1} + W_in u_t + b
#     x_t = (1 - a) x_{t-1} + a tanh(p_t)
#
# `a` is the leak rate, in (0, 1]. Two units, a = 1, no bias; unit 0 hears the input, which is a single pulse of 1. W has a
# single weight that is not zero:

# %%
W_two = np.array([[0.0, 1.0], [0.0, 0.0]])
W_in_two = np.array([[1.0], [0.0]])
pulse = np.array([[1.0], [0.0], [0.0]])  # (T, d) = (3, 1)

# %% [markdown]
# **Predict.** What is the state of unit 1 at the second step, the one after the pulse? tanh(1) is 0.762, tanh(0.762) is
# 0.642.

# %%
guess = 0.642

# %%
x = np.zeros(2)
for u in pulse:
    x = np.tanh(W_two @ x + W_in_two @ u)
    print("unit 0:", x[0].round(3), "unit 1:", x[1].round(3), "(guessed", guess, "for unit 1 at the second step)")

# %% [markdown]
# Nothing arrives: `W[i, j]` is what unit i hears **of** unit j, so `W[0, 1]` leads from unit 1 to unit 0. The transposed
# matrix lets the pulse through. In a random W one cannot see which of the two it is, and a score does not tell either
# (section 5): a port can have it for years.

# %%
x = np.zeros(2)
for u in pulse:
    x = np.tanh(W_two.T @ x + W_in_two @ u)
    print("transposed: unit 0:", x[0].round(3), "unit 1:", x[1].round(3))

# %% [markdown]
# And the leak? One unit without any recurrence, a = 0.5: the pulse makes it 0.5 tanh(1) = 0.381, and then it halves.

# %%
x, halves = 0.0, []
for u in pulse[:, 0]:
    x = 0.5 * x + 0.5 * np.tanh(u)
    halves.append(round(float(x), 4))
print("one unit, a = 0.5:", halves)

# %% [markdown]
# ## 2 The model, in the open
#
# Letters: T steps, d inputs, N units, q outputs. First the weights. W is drawn, then divided by its **spectral radius**,
# the largest absolute value of its eigenvalues, and multiplied by the radius that is wanted.
#
# **Predict.** 100 units, entries uniform between -1 and 1: what is the spectral radius before it is set?

# %%
guess = 1.0
N, d, a, radius = 100, 1, 0.8, 0.9

# %%
numbers = np.random.default_rng(0)
drawn = numbers.uniform(-1, 1, (N, N))  # (N, N)
W_in = 0.1 * numbers.uniform(-1, 1, (N, d))  # (N, d)
b = 0.2 * numbers.uniform(-1, 1, N)  # (N,)
size = np.max(np.abs(np.linalg.eigvals(drawn)))
W = drawn * radius / size
print("spectral radius: guessed", guess, "is", size.round(2), "; for large N near sqrt(N / 3) =", round((N / 3) ** 0.5, 2))

# %%
def states_of(u, W, W_in, b, a):
    x, kept = np.zeros(len(W)), []
    for u_t in u:
        x = (1 - a) * x + a * np.tanh(W @ x + W_in @ u_t + b)
        kept.append(x)
    return np.array(kept)  # (T, N)


# %% [markdown]
# Nothing of this is ever trained. What is trained is a linear map of the features `f_t = [u_t; x_t]`, by ridge regression:
#
#     min over W_o, b_o of  ||F W_o + 1 b_o - Y||^2 + lambda ||W_o||^2
#
# The bias is not penalised, so F and Y are centred first. Rows `sqrt(lambda) I` below F do the rest; the first 100 steps,
# the **washout**, are left out, since the state still shows there that it began at zero.

# %%
def fit(F, Y, strength):
    mean_F, mean_Y = F.mean(axis=0), Y.mean(axis=0)
    rows = np.concatenate([F - mean_F, np.sqrt(strength) * np.eye(F.shape[1])])  # (T + F, F)
    below = np.zeros((F.shape[1], Y.shape[1]))
    W_o = np.linalg.lstsq(rows, np.concatenate([Y - mean_Y, below]), rcond=None)[0]  # (F, q)
    return W_o, mean_Y - mean_F @ W_o


# %% [markdown]
# The task is NARMA-10: `u(t)` is uniform in [0, 0.5], and from u up to t one is to say
#
#     y(t+1) = 0.3 y(t) + 0.05 y(t) (y(t) + y(t-1) + .. + y(t-9)) + 1.5 u(t-9) u(t) + 0.1

# %%
def narma(u):
    y, u = np.zeros(len(u) + 10), np.concatenate([np.zeros(9), u[:, 0]])  # y[t + 9] is y(t)
    for t in range(len(u) - 9):
        y[t + 10] = 0.3 * y[t + 9] + 0.05 * y[t + 9] * y[t:t + 10].sum() + 1.5 * u[t] * u[t + 9] + 0.1
    return y[10:, None]  # (T, 1): row t is y(t+1)


# %%
WASHOUT, TRAIN = 100, 2000
u = make_series("narma", 3000, np.random.default_rng(1)).inputs  # (T, 1), a draw that does not diverge
y = narma(u)
X = states_of(u, W, W_in, b, a)
F = np.concatenate([u, X], axis=1)
W_o, b_o = fit(F[WASHOUT:TRAIN], y[WASHOUT:TRAIN], 1e-2)
outputs = F @ W_o + b_o
print("states", X.shape, "= (T, N); features", F.shape, "; W_o", W_o.shape, "; outputs", outputs.shape, "= (T, q)")

# %% [markdown]
# ## 3 Your lines and the library's
#
# The same weights, the same input: task, radius, states and outputs agree to 1e-12. (The outputs do so because lambda is 0.01.
# At 1e-8, which section 5 uses, the weights of the readout are near 1000, and the last bit of the states, where yours and the
# library's may differ, moves outputs by some 1e-9.)

# %%
params = {"W": rescale(drawn, "spectral_radius", radius), "W_in": W_in, "b": b, **kernels.leaky(a)}
theirs, last = run(params, u)
readout = ridge(features(theirs, u)[WASHOUT:TRAIN], y[WASHOUT:TRAIN], 1e-2)
assert np.allclose(narma(u), driven_narma(u).targets, rtol=0, atol=1e-12)
assert np.allclose(W, params["W"], rtol=0, atol=1e-12)
assert np.allclose(X, theirs, rtol=0, atol=1e-12)
assert np.allclose(outputs, predict(readout, features(theirs, u)), rtol=0, atol=1e-12)
print("the same to 1e-12: states", theirs.shape, "outputs", outputs.shape)

# %% [markdown]
# ## 4 What the leak does
#
# The input is a pulse at step 5 and a step up at step 30. Each line is one unit of the reservoir above, at another leak
# rate. With a = 1 the units jump and ring; with a small leak rate they move slowly, and the pulse hardly reaches them, but
# what does reach them stays. (The bias alone moves them from zero in the first steps: that is what the washout is for.)

# %%
steps = np.arange(60)
signal = np.where((steps == 5) | (steps >= 30), 5.0, 0.0)[:, None]  # (T, d)
LINES = (("#000000", "-"), ("#0072B2", "--"), ("#D55E00", "-."))


def draw(axes, leak):
    states = states_of(signal, W, W_in, b, leak)
    for unit, (colour, line) in enumerate(LINES):
        axes.plot(states[:, unit], color=colour, linestyle=line, label=f"unit {unit}")
    tidy(axes, xlabel="step t", ylabel="state x_t", ylim=(-1, 1))
    axes.legend(frameon=False, loc="lower left", fontsize=8, handlelength=3)


# %%
slider(draw, "States of three units under a pulse and a step: smooth and slow at a leak rate of 0.05, quick and jagged at 1.",
       leak=(0.05, 1.0, 0.3))

# %% [markdown]
# ## 5 The paper's claim, on a toy
#
# Jaeger's claim: a large random recurrent network with echo states holds a rich memory of its input, and a trained linear
# readout of it is enough for tasks that need memory and nonlinearity. On NARMA-10 with 100 units, what is due to which?
# The error is NRMSE: root mean square error divided by the standard deviation of the target; predicting the mean has 1.
#
# Five models, each with the same ridge readout and five seeds:
#
# - **input alone**: no reservoir, features `u_t`;
# - **last 100 inputs**: no reservoir, features `u_t .. u_{t-99}`: memory without any nonlinearity;
# - **no recurrence**: W = 0, a = 1: nonlinearity without memory;
# - **linear reservoir**: the reservoir without tanh;
# - **reservoir**: all of it, a = 1.
#
# **Predict** the error of the second, the linear control.

# %%
guess = 0.9


def delays(u, count):
    return np.concatenate([np.concatenate([np.zeros((k, 1)), u[:len(u) - k]]) for k in range(count)], axis=1)  # (T, count)


def error(F, y, strength=1e-8):
    W_o, b_o = fit(F[WASHOUT:TRAIN], y[WASHOUT:TRAIN], strength)
    return float(np.sqrt(np.mean((F[TRAIN:] @ W_o + b_o - y[TRAIN:]) ** 2)) / np.std(y[TRAIN:]))


# %%
def drawn_reservoir(seed):
    numbers = np.random.default_rng(seed)
    W = rescale(numbers.uniform(-1, 1, (N, N)), "spectral_radius", radius)
    return {"W": W, "W_in": numbers.uniform(-0.1, 0.1, (N, 1)), "b": numbers.uniform(-0.2, 0.2, N), **kernels.leaky(1.0)}


def five(seed):
    u, p = make_series("narma", 3000, np.random.default_rng(seed)).inputs, drawn_reservoir(seed + 100)
    models = {"input alone": u, "last 100 inputs": delays(u, 100)}
    for name, own, f in (("no recurrence", {**p, "W": 0 * p["W"]}, "tanh"), ("linear reservoir", p, "identity"),
                         ("reservoir", p, "tanh")):
        models[name] = features(run(own, u, f=f)[0], u)
    return {name: error(F, narma(u)) for name, F in models.items()}


# %%
found = [five(seed) for seed in range(5)]
errors = {name: np.array([each[name] for each in found]) for name in found[0]}
for name, values in errors.items():
    print(f"{name:17} NRMSE {values.mean():.3f}, five seeds", values.round(3).tolist())
print("linear control: guessed", guess, "is", errors["last 100 inputs"].mean().round(3))

# %%
figure = new_figure(6.4, 3.2)
axes = figure.subplots()
for row, (marker, (name, values)) in enumerate(zip("ovs^D", errors.items())):
    axes.plot(values, [row] * len(values), marker, color="#0072B2" if name == "reservoir" else "#000000", fillstyle="none")
tidy(axes, xlabel="NRMSE on the test rows (rmse / standard deviation of the target)", xlim=(0, 1), ylim=(4.5, -0.5))
axes.set_yticks(range(len(errors)), errors)
show(figure, "Test errors of five models on NARMA-10, five seeds each: input alone and no recurrence near 0.87, the last 100 "
             "inputs and the linear reservoir near 0.38, the reservoir between 0.24 and 0.30.")

# %% [markdown]
# Most of the gain is memory: a linear readout of the last inputs has it without any network. What the reservoir adds, from
# 0.38 to below 0.3, is the nonlinearity, and it needs both together: tanh without recurrence is no better than the input
# itself. A paper that reports 0.3 on NARMA-10 and compares it with 1 has shown less than it seems.
#
# **How much does the score tell of the code?** Five faults in the update, each with its own fitted readout. **Predict** the
# mean error of the reservoir whose W is transposed, if the right one has 0.296 (a = 0.8 here, so that there is a leak).

# %%
guess = 0.6


def faulty(kind, u, p, leak=0.8):
    x, kept, (W, W_in, b) = np.zeros(N), [], (p["W"], p["W_in"], p["b"])
    for u_t in u:
        z = W_in @ u_t
        h = {"none": lambda: np.tanh(W @ x + z + b), "W transposed": lambda: np.tanh(W.T @ x + z + b),
             "bias outside tanh": lambda: np.tanh(W @ x + z) + b, "tanh per part": lambda: np.tanh(W @ x) + np.tanh(z + b),
             "leak forgotten": lambda: np.tanh(W @ x + z + b), "no bias": lambda: np.tanh(W @ x + z)}[kind]()
        x = h if kind == "leak forgotten" else (1 - leak) * x + leak * h
        kept.append(x)
    return np.array(kept)  # (T, N)


# %%
KINDS = ("none", "W transposed", "bias outside tanh", "tanh per part", "leak forgotten", "no bias")
scores = {kind: [] for kind in KINDS}
for seed in range(3):
    u, p = make_series("narma", 3000, np.random.default_rng(seed)).inputs, drawn_reservoir(seed + 100)
    right, target = faulty("none", u, p), narma(u)
    for kind in KINDS:
        X = faulty(kind, u, p)
        scores[kind].append((error(features(X, u), target), np.max(np.abs(X - right))))
for kind, values in scores.items():
    print(f"{kind:18} NRMSE {np.mean(values, axis=0)[0]:.3f} ({', '.join(f'{e:.3f}' for e, _ in values)}),",
          f"largest difference of a state {max(each for _, each in values):.2g}")
print("W transposed: guessed", guess)

# %% [markdown]
# With W transposed, or the bias outside, the error lies within what another seed does; without the leak it is lower in all
# three; the worst fault costs a fifth, which one would put down to a choice of settings. The readout is fitted to whatever
# states there are, and W^T is as good a random matrix as W. So a score cannot test an echo-state network; only states can,
# against known ones, as in section 3 and in the first exercise below.
#
# What it shows: on this task memory comes first, nonlinearity second, and a trained W is needed for neither. What it does
# not show: that a reservoir is better than a trained recurrent network (there was none), that these settings are good for
# another task, or that 100 units beat a small nonlinear regression on the last ten inputs. You can try that one below.

# %% [markdown]
# ## 6 Exercises
#
# Each has a check that says in one line what is wrong. Levels: 1 easy to 4 open-ended.
#
# ### 08.stages: one step (level 1, 10 minutes)
#
# B series at once, as rows: `x` is (B, N), `u` (B, d), `W` (N, N), `W_in` (N, d), `b` (N,), `a` a number. Return four arrays
# (B, N): the drive `z`, which is W_in u_t + b; `p`, which adds W x to it; `h`, tanh of it; and the new state. Your function
# is put into a whole network, and an oracle judges every step.

# %%
def stages(x, u, W, W_in, b, a):
    ### BEGIN SOLUTION
    z = u @ W_in.T + b
    p = x @ W.T + z
    h = np.tanh(p)
    return z, p, h, (1 - a) * x + a * h
    ### END SOLUTION


# %%
check("08.stages", stages)

# %% [markdown]
# ### 08.rows: the rows that count (level 1, 5 minutes)
#
# `states` (T, N), `u` (T, d), `y` (T, q). Return two arrays, the features `[u_t; x_t]`, in this order, and the targets,
# both without the first `washout` steps.

# %%
def rows(states, u, y, washout):
    ### BEGIN SOLUTION
    return np.concatenate([u, states], axis=1)[washout:], y[washout:]
    ### END SOLUTION


# %%
check("08.rows", rows)

# %% [markdown]
# ### 08.scaled: a spectral radius (level 2, 5 minutes)
#
# Return W (N, N) times a factor such that its spectral radius is `radius`.

# %%
def scaled(W, radius):
    ### BEGIN SOLUTION
    return W * radius / np.max(np.abs(np.linalg.eigvals(W)))
    ### END SOLUTION


# %%
check("08.scaled", scaled)

# %% [markdown]
# ### 08.readout: the readout (level 3, 15 minutes)
#
# `F` (rows, features), `Y` (rows, q). Return `W_o` (features, q) and `b_o` (q,) of ridge regression whose bias is not
# penalised. This time by the normal equations: set the derivative of the sum of section 2 to zero, and solve it with
# `np.linalg.solve`.

# %%
def readout(F, Y, strength):
    ### BEGIN SOLUTION
    centred = F - F.mean(axis=0)
    W_o = np.linalg.solve(centred.T @ centred + strength * np.eye(F.shape[1]), centred.T @ (Y - Y.mean(axis=0)))
    return W_o, Y.mean(axis=0) - F.mean(axis=0) @ W_o
    ### END SOLUTION


# %%
check("08.readout", readout)

# %% [markdown]
# ### 08.own_reservoir: a reservoir of your own (level 4, 25 minutes)
#
# Return the parameters of a reservoir of at most 50 units with one input, drawn from a generator of this `seed`: a dict with
# "W", "W_in", "K", "g" and, if wanted, "b", as in section 3; `minires.reservoir.EchoState(units=50, ..).init(rng)` makes
# one, and there are other topologies and families (`minires.reservoir.TOPOLOGIES`, `FAMILIES`). The check runs NARMA-10. It
# wants a reservoir that hears its input, forgets where it began, and beats a linear readout of the last 20 inputs.

# %%
def own_reservoir(seed):
    from minires.reservoir import EchoState
    ### BEGIN SOLUTION
    return EchoState(units=50, input_scale=0.1, radius=0.95).init(np.random.default_rng(seed))
    ### END SOLUTION


# %%
check("08.own_reservoir", own_reservoir)

# %% [markdown]
# ## On your own
#
# - Give the linear control of section 5 one product: the column `u_t u_{t-9}`. How near does it come? And with all products
#   of two of the last ten inputs?
# - Draw the error of the reservoir against the scale of W_in, from 0.01 to 3. Why is there a best one?
# - Leave the washout out, and put `x_0 = 1` for all units. For how many steps do the outputs differ?
#
# ## Further reading
#
# - Jaeger 2001, GMD report 148, with the erratum of 2010: what echo states are, and when they exist. Tutorial 09 goes on there.
# - Lukosevicius 2012, A practical guide to applying echo state networks (no arXiv id): what to set, in which order.
# - Rodan, Tino 2011, Minimum complexity echo state network (no arXiv id): a ring of equal weights does as well.
# - `minires.reservoir.kernels`: what other families keep and gain.
