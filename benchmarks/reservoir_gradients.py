"""The gradient through time of a reservoir, beside autograd through the loop spelled out and PyTorch's loop."""

from functools import partial

import autograd.numpy as np
import numpy

from benchmarks.reservoir import Contest
from minires.gradients import value_and_gradient
from minires.reservoir import run
from minires.reservoir.kernels import leaky
from minires.spelling import spelling

INPUTS = 3


def case(N, T, dtype, lead):
    """Parameters, inputs and a target of the states; all of W, W_in, b and the leak a are differentiated by."""
    rng = numpy.random.default_rng(2)
    params = {"W": rng.standard_normal((N, N)) * 0.9 / N ** 0.5, "W_in": rng.uniform(-1, 1, (N, INPUTS)),
              "b": 0.2 * rng.standard_normal(N), "a": numpy.array(0.3)}
    u, target = rng.uniform(-1, 1, (*lead, T, INPUTS)), rng.standard_normal((*lead, T, N))
    return {name: value.astype(dtype) for name, value in params.items()}, u.astype(dtype), target.astype(dtype)


def ours(params, u, target, how="fused"):
    """Value and gradients of <target, states>."""
    def loss(p):
        return np.sum(target * run({"W": p["W"], "W_in": p["W_in"], "b": p["b"], **leaky(p["a"])}, u)[0])
    with spelling(how):
        value, gradient = value_and_gradient(loss, params)
    return [value, *(gradient[name] for name in params)]


def torch_side(params, u, target):
    """The same by PyTorch, as a function of nothing; its tensors have time first."""
    import torch
    torch.set_num_threads(1)
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    u, target = (torch.from_numpy(numpy.moveaxis(each, -2, 0).copy()) for each in (u, target))

    def value_and_gradients():
        for leaf in leaves.values():
            leaf.grad = None
        z, W_T, a = torch.nn.functional.linear(u, leaves["W_in"], leaves["b"]), leaves["W"].T, leaves["a"]
        x, states = torch.zeros(z.shape[1:], dtype=z.dtype), []
        for now in z.unbind(0):
            x = (1 - a) * x + a * torch.tanh(x @ W_T + now)
            states.append(x)
        loss = (target * torch.stack(states)).sum()
        loss.backward()
        return [loss.detach().numpy(), *(leaf.grad.numpy().copy() for leaf in leaves.values())]
    return value_and_gradients


def gradient(N, T, dtype, lead, peer):
    """One contest."""
    given = case(N, T, dtype, lead)
    theirs = torch_side(*given) if peer == "PyTorch" else partial(ours, *given, how="plain")
    what = f"gradient, {lead[0]} series, {T} steps" if lead else f"gradient, {T} steps"
    return Contest(what, N, dtype, peer, partial(ours, *given), theirs)


def contests(quick):
    """(name, function that makes the contest) of each row."""
    sizes = [(100, 100, ())] if quick else [(100, 1000, ()), (500, 500, ()), (100, 100, (32,)), (500, 100, (32,)),
                                            (1000, 50, (32,))]
    kinds = [("float64", "autograd spelled out"), ("float64", "PyTorch"), ("float32", "PyTorch")]
    return [("gradient", partial(gradient, N, T, dtype, lead, peer)) for N, T, lead in sizes for dtype, peer in kinds]
