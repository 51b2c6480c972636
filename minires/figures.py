"""Every picture, each a function of traces or of training histories that returns a matplotlib Figure.

Nothing here touches pyplot: no display, no global state. A variant looks the same in every picture (`style`).
Letters of the shapes: B batch, T time (queries), S source (keys), H heads, G key/value heads, K head width, L layers.
"""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minires.analysis import value_spectrum
from minires.errors import one_of, require
from minires.files import write_atomically

STYLES = {  # colour, line, marker; the hues of Okabe & Ito (2008), which colour-blind readers can tell apart
    "vanilla": ("#000000", "-", "o"), "pre_norm": ("#7F7F7F", "--", "s"),
    "sandwich_norm": ("#7F7F7F", "-.", "^"), "output_norm": ("#7F7F7F", ":", "v"),
    "realformer": ("#D55E00", "-", "o"), "realformer_mean": ("#E69F00", "--", "s"),
    "temperature": ("#8C4A00", ":", "^"),
    "resformer": ("#0072B2", "-", "o"), "resformer_constant": ("#56B4E9", "--", "s"),
    "resformer_sparse": ("#56B4E9", ":", "v"), "resformer_learnable": ("#004C78", "--", "D"),
    "resformer_plus": ("#332288", "-.", "P"), "resformer_dense": ("#88A0DC", "-.", "X"),
    "svformer": ("#009E73", "-", "^"), "neutreno": ("#CC79A7", "-", "D"), "resformer_neutreno": ("#882255", "--", "P"),
    "reservoir_resformer": ("#B8A000", "-", "X")}
SPARE = (("#44AA99", "#661100", "#AA4499", "#117733", "#CC6677"), ("--", "-.", ":"), "os^Dv<>PX")  # for other names

QUANTITIES = {"accuracy": "accuracy (fraction correct)", "loss": "loss (nats per token)"}
PANELS = {  # of `concentration`: name in analysis.summary -> axis label
    "normalised_entropy": "median attention entropy\n/ ln(visible keys)",
    "divergence": "median divergence between\nneighbouring layers (bits)",
    "importance_entropy": "entropy of token importance (nats)",
    "first_token_share": "attention on the first token (fraction)"}


def style(variant):
    """Colour, line and marker of a variant, the same in every picture; an unknown name gets spare ones by its letters.

    >>> style("svformer")
    {'color': '#009E73', 'linestyle': '-', 'marker': '^'}
    """
    number = int.from_bytes(variant.encode(), "big") % 997  # a prime, so that every letter counts
    colours, lines, markers = SPARE
    spare = (colours[number % 5], lines[number // 5 % 3], markers[number // 15 % 9])
    return dict(zip(("color", "linestyle", "marker"), STYLES.get(variant, spare)))


def save(figure, path):
    """Write the figure to `path`, in the format of its suffix (png, svg, pdf, ...), whole or not at all.

    Errors: an unknown suffix is a ValueError; a folder that cannot be written is the system's OSError.
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    one_of("picture format", suffix, figure.canvas.get_supported_filetypes())
    write_atomically(path, lambda file: figure.savefig(file, format=suffix))


# ---- training --------------------------------------------------------------------------------------------------------

def learning_curves(histories, title, quantity="accuracy", references=None, smooth=1):
    """Learning curves: a thin line per seed, a thick median at the steps that all seeds have.

    histories: label -> runs, one per seed, each {"step", "loss", "accuracy", "validation_step", "validation_loss",
    "validation_accuracy"}, lists. The validation is drawn if every run has one, else the training.
    quantity: "accuracy" or "loss"; references: name -> level (chance, the best possible); smooth: window of the moving
    average, in points. Errors: unknown quantity, no runs, empty runs, a window longer than a run.
    """
    label = one_of("quantity", quantity, QUANTITIES)
    require(histories and all(histories.values()), "a label has no runs, expected at least one run for each label")
    runs = [run for group in histories.values() for run in group]
    prefix = "validation_" if all(len(run.get("validation_" + quantity, ())) for run in runs) else ""
    figure = new_figure(10, 5.6)
    axes = figure.subplots()
    for name, group in histories.items():
        curves = [curve(run, prefix, quantity, smooth) for run in group]
        for steps, values in curves:
            axes.plot(steps, values, color=style(name)["color"], linewidth=0.8, alpha=0.35)
        steps, values = median_curve(curves)
        every = max(1, len(steps) // 8)
        axes.plot(steps, values, label=name, linewidth=2.2, markersize=5, markevery=every, **style(name))
    tidy(axes, title=title, ylabel=f"{'validation' if prefix else 'training'} {label}",
         xlabel="training step" + (f" (moving average of {smooth} points)" if smooth > 1 else ""))
    draw_references(axes, references or {})
    legend_below(figure, axes)
    return figure


def curve(run, prefix, quantity, smooth):
    """Steps and moving average over `smooth` points, full windows only, of one run."""
    steps, values = np.asarray(run[prefix + "step"]), np.asarray(run[prefix + quantity], dtype=np.float64)
    require(0 < len(values) == len(steps), f"a run has {len(steps)} steps and {len(values)} values of {quantity}")
    require(1 <= smooth <= len(values), f"smooth is {smooth}, expected 1 to {len(values)}, the points of a run")
    return steps[smooth - 1:], np.convolve(values, np.full(smooth, 1 / smooth), mode="valid")


def median_curve(curves):
    """Median over the runs, at the steps that all of them have."""
    runs = [dict(zip(steps.tolist(), values)) for steps, values in curves]
    common = sorted(set.intersection(*map(set, runs)))
    return common, np.median([[run[step] for step in common] for run in runs], axis=0)


def draw_references(axes, references):
    """A dashed line for each reference, named in the margin; names that would touch are moved apart."""
    for level in references.values():
        axes.axhline(level, color="0.45", linestyle=(0, (6, 4)), linewidth=1, zorder=0.5)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    names = sorted(references, key=references.get)
    places = np.array([(references[name] - low) / (high - low) for name in names])  # 0 bottom, 1 top
    heights = places.copy()
    for _ in range(200):
        push = np.maximum(0, 0.055 - np.diff(heights)) / 2
        heights[1:] += push
        heights[:-1] -= push
    for name, place, height in zip(names, places, heights):
        axes.annotate(name, (1, place), (1.03, height), "axes fraction", va="center", color="0.3", fontsize=9,
                      parse_math=False, arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.7})


# ---- traces ----------------------------------------------------------------------------------------------------------

def attention_maps(traces, tokens=None, head=0, batch=0):
    """What each query attends to: a row of pictures per model, a column per layer, one colour scale from 0 to 1.

    traces: label -> trace; tokens: the S strings of that sequence, or None for position numbers (from 1); head and
    batch count from 0, as array indices do. Errors: no such head or batch, not S tokens, nothing to draw.
    """
    depth = deepest(traces)
    cell = min(2.4, max(1.0, 7.2 / depth))  # inches
    names, ticks = longest(*map(wrapped, traces)) / 12, longest(*map(visible_token, tokens or ["0"])) / 16  # inches
    figure = new_figure(1.3 + names + ticks + (cell + 0.28) * depth, 0.5 + ticks + (cell + 0.4) * len(traces))
    grid = figure.subplots(len(traces), depth, squeeze=False)
    drawn = [[n < len(trace) for n in range(depth)] for trace in traces.values()] + [[False] * depth]
    for i, (name, trace) in enumerate(traces.items()):
        grid[i, 0].set_ylabel(wrapped(name), rotation=0, ha="right", va="center", labelpad=10)
        for n, axes in enumerate(grid[i]):
            axes.set_visible(drawn[i][n])
            if drawn[i][n]:
                image = draw_map(axes, trace[n]["attention"]["probabilities"], head, batch)
                axes.set_title(f"layer {n + 1}", fontsize=10)
                token_ticks(axes, image.get_array().shape, tokens, cell, n == 0, not drawn[i + 1][n])
    figure.supxlabel("key", fontsize=10)
    figure.supylabel("query", fontsize=10)
    figure.colorbar(image, ax=grid, label="attention probability", fraction=0.03, aspect=30)
    return figure


def draw_map(axes, probabilities, head, batch):
    """One picture of P (B, H, T, S) at one head of one sequence, positions from 1."""
    B, H, T, S = probabilities.shape
    require(0 <= batch < B, f"batch is {batch}, expected 0 to {B - 1}")
    require(0 <= head < H, f"head is {head}, expected 0 to {H - 1}")
    return axes.imshow(probabilities[batch, head], vmin=0, vmax=1, cmap="magma_r", interpolation="nearest",
                       extent=(0.5, S + 0.5, T + 0.5, 0.5), aspect="auto")


def token_ticks(axes, shape, tokens, room, left, bottom):
    """Ticks on a map of `room` inches: tokens or numbers from 1, as many as are legible; names left and below only."""
    T, S = shape
    require(tokens is None or len(tokens) == S, f"{len(tokens or ())} tokens for {S} keys, expected as many")
    keys = [visible_token(token) for token in tokens] if tokens else None
    for axis, size, names, show in ((axes.yaxis, T, keys if T == S else None, left), (axes.xaxis, S, keys, bottom)):
        every = -(-size * 8 // int(72 * room)) if names else max(1, size // 4)
        places = range(1, size + 1, every)
        labels = [(names[place - 1] if names else place) if show else "" for place in places]
        axis.set_ticks(places, labels, fontsize=7 if names else 8, parse_math=False)
    axes.xaxis.set_tick_params(rotation=90 if tokens else 0)


def visible_token(token):
    """A token as it is printed on an axis: white space can be seen, long tokens are cut."""
    for space, sign in ((" ", "\u2423"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        token = token.replace(space, sign)
    return token if len(token) <= 10 else token[:9] + "\u2026"


def concentration(summaries, third="importance_entropy"):
    """How attention concentrates over depth: entropy per query, change between layers, and what the keys receive.

    summaries: label -> analysis.summary(trace); third: the last panel, "importance_entropy" or "first_token_share".
    The divergence of layers n and n + 1 is drawn between them. Errors: no summaries, an unknown panel.
    """
    require(summaries, "there are no summaries, expected at least one")
    one_of("third panel", third, {name: name for name in ("importance_entropy", "first_token_share")})
    depth = max(len(values["normalised_entropy"]) for values in summaries.values())
    figure = new_figure(11, 4.4)
    for axes, panel in zip(figure.subplots(1, 3), ("normalised_entropy", "divergence", third)):
        first = 1.5 if panel == "divergence" else 1
        for name, values in summaries.items():
            axes.plot(first + np.arange(len(values[panel])), values[panel], label=name, markersize=5, **style(name))
        tidy(axes, xlabel="layer", ylabel=PANELS[panel], xlim=(0.7, depth + 0.3))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_ylim(bottom=None if panel == "importance_entropy" else 0)
        axes.set_ylim(top=1.03 if panel == "normalised_entropy" else None)
    legend_below(figure, axes)
    return figure


def value_spectra(traces):
    """Eigenvalues of the used values V'_n (B, S, G*K), averaged over the batch: a panel per model, a line per layer.

    traces: label -> trace. Eigenvalues below 1e-12 of the largest are rounding and are left out. Where layers share
    their values, the deepest covers the others.
    Errors: no trace, or one without layers.
    """
    depth, columns = deepest(traces), min(3, len(traces))
    rows = -(-len(traces) // columns)
    colours = ListedColormap(colormaps["viridis"](np.linspace(0, 0.9, depth)))
    figure = new_figure(2 + 3 * columns, 1 + 2.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(traces):]:
        axes.set_visible(False)
    for axes, (name, trace) in zip(grid.flat, traces.items()):
        for n, layer in enumerate(trace):
            spectrum = value_spectrum(layer["attention"]["values"]).mean(axis=0)  # (G*K)
            spectrum = spectrum[spectrum > 1e-12 * spectrum[0]]
            axes.plot(np.arange(1, len(spectrum) + 1), spectrum, color=colours(n), marker=".", linewidth=1.4)
        tidy(axes, yscale="log", title=wrapped(name, width=28))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.supxlabel("eigenvalue number", fontsize=10)
    figure.supylabel("eigenvalue (squared units of the values)", fontsize=10)
    scale = ScalarMappable(BoundaryNorm(np.arange(depth + 1) + 0.5, depth), colours)
    figure.colorbar(scale, ax=grid, label="layer", ticks=MaxNLocator(min(depth, 12), integer=True)).minorticks_off()
    return figure


# ---- helpers ---------------------------------------------------------------------------------------------------------

def new_figure(width, height):
    """An empty figure, in inches, whose parts make room for each other."""
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return figure


def tidy(axes, **settings):
    """Axis labels and the like; a light grid, no box."""
    axes.set(**settings)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def legend_below(figure, axes):
    """One legend for all panels, under them, in as many columns as fit."""
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, min(len(labels), int(11 * figure.get_figwidth()) // (longest(*labels) + 7)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, handlelength=3.5)


def wrapped(label, width=14):
    """The label on several lines, broken at spaces, hyphens and underscores."""
    return "\n".join(textwrap.wrap(label.replace("_", "_ "), width)).replace("_ ", "_")


def longest(*texts):
    """The number of letters of the longest line."""
    return max(len(line) for text in texts for line in text.split("\n"))


def deepest(traces):
    """The number of layers of the deepest of several traces."""
    require(traces and all(traces.values()), "there is no layer to draw, expected at least one trace with one layer")
    for name, trace in traces.items():
        require(isinstance(trace, (list, tuple)), f"the trace of {name} is a {type(trace).__name__}, expected a list")
    return max(map(len, traces.values()))
