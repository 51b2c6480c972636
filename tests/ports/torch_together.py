"""Variants together in PyTorch: each overrides other functions of the residual; norms stand where the first has them."""

from . import torch_hidden_streams, torch_realformer, torch_values
from .torch_transformer import PORTS


class Together:
    """Options are given by variant: {"resformer": {"lambda_1": ..}}."""

    def __init__(self, *arguments, **style):
        super().__init__(*arguments, **style)
        self.options = {name: option for own in self.options.values() for name, option in own.items()}


def together(*names):
    """A class that is all of these ports."""
    ports = [PORTS[name] for name in names]
    return type("Together", (Together, *ports), {"house": ports[0].house})


for names in (("realformer", "resformer"), ("hyper_connections", "realformer", "resformer_learnable")):
    PORTS[" + ".join(names)] = together(*names)

__all__ = ["together", "torch_hidden_streams", "torch_realformer", "torch_values"]
