"""Topologies, input weights and signs: each is what its definition says, read literally."""

import numpy as np
import pytest
from autograd import grad

from minires.reservoir.input_weights import DISTRIBUTIONS, bias, draw, input_signs, input_weights, pi_digits
from minires.reservoir.operators import apply
from minires.reservoir.operators import dense as full
from minires.reservoir.spectra import spectral_radius
from minires.reservoir.topologies import TOPOLOGIES, antisymmetric, dense, euler_weights, make_topology, orthogonal, sparse

N = 13
SPARSE = {"sparse": 4, "permutation": 1, "cycle": 1, "delay_line": 1, "delay_line_with_feedback": 2, "jumps": 3}
OPTIONS = {"sparse": {"in_degree": 4}}
RANDOM = ("dense", "sparse", "permutation", "orthogonal", "euler")


def make(name, seed=0, units=N):
    return make_topology(name, units, np.random.default_rng(seed), **OPTIONS.get(name, {}))


def same(one, other):
    return np.array_equal(full(one), full(other))


# ---- what holds for all ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_topology_is_a_full_matrix_or_a_gather_of_its_in_degree(name):
    W = make(name)
    assert isinstance(W, dict) == (name in SPARSE)
    if name in SPARSE:
        assert set(W) == {"values", "sources"}
        assert W["values"].shape == W["sources"].shape == (SPARSE[name], N)
        assert W["sources"].dtype == np.int64 and 0 <= W["sources"].min() <= W["sources"].max() < N
    assert full(W).shape == (N, N) and full(W).dtype == np.float64 and np.isfinite(full(W)).all()


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_same_seed_gives_the_same_weights_and_another_seed_others_where_there_is_chance(name):
    assert same(make(name, 1), make(name, 1))
    assert same(make(name, 1), make(name, 2)) == (name not in RANDOM)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_global_random_state_is_not_touched(name):
    before = np.random.get_state()[1].copy()
    make(name)
    assert np.array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize("name", sorted(set(TOPOLOGIES) - set(RANDOM)))
def test_a_topology_without_chance_needs_no_generator(name):
    assert same(make_topology(name, N, None), make(name))


@pytest.mark.parametrize("name", SPARSE)
def test_a_superfluous_place_is_a_zero_from_the_unit_to_itself(name):
    W = make(name)
    empty = W["values"] == 0
    assert np.all((W["sources"] == np.arange(N))[empty])


# ---- random ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("density", [1.0, 0.2, 0.07])
def test_density_is_the_fraction_that_is_not_zero_exactly(distribution, density):
    W = dense(20, np.random.default_rng(3), distribution, density)
    assert np.count_nonzero(W) == round(density * 400)


def test_a_low_density_keeps_some_of_the_weights_of_a_higher_one_all_over_the_matrix():
    some, more, most = (dense(20, np.random.default_rng(4), density=density) for density in (0.3, 0.6, 1.0))
    assert np.array_equal(some[some != 0], most[some != 0]) and np.all(more[some != 0] != 0)
    assert np.all((some != 0).sum(axis=0) > 0) and np.all((some != 0).sum(axis=1) > 0)


@pytest.mark.parametrize("distribution, variance, largest",
                         [("normal", 1.0, np.inf), ("uniform", 1 / 3, 1.0), ("bernoulli", 1.0, 1.0)])
def test_distributions_have_mean_zero_and_their_variance(distribution, variance, largest):
    x = draw((200, 100), np.random.default_rng(5), distribution)
    assert abs(x.mean()) < 0.03 and abs(x.var() / variance - 1) < 0.04 and abs(x).max() <= largest
    assert (distribution == "bernoulli") == (set(np.unique(abs(x))) == {1.0}) and (x.max() > 1) == (distribution == "normal")


@pytest.mark.parametrize("in_degree", [1, 4, N])
def test_sparse_has_exactly_that_many_distinct_sources(in_degree):
    W = sparse(N, np.random.default_rng(6), in_degree, "uniform")
    assert all(len(set(W["sources"][:, i])) == in_degree for i in range(N))
    assert np.all(np.count_nonzero(full(W), axis=1) == in_degree) and abs(W["values"]).max() < 1
    for i in range(N):
        for j in range(in_degree):
            assert full(W)[i, W["sources"][j, i]] == W["values"][j, i]


def test_sparse_sources_are_not_the_same_for_every_unit_and_may_be_any():
    sources = sparse(N, np.random.default_rng(7), 4)["sources"]
    assert len({tuple(sorted(column)) for column in sources.T}) > 1 and set(sources.ravel()) == set(range(N))


@pytest.mark.parametrize("name", ["orthogonal", "permutation"])
def test_orthogonal_and_permutation_preserve_lengths(name):
    W = full(make(name))
    assert np.allclose(W.T @ W, np.eye(N), rtol=0, atol=1e-13) and np.allclose(W @ W.T, np.eye(N), rtol=0, atol=1e-13)


def test_orthogonal_is_the_gram_schmidt_basis_of_normal_columns_so_that_its_law_is_haars():
    A = np.random.default_rng(8).standard_normal((N, N))
    basis = []
    for column in A.T:
        rest = column - sum((column @ q) * q for q in basis)
        basis.append(rest / np.sqrt(rest @ rest))
    assert np.allclose(orthogonal(N, np.random.default_rng(8)), np.array(basis).T, rtol=0, atol=1e-12)


def test_a_permutation_moves_every_unit_to_one_place():
    W = full(make("permutation"))
    assert set(np.unique(W)) == {0.0, 1.0} and np.all(W.sum(axis=0) == 1) and np.all(W.sum(axis=1) == 1)


def test_euler_weights_are_antisymmetric_minus_gamma():
    A = np.random.default_rng(9).uniform(-1, 1, (N, N))
    W = euler_weights(N, np.random.default_rng(9), gamma=0.3, scale=0.7)
    for i in range(N):
        for j in range(N):
            assert W[i, j] == pytest.approx(0.7 * (A[i, j] - A[j, i]) - 0.3 * (i == j), abs=1e-15)
    assert np.allclose(np.linalg.eigvals(W).real, -0.3, rtol=0, atol=1e-12)


def test_antisymmetric_is_differentiable():
    A, C = np.random.default_rng(10).standard_normal((2, 3, 3))
    assert np.allclose(grad(lambda A: (antisymmetric(A) * C).sum())(A), C - C.T)


# ---- without chance ----------------------------------------------------------------------------------------------------

def test_a_cycle_hands_a_pulse_from_unit_to_unit_and_comes_back_weighted():
    W, pulse = make_topology("cycle", 5, None, weight=0.9), np.eye(5)[1]
    assert np.array_equal(apply(W, pulse), 0.9 * np.eye(5)[2])
    assert np.allclose(np.linalg.matrix_power(full(W), 5), 0.9 ** 5 * np.eye(5), rtol=0, atol=1e-15)


@pytest.mark.parametrize("units", [1, 2, 7])
def test_a_delay_line_is_the_subdiagonal(units):
    W = full(make_topology("delay_line", units, None, weight=0.9))
    assert np.array_equal(W, 0.9 * np.eye(units, k=-1)) and not np.linalg.matrix_power(W, units).any()
    assert spectral_radius(W) == 0


@pytest.mark.parametrize("units", [2, 7])
def test_feedback_of_a_delay_line_is_the_superdiagonal(units):
    W = make_topology("delay_line_with_feedback", units, None, weight=0.9, feedback_weight=0.4)
    assert np.array_equal(full(W), 0.9 * np.eye(units, k=-1) + 0.4 * np.eye(units, k=1))
    assert spectral_radius(W) == pytest.approx(2 * np.sqrt(0.9 * 0.4) * np.cos(np.pi / (units + 1)), rel=1e-12)


@pytest.mark.parametrize("units, length", [(6, 2), (7, 2), (9, 3), (11, 3), (12, 4), (13, 5), (14, 4), (15, 6), (18, 8)])
def test_jumps_are_those_of_the_paper(units, length):
    W = np.zeros((units + 1, units + 1))  # counted from 1, as in the paper
    for i in range(1, units):
        W[i + 1, i] = 0.9
    W[1, units] = 0.9
    unit, count = 1, 0
    while unit + length <= units:  # 1 <-> 1 + l, 1 + l <-> 1 + 2 l, ...
        W[unit, unit + length] = W[unit + length, unit] = 0.4
        unit, count = unit + length, count + 1
    if units % length == 0:
        assert unit == units + 1 - length
        W[unit, 1] = W[1, unit] = 0.4
        count += 1
    else:
        assert unit == units + 1 - units % length
    assert count == units // length
    assert np.array_equal(full(make_topology("jumps", units, None, weight=0.9, jump_weight=0.4, jump_length=length)), W[1:, 1:])


def spigot():
    """The digits of pi, one after the other (Gibbons 2006), from a series other than the library's."""
    q, r, t, k, n, m = 1, 0, 1, 1, 3, 3
    while True:
        if 4 * q + r - t < n * t:
            yield n
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, m = q * k, (2 * q + r) * m, t * m, k + 1, (q * (7 * k + 2) + r * m) // (t * m), m + 2


def test_pi_has_its_digits():
    digits, first = spigot(), 800
    assert next(digits) == 3 and pi_digits(first) == [next(digits) for _ in range(first)]
    assert pi_digits(767)[761:] == [9] * 6 and pi_digits(1) == [1]
    assert pi_digits(5000)[:first] == pi_digits(first)  # more than Python turns into text


def test_input_signs_are_minus_up_to_four_and_plus_from_five():
    assert np.array_equal(input_signs(10)[:, 0], [-1, -1, -1, 1, 1, -1, 1, 1, -1, 1])  # 1 4 1 5 9 2 6 5 3 5
    assert input_signs(10).dtype == np.float64


def test_the_signs_of_a_further_channel_go_on_where_the_last_one_ended():
    assert input_signs(5, 3).shape == (5, 3)
    assert np.array_equal(np.concatenate(list(input_signs(5, 3).T)), input_signs(15)[:, 0])


# ---- input weights and bias --------------------------------------------------------------------------------------------

def test_input_weights_are_scaled_channel_by_channel():
    plain = input_weights(5, 3, np.random.default_rng(11), distribution="normal")
    scaled = input_weights(5, 3, np.random.default_rng(11), [0.5, 0.0, 2.0], "normal")
    assert plain.shape == (5, 3)
    assert np.array_equal(scaled, np.stack([0.5 * plain[:, 0], 0 * plain[:, 1], 2 * plain[:, 2]], axis=1))
    assert np.array_equal(input_weights(5, 3, np.random.default_rng(11), 0.5, "normal"), 0.5 * plain)


def test_input_weights_have_a_density_and_the_bias_its_own_scale():
    assert np.count_nonzero(input_weights(10, 4, np.random.default_rng(12), density=0.1)) == 4
    b, half = bias(10, np.random.default_rng(12), 0.2), bias(10, np.random.default_rng(12), 0.1)
    assert b.shape == (10,) and 0.1 < abs(b).max() < 0.2 and np.allclose(half, b / 2) and b.min() < 0 < b.max()
    assert np.count_nonzero(bias(10, np.random.default_rng(12), 0.2, "bernoulli", density=0.5)) == 5


def test_one_generator_gives_independent_weights_inputs_and_bias():
    rng = np.random.default_rng(13)
    W, W_in, b = dense(40, rng, "uniform"), input_weights(40, 1, rng), bias(40, rng)
    draws = [W[0], W[:, 0], W_in[:, 0], b]
    correlations = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.all(abs(correlations) < 0.5)
    assert not np.any(bias(40, rng) == b) and not np.any(input_weights(40, 1, rng) == W_in)


# ---- hostile input -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call, message", [
    (lambda rng: make_topology("cicle", 5, rng), "unknown topology 'cicle': did you mean 'cycle'"),
    (lambda rng: make_topology("cycle", 5, rng, wieght=1.0), "unknown option of cycle 'wieght': did you mean 'weight'"),
    (lambda rng: make_topology("orthogonal", 5, rng, weight=1.0), "unknown option of orthogonal 'weight': choose from none"),
    (lambda rng: make_topology("dense", 0, rng), "N=0: expected a whole number of at least 1"),
    (lambda rng: make_topology("cycle", 5.0, rng), "N=5.0: expected a whole number"),
    (lambda rng: make_topology("dense", 5, 0), r"rng=0: expected a numpy.random.Generator, e.g. numpy.random.default_rng\(0\)"),
    (lambda rng: make_topology("sparse", 5, 0, in_degree=2), "rng=0: expected a numpy.random.Generator"),
    (lambda rng: make_topology("permutation", 5, None), "rng=None: expected a numpy.random.Generator"),
    (lambda rng: make_topology("orthogonal", 5, np.random), "expected a numpy.random.Generator"),
    (lambda rng: make_topology("dense", 5, rng, density=0.0), "density=0.0: expected above 0 and at most 1"),
    (lambda rng: make_topology("dense", 5, rng, density=1.5), "density=1.5: expected above 0 and at most 1, the fraction"),
    (lambda rng: make_topology("dense", 5, rng, density=float("nan")), "density=nan: expected a finite number"),
    (lambda rng: make_topology("dense", 5, rng, density=0.01), "density=0.01 leaves none of 25 weights: expected at least 0"),
    (lambda rng: make_topology("dense", 5, rng, distribution="gaussian"), "unknown distribution 'gaussian'"),
    (lambda rng: make_topology("sparse", 5, rng), "in_degree=10: expected at most N=5"),
    (lambda rng: make_topology("sparse", 5, rng, in_degree=0), "in_degree=0: expected a whole number of at least 1"),
    (lambda rng: make_topology("cycle", 5, rng, weight=np.inf), "weight=inf: expected a finite number"),
    (lambda rng: make_topology("delay_line", 5, rng, weight=[1.0]), r"weight=\[1.0\]: expected a finite number"),
    (lambda rng: make_topology("delay_line_with_feedback", 5, rng, feedback_weight="a"), "feedback_weight='a': expected"),
    (lambda rng: make_topology("jumps", 5, rng), "N=5: expected at least 6 units"),
    (lambda rng: make_topology("jumps", 8, rng, jump_length=4), "jump_length=4: expected 2 to 3, above 1 and below"),
    (lambda rng: make_topology("jumps", 9, rng, jump_length=1), "jump_length=1: expected 2 to 3"),
    (lambda rng: make_topology("jumps", 9, rng, jump_weight=None), "jump_weight=None: expected a finite number"),
    (lambda rng: make_topology("euler", 5, rng, gamma=-0.1), "gamma=-0.1: expected a number of at least 0"),
    (lambda rng: make_topology("euler", 5, rng, scale=-1), "scale=-1: expected a number of at least 0"),
    (lambda rng: antisymmetric(np.ones((2, 3))), r"A has shape \(2, 3\): expected \(N, N\)"),
    (lambda rng: antisymmetric(np.ones(3)), r"A has shape \(3,\): expected \(N, N\)"),
    (lambda rng: input_weights(5, 2, rng, [1.0]), r"scale has shape \(1,\): expected a number or \(2,\), one for each channel"),
    (lambda rng: input_weights(5, 2, rng, [1.0, -1.0]), r"scale=\[1.0, -1.0\]: expected finite numbers of at least 0"),
    (lambda rng: input_weights(5, 2, rng, [1.0, np.nan]), "expected finite numbers of at least 0"),
    (lambda rng: input_weights(5, 2, rng, ["a", "b"]), r"scale=\['a', 'b'\]: expected a number, or one for each of 2 channels"),
    (lambda rng: input_weights(5, 2, rng, -1.0), "scale=-1.0: expected a number of at least 0"),
    (lambda rng: input_weights(5, 0, rng), "d=0: expected a whole number"),
    (lambda rng: input_weights(5, 2, 1234), "rng=1234: expected a numpy.random.Generator"),
    (lambda rng: bias(5, rng, [1.0] * 5), "expected a number of at least 0"),
    (lambda rng: bias(5, 1234), "rng=1234: expected a numpy.random.Generator"),
    (lambda rng: input_signs(0), "N=0: expected a whole number"),
    (lambda rng: input_signs(3, d=0.5), "d=0.5: expected a whole number"),
    (lambda rng: pi_digits(0), "count=0: expected a whole number"),
])
def test_bad_input_is_one_line_that_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call(np.random.default_rng(0))
    assert "\n" not in str(error.value)
