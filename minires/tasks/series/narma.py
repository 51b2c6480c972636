"""NARMA: a nonlinear moving average of products of inputs, in the forms that go by this name.

    y(t+1) = f(c1 y(t) + c2 y(t) S(t) + c3 u(t-l) u(t) + c4) + o        u(t), y(t) = 0 before the first row

    form                  S(t)                     l     f                  o    (c1, c2, c3, c4)
    atiya_parlos          y(t) + ... + y(t-n+1)    n-1   1; tanh at n = 20  0    n = 10, 20, 30: see FORMS
    tanh                  y(t) + ... + y(t-n+1)    n-1   tanh               0    the same
    rodan_tino            y(t) + ... + y(t-n+1)    n-1   tanh               .2   n = 20: (.3, .05, 1.5, .01)
    shifted               y(t-1) + ... + y(t-n)    n     1                  0    n = 10, 30
    without_newest        y(t-1) + ... + y(t-n+1)  n-1   1                  0    n = 10, 30
    without_memory_term   none                     n-1   1                  0    n = 10: (.3, 0, 1.5, .1)
    weak_memory_term      y(t) + ... + y(t-n+1)    n-1   1                  0    n = 30, 60: (.3, .01, 1.5, .1)

symbols: u input in [0, highest], y output, n `order`, l the older input's delay, S the sum over the past outputs.
source: Atiya & Parlos 2000 (IEEE Trans. Neural Networks 11:697), n = 10; Schrauwen et al. 2008 (Neurocomputing 71:1159),
    n = 30; Rodan & Tino 2011 (IEEE Trans. Neural Networks 22:131), n = 20. The others are what public code computes: `shifted`
    is reservoirpy 0.4.2's narma (its documentation shows atiya_parlos), `without_newest` is sum(y[t-9:t]) of many a script,
    `without_memory_term` and `weak_memory_term` are narma10.csv and narma30.csv of andreaceni/ResESN, by regression
    (order 60: NennoMP/DeepResESN).
    Scores on one form are not comparable with scores on another.
"""

from typing import NamedTuple

import numpy as np

from minires.checks import check_generator
from minires.errors import number, one_of, positive, require, whole_number
from minires.tasks.series.series import Series, table_of

COEFFICIENTS = {10: (0.3, 0.05, 1.5, 0.1), 20: (0.3, 0.05, 1.5, 0.01), 30: (0.2, 0.04, 1.5, 0.001)}


class Form(NamedTuple):
    """One line of the table above; `delays` and `lag` are functions of the order n."""
    coefficients: dict                                 # order n -> (c1, c2, c3, c4)
    delays: callable = lambda n: (0, n - 1)            # the newest and the oldest y(t-i) of the sum
    lag: callable = lambda n: n - 1                    # l
    squash: callable = lambda n: lambda total: total   # f
    outside: float = 0.0                               # o


PLAIN = {n: COEFFICIENTS[n] for n in (10, 30)}  # without tanh order 20 diverges in most draws of 2000 steps
FORMS = {
    "atiya_parlos": Form(COEFFICIENTS, squash=lambda n: np.tanh if n == 20 else lambda total: total),
    "tanh": Form(COEFFICIENTS, squash=lambda n: np.tanh),
    "rodan_tino": Form({20: COEFFICIENTS[20]}, squash=lambda n: np.tanh, outside=0.2),
    "shifted": Form(PLAIN, delays=lambda n: (1, n), lag=lambda n: n),
    "without_newest": Form(PLAIN, delays=lambda n: (1, n - 1)),
    "without_memory_term": Form({10: (0.3, 0.0, 1.5, 0.1)}),
    "weak_memory_term": Form({30: (0.3, 0.01, 1.5, 0.1), 60: (0.3, 0.01, 1.5, 0.1)}),
}


def chosen(order, form, coefficients):
    """(n, Form, (c1, c2, c3, c4)), each checked; other orders than the published ones need coefficients."""
    order, shape = whole_number("order", order, 2), one_of("form of NARMA", form, FORMS)
    known = shape.coefficients
    if coefficients is None:
        near = min(known, key=lambda n: abs(n - order))
        require(order in known, f"order={order}: form {form} has coefficients for order {', '.join(map(str, known))}; "
                                f"expected one of them, such as {near}, or coefficients=(c1, c2, c3, c4)")
        coefficients = known[order]
    require(isinstance(coefficients, (tuple, list, np.ndarray)) and len(coefficients) == 4,
            f"coefficients={coefficients!r}: expected four numbers (c1, c2, c3, c4)")
    return order, shape, tuple(number(f"c{i}", c) for i, c in enumerate(coefficients, 1))


def following(y, memory, older, u, coefficients):
    """c1 y(t) + c2 y(t) S(t) + c3 u(t-l) u(t) + c4, from y(t), S(t), u(t-l) and u(t)."""
    c1, c2, c3, c4 = coefficients
    return c1 * y + c2 * (y * memory) + c3 * older * u + c4


def response(u, order=10, form="atiya_parlos", coefficients=None):
    """y(t+1) for each u(t): u (..., T) -> (..., T) of the dtype of u. A run that diverges ends as inf or NaN, without error."""
    n, shape, given = chosen(order, form, coefficients)
    (newest, oldest), lag, squash = shape.delays(n), shape.lag(n), shape.squash(n)
    T, past = u.shape[-1], max(oldest, lag)
    before = np.zeros(u.shape[:-1] + (past,), dtype=u.dtype)
    u = np.concatenate([before, u], axis=-1)  # (..., past + T)
    y = np.zeros(u.shape[:-1] + (past + T + 1,), dtype=u.dtype)  # (..., past + T + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(past, past + T):
            memory = np.sum(y[..., t - oldest:t - newest + 1], axis=-1)  # (...)
            inside = following(y[..., t], memory, u[..., t - lag], u[..., t], given)  # (...)
            y[..., t + 1] = squash(inside) + shape.outside
    return y[..., past + 1:]


def first_beyond(y, bound):
    """The first t with |y_t| > bound (or not a number) in y (T,), or None."""
    beyond = ~(np.abs(y) <= bound)  # (T,)
    return int(np.argmax(beyond)) if beyond.any() else None


def narma(length, rng, order=10, form="atiya_parlos", coefficients=None, highest=0.5, washout=200, bound=2.0, tries=100):
    """Predict y(t+1) from u up to t: inputs u(t) ~ U[0, highest] and targets y(t+1), both (length, 1).

    The recurrence can diverge: at highest=.5 1 % of the draws of 2000 steps of order 10 do, at .55 two thirds, at .6 all.
    A draw that leaves |y| <= bound is thrown away whole and drawn again (`redraws` counts; the same generator gives the
    same series); ValueError after `tries`. u and y are zero before the first row, and `washout` rows are discarded:
    without them y needs some n rows to forget that start.

    >>> narma(5, np.random.default_rng(0)).targets.shape
    (5, 1)
    """
    length, washout = whole_number("length", length), whole_number("washout", washout, 0)
    n, _, given = chosen(order, form, coefficients)
    highest, bound, tries = positive("highest", highest), positive("bound", bound), whole_number("tries", tries)
    require(length + washout > n, f"length={length}, washout={washout}: expected more than order={n} rows together")
    options = {"length": length, "order": n, "form": form, "coefficients": list(given), "highest": highest,
               "washout": washout, "bound": bound, "tries": tries}
    for redraws in range(tries):
        u = check_generator(rng).uniform(0.0, highest, washout + length)  # (washout + T,)
        y = response(u, n, form, given)  # (washout + T,)
        step = first_beyond(y, bound)
        if step is None:
            return Series("narma", u[washout:, None], y[washout:, None], options, columns=("u",), redraws=redraws)
    raise ValueError(f"NARMA of order {n} left |y| <= {bound} in each of {tries} draws, the last at step {step}: "
                     f"expected a smaller highest input than {highest}, 0.5 for instance, or fewer rows")


def driven_narma(u, order=10, form="atiya_parlos", coefficients=None, bound=2.0):
    """The same task on an input of your own, u (T, 1); ValueError that names the step where |y| leaves the bound.

    >>> driven_narma(np.full((20, 1), 0.25), order=10).targets[:2, 0].round(6).tolist()
    [0.1, 0.1305]
    """
    u, bound = table_of("u", u), positive("bound", bound)
    require(u.shape[1] == 1, f"u of shape {u.shape}: expected one input (T, 1)")
    u = u if u.dtype.kind == "f" else u.astype(np.float64)
    n, _, given = chosen(order, form, coefficients)
    require(len(u) > n, f"u has {len(u)} rows: expected more than order={n}")
    y = response(u[:, 0], n, form, given)  # (T,)
    step = first_beyond(y, bound)
    require(step is None, f"NARMA of order {n} leaves |y| <= {bound} at step {step} of this u: expected inputs in [0, 0.5]")
    return Series("narma", u, y[:, None], {"order": n, "form": form, "coefficients": list(given), "bound": bound}, ("u",))
