"""What a held-out fault is, and the ways to change a function.

A fault replaces one function of a port by change(up, port, *arguments), where up is the function as it is.
"""

from typing import Callable, NamedTuple

import torch


class Fault(NamedTuple):
    """One fault. `at`: the names whose first local divergence points at the step that was broken, a regular expression."""

    does: str
    method: str        # of the port
    change: Callable
    at: str
    cases: tuple       # ids


def after(change):
    """A change of what the function returns."""
    return lambda up, port, *arguments: change(up(*arguments))


def before(change):
    """A change of the function's first argument."""
    return lambda up, port, x, *rest: up(change(x), *rest)


def only(names, change):
    """A change of a sublayer's parameters of some names, for `weight`."""
    return lambda up, port, W, name, at: change(up(W, name, at)) if name in names else up(W, name, at)


def backwards(forward, backward):
    """The value of the first, the derivative of the second."""
    return backward + (forward - backward).detach()


def other_derivative(change):
    """The function's value; the derivative of change(*its arguments)."""
    return lambda up, port, *arguments: backwards(up(*arguments), change(*arguments))


class Turned(torch.autograd.Function):
    """The identity with a map of the gradient."""

    @staticmethod
    def forward(context, x, change):
        """x."""
        context.change = change
        return x.view_as(x)

    @staticmethod
    def backward(context, slope):
        """The changed gradient."""
        return context.change(slope), None


def slope_after(change):
    """A change of the gradient that comes back to the function's result."""
    return lambda up, port, *arguments: Turned.apply(up(*arguments), change)


def slope_before(change):
    """A change of the gradient that the function gives its first argument."""
    return lambda up, port, x, *rest: up(Turned.apply(x, change), *rest)
