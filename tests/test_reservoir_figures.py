"""Laws of the reservoirs' pictures: they draw what they were given, nothing covers anything, bad input is one line."""

import numpy as np
import pytest
from test_figures import assert_neat, named

from minires import figures

T, N, R, Q = 40, 7, 3, 2
RNG = np.random.default_rng(3)
X, Y, PREDICTED = RNG.uniform(-1, 1, (T, N)), RNG.normal(size=(T, Q)), RNG.normal(size=(T, Q))
TRUTHS, RUNS = RNG.normal(size=(R, T, Q)), RNG.normal(size=(R, T, Q))
W = RNG.normal(size=(N, N)) / 4


def draw_each():
    return [figures.states(X, "states", 200), figures.prediction(Y, PREDICTED, "predicted", 3000, ("x", "y")),
            figures.prediction(Y[:, :1], PREDICTED[:, :1], "NARMA"), figures.eigenvalues(W, 0.7, 0.3, "eigenvalues of this"),
            figures.forecast(TRUTHS, RUNS, 2.0, "free runs", 0.5, 0.4, ("x", "z"), "units of time"),
            figures.attractor(Y, PREDICTED, ("x", "z"), "orbit"), figures.attractor(Y[:, :1], Y[:, 1:], ("x",), "one", 5),
            figures.strengths([1e-6, 1e-3, 1.0], [0.3, 0.1, 0.7], 1e-3, "leave one out"),
            figures.memory_curve([1.0, 0.6, 0.1], 0.01, "memory 1.7 of at most N = 7", [1.0, 0.7, 0.2]),
            figures.capacities({1: 3.5, 2: 1.25, 3: 0.0}, 7, "information processing capacity 4.75")]


@pytest.mark.parametrize("number", range(10))
def test_nothing_is_cut_off_or_covered_and_the_file_is_whole(tmp_path, number):
    figure = draw_each()[number]
    assert_neat(figure)
    figures.save(figure, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().endswith(b"IEND\xaeB`\x82")


def test_states_are_drawn_by_unit_and_by_row():
    lines, heat, bar = figures.states(X, "title", 200).axes
    units = [0, 1, 2, 4, 5, 6]
    assert list(named(lines)) == [f"unit {i + 1}" for i in units]
    for i, line in zip(units, named(lines).values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), X[:, i])
        assert list(line.get_xdata()) == list(range(200, 200 + T))
    image, = heat.get_images()
    np.testing.assert_array_equal(image.get_array(), X.T)
    assert image.get_clim() == (-np.abs(X).max(), np.abs(X).max()) and bar.get_ylabel() == "state"
    assert heat.get_ylim()[0] > heat.get_ylim()[1] and heat.get_ylim()[1] == 0.5


def test_a_prediction_stands_beside_its_target_and_over_its_error():
    first, second, error = figures.prediction(Y, PREDICTED, "title", 3000, ("x", "y")).axes
    for j, axes in enumerate((first, second)):
        np.testing.assert_array_equal(named(axes)["target"].get_ydata(), Y[:, j])
        np.testing.assert_array_equal(named(axes)["prediction"].get_ydata(), PREDICTED[:, j])
        assert named(axes)["target"].get_xdata()[0] == 3000 and axes.get_ylabel() == "xy"[j]
    np.testing.assert_array_equal(error.get_lines()[2].get_ydata(), PREDICTED[:, 1] - Y[:, 1])
    many = figures.prediction(np.ones((T, 5)), np.zeros((T, 5)), "five outputs, three drawn")
    assert [axes.get_ylabel() for axes in many.axes] == ["output 1", "output 2", "output 3", "prediction - target"]


def test_a_forecast_draws_the_first_run_and_the_error_of_all_in_deviations():
    broken = RUNS.copy()
    broken[1, 10:] = np.nan
    *panels, error = figures.forecast(TRUTHS, broken, 2.0, "title", 0.5, 0.4, ("x", "z"), "units of time").axes
    np.testing.assert_array_equal(named(panels[1])["free run"].get_ydata(), RUNS[0, :, 1])
    np.testing.assert_array_equal(named(panels[1])["truth"].get_ydata(), TRUTHS[0, :, 1])
    sizes = np.sqrt(np.sum((broken - TRUTHS) ** 2, axis=2)) / 2.0
    thin = [line for line in error.get_lines() if line.get_label().startswith("_")]
    np.testing.assert_allclose([line.get_ydata() for line in thin], sizes, rtol=1e-14)
    median = named(error)["median of 3 free runs"]
    np.testing.assert_allclose(median.get_ydata()[:10], np.median(sizes[:, :10], axis=0), rtol=1e-14)
    np.testing.assert_allclose(median.get_ydata()[10:], np.maximum(sizes[0], sizes[2])[10:], rtol=1e-14)  # diverged is worst
    assert median.get_xdata()[0] == 0.5 and median.get_xdata()[-1] == 0.5 * T  # row t is t + 1 steps after the last value
    assert list(named(error)["threshold 0.4"].get_ydata()) == [0.4, 0.4] and error.get_xlabel().endswith("(units of time)")


def test_an_attractor_of_one_output_is_its_delay_embedding_of_several_the_last_against_the_first():
    left, right = figures.attractor(Y[:, :1], PREDICTED[:, :1], ("x",), "title", 5).axes
    for axes, values in ((left, Y), (right, PREDICTED)):
        line, = axes.get_lines()
        np.testing.assert_array_equal(line.get_xydata(), np.stack([values[5:, 0], values[:-5, 0]], axis=1))
    assert (left.get_xlabel(), left.get_ylabel()) == ("x", "x, 5 rows earlier")
    left, right = figures.attractor(X[:, :3], X[:, 3:6], ("x", "y", "z"), "title").axes
    np.testing.assert_array_equal(right.get_lines()[0].get_xydata(), X[:, [3, 5]])
    assert (left.get_xlabel(), left.get_ylabel()) == ("x", "z")


def test_eigenvalues_are_those_of_W_and_of_the_kernel_beside_the_unit_circle():
    gain = np.linspace(0.1, 0.5, N)
    for axes, matrix in zip(figures.eigenvalues(W, 0.7, gain, "t").axes, (W, 0.7 * np.eye(N) + gain[:, None] * W), strict=True):
        circle, points = axes.get_lines()
        np.testing.assert_allclose(np.hypot(circle.get_xdata(), circle.get_ydata()), 1, rtol=1e-14)
        drawn = np.sort_complex(points.get_xdata() + 1j * points.get_ydata())
        np.testing.assert_allclose(drawn, np.sort_complex(np.linalg.eigvals(matrix)), atol=1e-12)
        assert f"{np.abs(drawn).max():.4g}" in axes.get_title()
        assert axes.get_aspect() == 1 and axes.get_xlim()[1] >= np.abs(drawn).max()
    sparse = {"values": np.full((1, 4), 0.5), "sources": np.array([[3, 0, 1, 2]])}
    assert "0.5" in figures.eigenvalues(sparse, 0.0, 1.0, "cycle").axes[0].get_title()


def test_a_memory_curve_starts_at_delay_one_and_shows_its_bias():
    axes, = figures.memory_curve([1.0, 0.6, 0.1], 0.01, "title", [0.9, 0.7, 0.2]).axes
    lines = named(axes)
    np.testing.assert_array_equal(lines["measured, bias taken away"].get_xydata(), [[1, 1.0], [2, 0.6], [3, 0.1]])
    np.testing.assert_array_equal(lines["exact, f = identity"].get_xydata(), [[1, 0.9], [2, 0.7], [3, 0.2]])
    assert list(lines["bias taken away: 0.01 per delay"].get_ydata()) == [0.01, 0.01]
    assert len(named(figures.memory_curve([1.0], 0.1, "").axes[0])) == 2


def test_capacities_are_stacked_up_to_their_total_under_N():
    axes, = figures.capacities({1: 3.5, 2: 1.25, 3: 0.5}, 7, "title").axes
    bars = [(bar.get_y(), bar.get_height()) for bar in axes.patches]
    assert bars == [(0.0, 3.5), (3.5, 1.25), (4.75, 0.5)]
    assert list(named(axes)["N = 7, the most there can be"].get_ydata()) == [7, 7]


def test_the_chosen_strength_is_marked():
    axes, = figures.strengths([1e-6, 1e-3, 1.0], [0.3, 0.1, 0.7], 1e-3, "title").axes
    np.testing.assert_array_equal(axes.get_lines()[0].get_xydata(), [[1e-6, 0.3], [1e-3, 0.1], [1.0, 0.7]])
    assert list(named(axes)["chosen: 0.001"].get_xdata()) == [1e-3, 1e-3] and axes.get_xscale() == "log"


@pytest.mark.parametrize("draw, message", [
    (lambda: figures.states(X[0], ""), "states of shape .7,.: expected .T, n."),
    (lambda: figures.prediction(Y, PREDICTED[:, :1], ""), "expected .40, 2., the target's"),
    (lambda: figures.forecast(TRUTHS, RUNS[:2], 1.0, ""), "expected .R, T, q. both"),
    (lambda: figures.attractor(Y, PREDICTED, ("x",), ""), "1 names: expected 2"),
    (lambda: figures.attractor(Y[:, :1], Y[:, 1:], ("x",), "", 40), "delay=40: expected 1 to 39"),
    (lambda: figures.strengths([1.0], [], 1.0, ""), "1 strengths and 0 errors"),
    (lambda: figures.memory_curve([], 0.1, ""), "at least one delay"),
    (lambda: figures.capacities({}, 3, ""), "no degrees"),
])
def test_impossible_input_is_refused_in_one_line(draw, message):
    with pytest.raises(ValueError, match=message) as error:
        draw()
    assert "\n" not in str(error.value)
