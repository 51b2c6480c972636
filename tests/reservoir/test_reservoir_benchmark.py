"""The benchmark of reservoirs compares like with like, and refuses to time what computes something else."""

import numpy as np
import pytest

from benchmarks import reservoir, reservoir_gradients, reservoir_states
from benchmarks.reservoir import Contest, check_alike


def contest(theirs, dtype="float64"):
    own = [np.array([1.0, -2.0]), np.array(3.0)]
    return Contest("states", 2, dtype, "peer", lambda: own, lambda: theirs(own))


@pytest.mark.parametrize("dtype, slip", [("float64", 1e-9), ("float32", 1e-3)])
def test_a_slip_is_refused_in_one_line(dtype, slip):
    check_alike(contest(lambda own: [own[0] * (1 + 1e-12), own[1]], dtype))
    with pytest.raises(ValueError, match="peer is .* away, expected at most") as caught:
        check_alike(contest(lambda own: [own[0] * (1 + slip), own[1]], dtype))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="shape"):
        check_alike(contest(lambda own: [own[0][:1], own[1]], dtype))


def test_a_row_says_how_many_times_as_fast_minires_is():
    row = reservoir.measured(contest(lambda own: own), quick=True)
    assert list(row) == ["what", "N", "dtype", "peer", "ms", "peer ms", "times", "25 %", "75 %"]
    assert row["25 %"] <= row["times"] <= row["75 %"]


@pytest.mark.parametrize("peer", ["PyTorch", "ReservoirPy", "ReservoirPy csr", "ReservoirPy default", "SciPy csr loop"])
def test_states_of_the_peers_are_those_of_minires(peer):
    pytest.importorskip({"P": "torch", "R": "reservoirpy", "S": "scipy"}[peer[0]])
    if peer == "ReservoirPy default":
        check_alike(reservoir_states.instead_of_default(30, 9, "cycle"))
    elif "csr" in peer:
        check_alike(reservoir_states.fixed_in_degree(30, 9, peer))
    else:
        check_alike(reservoir_states.one_series(7, 9, "float64", peer))
        check_alike(reservoir_states.batch(7, 5, "float64", peer))


@pytest.mark.parametrize("lead", [(), (4,)])
@pytest.mark.parametrize("peer", ["PyTorch", "autograd spelled out"])
def test_gradients_of_the_peers_are_those_of_minires(peer, lead):
    if peer == "PyTorch":
        pytest.importorskip("torch")
    check_alike(reservoir_gradients.gradient(7, 9, "float64", lead, peer))
