"""Faults that were invented without the catalogue of mistakes: what the oracle says of them is no memory of what it was given.

    run(case, name, dtype) -> the answer of a port with the fault: in PyTorch, of reservoirs in JAX
"""

import torch

from .held_out_forward import FORWARD
from .held_out_gradient import BACKWARD
from .held_out_reservoir import RESERVOIR
from .held_out_variants import VARIANTS
from .jax_answer import answer, replaced
from .jax_reservoir import Network
from .torch_transformer import port_of

FAULTS = {**FORWARD, **VARIANTS, **BACKWARD, **RESERVOIR}


def run(case, name, dtype="float64"):
    """{name: array}."""
    if case.system == "echo_state":
        return answer(case, dtype, faulty(Network, name))
    port = faulty(port_of(case.config["model"]["variant"]), name)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return port(case, dtype).answer()
    finally:
        torch.set_num_threads(threads)


def faulty(port, name):
    """The class with the fault."""
    return replaced(port, FAULTS[name].method, FAULTS[name].change)
