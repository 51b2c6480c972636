"""The initial parameters of the Echo State Transformer (`echo_state_transformer`), with its authors' distributions.

    W             normal at max(1, int(connectivity N)) places of each neuron's inputs, zero elsewhere; radius 1
    W_in, b       ones at max(1, int(connectivity D)) places of each neuron's inputs, ones by a fair coin; zeros elsewhere
    W_out, W_embed, W_head    normal
    a, sr         uniform on (0, 1);  tau 1
    W_q, W_k, W_v of the units    uniform within 1 / D: the framework takes D^2 for the fan-in of an (M, D, D) array
    other W_*, b_*                uniform within 1 / sqrt(fan-in)
"""

import numpy as np

from minires.errors import number, one_of, require, whole_number
from minires.reservoir.operators import dense
from minires.reservoir.scaling import rescale
from minires.reservoir.topologies import sparse


def drawing(inputs, outputs, width, units, neurons, layers, connectivity, norm):
    """The function rng -> params of these sizes, after a check of them."""
    given = {"inputs": inputs, "outputs": outputs, "width": width, "units": units, "neurons": neurons, "layers": layers}
    d, q, D, M, N, L = (whole_number(name, value) for name, value in given.items())
    require(0 < number("connectivity", connectivity) <= 1, f"connectivity={connectivity}: expected above 0 and at most 1")
    one_of("norm", norm, {"rms": True, "layer": True})

    def draw(rng):
        stack = [{"memory": memory(rng, M, N, D, connectivity), **trained(rng, M, N, D, norm)} for _ in range(L)]
        return {"W_embed": rng.standard_normal((d, D)), "layers": stack, "W_head": rng.standard_normal((D, q))}

    return draw


def memory(rng, M, N, D, connectivity):
    """The frozen arrays: W (M, N, N), W_in (M, N, D), b (M, N)."""
    k, k_in = (max(1, int(connectivity * size)) for size in (N, D))
    W = [rescale(dense(sparse(N, rng, k)), "spectral_radius", 1.0) for _ in range(M)]
    W_in = np.zeros((M, N, D))
    for row in np.reshape(W_in, (M * N, D)):
        row[rng.choice(D, k_in, replace=False)] = 1.0
    return {"W": np.stack(W), "W_in": W_in, "b": rng.integers(0, 2, (M, N)).astype(float)}


def trained(rng, M, N, D, norm):
    """The trained arrays of a layer; a norm has gain 1 and, where it is LayerNorm, bias 0."""
    within = lambda fan_in, *shape: rng.uniform(-1, 1, shape) / np.sqrt(fan_in)
    unit = lambda: {"norm": {"gain": np.ones(D), **({"bias": np.zeros(D)} if norm == "layer" else {})}}
    maps = lambda fan_in, *shape: {name: within(fan_in, *shape) for name in ("W_q", "W_k", "W_v")}
    sizes = {"r": (M * D, D), "1": (D, 4 * D), "2": (4 * D, D)}
    W = {f"W_{name}": within(n, n, m) for name, (n, m) in sizes.items()}
    b = {f"b_{name}": within(n, m) for name, (n, m) in sizes.items()}
    return {"W_out": rng.standard_normal((M, N, D)), "sr": rng.random(M), "a": rng.random((M, D)), "tau": np.ones(1),
            "hear": {**maps(D * D, M, D, D), **unit()}, "mix": {**maps(D, D, D), **unit()}, "out": {**W, **b, **unit()}}
