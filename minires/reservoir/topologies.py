"""Recurrent weights: which unit hears which, before any scaling (`scaling.rescale` sets the radius, last).

Each topology is a function (N, rng, **options) -> W, a full matrix (N, N) with W[i, j] the weight from unit j to unit i,
or, where the in-degree k is fixed, {"values": (k, N), "sources": (k, N)} with values[j, i] the weight from unit
sources[j, i] to unit i. Those without chance take no notice of rng. Unit 0 is unit 1 of the papers.
A place that a sparse form has too many is a weight 0 from the unit to itself.
"""

import numpy as np

from minires.checks import check_generator
from minires.errors import check_options, number, one_of, require, whole_number
from minires.reservoir.input_weights import draw


def dense(N, rng, distribution="normal", density=1.0):
    """Independent weights at a fraction `density` of the N^2 places (1: all); see `input_weights.draw`."""
    N = whole_number("N", N)
    return draw((N, N), rng, distribution, density)  # (N, N)


def sparse(N, rng, in_degree=10, distribution="normal"):
    """Every unit hears exactly `in_degree` units, distinct, drawn without replacement; itself may be among them.

    Errors: in_degree above N.
    """
    N, k = whole_number("N", N), whole_number("in_degree", in_degree)
    require(k <= N, f"in_degree={k}: expected at most N={N}, as the sources of a unit are distinct")
    sources = np.stack([check_generator(rng).choice(N, k, replace=False) for _ in range(N)], axis=1)  # (k, N)
    return {"values": draw((k, N), rng, distribution), "sources": sources.astype(np.int64)}


def permutation(N, rng):
    """A random permutation: orthogonal, in-degree 1; every permutation is as likely, cycles of any length."""
    N = whole_number("N", N)
    return {"values": np.ones((1, N)), "sources": check_generator(rng).permutation(N)[None].astype(np.int64)}


def orthogonal(N, rng):
    """A random orthogonal matrix, every rotation and reflection as likely (Haar's measure).

        A = Q R, A normal;    W = Q diag(sign R_11, ..., sign R_NN)
    Without the signs Q follows LAPACK's habits instead: Mezzadri 2007, Notices of the AMS 54, math-ph/0609050.
    """
    N = whole_number("N", N)
    Q, R = np.linalg.qr(check_generator(rng).standard_normal((N, N)))
    return Q * np.where(np.diag(R) < 0, -1.0, 1.0)  # (N, N)


def antisymmetric(A):
    """A - A^T: its eigenvalues lie on the imaginary axis. A (N, N)."""
    require(np.ndim(A) == 2 and len(set(np.shape(A))) == 1, f"A has shape {np.shape(A)}: expected (N, N)")
    return A - np.transpose(A)  # (N, N)


def euler_weights(N, rng, gamma=0.01, scale=1.0, distribution="uniform"):
    """The weights of an Euler state network, for the kernel K = 1, g = eps (`kernels.euler`); not to be rescaled.

        W = (A - A^T) - gamma I,    A = scale * draw
    gamma >= 0: diffusion. Its sign keeps the state from growing; PyRCN adds gamma I instead.
    Source: Gallicchio 2022, "Euler state networks" (2203.09382).
    """
    N, scale = whole_number("N", N), number("scale", scale, 0.0, expected="a number of at least 0")
    gamma = number("gamma", gamma, 0.0, expected="a number of at least 0")
    return antisymmetric(scale * draw((N, N), rng, distribution)) - gamma * np.eye(N)  # (N, N)


# ---- without any chance: Rodan and Tino's minimum complexity reservoirs ------------------------------------------------

def cycle(N, rng=None, weight=1.0):
    """Simple cycle reservoir (SCR): unit i hears unit i - 1, the first one the last; W^N = weight^N I.

    Source: Rodan & Tino 2011, IEEE Trans. Neural Networks 22, 131, "Minimum complexity echo state network".
    """
    N, weight = whole_number("N", N), number("weight", weight)
    return {"values": np.full((1, N), weight), "sources": (np.arange(N)[None] - 1) % N}


def delay_line(N, rng=None, weight=1.0):
    """Delay line reservoir (DLR): unit i hears unit i - 1, the first one nobody; nilpotent, so that its radius is 0.

    Source: as `cycle`. No factor gives it another radius: choose its weight instead.
    """
    N, weight = whole_number("N", N), number("weight", weight)
    unit = np.arange(N)[None]  # (1, N)
    return {"values": np.where(unit > 0, weight, 0.0), "sources": np.maximum(unit - 1, 0)}


def delay_line_with_feedback(N, rng=None, weight=1.0, feedback_weight=0.1):
    """Delay line with backward connections (DLRB): unit i hears units i - 1 and i + 1, each with its own weight.

        rho = 2 sqrt(|weight * feedback_weight|) cos(pi / (N + 1))
    Source: as `cycle`; the radius is that of a tridiagonal Toeplitz matrix.
    """
    line, unit = delay_line(N, weight=weight), np.arange(N)[None]
    values = np.where(unit < N - 1, number("feedback_weight", feedback_weight), 0.0)  # (1, N)
    return {"values": np.concatenate([line["values"], values]),
            "sources": np.concatenate([line["sources"], np.minimum(unit + 1, N - 1)])}


def jumps(N, rng=None, weight=1.0, jump_weight=0.5, jump_length=3):
    """Cycle reservoir with regular jumps (CRJ): a cycle, and shortcuts of one length and one weight in both directions.

        jumps 1 <-> 1 + l, 1 + l <-> 1 + 2 l, ..., floor(N / l) of them;    1 < l = jump_length < floor(N / 2)
    The last one ends in unit 1 where l divides N, else in unit N + 1 - (N mod l): the shortcuts then form no ring.
    Source: Rodan & Tino 2012, Neural Computation 24, 1822, "Simple deterministically constructed cycle reservoirs with
    regular jumps".
    """
    N, weight, l = whole_number("N", N), number("weight", weight), whole_number("jump_length", jump_length)
    require(N >= 6, f"N={N}: expected at least 6 units, the fewest for jumps")
    require(1 < l < N // 2, f"jump_length={l}: expected 2 to {N // 2 - 1}, above 1 and below floor(N / 2)")
    start = l * np.arange(N // l)  # (jumps,)
    end = (start + l) % N  # (jumps,)
    sources = np.tile(np.arange(N), (3, 1))  # (3, N)
    values = np.zeros((3, N))  # (3, N)
    sources[0], values[0] = (sources[0] - 1) % N, weight
    for row, (here, there) in enumerate([(end, start), (start, end)], 1):
        sources[row, here], values[row, here] = there, number("jump_weight", jump_weight)
    return {"values": values, "sources": sources}


TOPOLOGIES = {"dense": dense, "sparse": sparse, "permutation": permutation, "orthogonal": orthogonal,
              "euler": euler_weights, "cycle": cycle, "delay_line": delay_line,
              "delay_line_with_feedback": delay_line_with_feedback, "jumps": jumps}


def make_topology(name, N, rng, **options):
    """The topology called `name`, with its own options; ValueError names the nearest topology or option.

    >>> make_topology("cycle", 4, None, weight=0.5)["sources"]
    array([[3, 0, 1, 2]])
    """
    topology = one_of("topology", name, TOPOLOGIES)
    check_options(name, topology, options, ("N", "rng"))
    return topology(N, rng, **options)
