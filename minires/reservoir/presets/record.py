"""What a preset is, and how arrays in a peer's form become those of the kernel.

Letters of the shapes: B batch, T time, N units, d inputs, q outputs.
"""

from collections.abc import Callable
from typing import NamedTuple

import autograd.numpy as np

from minires.errors import require
from minires.reservoir import echo_state
from minires.reservoir.checks import array


class Preset(NamedTuple):
    """The convention of one package or paper, in terms of the one kernel.

    parameters     (the peer's weights and settings, under the peer's names) -> what `run` takes: parameters of the kernel
    run            (params, u, x_0=None, ...) -> states, last; `echo_state.run` unless the peer does something before or after
    reads          what its readout reads, in the order of its columns: "1", "u", "x", "y" (the output before)
    penalise_bias  whether its ridge acts on the weight of the 1; None where it has no 1, or no ridge
    initialise     (rng, N, d, ...) -> weights and settings for `parameters`, of the peer's distributions, or None where the
                   weights come from outside. Its random numbers are not those of the peer's own generator.
    source         repository and commit, or paper
    """

    parameters: Callable
    reads: tuple
    penalise_bias: bool | None
    source: str
    run: Callable = echo_state.run
    initialise: Callable | None = None


def matrix(name, A, rows=None, columns=None):
    """A as a full array (rows, columns), None being any number; a sparse matrix of SciPy becomes full. ValueError otherwise."""
    A = A.toarray() if hasattr(A, "toarray") else A
    shape = array(name, A, (2,)).shape
    expected = tuple("." if n is None else n for n in (rows, columns))
    require(all(n is None or n == m for n, m in zip((rows, columns), shape)),
            f"{name} has shape {shape}: expected ({expected[0]}, {expected[1]})")
    return A if hasattr(A, "shape") else np.array(A)


def vector(name, b, N, dtype):
    """b as (N,): given as one number for all units, (N,), (N, 1) or (1, N). A Python number takes the dtype."""
    shape = array(name, b).shape
    require(shape in ((), (N,), (N, 1), (1, N)), f"{name} has shape {shape}: expected a number or ({N},)")
    return b * np.ones(N, dtype=dtype) if shape == () else np.reshape(b, (N,))


def column_form(W, W_in, b=None, W_fb=None):
    """{"W", "W_in", "b", "W_fb"} of the kernel from pairs (the peer's name, its array) in column form, W x.

    W (N, N), W_in (N, d), b a number or (N,), W_fb (N, q); what is not given, or is None, is left out. Errors name the array.
    """
    A = matrix(*W)
    params = {"W": A, "W_in": matrix(*W_in, len(A))}
    if b is not None:
        params["b"] = vector(*b, len(A), A.dtype)
    if W_fb is not None and W_fb[1] is not None:
        params["W_fb"] = matrix(*W_fb, len(A))
    return params


def row_form(W, W_in, b):
    """The same from row form, x W with W (N, N) and W_in (d, N), in which units send along rows: both are transposed."""
    A = matrix(*W)
    return {"W": A.T, "W_in": matrix(*W_in, None, len(A)).T, "b": vector(*b, len(A), A.dtype)}


def peer_features(preset, states, u=None, y_before=None):
    """The rows that the peer's readout reads, columns in the peer's order: (T, F) or (B, T, F).

    states (T, N); u (T, d) and y_before (T, q), whose row t is the output of step t-1, where the peer reads them
    """
    parts = {"1": np.ones_like(states[..., :1]), "u": u, "x": states, "y": y_before}
    lacking = [name for name in preset.reads if parts[name] is None]
    require(not lacking, f"the readout reads {', '.join(preset.reads)}: expected {' and '.join(lacking)} as well")
    return np.concatenate([parts[name] for name in preset.reads], axis=-1)


def peer_readout(preset, W_out, d, N):
    """{"W_o", "b_o"} for `readouts.features`, [u; x; y], from the peer's W_out (q, F), whose columns are as `reads` says.

    >>> one = Preset(None, ("1", "x"), True, "")
    >>> peer_readout(one, np.array([[5.0, 2.0, 3.0]]), d=1, N=2)
    {'W_o': array([[2.],
           [3.]]), 'b_o': array([5.])}
    """
    q = len(W_out)
    widths = {"1": 1, "u": d, "x": N, "y": q}
    matrix("W_out", W_out, q, sum(widths[name] for name in preset.reads))
    parts, place = {"1": np.zeros_like(W_out[:, :1])}, 0
    for name in preset.reads:
        parts[name] = W_out[:, place:place + widths[name]]
        place += widths[name]
    return {"W_o": np.concatenate([parts[name].T for name in "uxy" if name in parts]), "b_o": parts["1"][:, 0]}
