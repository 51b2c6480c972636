"""What an echo-state network is made of, and the draw of its parameters: the description beside the pure functions."""

from typing import NamedTuple

import numpy as np

from minires.errors import one_of, require, whole_number
from minires.reservoir import kernels
from minires.reservoir.checks import check_parameters
from minires.reservoir.echo_state import run
from minires.reservoir.input_weights import bias, input_weights
from minires.reservoir.operators import with_values
from minires.reservoir.rollout import ACTIVATIONS
from minires.reservoir.scaling import rescale
from minires.reservoir.topologies import cycle, make_topology, orthogonal

FAMILIES = {  # name -> (kernel, its options and their defaults)
    "leaky": (kernels.leaky, {"a": 1.0}),
    "jaeger_leaky": (kernels.jaeger_leaky, {"delta": 1.0, "C": 0.44, "a": 0.9}),
    "additive": (kernels.additive, {"a": 1.0}),
    "euler": (kernels.euler, {"eps": 0.01}),
    "edge_of_stability": (kernels.edge_of_stability, {"beta": 0.1, "O": "random"}),
    "residual": (kernels.residual, {"alpha": 0.9, "beta": 0.5, "O": "random"}),
}
ROTATIONS = {"random": orthogonal, "cycle": cycle, "identity": lambda N, rng: np.ones(N)}  # a vector is a diagonal


class EchoState(NamedTuple):
    """An echo-state network; `init(rng)` draws W, W_in, b, W_fb and, where the family has one, the orthogonal matrix O.

        x_t = K x_{t-1} + g * f(W x_{t-1} + W_in u_t + b + W_fb y_{t-1})
    """

    units: int = 100                      # N
    inputs: int = 1                       # d
    outputs: int = 0                      # q that come back through W_fb; 0: no feedback
    family: str = "leaky"                 # the setting of (K, g)
    family_options: dict = {}             # such as {"a": 0.3}; {"alpha": 0.95, "beta": 0.01, "O": "cycle"}
    topology: str = "dense"               # of W
    topology_options: dict = {}
    scaled_by: str = "spectral_radius"    # which size of W is set to `radius`; "none" leaves W as it is drawn
    radius: float | None = 0.9
    input_scale: float | tuple = 0.1      # of W_in: one number, or one per channel
    bias_scale: float = 0.2               # of b; 0: no bias
    feedback_scale: float = 1.0           # of W_fb
    distribution: str = "uniform"         # of W_in, b and W_fb
    f: str = "tanh"

    def init(self, rng):
        """Parameters as `run` takes them, drawn from rng; ValueError for a description that cannot be."""
        N = whole_number("units", self.units)
        d, q = whole_number("inputs", self.inputs, 0), whole_number("outputs", self.outputs, 0)
        one_of("activation", self.f, ACTIVATIONS)
        kernel = self.kernel(rng)
        target = None if self.scaled_by == "none" else self.radius
        W = rescale(make_topology(self.topology, N, rng, **self.topology_options), self.scaled_by, target, **kernel)
        draw = lambda columns, scale: input_weights(N, columns, rng, scale, self.distribution) if columns else np.zeros((N, 0))
        params = {"W": W, "W_in": draw(d, self.input_scale), **kernel}
        if self.bias_scale:
            params["b"] = bias(N, rng, self.bias_scale, self.distribution)
        if q:
            params["W_fb"] = draw(q, self.feedback_scale)
        check_parameters(params)
        return params

    def kernel(self, rng):
        """{"K", "g"} of the family, with O drawn from rng."""
        setting, defaults = one_of("family", self.family, FAMILIES)
        for option in self.family_options:
            one_of(f"option of {self.family}", option, defaults)
        options = {**defaults, **self.family_options}
        if "O" in options:
            options["O"] = one_of("O", options["O"], ROTATIONS)(self.units, rng)
        return setting(**options)

    def run(self, params, u, x_0=None, **others):
        """`echo_state.run` with this network's activation."""
        return run(params, u, x_0, f=self.f, **others)


def as_dtype(params, dtype):
    """The parameters in another precision; the places of a fixed in-degree stay whole numbers."""
    change = lambda A: with_values(A, np.asarray(A["values"] if isinstance(A, dict) else A, dtype=dtype))
    require(np.issubdtype(np.dtype(dtype), np.floating), f"dtype={dtype}: expected a floating type, such as float32")
    return {name: change(A) for name, A in params.items()}
