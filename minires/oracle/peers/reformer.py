"""lucidrains/reformer-pytorch: its reversible layers, whose backward pass rebuilds what it needs, around our sublayers."""

from importlib import import_module

from minires.errors import needs
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, around, layers_of
from minires.oracle.peers.sublayers import branch, normed, own
from minires.oracle.peers.trial import Trial


def stack(p, x, case, seen):
    """Both streams, and the norm of their mean."""
    torch = needs("torch", "peers")
    quiet = lambda name, tensor: tensor  # their forward pass keeps nothing that could be looked at
    blocks = [tuple(branch(p, case, n, name, quiet) for name in ("attention", "feed_forward")) for n in range(layers_of(case))]
    wrapped = [tuple(map(function_module, pair)) for pair in blocks]
    x = import_module("reformer_pytorch.reversible").ReversibleSequence(torch.nn.ModuleList(
        [torch.nn.ModuleList(pair) for pair in wrapped]))(x.repeat(1, 1, 2))
    return normed(torch.stack(x.chunk(2, dim=-1)).mean(dim=0), own(p, "final_norm."), case.config["model"])


def function_module(function):
    """A module that is this function."""
    torch = needs("torch", "peers")
    made = torch.nn.Module()
    made.forward = function
    return made


TRIALS = {"reformer-pytorch/revnet": Trial(
    "reformer-pytorch", "ReversibleSequence", like("revnet"), lambda case: answered(case, around(stack)))}
