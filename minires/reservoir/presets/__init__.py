"""The conventions of published reservoirs, each in terms of the one kernel: bring a peer's weights, get the peer's states.

    params = preset("minimal").parameters(Win, W, a)
    states, last = preset("minimal").run(params, u)

A preset's `parameters` explains itself: help(preset("pyesn").parameters) has its equation, its symbols and its peculiarities.
"""

from minires.errors import one_of
from minires.reservoir.presets import deep, frameworks, numpy_peers, pyesn, pyrcn, reservoirpy, residual, textbook
from minires.reservoir.presets.record import Preset, peer_features, peer_readout

__all__ = ["PRESETS", "Preset", "peer_features", "peer_readout", "preset"]

PRESETS = {
    "minimal": textbook.MINIMAL,
    "jaeger2001": textbook.JAEGER2001,
    "jaeger2001_leaky": textbook.JAEGER2001_LEAKY,
    "reservoirpy04": reservoirpy.RESERVOIRPY04,
    "reservoirpy03": reservoirpy.RESERVOIRPY03,
    "reservoirpy03_external": reservoirpy.RESERVOIRPY03_EXTERNAL,
    "pyesn": pyesn.PYESN,
    "pyrcn": pyrcn.PYRCN,
    "pyrcn_euler": pyrcn.PYRCN_EULER,
    "easyesn": numpy_peers.EASYESN,
    "rescompy": numpy_peers.RESCOMPY,
    "bianchi": numpy_peers.BIANCHI,
    "echotorch": frameworks.ECHOTORCH,
    "rcjl": frameworks.RCJL,
    "torchesn": frameworks.TORCHESN,
    "orc": frameworks.ORC,
    "eusn": residual.EUSN,
    "es2n": residual.ES2N,
    "resesn": residual.RESESN,
    "resrmn": deep.RESRMN,
    "deepesn": deep.DEEPESN,
    "deepresesn": deep.DEEPRESESN,
}


def preset(name):
    """The preset of that name; ValueError names the nearest.

    >>> preset("minimal").reads
    ('1', 'u', 'x')
    """
    return one_of("preset", name, PRESETS)
