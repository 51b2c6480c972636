"""Held-out faults of gradients: the values stay right."""

import torch

from .held_out_forward import ACROSS, DENSE, GROUPED, MIX, POST, PRE, SUM
from .held_out_tools import Fault, backwards, other_derivative, slope_after, slope_before


def mean_held(up, port, x):
    """The derivative of the standardized x with its mean held."""
    centred = x - x.mean(-1, keepdim=True).detach()
    return backwards(up(x), centred / torch.sqrt((centred ** 2).mean(-1, keepdim=True) + port.epsilon()))


def without_sum(up, port, z):
    """dz = p dp."""
    p = up(z).detach()
    return backwards(p, p * torch.where(z.isfinite(), z, torch.zeros_like(z)))


def last_place_only(up, port, table, ids):
    """Of a token that comes several times, the last place gives the gradient."""
    rows, flat = up(table, ids), ids.flatten()
    last = torch.tensor([not (flat[i + 1:] == each).any() for i, each in enumerate(flat)]).reshape(ids.shape)
    return torch.where(last[..., None], rows, rows.detach())


def first_of_group(up, port, x):
    """Only the first query head of a group sends a gradient back."""
    served, each = up(x), port.model.heads // x.shape[1]
    first = (torch.arange(served.shape[1]) % each == 0)[:, None, None]
    return torch.where(first, served, served.detach())


def turned_on(up, port, x, positions):
    """The gradient is turned forwards again, not back."""
    return backwards(up(x, positions), up(x, -positions))


def unweighted(up, port, z, targets, weights):
    """The derivative of the plain mean."""
    return backwards(up(z, targets, weights), up(z, targets, torch.ones_like(weights)))


def bias_mean(up, port, W, name, at):
    """A bias gets the mean over the batch in place of the sum."""
    W = up(W, name, at)
    return backwards(W, W / len(at.run.tokens)) if name.startswith("b_") else W


def gelu_by_sigmoid(x):
    """x sigmoid(1.702 x)."""
    return x * torch.sigmoid(1.702 * x)


BACKWARD = {
    "mean-held": Fault(
        "LayerNorm's derivative takes the mean for a constant", "standardized", mean_held, "^grad/", (POST, ACROSS)),
    "gelu-slope-by-sigmoid": Fault(
        "the derivative of x sigmoid(1.702 x) for that of the GELU", "gelu_tanh", other_derivative(gelu_by_sigmoid),
        "^grad/.*(inner|b_1|W_1|head)", (POST, SUM)),
    "softmax-slope-without-sum": Fault(
        "dz = p dp", "softmax", without_sum, "^grad/.*(logits|scores)$", (PRE, POST, SUM)),
    "slope-clipped": Fault(
        "the gradient of the attention's output is cut to [-0.25, 0.25]", "branch_output",
        slope_after(lambda g: g.clamp(-0.25, 0.25)), r"^grad/.*\.(y|output)$", (PRE, POST)),
    "last-place-only": Fault(
        "of a token that comes several times the last place gives the gradient", "look_up", last_place_only,
        "^grad/embedding", (PRE, POST)),
    "first-of-group": Fault(
        "only the first query head of a group gives its key/value head a gradient", "serve", first_of_group,
        "^grad/.*(key|value)_heads$", (GROUPED, PRE)),
    "turned-on": Fault(
        "the rotation's derivative turns forwards, not back", "rotate", turned_on,
        "^grad/.*(query_heads|fresh_keys|W_q|attention.x)$", (PRE, GROUPED)),
    "bias-mean": Fault(
        "biases get the mean over the batch, not the sum", "weight", bias_mean, r"^grad/.*\.b_", (POST, ACROSS)),
    "unweighted-slope": Fault(
        "the loss's derivative without the tokens' weights", "cross_entropy", unweighted, "^grad/logits$", (PRE, POST)),
    "heads-slope-halved": Fault(
        "the gradient of the merged heads is halved", "merge_heads", slope_before(lambda g: g / 2), "^grad/.*heads$",
        (PRE, SUM)),
    "slope-in-8-bits": Fault(
        "the gradient of the logits in steps of 1/64", "predictions", slope_before(lambda g: (g * 64).round() / 64),
        "^grad/(head|.*final$)", (PRE, MIX)),
    "first-slope-doubled": Fault(
        "the gradient through V_1 counts twice", "first", slope_after(lambda g: 2 * g),
        r"^grad/.*\.(values|fresh_values|lambda_1)$", (MIX,)),
    "carry-slope-late": Fault(
        "the gradient through the carried scores is one query late", "carried", slope_after(lambda g: g.roll(1, -2)),
        r"^grad/.*(scores|logits)$", (SUM,)),
    "gate-slope-at-output": Fault(
        "the SiLU's derivative is its sigmoid alone", "silu",
        lambda up, port, x: backwards(up(x), x * torch.sigmoid(x).detach()), "^grad/.*gate$", (PRE, DENSE)),
    "root-slope-lost": Fault(
        "RMSNorm's derivative takes the root for a constant", "root_mean_square_norm",
        lambda up, port, x: backwards(up(x), x * torch.rsqrt((x ** 2).mean(-1, keepdim=True)).detach()), "^grad/",
        (PRE, DENSE)),
}
