"""Laws of the pictures: they draw what they were given, nothing covers anything, files are whole or absent."""

import subprocess
import sys

import numpy as np
import pytest

from minires import analysis, figures

B, H, T, G, K, D = 2, 3, 6, 2, 4, 5
NAMES = ["vanilla", "realformer", "resformer_learnable_plus", "svformer", "neutreno",
         "Post-LN, logits * sqrt(n) (control of our own)"]
TOKENS = ["<bos>", " ", "\n", " cat", "electromagnetic", "$x$"]


def make_trace(layers, seed=0, queries=T):
    rng, trace = np.random.default_rng(seed), []
    for n in range(layers):
        P = rng.exponential(size=(B, H, queries, T)) * np.tril(np.ones((T, T)))[-queries:]
        scores = rng.normal(size=(B, H, queries, T))
        attention = {"probabilities": P / P.sum(axis=-1, keepdims=True), "values": rng.normal(size=(B, T, G * K)),
                     "scores": scores, "fresh_scores": scores}
        trace.append({"input": rng.normal(size=(B, queries, D)), "output": rng.normal(size=(B, queries, D)),
                      "attention": attention})
    trace[-1]["final"] = rng.normal(size=(B, queries, D))
    return trace


def make_runs(seeds=3, seed=0, steps=40):
    rng, runs = np.random.default_rng(seed), []
    for _ in range(seeds):
        loss = 3 * np.exp(-np.arange(steps) / 10) + rng.random(steps)
        runs.append({"step": list(range(steps)), "loss": loss.tolist(), "accuracy": (1 - loss / 4).tolist(),
                     "validation_step": list(range(0, steps, 4)), "validation_loss": (loss[::4] + 0.5).tolist(),
                     "validation_accuracy": (0.9 - loss[::4] / 4).tolist()})
    return runs


def named(axes):
    """The lines that have an entry in the legend, by name."""
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def boxes(figure):
    """The drawn extent of each panel with its labels and titles, of legends and common labels; the whole figure."""
    figure.draw_without_rendering()
    parts = [axes.get_tightbbox() for axes in figure.axes if axes.get_visible()]
    return parts + [part.get_window_extent() for part in figure.legends + figure.texts], figure.bbox


def assert_neat(figure):
    """Nothing is cut off at the border, and no two parts overlap."""
    parts, whole = boxes(figure)
    for i, part in enumerate(parts):
        assert whole.x0 <= part.x0 and part.x1 <= whole.x1 and whole.y0 <= part.y0 and part.y1 <= whole.y1
        for other in parts[:i]:
            width = min(part.x1, other.x1) - max(part.x0, other.x0)
            height = min(part.y1, other.y1) - max(part.y0, other.y0)
            assert width < 1 or height < 1


# ---- files -----------------------------------------------------------------------------------------------------------

def draw_each():
    traces = {name: make_trace(2, seed) for seed, name in enumerate(NAMES[:2])}
    return [figures.learning_curves({"vanilla": make_runs()}, "A title"), figures.attention_maps(traces, TOKENS),
            figures.concentration({name: analysis.summary(trace) for name, trace in traces.items()}),
            figures.value_spectra(traces)]


def test_every_figure_is_saved_as_a_png_and_nothing_else_is_left(tmp_path):
    for n, figure in enumerate(draw_each()):
        figures.save(figure, tmp_path / f"{n}.png")
        content = (tmp_path / f"{n}.png").read_bytes()
        assert content.startswith(b"\x89PNG\r\n") and content.endswith(b"IEND\xaeB`\x82") and len(content) > 5000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "2.png", "3.png"]


def test_the_suffix_is_the_format(tmp_path):
    figure = draw_each()[0]
    figures.save(figure, str(tmp_path / "curves.SVG"))
    assert "<svg" in (tmp_path / "curves.SVG").read_text()
    for name in ("curves.jpgg", "curves"):
        with pytest.raises(ValueError, match="unknown picture format .* choose from .*png"):
            figures.save(figure, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["curves.SVG"]


def test_a_folder_that_cannot_be_written_raises_the_error_of_the_system(tmp_path):
    figure = draw_each()[0]
    with pytest.raises(FileNotFoundError):
        figures.save(figure, tmp_path / "missing" / "curves.png")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError):
        figures.save(figure, tmp_path / "file" / "curves.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "kept"


def test_a_failure_half_way_keeps_the_old_file_and_leaves_no_part(tmp_path, monkeypatch):
    figure, path, written = draw_each()[0], tmp_path / "curves.png", []

    def disk_full(target, **_):
        target.write(b"half")
        target.flush()
        written.extend(each.name for each in tmp_path.iterdir() if each != path)
        raise OSError("no space left")

    path.write_bytes(b"old")
    monkeypatch.setattr(figure, "savefig", disk_full)
    with pytest.raises(OSError, match="no space left"):
        figures.save(figure, path)
    assert len(written) == 1 and list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"old"


def test_no_figure_needs_pyplot():
    code = ("import sys; from minires import figures; "
            "figures.learning_curves({'a': [{'step': [1], 'loss': [1.0]}]}, 't', 'loss').draw_without_rendering(); "
            "sys.exit('matplotlib.pyplot' in sys.modules)")
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


# ---- style -----------------------------------------------------------------------------------------------------------

def test_known_variants_look_different_and_unknown_names_take_no_known_colour():
    looks = [tuple(figures.style(name).values()) for name in figures.STYLES]
    assert len(set(looks)) == len(looks)
    known = {colour for colour, _, _ in looks}
    unknown = [figures.style(f"variant {n}") for n in range(100)]
    assert not known & {look["color"] for look in unknown}
    assert len({tuple(look.values()) for look in unknown}) > 50


def test_the_style_of_an_unknown_name_does_not_change_between_runs():
    assert figures.style("my_own") == {"color": "#661100", "linestyle": "--", "marker": "<"}


def test_a_variant_looks_the_same_in_every_figure():
    histories = {name: make_runs(seed=n) for n, name in enumerate(NAMES)}
    summaries = {name: analysis.summary(make_trace(2, n)) for n, name in reversed(list(enumerate(NAMES)))}
    panels = [figures.learning_curves(histories, "").axes[0], *figures.concentration(summaries).axes]
    for panel in panels:
        assert named(panel).keys() == set(NAMES)
        for name, line in named(panel).items():
            assert {"color": line.get_color(), "linestyle": line.get_linestyle(), "marker": line.get_marker()
                    } == figures.style(name)


# ---- learning curves -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("quantity", ["accuracy", "loss"])
def test_learning_curves_draw_each_seed_thin_and_their_median_thick(quantity):
    runs = {name: make_runs(seeds=3, seed=n) for n, name in enumerate(NAMES[:2])}
    axes = figures.learning_curves(runs, "Copying", quantity).axes[0]
    assert len(axes.get_lines()) == 2 * (3 + 1)
    for name, line in named(axes).items():
        values = [run["validation_" + quantity] for run in runs[name]]
        np.testing.assert_array_equal(line.get_xdata(), runs[name][0]["validation_step"])
        np.testing.assert_allclose(line.get_ydata(), np.median(values, axis=0), rtol=1e-15)
        seeds = [other for other in axes.get_lines() if other.get_color() == line.get_color() and other is not line]
        np.testing.assert_allclose([seed.get_ydata() for seed in seeds], values, rtol=1e-15)
        assert all(seed.get_linewidth() < line.get_linewidth() / 2 for seed in seeds)
    unit = {"accuracy": "fraction correct", "loss": "nats per token"}[quantity]
    assert (axes.get_title(), axes.get_xlabel()) == ("Copying", "training step")
    assert axes.get_ylabel() == f"validation {quantity} ({unit})"


@pytest.mark.parametrize("missing", [[], None])
def test_learning_curves_show_the_training_unless_every_run_has_a_validation(missing):
    runs = make_runs(seeds=2)
    runs[1]["validation_loss"] = missing
    if missing is None:
        del runs[1]["validation_loss"]
    axes = figures.learning_curves({"vanilla": runs}, "", "loss").axes[0]
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), runs[0]["loss"])
    assert axes.get_ylabel().startswith("training loss")


def test_the_median_is_over_the_steps_that_all_seeds_have():
    runs = [{"step": [1, 2, 3, 4], "loss": [4.0, 3, 2, 1]}, {"step": [2, 4], "loss": [7.0, 3]}]
    line = named(figures.learning_curves({"vanilla": runs}, "", "loss").axes[0])["vanilla"]
    np.testing.assert_array_equal([line.get_xdata(), line.get_ydata()], [[2, 4], [5, 2]])


def test_smoothing_is_a_moving_average_over_full_windows_only():
    runs = [{"step": [10, 20, 30, 40, 50], "loss": [5.0, 1, 3, 8, 4]}]
    axes = figures.learning_curves({"vanilla": runs}, "", "loss", smooth=3).axes[0]
    np.testing.assert_allclose(axes.get_lines()[0].get_xydata(), [[30, 3], [40, 4], [50, 5]])
    assert axes.get_xlabel() == "training step (moving average of 3 points)"


def test_references_are_lines_at_their_level_named_beside_the_panel_without_overlap():
    references = {"chance": 3.4, "bigram": 2.1, "unigram": 2.15, "trigram": 2.05, "optimum": 0.0}
    figure = figures.learning_curves({"vanilla": make_runs()}, "", "loss", references)
    axes, low, high = figure.axes[0], *figure.axes[0].get_ylim()
    levels = {line.get_ydata()[0] for line in axes.get_lines() if line.get_linestyle() == "--"}
    assert levels == set(references.values())
    figure.draw_without_rendering()
    for text in axes.texts:
        level = (references[text.get_text()] - low) / (high - low)
        assert text.xy == (1, pytest.approx(level)) and abs(text.xyann[1] - level) < 0.1
    extents = sorted((text.get_window_extent() for text in axes.texts), key=lambda extent: extent.y0)
    assert len(extents) == 5 and all(extent.x0 > axes.get_window_extent().x1 for extent in extents)
    spans = sorted((axes.transAxes.transform((0, text.xyann[1]))[1], text.get_fontsize()) for text in axes.texts)
    assert all(upper - lower >= size * figure.dpi / 72 for (lower, _), (upper, size) in zip(spans, spans[1:]))


def test_a_run_that_diverged_is_still_drawn():
    runs = [{"step": [1, 2, 3], "loss": [1.0, np.nan, np.inf]}, {"step": [1, 2, 3], "loss": [1.0, 2.0, 3.0]}]
    figure = figures.learning_curves({"vanilla": runs}, "", "loss")
    figure.draw_without_rendering()
    np.testing.assert_array_equal(named(figure.axes[0])["vanilla"].get_ydata(), [1, np.nan, np.inf])


# ---- attention maps --------------------------------------------------------------------------------------------------

def test_attention_maps_show_each_models_layers_on_one_scale():
    traces = {"vanilla": make_trace(3, 0), "svformer": make_trace(2, 1)}
    traces["svformer"][1]["attention"]["probabilities"] = np.full((B, H, T, T), 1 / T)
    figure = figures.attention_maps(traces, head=2, batch=1)
    *panels, bar = figure.axes
    assert len(panels) == 6 and not panels[5].get_visible() and bar.get_ylabel() == "attention probability"
    shown = [(trace, n) for trace in traces.values() for n in range(len(trace))]
    for axes, (trace, n) in zip(panels, shown):
        image, = axes.get_images()
        np.testing.assert_array_equal(image.get_array(), trace[n]["attention"]["probabilities"][1, 2])
        assert image.get_clim() == (0, 1) and axes.get_title() == f"layer {n + 1}"
        assert image.get_extent() == [0.5, T + 0.5, T + 0.5, 0.5]  # the first query is on top
    names = [panels[0].yaxis.label, panels[3].yaxis.label]
    assert [(name.get_text(), name.get_rotation()) for name in names] == [("vanilla", 0), ("svformer", 0)]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("key", "query")


def tick_names(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_tokens_name_the_keys_below_and_the_queries_on_the_left_and_show_their_white_space():
    figure = figures.attention_maps({"vanilla": make_trace(3), "svformer": make_trace(2)}, TOKENS)
    figure.draw_without_rendering()
    names, nothing = ["<bos>", "\u2423", "\\n", "\u2423cat", "electroma\u2026", "$x$"], [""] * T
    panels = figure.axes[:6]
    assert [tick_names(axes.yaxis) for axes in panels[:5]] == [names, nothing, nothing, names, nothing]
    assert [tick_names(axes.xaxis) for axes in panels[:5]] == [nothing, nothing, names, names, names]
    assert not panels[0].get_yticklabels()[5].get_parse_math()
    extents = [label.get_window_extent() for label in panels[2].get_xticklabels()]
    assert all(left.x1 <= right.x0 for left, right in zip(extents, extents[1:]))


def test_names_of_many_tokens_are_thinned_out_until_they_are_legible():
    trace = make_trace(1)
    for T_long in (40, 200):
        trace[0]["attention"]["probabilities"] = np.eye(T_long)[None, None]
        figure = figures.attention_maps({"vanilla": trace}, [str(n) for n in range(T_long)])
        figure.draw_without_rendering()
        labels = figure.axes[0].get_yticklabels()
        extents = sorted(label.get_window_extent().y0 for label in labels)
        assert min(np.diff(extents)) >= labels[0].get_fontsize() * figure.dpi / 72
        assert [label.get_text() for label in labels] == [f"{place - 1:.0f}" for place in figure.axes[0].get_yticks()]


def test_queries_that_are_not_the_keys_are_numbered():
    figure = figures.attention_maps({"vanilla": make_trace(1, queries=2)}, TOKENS)
    figure.draw_without_rendering()
    assert tick_names(figure.axes[0].yaxis) == ["1", "2"] and tick_names(figure.axes[0].xaxis)[0] == "<bos>"


# ---- metrics over depth ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("third", ["importance_entropy", "first_token_share"])
def test_concentration_draws_three_metrics_and_puts_divergence_between_the_layers(third):
    summaries = {"vanilla": analysis.summary(make_trace(4, 0)), "realformer": analysis.summary(make_trace(3, 1))}
    figure = figures.concentration(summaries, third)
    units = {"normalised_entropy": "ln(visible keys)", "divergence": "(bits)", "importance_entropy": "(nats)",
             "first_token_share": "(fraction)"}
    for axes, panel in zip(figure.axes, ("normalised_entropy", "divergence", third), strict=True):
        for name, line in named(axes).items():
            layers = np.arange(1, len(summaries[name]["normalised_entropy"]) + 1)
            np.testing.assert_array_equal(line.get_ydata(), summaries[name][panel])
            np.testing.assert_array_equal(line.get_xdata(), layers[:-1] + 0.5 if panel == "divergence" else layers)
        assert axes.get_xlabel() == "layer" and units[panel] in axes.get_ylabel()
        assert set(named(axes)) == set(summaries)
    legend, = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["vanilla", "realformer"]


def test_value_spectra_draw_the_eigenvalues_of_each_layer_in_its_colour():
    traces = {name: make_trace(2 + n, n) for n, name in enumerate(NAMES[:2])}
    for trace in traces.values():
        trace[0]["attention"]["values"][:, :, 5:] = 0  # rank 5: the zeros cannot be drawn
    *panels, bar = figures.value_spectra(traces).axes
    for axes, (name, trace) in zip(panels, traces.items(), strict=True):
        assert axes.get_title() == name and axes.get_yscale() == "log"
        for line, layer, rank in zip(axes.get_lines(), trace, (5, T, T), strict=False):
            spectrum = analysis.value_spectrum(layer["attention"]["values"]).mean(axis=0)
            np.testing.assert_array_equal(line.get_ydata(), spectrum[:rank])
            np.testing.assert_array_equal(line.get_xdata(), np.arange(1, rank + 1))
        assert len(axes.get_lines()) == len(trace)
    colours = [[tuple(line.get_color()) for line in axes.get_lines()] for axes in panels]
    assert colours[0] == colours[1][:2] and len(set(colours[1])) == 3 and bar.get_ylabel() == "layer"


# ---- layout and errors -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("models, layers", [(1, 1), (1, 2), (3, 4), (5, 2), (6, 6)])
def test_nothing_is_cut_off_or_covered(models, layers):
    traces = {name: make_trace(layers, n) for n, name in enumerate(NAMES[:models])}
    summaries = {name: analysis.summary(trace) for name, trace in traces.items()}
    histories = {name: make_runs(seed=n) for n, name in enumerate(NAMES[:models])}
    references = {"chance (1 / 32)": 1 / 32, "the best possible": 1.0}
    for figure in (figures.learning_curves(histories, "Copying, 3 seeds", references=references, smooth=5),
                   figures.attention_maps(traces, TOKENS), figures.concentration(summaries),
                   figures.concentration(summaries, "first_token_share"), figures.value_spectra(traces)):
        assert_neat(figure)


def test_layers_and_eigenvalues_are_counted_in_whole_numbers():
    trace = make_trace(2)
    for layer in trace:
        layer["attention"]["values"] = layer["attention"]["values"][:, :, :2]
    three = figures.concentration({"vanilla": analysis.summary(trace)}).axes
    spectrum, _ = figures.value_spectra({"vanilla": trace}).axes
    for axes in (*three, spectrum):
        low, high = axes.get_xlim()
        assert {tick for tick in axes.get_xticks() if low <= tick <= high} == {1, 2}


@pytest.mark.parametrize("draw, message", [
    (lambda: figures.learning_curves({}, ""), "no runs"),
    (lambda: figures.learning_curves({"vanilla": []}, ""), "no runs"),
    (lambda: figures.learning_curves({"vanilla": make_runs()}, "", "acuracy"), "did you mean 'accuracy'"),
    (lambda: figures.learning_curves({"vanilla": [{"step": [], "loss": []}]}, "", "loss"), "0 steps and 0 values"),
    (lambda: figures.learning_curves({"vanilla": [{"step": [1, 2], "loss": [1]}]}, "", "loss"), "2 steps and 1 values"),
    (lambda: figures.learning_curves({"vanilla": make_runs()}, "", smooth=11), "smooth is 11, expected 1 to 10"),
    (lambda: figures.learning_curves({"vanilla": make_runs()}, "", smooth=0), "smooth is 0"),
    (lambda: figures.attention_maps({}), "no layer to draw"),
    (lambda: figures.attention_maps({"vanilla": {"decoder": make_trace(1)}}), "vanilla is a dict, expected a list"),
    (lambda: figures.attention_maps({"vanilla": make_trace(1)}, TOKENS[1:]), "5 tokens for 6 keys"),
    (lambda: figures.attention_maps({"vanilla": make_trace(1)}, head=H), "head is 3, expected 0 to 2"),
    (lambda: figures.attention_maps({"vanilla": make_trace(1)}, batch=-1), "batch is -1, expected 0 to 1"),
    (lambda: figures.concentration({}), "no summaries"),
    (lambda: figures.concentration({"vanilla": {}}, "first_token"), "did you mean 'first_token_share'"),
    (lambda: figures.value_spectra({"vanilla": []}), "no layer to draw"),
])
def test_impossible_input_is_refused_in_one_line(draw, message):
    with pytest.raises(ValueError, match=message) as error:
        draw()
    assert "\n" not in str(error.value)
