"""Kernel and generalisation rank: known matrices, measured figures, and why rounding is no tolerance."""

import numpy as np
import pytest

from minires.reservoir.echo_state import run
from minires.reservoir.input_weights import input_weights
from minires.reservoir.kernels import leaky
from minires.reservoir.measures.rank import rank_of, separate_streams, similar_streams, stream_rank
from minires.reservoir.scaling import rescale


def reservoir(rho, N=100, seed=0):
    """Normal W of radius rho, W_in U(-1, 1), no bias."""
    rng = np.random.default_rng(seed)
    return {"W": rescale(rng.standard_normal((N, N)), "spectral_radius", rho), "W_in": input_weights(N, 1, rng), **leaky(1.0)}


def with_singular_values(values, B=9, N=6, seed=3):
    """A centred (B, N) with these singular values, and a large mean added."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(np.concatenate([np.ones((B, 1)), rng.standard_normal((B, len(values)))], axis=1))[0][:, 1:]
    return U @ np.diag(values) @ np.linalg.qr(rng.standard_normal((N, len(values))))[0].T + rng.standard_normal(N) * 100


@pytest.mark.parametrize("share, expected", ((0.5, 1), (0.63, 1), (0.65, 2), (0.9, 2), (0.999, 3), (1.0, 4)))
def test_the_rank_at_a_share_counts_squares_until_the_share_is_reached(share, expected):
    found = rank_of(with_singular_values([4.0, 3.0, 0.2, 0.1]), share)  # squares 16 9 .04 .01 of 25.05
    assert found.value == expected and found.share == share
    np.testing.assert_allclose(found.singular_values[:4], [4, 3, 0.2, 0.1], rtol=1e-9)


def test_a_share_that_is_reached_exactly_needs_no_more():
    for seed in range(20):
        assert rank_of(with_singular_values([3.0, 1.0, 1.0], seed=seed), 10 / 11).value == 2


@pytest.mark.parametrize("tolerance, expected", ((0.1, 2), (0.04, 3), (1e-3, 4), (0.8, 1)))
def test_the_rank_at_a_tolerance_counts_relative_to_the_largest(tolerance, expected):
    assert rank_of(with_singular_values([4.0, 3.0, 0.2, 0.1]), tolerance=tolerance).at_tolerance == expected


def test_a_common_mean_is_no_direction_and_equal_streams_have_rank_zero():
    state = np.random.default_rng(0).standard_normal(5) * 1e3
    found = rank_of(np.broadcast_to(state, (7, 5)))
    assert found.value == found.at_tolerance == 0
    assert rank_of(state + np.outer(np.arange(7.0), np.ones(5))).value == 1


def test_only_the_last_states_count_and_the_record_says_how_many_streams():
    params, streams = reservoir(0.9, 8), separate_streams(np.random.default_rng(1), 11, 5)
    found, last = stream_rank(params, streams, 0.9, 0.01), np.stack([run(params, each)[0][-1] for each in streams])
    np.testing.assert_allclose(found.singular_values, np.linalg.svd(last - last.mean(0), compute_uv=False), rtol=1e-12)
    assert (found.streams, found.N) == (11, 8)
    assert str(found) == "rank 2 at 0.9 of the energy, 6 at tolerance 0.01 (11 streams, N = 8, centred)"


def test_the_streams_are_what_they_are_called():
    separate = separate_streams(np.random.default_rng(1), 300, 4, 2, 0.5)
    assert separate.shape == (300, 4, 2) and 0.49 < np.abs(separate).max() <= 0.5
    similar = similar_streams(np.random.default_rng(1), 300, 4, 2, 0.5, 0.03)
    assert similar.shape == (300, 4, 2) and np.allclose(similar.std(axis=0), 0.03, rtol=0.2)
    assert np.abs(similar.mean(axis=0)).max() > 0.1 and len({*similar[:, 0, 0]}) == 300


@pytest.mark.parametrize("rho, kernel, generalisation", ((0.5, 3, 3), (0.9, 9, 7), (1.3, 40, 13), (2.0, 60, 46)))
def test_the_ranks_of_a_hundred_units_are_the_measured_ones(rho, kernel, generalisation):
    rng = np.random.default_rng(1)
    params = reservoir(rho)
    found = stream_rank(params, separate_streams(rng, 100, 50))
    alike = stream_rank(params, similar_streams(rng, 100, 50, noise=0.01))
    assert abs(found.value - kernel) <= 0.1 * kernel + 1
    assert abs(alike.value - generalisation) <= (1 if rho < 1 else 4 if rho < 2 else 20)
    assert alike.value <= found.value
    last = run(params, separate_streams(rng, 100, 50))[1]
    assert np.linalg.matrix_rank(last) == 100  # at rounding every reservoir has all


@pytest.mark.parametrize("change, message", [
    ({"share": 0.0}, "share=0.0"), ({"share": 1.1}, "share=1.1"), ({"tolerance": 1.0}, "tolerance=1.0"),
    ({"states": np.ones((1, 4))}, "at least two streams"), ({"states": np.ones(4)}, "states has shape"),
    ({"states": np.full((3, 3), np.nan)}, "states is nan"),
])
def test_bad_states_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        rank_of(**{"states": np.eye(4), **change})


def test_bad_streams_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"streams have shape \(7, 3, 1\): expected .* at least N = 8"):
        stream_rank(reservoir(0.9, 8), separate_streams(rng, 7, 3))
    for call, message in (
            (lambda: separate_streams(rng, 0, 3), "B=0"), (lambda: separate_streams(rng, 3, 3, scale=0.0), "scale=0.0"),
            (lambda: similar_streams(rng, 3, 3, noise=0.0), "noise=0.0"), (lambda: separate_streams(1, 3, 3), "Generator")):
        with pytest.raises(ValueError, match=message):
            call()
