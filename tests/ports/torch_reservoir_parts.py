"""What the reservoir ports share: leaves, the objective's gradients, and slopes that are wrong on purpose."""

import numpy as np
import torch


def answer(case, dtype, program):
    """program(values) -> {name: tensor}, and with them the gradient of the objective by every tensor: {name: array}."""
    values = {}
    for name, array in case.values.items():
        tensor = torch.from_numpy(np.array(array))
        tensor = tensor.to(getattr(torch, dtype)) if tensor.is_floating_point() else tensor
        values[name] = tensor.requires_grad_(name in case.differentiated)
    named = {name: tensor for name, tensor in program(values).items() if isinstance(tensor, torch.Tensor)}
    total = named["loss"]
    for name, cotangent in case.cotangents.items():
        total = total + (torch.from_numpy(np.array(cotangent)).to(total.dtype) * named[name]).sum()
    wanted = {name: values[name] for name in case.differentiated}
    wanted.update({name: tensor for name, tensor in named.items() if tensor.requires_grad and name != "loss"})
    slopes = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
    found = {f"grad/{name}": torch.zeros_like(tensor) if slope is None else slope
             for (name, tensor), slope in zip(wanted.items(), slopes)}
    return {name: tensor.detach().to(torch.float32 if dtype == "bfloat16" else tensor.dtype).numpy()
            for name, tensor in {**named, **found}.items()}


def tree(values, prefix):
    """The values whose names begin with the prefix, nested; a level of digits is a list."""
    nested = {}
    for name, value in values.items():
        if name.startswith(prefix + "."):
            *path, last = name[len(prefix) + 1:].split(".")
            node = nested
            for key in path:
                node = node.setdefault(key, {})
            node[last] = value

    def lists(node):
        if not isinstance(node, dict):
            return node
        node = {key: lists(child) for key, child in node.items()}
        return list(node.values()) if node and all(key.isdigit() for key in node) else node
    return lists(nested)


class ThroughW(torch.autograd.Function):
    """W x for rows x, whose adjoint in x is W q, not W^T q."""

    @staticmethod
    def forward(ctx, x, W):
        ctx.save_for_backward(x, W)
        return x @ W.T

    @staticmethod
    def backward(ctx, q):
        x, W = ctx.saved_tensors
        return q @ W.T, q.T @ x


class OfNewState(torch.autograd.Function):
    """W x, whose dW is that of another x."""

    @staticmethod
    def forward(ctx, x, W, other):
        ctx.save_for_backward(W, other)
        return x @ W.T

    @staticmethod
    def backward(ctx, q):
        W, other = ctx.saved_tensors
        return q @ W, q.T @ other, None


class SlopeAtState(torch.autograd.Function):
    """tanh, whose slope is 1 - x^2 with the new state."""

    @staticmethod
    def forward(ctx, p, state):
        ctx.save_for_backward(state)
        return torch.tanh(p)

    @staticmethod
    def backward(ctx, G):
        state, = ctx.saved_tensors
        return G * (1 - state ** 2), None


class WithoutGain(torch.autograd.Function):
    """g h, whose adjoint in h lacks g."""

    @staticmethod
    def forward(ctx, g, h):
        ctx.save_for_backward(g, h)
        return g * h

    @staticmethod
    def backward(ctx, G):
        g, h = ctx.saved_tensors
        return (G * h).sum() if g.ndim == 0 else (G * h).sum(0), G


class RadiusOfScaled(torch.autograd.Function):
    """rho W, whose slope in rho is <dW, rho W>."""

    @staticmethod
    def forward(ctx, rho, W):
        ctx.save_for_backward(rho, W)
        return rho * W

    @staticmethod
    def backward(ctx, dW):
        rho, W = ctx.saved_tensors
        return (dW * rho * W).sum(), rho * dW
