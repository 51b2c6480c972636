"""Radii, their derivatives, and the scalings: each reaches its target, and none is taken for another."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, jacobian

from minires.gradients import check_gradients
from minires.reservoir.kernels import edge_of_stability, jaeger_leaky, leaky
from minires.reservoir.operators import dense as full
from minires.reservoir.scaling import MEASURES, rescale
from minires.reservoir.spectra import effective_radius, radii, spectral_norm, spectral_radius
from minires.reservoir.topologies import cycle, delay_line, delay_line_with_feedback, make_topology, sparse

N, LEAK = 7, 0.3
ROTATION = np.random.default_rng(99).standard_normal((N, N))


def with_eigenvalues(*blocks):
    """A matrix that is far from normal, with these eigenvalues: a number each, or (real, imaginary) for a pair."""
    D, at = np.zeros((N, N)), 0
    for block in blocks:
        x, y = block if isinstance(block, tuple) else (block, None)
        size = 1 if y is None else 2
        D[at:at + size, at:at + size] = x if y is None else [[x, -y], [y, x]]
        at += size
    return ROTATION @ D @ np.linalg.solve(ROTATION, np.eye(N))


REAL = with_eigenvalues(-1.1, 0.9, (0.3, 0.5), (-0.2, 0.1), 0.05)   # leads: -1.1
PAIR = with_eigenvalues((0.6, 0.8), 0.95, -0.9, 0.1, (0.2, 0.3))    # leads: 0.6 +- 0.8i, of modulus 1


def gathered(seed=5, k=3):
    return sparse(N, np.random.default_rng(seed), k)


WEIGHTS = {"real": lambda: REAL, "pair": lambda: PAIR, "sparse": gathered}


# ---- the measures ------------------------------------------------------------------------------------------------------

def test_the_radius_is_the_largest_modulus_and_nothing_that_is_taken_for_it():
    assert spectral_radius(REAL) == pytest.approx(1.1, abs=1e-12) and spectral_radius(PAIR) == pytest.approx(1.0, abs=1e-12)
    eigenvalues = np.linalg.eigvals(PAIR)
    others = [abs(eigenvalues.real).max(), abs(eigenvalues.imag).max(), np.linalg.norm(PAIR, 2), np.linalg.norm(PAIR),
              np.linalg.norm(PAIR, np.inf), np.linalg.norm(PAIR, 1), abs(np.linalg.eigvalsh(PAIR)).max()]
    assert all(abs(other - 1) > 0.04 for other in others)


def test_the_radius_is_the_largest_root_of_the_characteristic_polynomial():
    W = np.random.default_rng(1).standard_normal((5, 5))
    coefficients, M = [1.0], np.eye(5)  # Faddeev and LeVerrier
    for k in range(1, 6):
        coefficients.append(-np.trace(W @ M) / k)
        M = W @ M + coefficients[-1] * np.eye(5)
    assert spectral_radius(W) == pytest.approx(abs(np.roots(coefficients)).max(), rel=1e-12)


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_spectral_norm_is_the_longest_image_of_a_unit_vector(name):
    W = WEIGHTS[name]()
    assert spectral_norm(W) == pytest.approx(np.sqrt(np.linalg.eigvalsh(full(W).T @ full(W)).max()), rel=1e-12)


@pytest.mark.parametrize("name", WEIGHTS)
def test_measures_are_floats_and_homogeneous(name):
    W = WEIGHTS[name]()
    scaled = {**W, "values": -3.0 * W["values"]} if isinstance(W, dict) else -3.0 * W
    for measure in (spectral_radius, spectral_norm):
        assert type(measure(W)) is float and measure(scaled) == pytest.approx(3 * measure(W), rel=1e-12)


def test_a_sparse_matrix_has_the_radius_of_its_full_form():
    W = gathered()
    assert spectral_radius(W) == spectral_radius(full(W)) and spectral_norm(W) == spectral_norm(full(W))
    assert effective_radius(W, **leaky(LEAK)) == effective_radius(full(W), **leaky(LEAK))


@pytest.mark.parametrize("K", [0.7, np.linspace(0.1, 0.8, N), 0.4 * REAL.T, cycle(N, weight=0.6)],
                         ids=["number", "unit", "full", "sparse"])
@pytest.mark.parametrize("g", [0.3, np.linspace(0.2, 0.9, N)], ids=["number", "unit"])
def test_the_effective_radius_is_that_of_the_kernels_jacobian_at_the_origin(K, g):
    J = np.zeros((N, N))
    for j in range(N):  # a small state in unit j, one step of x' = K x + g tanh(W x)
        x = 1e-8 * np.eye(N)[j]
        kept = full(K) @ x if isinstance(K, dict) or np.ndim(K) == 2 else K * x
        J[:, j] = (kept + g * np.tanh(PAIR @ x)) / 1e-8
    assert effective_radius(PAIR, K, g) == pytest.approx(abs(np.linalg.eigvals(J)).max(), rel=1e-7)


def test_the_effective_radius_of_the_leaky_kernel_is_deepesns_and_of_the_plain_one_the_spectral_radius():
    expected = abs(np.linalg.eigvals((1 - LEAK) * np.eye(N) + LEAK * PAIR)).max()
    assert effective_radius(PAIR, **leaky(LEAK)) == pytest.approx(expected, rel=1e-13)
    assert effective_radius(PAIR, 0.0, 1.0) == spectral_radius(PAIR)
    assert abs(expected - spectral_radius(PAIR)) > 0.01


def test_a_report_has_every_radius_by_its_name():
    report = radii(PAIR, **leaky(LEAK))
    assert list(report) == ["spectral_radius", "spectral_norm", "largest_row_sum", "effective_radius", "contraction"]
    assert all(type(size) is float for size in report.values())
    assert report["spectral_radius"] == spectral_radius(PAIR) and report["spectral_norm"] == spectral_norm(PAIR)
    assert report["effective_radius"] == effective_radius(PAIR, **leaky(LEAK))
    assert report["largest_row_sum"] == pytest.approx(max(sum(abs(w) for w in row) for row in PAIR))
    assert report["contraction"] == pytest.approx(0.7 + 0.3 * spectral_norm(PAIR), rel=1e-12)
    assert list(radii(gathered())) == ["spectral_radius", "spectral_norm", "largest_row_sum"]


@pytest.mark.parametrize("K, g", [(0.7, 0.3), (0.4 * REAL.T, np.linspace(0.2, 0.9, N)), (cycle(N, weight=-0.6), 0.2)])
def test_a_step_brings_two_states_together_by_the_contraction_at_least(K, g):
    rng, W = np.random.default_rng(2), 0.2 * PAIR
    step = lambda x: (full(K, N) @ x) + g * np.tanh(W @ x + 0.1)
    x, y = rng.standard_normal((2, 100, N))
    shrunk = [np.linalg.norm(step(a) - step(b)) / np.linalg.norm(a - b) for a, b in zip(x, y)]
    sizes = radii(W, K, g)
    assert max(shrunk) <= sizes["contraction"] and sizes["effective_radius"] <= sizes["contraction"]


# ---- their derivatives -------------------------------------------------------------------------------------------------

MEASURED = {"spectral_radius": lambda p: spectral_radius(p["W"]), "spectral_norm": lambda p: spectral_norm(p["W"]),
            "effective_radius": lambda p: effective_radius(p["W"], p["K"], p["g"])}


def parameters(W):
    """W with what is differentiated beside it; the sources of a sparse W are no parameter."""
    values = W["values"] if isinstance(W, dict) else W
    return {"values": values, "K": np.linspace(0.3, 0.8, N), "g": np.linspace(0.2, 0.9, N)[::-1].copy()}


def weights(p, W):
    return {**W, "values": p["values"]} if isinstance(W, dict) else p["values"]


@pytest.mark.filterwarnings("ignore:Output seems independent")
@pytest.mark.parametrize("measure", MEASURED)
@pytest.mark.parametrize("name", WEIGHTS)
def test_derivatives_of_the_measures_are_central_differences(name, measure):
    W = WEIGHTS[name]()
    rows = check_gradients(lambda p: MEASURED[measure]({**p, "W": weights(p, W)}), parameters(W), np.random.default_rng(3))
    assert len(rows) == 3 and all(row.reverse < 1e-7 and row.forward < 1e-7 for row in rows)


def test_the_slope_of_the_radius_is_checked_with_a_real_and_with_a_complex_lead():
    leads = [np.linalg.eigvals(full(W)) for W in (REAL, PAIR)]
    real, pair = (eigenvalues[np.argmax(abs(eigenvalues))] for eigenvalues in leads)
    assert real.real < 0 and abs(real.imag) < 1e-12 and abs(pair.imag) > 0.5
    M = (1 - LEAK) * np.eye(N) + LEAK * PAIR
    assert abs(np.linalg.eigvals(M)[np.argmax(abs(np.linalg.eigvals(M)))] - 1) > 0.01


def test_the_radius_grows_with_its_matrix():
    for W in (REAL, PAIR):  # Euler's law of homogeneous functions
        assert np.sum(grad(spectral_radius)(W) * W) == pytest.approx(spectral_radius(W), rel=1e-12)
        assert np.sum(grad(spectral_norm)(W) * W) == pytest.approx(spectral_norm(W), rel=1e-12)


def test_other_eigenvalues_may_be_defective():
    W = np.diag([0.9, 0.0, 0.0, 0.5]) + np.diag([0.3, 1.0, 0.2], 1)  # a Jordan block at 0
    W[3, 0] = 0.1
    rows = check_gradients(lambda p: spectral_radius(p["W"]), {"W": W}, np.random.default_rng(4))
    assert rows[0].reverse < 1e-7


def test_weak_feedback_keeps_its_derivative():
    W = delay_line_with_feedback(9, weight=0.8, feedback_weight=0.05)
    slope = grad(lambda values: spectral_radius({**W, "values": values}))(W["values"])
    radius = spectral_radius(W)  # d log rho / d log w = 1/2 for the line as a whole, 1/2 for the feedback
    assert np.allclose(np.sum(slope * W["values"], axis=1), radius / 2, rtol=1e-9)


def test_the_derivative_of_a_single_cycle_is_shared_by_its_weights():
    W = {**cycle(N), "values": np.linspace(0.5, 1.1, N)[None]}  # rho = |product of the weights|^(1/N), all eigenvalues tie
    slope = grad(lambda values: spectral_radius({**W, "values": values}))(W["values"])
    assert np.allclose(slope, spectral_radius(W) / (N * W["values"]), rtol=1e-10)


@pytest.mark.parametrize("W, message", [
    (np.zeros((3, 3)), "W has spectral radius 0"),
    (np.eye(5, k=-1), "W has spectral radius 0"),
    (np.array([[0.5, 1.0], [0.0, 0.5]]), "leading eigenvalue 0.5.* is defective or multiple"),
    (np.array([[1.5, -1.0], [1.0, -0.5]]), "leading eigenvalue 0.5.* is defective or multiple"),
])
def test_where_the_radius_has_no_derivative_it_says_so(W, message):
    assert spectral_radius(W) == pytest.approx(0.5 if W.any() and W[0, 0] else 0.0, abs=1e-7)
    with pytest.raises(ValueError, match=message):
        grad(spectral_radius)(W)


# ---- the scalings ------------------------------------------------------------------------------------------------------

KERNELS = {"leaky": leaky(LEAK), "jaeger": jaeger_leaky(0.5, 0.4, 0.9), "convex": leaky(1.0)}
SIZES = {"spectral_radius": lambda W, K, g: spectral_radius(W), "spectral_norm": lambda W, K, g: spectral_norm(W),
         "effective_radius": effective_radius, "effective_radius_by_factor": effective_radius}
SCALABLE = ["dense", "sparse", "permutation", "orthogonal", "euler", "cycle", "delay_line_with_feedback", "jumps"]


def topology(name):
    options = {"sparse": {"in_degree": 3}, "jumps": {"jump_length": 2}}.get(name, {})
    return make_topology(name, N, np.random.default_rng(6), **options)


@pytest.mark.parametrize("by", SIZES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", SCALABLE)
def test_every_scaling_reaches_its_target_and_keeps_the_form(name, kernel, by):
    W = topology(name)
    if by == "effective_radius" and isinstance(W, dict):
        W = full(W)
    for target in (0.97, 1.3):
        scaled = rescale(W, by, target, **KERNELS[kernel])
        assert SIZES[by](scaled, **KERNELS[kernel]) == pytest.approx(target, rel=1e-12)
        assert isinstance(scaled, dict) == isinstance(W, dict)
        again = rescale(scaled, by, target, **KERNELS[kernel])  # scaling twice is scaling once
        assert np.allclose(full(again), full(scaled), rtol=1e-9, atol=1e-12)
        if isinstance(W, dict):
            assert np.array_equal(scaled["sources"], W["sources"])


@pytest.mark.parametrize("by", ["spectral_radius", "spectral_norm", "effective_radius_by_factor"])
def test_a_scaling_by_a_factor_keeps_zeros_signs_and_ratios(by):
    for W in (PAIR * (abs(PAIR) > 0.2), full(gathered())):
        scaled = rescale(W, by, 0.95, **leaky(LEAK))
        factor = scaled[W != 0] / W[W != 0]
        assert np.all(scaled[W == 0] == 0) and factor[0] > 0 and np.allclose(factor, factor[0], rtol=1e-13)


def test_the_target_of_one_measure_is_not_that_of_another():
    sizes = {by: spectral_radius(rescale(PAIR, by, 0.9, **leaky(LEAK))) for by in SIZES}
    values = sorted(sizes.values())
    assert sizes["spectral_radius"] == pytest.approx(0.9, rel=1e-12) and min(np.diff(values)) > 0.01


def test_sparse_weights_are_scaled_after_they_are_made_sparse():
    early = rescale(make_topology("dense", 40, np.random.default_rng(16)), "spectral_radius", 0.9)
    late = make_topology("dense", 40, np.random.default_rng(16), density=0.2)
    assert abs(spectral_radius(early * (late != 0)) - 0.9) > 0.2
    assert spectral_radius(rescale(late, "spectral_radius", 0.9)) == pytest.approx(0.9, rel=1e-12)


def test_rescaling_does_not_change_what_it_was_given():
    W, S = PAIR.copy(), gathered()
    values = S["values"].copy()
    for by in SIZES:
        rescale(W, by, 0.9, **leaky(LEAK))
    rescale(S, "spectral_radius", 0.9)
    assert np.array_equal(W, PAIR) and np.array_equal(S["values"], values)


def test_effective_radius_is_deepesns_way():
    M = (1 - LEAK) * np.eye(N) + LEAK * PAIR
    M = M * (0.9 / abs(np.linalg.eigvals(M)).max())
    expected = (M - (1 - LEAK) * np.eye(N)) / LEAK
    scaled = rescale(PAIR, "effective_radius", 0.9, **leaky(LEAK))
    assert np.allclose(scaled, expected, rtol=0, atol=1e-13)
    ratio = (scaled / PAIR)[~np.eye(N, dtype=bool)]
    assert np.allclose(ratio, ratio[0]) and not np.allclose(np.diag(scaled) / np.diag(PAIR), ratio[0])


def test_effective_radius_of_a_residual_kernel_is_reached_too():
    kernel = edge_of_stability(0.2, topology("orthogonal"))
    assert effective_radius(rescale(PAIR, "effective_radius", 0.95, **kernel), **kernel) == pytest.approx(0.95, rel=1e-12)
    units = {"K": np.linspace(0.3, 0.8, N), "g": np.linspace(0.9, 0.2, N)}
    scaled = rescale(PAIR, "effective_radius", 0.95, **units)
    assert effective_radius(scaled, **units) == pytest.approx(0.95, rel=1e-12)
    before, after = (np.diag(units["K"]) + units["g"][:, None] * W for W in (PAIR, scaled))
    assert np.allclose(after, before * (0.95 / abs(np.linalg.eigvals(before)).max()), rtol=1e-11)


def test_by_factor_takes_the_first_factor_that_reaches_the_target():
    scaled = rescale(PAIR, "effective_radius_by_factor", 0.9, **leaky(LEAK))
    s = scaled[0, 0] / PAIR[0, 0]
    assert all(effective_radius(share * s * PAIR, **leaky(LEAK)) < 0.9 for share in np.linspace(0.0, 0.999, 50))
    inward = -np.diag([1.0, 2.0, 3.0])  # the radius first falls with the factor, then grows
    scaled = rescale(inward, "effective_radius_by_factor", 0.8, **leaky(LEAK))
    assert effective_radius(scaled, **leaky(LEAK)) == pytest.approx(0.8, rel=1e-12) and scaled[2, 2] == pytest.approx(-5.0)


def test_a_delay_line_has_an_effective_radius_although_it_has_no_other():
    W = np.array(full(delay_line(N, weight=0.8)))
    assert effective_radius(rescale(W, "effective_radius", 0.9, **leaky(LEAK)), **leaky(LEAK)) == pytest.approx(0.9, rel=1e-12)


def test_the_circular_law_is_resesns_factor_and_only_near_the_target():
    W = np.random.default_rng(7).uniform(-1, 1, (200, 200))
    scaled = rescale(W, "circular_law", 0.9)
    assert np.allclose(scaled, W * (0.9 / np.sqrt(200)) * 6 / np.sqrt(12), rtol=1e-14)
    assert 1e-4 < abs(spectral_radius(scaled) - 0.9) < 0.09


def test_none_gives_the_weights_back():
    W = delay_line(N)
    assert rescale(W, "none") is W and set(MEASURES) == {*SIZES, "circular_law", "none"}


@pytest.mark.parametrize("by", [by for by in MEASURES if by != "none"])
def test_float32_stays_float32(by):
    W = np.random.default_rng(8).uniform(-1, 1, (9, 9)).astype(np.float32)
    assert rescale(W, by, 0.95, **leaky(LEAK)).dtype == np.float32
    if by not in ("effective_radius", "circular_law"):
        S = {**gathered(), "values": gathered()["values"].astype(np.float32)}
        assert rescale(S, by, 0.95, **leaky(LEAK))["values"].dtype == np.float32


def test_whole_numbers_and_lists_are_weights():
    W = [[0, 2], [1, 0]]
    for given in (W, np.array(W)):
        assert spectral_radius(rescale(given, "spectral_radius", 0.9)) == pytest.approx(0.9, rel=1e-14)
        scaled = rescale(given, "effective_radius", 0.9, **leaky(LEAK))
        assert effective_radius(scaled, **leaky(LEAK)) == pytest.approx(0.9, rel=1e-14)


# ---- derivatives through the scalings ----------------------------------------------------------------------------------

@pytest.mark.filterwarnings("ignore:Output seems independent")
@pytest.mark.parametrize("by", SIZES)
@pytest.mark.parametrize("name", WEIGHTS)
def test_derivatives_pass_through_the_radius(name, by):
    W, rng = WEIGHTS[name](), np.random.default_rng(9)
    if by == "effective_radius" and isinstance(W, dict):
        W = full(W)
    values = W["values"] if isinstance(W, dict) else W
    C = rng.standard_normal(values.shape)

    def loss(p):
        scaled = rescale(weights(p, W), by, p["target"], p["K"], p["g"])
        return anp.sum(C * (scaled["values"] if isinstance(scaled, dict) else scaled) ** 2)

    params = {"values": values, "target": np.array(0.9), "K": np.array(0.6), "g": np.array(0.35)}
    rows = check_gradients(loss, params, rng)
    assert len(rows) == 4 and all(row.reverse < 1e-7 and row.forward < 1e-7 for row in rows)


@pytest.mark.parametrize("by", ["spectral_radius", "spectral_norm", "effective_radius_by_factor"])
def test_what_follows_a_scaling_does_not_feel_the_size_of_the_weights(by):
    C = np.random.default_rng(10).standard_normal((N, N))
    slope = grad(lambda W: anp.sum(C * rescale(W, by, 0.9, **leaky(LEAK)) ** 2))(PAIR)
    assert abs(np.sum(slope * PAIR)) < 1e-12 * np.sum(abs(slope * PAIR)) and abs(slope).max() > 1e-3


@pytest.mark.parametrize("by", [by for by in MEASURES if by != "none"])
def test_the_complex_step_in_the_target_is_its_derivative(by):
    W = np.random.default_rng(15).uniform(-1, 1, (N, N))
    step = np.imag(rescale(W, by, 0.9 + 1e-30j, **leaky(LEAK))) / 1e-30
    assert np.allclose(jacobian(lambda target: rescale(W, by, target, **leaky(LEAK)))(0.9), step, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("by", ["spectral_radius", "spectral_norm", "circular_law"])
def test_the_derivative_in_the_target_is_the_unit_matrix_of_that_size(by):
    W = np.random.default_rng(11).uniform(-1, 1, (N, N))
    unit = rescale(W, by, 1.0)
    assert np.allclose(jacobian(lambda target: rescale(W, by, target))(0.7), unit, rtol=1e-13)


# ---- radius 0 ----------------------------------------------------------------------------------------------------------

def rotated_nilpotent(units):
    Q = np.linalg.qr(np.random.default_rng(12).standard_normal((units, units)))[0]
    return Q @ np.eye(units, k=-1) @ Q.T


def feed_forward(units):
    order = np.random.default_rng(13).permutation(units)
    return np.tril(np.random.default_rng(14).standard_normal((units, units)), -1)[np.ix_(order, order)]


@pytest.mark.parametrize("W", [
    np.zeros((4, 4)), np.array([[1.0, -1.0], [1.0, -1.0]]), delay_line(5, weight=0.9), delay_line(200, weight=0.9),
    full(delay_line(200)).T, rotated_nilpotent(6), rotated_nilpotent(150), feed_forward(60),
    delay_line_with_feedback(60, weight=0.8, feedback_weight=0.05),
], ids=["zero", "cancelling", "line", "long line", "backwards", "rotated", "long rotated", "feed-forward", "weak feedback"])
def test_a_radius_of_zero_or_lost_in_rounding_is_not_divided_by(W):
    for by in ("spectral_radius", "effective_radius_by_factor"):
        with pytest.raises(ValueError, match="the spectral radius of W is 0, or lost in rounding"):
            rescale(W, by, 0.9, **leaky(LEAK))


def test_a_long_delay_line_with_weak_feedback_loses_its_eigenvalues_in_rounding():
    W = delay_line_with_feedback(50, weight=0.8, feedback_weight=0.05)
    assert abs(spectral_radius(W) / (2 * np.sqrt(0.8 * 0.05) * np.cos(np.pi / 51)) - 1) > 0.01


@pytest.mark.parametrize("W", [
    1e-9 * PAIR, 1e-200 * REAL, np.eye(60, k=-1) + 0.01 * np.eye(60), np.eye(50, k=-1) + 1e-8 * np.eye(50, k=49),
    feed_forward(60) + np.diag(np.arange(60) == 20) * 0.3, np.array([[1e-6, 1.0], [0.0, -2e-6]]),
    np.array([[0.5, 1.0], [0.0, 0.5]]), np.array([[1.5, -1.0], [1.0, -0.5]]),
], ids=["small", "tiny", "leaks", "weak ring", "one loop", "far from normal", "defective", "defective, full"])
def test_a_small_or_a_badly_placed_radius_is_scaled_all_the_same(W):
    assert spectral_radius(rescale(W, "spectral_radius", 0.9)) == pytest.approx(0.9, rel=1e-7)
    by_factor = rescale(W, "effective_radius_by_factor", 0.9, **leaky(LEAK))
    assert effective_radius(by_factor, **leaky(LEAK)) == pytest.approx(0.9, rel=1e-7)


# ---- a public implementation -------------------------------------------------------------------------------------------

def test_the_radii_are_those_that_reservoirpy_observes():
    observables = pytest.importorskip("reservoirpy.observables")
    assert spectral_radius(PAIR) == pytest.approx(float(observables.spectral_radius(PAIR)), rel=1e-12)
    observed = float(observables.effective_spectral_radius(PAIR, lr=LEAK))  # the largest modulus, whatever its text says
    assert effective_radius(PAIR, **leaky(LEAK)) == pytest.approx(observed, rel=1e-12)


# ---- hostile input -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call, message", [
    (lambda: rescale(PAIR, "spectral radius", 0.9), "unknown scaling 'spectral radius': did you mean 'spectral_radius'"),
    (lambda: rescale(PAIR, None, 0.9), "unknown scaling None"),
    (lambda: rescale(PAIR, "spectral_radius"), "target=None: expected a positive number"),
    (lambda: rescale(PAIR, "spectral_radius", 0.0), "target=0.0: expected a positive number"),
    (lambda: rescale(PAIR, "spectral_norm", -0.9), "target=-0.9: expected a positive number"),
    (lambda: rescale(PAIR, "spectral_radius", np.nan), "target=nan: expected a positive number"),
    (lambda: rescale(PAIR, "spectral_radius", np.inf), "target=inf: expected a positive number"),
    (lambda: rescale(PAIR, "spectral_radius", "0.9"), "target='0.9': expected a positive number"),
    (lambda: rescale(PAIR, "spectral_radius", [0.9, 1.0]), r"target=array\(\[0.9, 1. \]\): expected a positive number"),
    (lambda: rescale(PAIR, "none", 0.9), "by='none' with target=0.9: expected no target"),
    (lambda: rescale(PAIR, "effective_radius", 0.9), "by='effective_radius' without the kernel: expected K and g"),
    (lambda: rescale(PAIR, "effective_radius_by_factor", 0.9, K=0.7), "by_factor' without the kernel: expected K and g"),
    (lambda: rescale(gathered(), "effective_radius", 0.9, **leaky(LEAK)), "for which sparse weights have no place"),
    (lambda: rescale(PAIR, "effective_radius", 0.9, 0.7, 0.0), "g holds 0: expected a gain above 0"),
    (lambda: rescale(PAIR, "effective_radius", 0.9, 0.7, np.array([0.1] * 6 + [0.0])), "g holds 0: expected a gain above 0"),
    (lambda: rescale(PAIR, "effective_radius", 0.9, 0.7, np.ones(3)), r"g has shape \(3,\): expected \(\) or \(7,\)"),
    (lambda: rescale(PAIR, "effective_radius", 0.9, np.ones(3), 0.3), r"K has shape \(3,\): expected"),
    (lambda: rescale(PAIR, "effective_radius_by_factor", 0.7, **leaky(LEAK)), r"expected g not 0 and a target above \|K\|"),
    (lambda: rescale(PAIR, "effective_radius_by_factor", 0.9, 0.7, 0), r"expected g not 0 and a target above \|K\|"),
    (lambda: rescale(PAIR, "effective_radius_by_factor", 0.9, np.ones(N) / 2, 0.3), "expected one number for by='effective"),
    (lambda: rescale(gathered(), "circular_law", 0.9), "by='circular_law' with sparse weights: expected a full W"),
    (lambda: rescale(0.5 * np.random.default_rng(0).uniform(-1, 1, (50, 50)), "circular_law", 0.9), "mean square 0.08"),
    (lambda: rescale(np.random.default_rng(0).standard_normal((50, 50)) / 3 ** 0.5, "circular_law", 0.9), "mean square 0.3"),
    (lambda: rescale(np.zeros((3, 3)), "spectral_norm", 0.9), "W is zero: expected weights that a factor can scale"),
    (lambda: spectral_radius(np.ones((3, 4))), r"W has shape \(3, 4\): expected"),
    (lambda: spectral_radius(np.ones(3)), r"W has shape \(3,\): expected"),
    (lambda: spectral_radius(np.ones((0, 0))), "W has no units: expected at least one"),
    (lambda: spectral_norm(np.array([[1.0, np.nan], [0.0, 1.0]])), r"W is nan at \(0, 1\): expected finite numbers"),
    (lambda: rescale(np.array([[np.inf]]), "none"), r"W is inf at \(0, 0\): expected finite numbers"),
    (lambda: spectral_radius({"values": np.ones((1, 3))}), "W has"),
    (lambda: spectral_radius({"values": np.ones((1, 3)), "sources": np.array([[0, 1, 3]])}), "expected unit numbers from 0"),
    (lambda: radii(PAIR, K=0.7), "K without g, or g without K: expected both or neither"),
    (lambda: radii(PAIR, g=0.7), "K without g, or g without K: expected both or neither"),
    (lambda: effective_radius(PAIR, 0.7, cycle(N)), "g is a matrix of fixed in-degree: expected a number or one"),
])
def test_bad_input_is_one_line_that_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
