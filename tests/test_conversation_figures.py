"""Laws of the conversations' pictures: they draw what they were given, nothing covers anything, bad input is one line."""

import numpy as np
import pytest
from test_figures import assert_neat, named

from minires.figures import conversations as pictures
from minires.figures import save

M = np.array([[7, 2, 1], [0, 0, 0], [3, 9, 4]])
LABELS = ("neutral", "surprise_$x$", "sad")
HISTORY = {"step": list(range(1, 41)), "loss": np.linspace(2, 0.5, 40).tolist(), "validation_step": [10, 20, 40],
           "validation_loss": [1.5, 1.0, 0.75], "validation_accuracy": [0.3, 0.5, 0.625]}
GROUPS = {"cue_recall": {"cascade": [0.9, 1.0], "last sentence only": [0.2, 0.3]},
          "mood_flip": {"cascade": [0.8], "last sentence only": [0.5], "another": [0.1, 0.4, 0.7]}}
LEVELS = {"cue_recall": {"chance": 0.25, "majority": 0.26}, "mood_flip": {"chance": 0.5}}
PANELS = {"seconds": {"cascade: measured": ([16, 64], [0.1, 0.2], True), "full history: measured": ([16], [0.3], True)},
          "bytes": {"cascade: state": ([16, 64], [10, 10], False), "other": ([16, 64], [100, 900], False)}}


def draw_each():
    return [pictures.confusion(M, LABELS, "MELD, test: accuracy 0.423, weighted F1 0.400, macro F1 0.300"),
            pictures.confusion(np.eye(14, dtype=int), [f"class {k}" for k in range(14)], "many classes"),
            pictures.confusion([[3]], ["one"], "one class"), pictures.training_curves(HISTORY, "learning", {"majority": 0.4}),
            pictures.comparison(GROUPS, LEVELS, "two toys", "accuracy"),
            pictures.comparison({"one": {"cascade": [0.5]}}, {}, "one", "weighted F1"), pictures.cost(PANELS, "cost")]


@pytest.mark.parametrize("number", range(7))
def test_nothing_is_cut_off_or_covered_and_the_file_is_whole(tmp_path, number):
    figure = draw_each()[number]
    assert_neat(figure)
    save(figure, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().endswith(b"IEND\xaeB`\x82")


def test_a_confusion_matrix_shows_counts_and_shares_of_the_true_class():
    axes, bar = draw_each()[0].axes
    shares = np.array(axes.get_images()[0].get_array())
    np.testing.assert_allclose(shares, [[0.7, 0.2, 0.1], [0, 0, 0], [3 / 16, 9 / 16, 4 / 16]])
    cells = {tuple(map(round, text.get_position())): text.get_text() for text in axes.texts}
    assert cells[(1, 0)] == "2\n20%" and cells[(0, 2)] == "3\n19%" and len(cells) == 9  # (predicted, true)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["neutral (10)", "surprise_$x$ (0)", "sad (16)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(LABELS)
    assert axes.get_xlabel() == "predicted" and axes.get_ylabel().startswith("true") and "true class" in bar.get_ylabel()


def test_a_dark_cell_has_light_text():
    colours = {text.get_position(): text.get_color() for text in draw_each()[0].axes[0].texts}
    assert colours[(0, 0)] == "white" and colours[(1, 0)] == "black" and colours[(1, 2)] == "white"


def test_training_curves_are_the_batches_smoothed_and_the_validation_as_it_is():
    left, right = draw_each()[3].axes
    lines = named(left)
    np.testing.assert_allclose(lines["batches"].get_ydata()[0], np.mean(HISTORY["loss"][:10]))
    assert lines["batches"].get_xdata()[0] == 10 and "average of 10" in left.get_xlabel()
    assert list(lines["validation"].get_ydata()) == HISTORY["validation_loss"]
    accuracy, level = right.get_lines()
    assert list(accuracy.get_ydata()) == HISTORY["validation_accuracy"] and list(accuracy.get_xdata()) == [10, 20, 40]
    assert level.get_ydata()[0] == 0.4


def test_bars_are_means_points_are_seeds_and_lines_are_levels():
    axes, = draw_each()[4].axes
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers}
    assert heights["cascade"] == pytest.approx([0.95, 0.8]) and heights["another"] == pytest.approx([0.4])
    points = [list(line.get_ydata()) for line in axes.get_lines() if line.get_marker() == "o"]
    assert sorted(points) == sorted([[0.9, 1.0], [0.8], [0.2, 0.3], [0.5], [0.1, 0.4, 0.7]])
    levels = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.get_lines() if line.get_marker() == "None"]
    assert sorted(levels) == [(-0.45, 0.25), (-0.45, 0.26), (0.55, 0.5)]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bars in axes.containers for bar in bars)
    assert all(end < start for (_, end), (start, _) in zip(edges, edges[1:])) and edges[0][0] > -0.45 and edges[-1][1] < 1.45
    centre = {bars.get_label(): [bar.get_x() + bar.get_width() / 2 for bar in bars] for bars in axes.containers}
    assert centre["cascade"][1] - centre["cascade"][0] == pytest.approx(1) and centre["another"][0] > 1
    assert [text.get_text() for text in axes.get_xticklabels()] == ["cue_recall", "mood_flip"]


def test_one_group_has_its_level_in_numbers():
    axes, = pictures.comparison({"one": {"cascade": [0.5]}}, {"one": {"chance": 0.25}}, "one", "accuracy").axes
    assert "chance: 0.250" in named(axes)


def test_cost_is_drawn_on_logarithmic_axes_with_points_where_it_was_measured():
    seconds, held = draw_each()[6].axes
    assert seconds.get_xscale() == seconds.get_yscale() == held.get_yscale() == "log"
    lines = named(held) | named(seconds)
    assert lines["cascade: measured"].get_marker() == "o" and lines["cascade: state"].get_marker() == "None"
    assert list(lines["other"].get_ydata()) == [100, 900] and lines["cascade: state"].get_linestyle() == "--"
    assert lines["cascade: measured"].get_color() == lines["cascade: state"].get_color() != lines["other"].get_color()
    assert [text.get_text() for text in held.get_xticklabels()] == ["16", "64"]


def test_bad_input_is_one_line():
    with pytest.raises(ValueError, match=r"confusion matrix of shape \(3, 3\): expected \(2, 2\), as there are 2 labels"):
        pictures.confusion(M, ("a", "b"), "title")
    with pytest.raises(ValueError, match="nothing to compare"):
        pictures.comparison({}, {}, "title", "accuracy")
    with pytest.raises(ValueError, match="nothing to draw"):
        pictures.cost({"seconds": {}}, "title")
