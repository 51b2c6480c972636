"""Gradients through long series in the memory of a short one: keep the state at every sqrt(T)-th step, run the rest again.

One level of checkpoints (Griewank & Walther 2000 give the optimal schedule of many): memory sqrt(T) for one more forward pass.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import autograd.numpy as np
import numpy
from autograd.extend import defvjp_argnums, primitive
from autograd.tracer import getval

from minires.errors import require, whole_number
from minires.differentiation import value_and_gradient
from minires.parameters import flatten, unflatten
from minires.reservoir.checks import check_series
from minires.reservoir.echo_state import run


def accumulate(statistic, weights, params, u, *rows, x_0=None, f="tanh", chunk=None):
    """sum over chunks of statistic(weights, states, *rows) and the last state, without ever holding all states.

    statistic  (weights, states (chunk, N), *rows of the chunk) -> a number or an array: a sum over its rows of time
    weights    a tree of arrays that the statistic needs, a readout for example; {} where it needs none
    params     of the reservoir, without W_fb
    u, rows    (T, d), (T, .) or with B in front; a row of each for each step
    chunk      steps between two kept states; default sqrt(T), rounded up

    Differentiable in weights, params, u, rows and x_0; memory grows as T / chunk + chunk instead of T.
    """
    require("W_fb" not in params, "W_fb in the parameters: expected none; the teacher may be columns of u")
    u, x_0, _, _ = check_series(params, u, x_0, None, None, f, None, 0.0, None)
    T = numpy.shape(getval(u))[-2]
    for i, row in enumerate(rows):
        require(numpy.ndim(getval(row)) >= 2 and numpy.shape(getval(row))[-2] == T,
                f"rows[{i}] has shape {numpy.shape(getval(row))}: expected {T} steps as in u, in the last axis but one")
    require(T > 0, "u has no rows: expected at least one step")
    chunk = math.isqrt(T - 1) + 1 if chunk is None else whole_number("chunk", chunk)
    places = [slice(start, start + chunk) for start in range(0, T, chunk)]
    flat = flatten({"weights": weights, "params": params, "series": {"u": u, "rows": dict(enumerate(rows))}, "x_0": x_0})
    return total(Plan(statistic, tuple(flat), places, f), *flat.values())[:2]


class Plan(NamedTuple):
    """What is summed over which chunks; the leaves of the tree travel apart, as autograd wants them."""

    statistic: Callable
    names: tuple   # of the leaves; x_0 is the last
    places: list   # the slice of time of each chunk
    f: str

    def cut(self, leaves, place):
        """The leaves of one chunk: its rows of the series, all of the others."""
        return [leaf[..., place, :] if name.startswith("series") else leaf for name, leaf in zip(self.names, leaves)]

    def part(self, leaves, x):
        """One chunk's share of the total, and the state at its end."""
        tree = unflatten(dict(zip(self.names, leaves)))
        states, last = run(tree["params"], tree["series"]["u"], x, f=self.f)
        return self.statistic(tree.get("weights", {}), states, *tree["series"].get("rows", [])), last


@primitive
def total(plan, *leaves):
    """The forward pass: the sum, the last state, and of all states the one before each chunk."""
    value, x, kept = 0, leaves[-1], []
    for place in plan.places:
        kept.append(x)
        share, x = plan.part(plan.cut(leaves, place), x)
        x, value = numpy.array(x), value + share  # a copy: a view would keep the whole chunk
    return value, x, numpy.stack(kept)


def total_vjp(argnums, ans, arguments, _):
    """Chunk by chunk from the last: from the adjoint of x at its end, that of x at its start and of every leaf."""
    plan, *leaves = arguments

    def vjp(g):
        g_value, carry, _ = g
        sums = [numpy.zeros_like(leaf) for leaf in leaves]
        for place, x in zip(reversed(plan.places), reversed(ans[2])):
            weighted = lambda tree: inner(g_value, carry, *plan.part(tree["leaves"], tree["x"]))
            _, slopes = value_and_gradient(weighted, {"leaves": plan.cut(leaves, place), "x": x})
            carry = slopes.pop("x")
            for i, (name, slope) in enumerate(zip(plan.names, slopes.values())):
                sums[i] = put(sums[i], place, slope) if name.startswith("series") else sums[i] + slope
        sums[-1] = carry
        return tuple(sums[i - 1] for i in argnums)
    return vjp


defvjp_argnums(total, total_vjp)


def put(series, place, rows):
    """The series with the rows at their place."""
    series[..., place, :] = rows
    return series


def inner(g_value, g_last, value, last):
    """<g_value, value> + <g_last, last>: its gradient is the vector-Jacobian product of (value, last)."""
    return np.sum(g_value * value) + np.sum(g_last * last)
