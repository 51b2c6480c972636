"""States of a reservoir, of one series and of a batch, beside ReservoirPy, SciPy and PyTorch.

Letters of the shapes: B batch, T time, N units, d inputs.
"""

from functools import partial

import numpy as np

from benchmarks.reservoir import Contest
from minires.reservoir import EchoState, as_dtype, run
from minires.reservoir.operators import dense

LEAK, INPUTS, BATCH, IN_DEGREE = 0.3, 3, 32, 10


def network(N, dtype="float64", topology="dense", leak=LEAK, **options):
    """Parameters of a leaky reservoir."""
    net = EchoState(units=N, inputs=INPUTS, topology=topology, topology_options=options, family_options={"a": leak})
    return as_dtype(net.init(np.random.default_rng(0)), dtype)


def series(T, dtype="float64", batch=()):
    """Inputs (T, d), or (B, T, d)."""
    return np.random.default_rng(1).uniform(-1, 1, (*batch, T, INPUTS)).astype(dtype)


def reservoirpy(params, sparse=False):
    """ReservoirPy's node with the same weights; W as a csr array where it is sparse."""
    from reservoirpy.nodes import Reservoir
    from scipy.sparse import csr_array
    W = dense(params["W"])
    node = Reservoir(W=csr_array(W) if sparse else W, Win=params["W_in"], bias=params["b"], lr=float(params["g"]))
    node.run(series(1))  # only now it has a state
    return node


def by_itself(N):
    """ReservoirPy's node as it comes: W and W_in sparse, a tenth of the weights."""
    from reservoirpy.nodes import Reservoir
    node = Reservoir(units=N, lr=LEAK, seed=0)
    node.run(series(1))  # draws the weights
    return node


def from_rest(node, u):
    """The node's states, from zeros: for one series, or for each of a batch."""
    node.reset()
    if u.ndim == 2:
        return [node.run(u)]
    return [np.stack(node.run(list(u)))]


def ours(params, u):
    """The states of minires."""
    return [run(params, u)[0]]


def scipy_loop(params):
    """A loop over SciPy's csr product, as a function of the inputs."""
    from scipy.sparse import csr_array
    W = csr_array(dense(params["W"]))

    def states(u):
        z, x = u @ params["W_in"].T + params["b"], np.zeros(len(params["W_in"]))
        X = np.empty((len(u), len(x)))
        for t in range(len(u)):
            X[t] = x = (1 - LEAK) * x + LEAK * np.tanh(W @ x + z[t])
        return [X]
    return states


def torch_loop(params, u):
    """A loop of PyTorch without gradients; one series, or a batch with time first inside."""
    import torch
    torch.set_num_threads(1)
    with torch.no_grad():
        W, W_in, b = (torch.from_numpy(np.asarray(params[name])) for name in ("W", "W_in", "b"))
        W_T, a = W.T.contiguous(), LEAK
        z = torch.nn.functional.linear(torch.from_numpy(u).movedim(-2, 0), W_in, b)
        x = torch.zeros(z.shape[1:], dtype=z.dtype)
        states = []
        for now in z.unbind(0):
            x = (1 - a) * x + a * torch.tanh(x @ W_T + now)
            states.append(x)
        return [torch.stack(states, dim=-2).numpy()]


def one_series(N, T, dtype, peer):
    """Dense, the same weights on both sides."""
    params, u = network(N, dtype), series(T, dtype)
    theirs = partial(from_rest, reservoirpy(params)) if peer == "ReservoirPy" else partial(torch_loop, params)
    return Contest("states, dense", N, dtype, peer, partial(ours, params, u), partial(theirs, u))


def fixed_in_degree(N, T, peer):
    """Ten sources a unit by lookups; the same weights as a csr array on the other side."""
    params, u = network(N, topology="sparse", in_degree=IN_DEGREE), series(T)
    theirs = partial(from_rest, reservoirpy(params, sparse=True)) if peer == "ReservoirPy csr" else scipy_loop(params)
    return Contest(f"states, in-degree {IN_DEGREE}", N, "float64", peer, partial(ours, params, u), partial(theirs, u))


def instead_of_default(N, T, topology, **options):
    """Another reservoir of the same size beside ReservoirPy's default; that both mean the same is checked on its weights."""
    node, u, params = by_itself(N), series(T), network(N, topology=topology, **options)
    weights = {"W": node.W.toarray(), "W_in": node.Win.toarray(), "K": 1 - LEAK, "g": LEAK}
    name = f"states, in-degree {options['in_degree']}" if options else f"states, {topology}"
    return Contest(name, N, "float64", "ReservoirPy default", partial(ours, params, u), partial(from_rest, node, u),
                   lambda: (ours(weights, u), from_rest(node, u)))


def batch(N, T, dtype, peer):
    """A batch of series, dense; ReservoirPy runs them one after the other."""
    params, u = network(N, dtype), series(T, dtype, (BATCH,))
    theirs = partial(from_rest, reservoirpy(params)) if peer == "ReservoirPy" else partial(torch_loop, params)
    return Contest(f"states, {BATCH} series", N, dtype, peer, partial(ours, params, u), partial(theirs, u))


def contests(quick):
    """(name, function that makes the contest) of each row."""
    T, short = (200, 20) if quick else (1000, 100)
    kinds = []
    for N in (100,) if quick else (100, 500, 1000):
        kinds += [("dense", partial(one_series, N, T, *given)) for given in (
            ("float64", "ReservoirPy"), ("float64", "PyTorch"), ("float32", "PyTorch"))]
        kinds += [("fixed", partial(fixed_in_degree, N, T, peer)) for peer in ("ReservoirPy csr", "SciPy csr loop")]
        kinds += [("default", partial(instead_of_default, N, T, "sparse", in_degree=k)) for k in sorted({IN_DEGREE, N // 10})]
        kinds += [("default", partial(instead_of_default, N, T, "cycle"))]
        kinds += [("batch", partial(batch, N, short, *given)) for given in (
            ("float64", "ReservoirPy"), ("float64", "PyTorch"), ("float32", "PyTorch"))]
    return kinds
