"""Exercises of tutorial 13, invent a residual: the weights of leaky values, a law, their derivative."""

import numpy as np

from minires.exercises.records import ByLaws, ByValue, Exercise, Law, Wrong


def weights(a):
    """W (L, L) of V'_n = (1 - a_n) V'_{n-1} + a_n V_n: W[n, i] the weight of V_i in V'_n."""
    W = np.eye(len(a))
    for n in range(1, len(a)):
        W[n] = (1 - a[n]) * W[n - 1] + a[n] * W[n]
    return W


def own_values_carried(a):
    """V'_n = (1 - a_n) V_{n-1} + a_n V_n."""
    W = np.diag(np.concatenate([[1.0], a[1:]]))
    for n in range(1, len(a)):
        W[n, n - 1] = 1 - a[n]
    return W


def first_carried(a):
    """V'_n = (1 - a_n) V_1 + a_n V_n."""
    W = np.diag(np.concatenate([[1.0], a[1:]]))
    W[1:, 0] = 1 - a[1:]
    return W


def leaking_from_the_start(a):
    """V'_1 = a_1 V_1."""
    W = weights(a)
    return np.concatenate([W[:, :1] * a[0], W[:, 1:]], axis=1)


WEIGHTS = ByValue(weights, lambda rng: (rng.uniform(0.2, 0.9, 5),), {
    "own-values-carried": Wrong(own_values_carried, "the own values of the layer below are carried, V_{n-1} for V'_{n-1}",
                                "carry what the layer below used: row n - 1 of W, whole"),
    "first-values-carried": Wrong(first_carried, "V_1 is carried, as in ResFormer", "carry V'_{n-1}: row n - 1 of W"),
    "leak-exchanged": Wrong(lambda a: weights(np.concatenate([a[:1], 1 - a[1:]])), "a and 1 - a are exchanged",
                            "a_n weighs the new value"),
    "first-layer-leaks": Wrong(leaking_from_the_start, "layer 1 leaks too", "V'_1 = V_1: a[0] is not used")})


# ---- a law -----------------------------------------------------------------------------------------------------------

def causal(f, x):
    """Whether no output of f depends on a later token."""
    return all(unmoved(f, x, t, slice(0, t)) for t in range(1, len(x)))


def unmoved(f, x, t, rows):
    """Whether these rows of f stay where token t changes."""
    changed = x.copy()
    changed[t] = changed[t] + 1.0
    return bool(np.max(abs(f(changed)[rows] - f(x)[rows])) <= 1e-9)


def running_sum(x):
    """A causal map that is not linear."""
    return np.tanh(np.cumsum(x, axis=0))


def with_last_in_second(x):
    """A map in which output 1 sees the last token, and nothing else looks ahead."""
    y = running_sum(x)
    return np.concatenate([y[:1], y[1:2] + x[-1], y[2:]])


def with_third_in_first(x):
    """A map in which output 0 sees token 2."""
    y = running_sum(x)
    return np.concatenate([y[:1] + x[2], y[1:]])


def refuses(*maps):
    """The law that each of these maps is refused."""
    return lambda function, f, x: not any(function(each, x) for each in maps)


CAUSAL = ByLaws(causal, lambda rng: (running_sum, rng.standard_normal((5, 3))), {
    "accepts-causal": Law(lambda function, f, x: function(f, x) and function(lambda x: 2 * x, x),
                          "a causal map is refused", "compare only the rows before the token that you change"),
    "sees-the-mean": Law(refuses(lambda x: x - np.mean(x, axis=0)), "the mean over all tokens is let through",
                         "change a token and compare the rows before it"),
    "sees-the-last": Law(refuses(with_last_in_second), "a look at the last token from the second is let through",
                         "change the last token too, and compare every row before it"),
    "sees-the-middle": Law(refuses(with_third_in_first), "a look at the third token is let through",
                           "change each token in turn, not the last alone"),
}, {
    "accepts-causal": lambda f, x: all(unmoved(f, x, t, slice(0, None)) for t in range(1, len(x))),
    "sees-the-mean": lambda f, x: bool(np.all(np.isfinite(f(x)))),
    "sees-the-last": lambda f, x: all(unmoved(f, x, t, slice(0, 1)) for t in range(1, len(x))),
    "sees-the-middle": lambda f, x: unmoved(f, x, len(x) - 1, slice(0, len(x) - 1)),
}, draws=2)


# ---- back through the leaks ------------------------------------------------------------------------------------------

def slopes(V, a, G, handed=lambda a: 1 - a, below=lambda V, used, n: used[n - 1]):
    """The derivative by a (L,); G (L, C) that by V'_n through layer n's attention alone."""
    used = weights(a) @ V  # (L, C)
    result, g = np.zeros(len(a)), np.zeros(V.shape[1])
    for n in range(len(V) - 1, 0, -1):
        g = G[n] + g
        result[n] = g @ (V[n] - below(V, used, n))
        g = handed(a[n]) * g
    return result


def arguments(rng):
    """V, a, G."""
    return rng.standard_normal((5, 3)), rng.uniform(0.2, 0.9, 5), rng.standard_normal((5, 3))


def changed(**parts):
    """The derivative with a part of it wrong."""
    return lambda V, a, G: slopes(V, a, G, **parts)


SLOPES = ByValue(lambda V, a, G: slopes(V, a, G), arguments, {
    "past-detached": Wrong(changed(handed=lambda a: 0.0), "what later layers are handed has no gradient",
                           "g_n = G_n + (1 - a_{n+1}) g_{n+1}: go from the last layer down"),
    "handed-undamped": Wrong(changed(handed=lambda a: 1.0), "the gradient is handed down whole", "times 1 - a_{n+1}"),
    "handed-by-the-leak": Wrong(changed(handed=lambda a: a), "the gradient is handed down times a", "times 1 - a_{n+1}"),
    "own-value-below": Wrong(changed(below=lambda V, used, n: V[n - 1]), "V_{n-1} stands for V'_{n-1}",
                             "d V'_n / d a_n = V_n - V'_{n-1}"),
    "past-not-subtracted": Wrong(changed(below=lambda V, used, n: 0.0), "only a_n V_n depends on a_n",
                                 "(1 - a_n) depends on it too: V_n - V'_{n-1}")})

EXERCISES = {
    "weights": Exercise("who counts how much", 1, 10, WEIGHTS),
    "causal": Exercise("write a law", 2, 15, CAUSAL),
    "slopes": Exercise("back through the leaks", 3, 20, SLOPES),
}
