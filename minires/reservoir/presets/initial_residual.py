"""How the residual and the deep peers draw their weights; see `initial` for what that means.

Letters of the shapes: N units (of each layer), M units of the memory, d inputs.
"""

from minires.reservoir import kernels
from minires.reservoir.input_weights import draw
from minires.reservoir.operators import dense
from minires.reservoir.presets.initial import reservoirpy04
from minires.reservoir.scaling import rescale
from minires.reservoir.topologies import cycle, orthogonal


def eusn(rng, N, d, recur_scaling=1.0, input_scaling=1.0, bias_scaling=1.0, epsilon=0.01, gamma=0.01):
    """W, W_in and b uniform on +- their scale; no radius."""
    return {"W": recur_scaling * draw((N, N), rng, "uniform"), "W_in": input_scaling * draw((N, d), rng, "uniform"),
            "b": bias_scaling * draw((N,), rng, "uniform"), "epsilon": epsilon, "gamma": gamma}


def es2n(rng, N, d, sr=1.0, proximity=1.0, input_scaling=1.0, input_connectivity=0.1, rc_connectivity=0.1):
    """As `reservoirpy04`, and O a random rotation or reflection, all as likely."""
    drawn = reservoirpy04(rng, N, d, 0, sr, 1.0, input_scaling, input_connectivity, rc_connectivity)
    return {"Win": drawn["Win"], "W": drawn["W"], "O": orthogonal(N, rng), "proximity": proximity}


def resesn(rng, N, d, rho=0.9, input_scaling=1.0, bias_scaling=0.0, alpha=0.9, beta=0.1):
    """All uniform on (-1, 1); W scaled by the circular law; O a random orthogonal matrix."""
    W = rescale(draw((N, N), rng, "uniform"), "circular_law", rho)
    return {"kernel": input_scaling * draw((d, N), rng, "uniform"), "recurrent_kernel": W,
            "bias": bias_scaling * draw((N,), rng, "uniform"), "ortho": orthogonal(N, rng), "alpha": alpha, "beta": beta}


def deepesn(rng, N, d, layers=2, rho=0.99, leaky=0.5, input_scaling=1.0, bias_scaling=None):
    """All uniform on (-1, 1); W of each layer scaled so that rho((1 - leaky) I + leaky W) is rho; the bias as the input."""
    size, kept = input_scaling if bias_scaling is None else bias_scaling, kernels.leaky(leaky)
    return {"layers": [{"kernel": input_scaling * draw((d if layer == 0 else N, N), rng, "uniform"),
                        "recurrent_kernel": rescale(draw((N, N), rng, "uniform"), "effective_radius", rho, **kept),
                        "bias": size * draw((N,), rng, "uniform"), "leaky": leaky} for layer in range(layers)]}


def deepresesn(rng, N, d, layers=2, first=None, inter=None):
    """`resesn` in every layer; `first` and `inter` are its settings (dicts) in the first and in the other layers."""
    drawn = [resesn(rng, N, d if layer == 0 else N, **((first if layer == 0 else inter) or {})) for layer in range(layers)]
    return {"layers": [{("in_kernel" if name == "kernel" else name): value for name, value in one.items()} for one in drawn]}


def resrmn(rng, N, d, M=100, memory_scaling=1.0, in_scaling_m=1.0, **settings):
    """A cyclic memory of M units, its input and what it sends uniform on (-1, 1); the rest, and its settings, as `resesn`."""
    drawn = resesn(rng, N, d, **settings)
    reservoir = {"in_kernel": drawn.pop("kernel"), "O": drawn.pop("ortho"), **drawn}
    return {"memory": {"in_kernel": in_scaling_m * draw((d, M), rng, "uniform"), "recurrent_memory_kernel": dense(cycle(M))},
            "reservoir": {**reservoir, "memory_kernel": memory_scaling * draw((M, N), rng, "uniform")}}
