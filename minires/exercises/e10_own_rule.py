"""Two exercises of tutorial 10, learning through a reservoir: the whole way back, and an online rule of the student's own."""

import numpy as np

from minires.exercises.records import ByLaws, ByValue, Exercise, Law, Wrong


def bptt(W, a, z, x_0, D):
    """dL/dW, dL/da, dL/dx_0 of x_t = (1 - a) x_{t-1} + a tanh(W x_{t-1} + z_t)."""
    return backwards(W, a, z, x_0, D)


def backwards(W, a, z, x_0, D, slope=lambda h, after: 1 - h ** 2, gain=True, through=np.transpose, kept=True, late=False,
              retained=True, summed=True, last=None):
    """`bptt`, with the choices that people get wrong: each is right by default."""
    states, A = [x_0], []
    for z_t in z:
        A.append(np.tanh(W @ states[-1] + z_t))
        states.append((1 - a) * states[-1] + a * A[-1])
    dW, da, carry = np.zeros_like(W), 0.0, np.zeros_like(x_0)
    for t in reversed(range(len(z))):
        before, after, h = states[t], states[t + 1], A[t]
        G = D[t] + (0 if last == t + 1 else carry)
        q = (a if gain else 1) * G * slope(h, after)
        dW = (dW if summed else 0) + np.outer(q, after if late else before)
        da = da + G @ (h - before * retained)
        carry = (1 - a) * G * kept + through(W) @ q
    return dW, da, carry


def other(**choices):
    """The way back with other choices."""
    return lambda W, a, z, x_0, D: backwards(W, a, z, x_0, D, **choices)


def bptt_arguments(rng):
    """Six steps of four units."""
    return (0.6 * rng.standard_normal((4, 4)), rng.uniform(0.2, 0.45), rng.standard_normal((6, 4)), rng.standard_normal(4),
            rng.standard_normal((6, 4)))


BPTT = ByValue(bptt, bptt_arguments, {
    "adjoint-through-W": Wrong(other(through=lambda W: W)),
    "adjoint-without-carry": Wrong(other(kept=False)),
    "slope-at-the-state": Wrong(other(slope=lambda h, after: 1 - after ** 2)),
    "adjoint-without-gain": Wrong(other(gain=False)),
    "weights-gradient-of-the-new-state": Wrong(other(late=True)),
    "leak-gradient-without-retention": Wrong(other(retained=False)),
    "gradient-overwritten": Wrong(other(summed=False)),
    "gradient-truncated": Wrong(other(last=4)),
    "slope-missing": Wrong(other(slope=lambda h, after: 1), "the slope of tanh is missing", "q_t = a G_t (1 - h_t^2)")})


# ---- a rule of one's own ---------------------------------------------------------------------------------------------

UNITS, ROWS = 6, 200


def own_rule(w, x, y, memory):
    """Affine projection: be right on the last four rows, with the least change."""
    rows = ([] if memory is None else memory)[-3:] + [(x, y)]
    F, Y = np.array([row for row, _ in rows]), np.array([target for _, target in rows])
    return w + np.linalg.pinv(F, rcond=1e-9) @ (Y - F @ w), rows


def projection(w, x, y, memory, rate=1.0):
    """Normalised least mean squares."""
    return w + rate * x * (y - x @ w) / (x @ x), None


def rows_of(rng):
    """Correlated features (ROWS, UNITS), as the states of a reservoir are, and weights that give their targets."""
    mixing = rng.standard_normal((UNITS, UNITS)) * 0.4 ** np.arange(UNITS)
    return rng.standard_normal((ROWS, UNITS)) @ mixing.T, rng.standard_normal(UNITS)


def learning(rule, F, right):
    """The errors (ROWS,), each before its update."""
    w, memory, errors = np.zeros(UNITS), None, []
    for x in F:
        errors.append(x @ (right - w))
        w, memory = rule(w, x, x @ right, memory)
    return np.array(errors)


def shrinks(rule, F, right):
    """Whether the first update makes the error on its row smaller."""
    x, y, w = F[0], F[0] @ right, right[::-1]
    return abs(y - x @ rule(w, x, y, None)[0]) < abs(y - x @ w)


def rests(rule, F, right):
    """Whether nothing changes where the error is 0."""
    return np.allclose(rule(right, F[0], F[0] @ right, None)[0], right, rtol=0, atol=1e-9)


def any_scale(rule, F, right):
    """Whether features a thousand times as large, with the same targets, are learnt."""
    errors = learning(rule, 1000 * F, right / 1000)
    return bool(np.all(np.isfinite(errors))) and late(errors) <= np.mean(errors[:5] ** 2)


def late(errors):
    """The mean square error of rows 20 to 60."""
    return np.mean(errors[20:60] ** 2)


def ahead(rule, F, right):
    """Whether it has at most a quarter of the error of normalised least mean squares."""
    return late(learning(rule, F, right)) <= late(learning(projection, F, right)) / 4


OWN_RULE = ByLaws(own_rule, lambda rng: (np.zeros(UNITS), rng.standard_normal(UNITS), float(rng.standard_normal()), None), {
    "shrinks": Law(lambda rule, *_: shrinks(rule, *rows_of(np.random.default_rng(1))), "the error on the row does not shrink",
                   "move w along x, by a part of the error y - x w"),
    "rests": Law(lambda rule, *_: rests(rule, *rows_of(np.random.default_rng(1))), "w changes although the error is 0",
                 "multiply every change by an error"),
    "any-scale": Law(lambda rule, *_: any_scale(rule, *rows_of(np.random.default_rng(2))),
                     "features a thousand times as large make it diverge", "divide by the size of the features, x x"),
    "ahead": Law(lambda rule, *_: all(ahead(rule, *rows_of(np.random.default_rng(seed))) for seed in (3, 4, 5)),
                 "correlated features are learnt hardly faster than by normalised least mean squares",
                 "remember more than w: earlier rows, or how large the features are in each direction"),
}, {
    "shrinks": lambda w, x, y, memory: (projection(w, x, y, memory, -0.5)[0], None),
    "rests": lambda w, x, y, memory: (projection(0.99 * w, x, y, memory)[0], None),
    "any-scale": lambda w, x, y, memory: (w + 0.02 * x * (y - x @ w), None),
    "ahead": lambda w, x, y, memory: (projection(w, x, y, memory, 0.5)[0], None),
}, shaped=False)

EXERCISES = {"bptt": Exercise("all the way back", 3, 20, BPTT),
             "own_rule": Exercise("an online rule of your own", 4, 30, OWN_RULE)}
