"""What a trace of the model shows: attention, its concentration over depth, the spectra of the values.

Letters of the shapes: B batch, T time (queries), S source (keys), H heads, G key/value heads, K head width, L layers.
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.ticker import MaxNLocator

from minires.analysis import value_spectrum
from minires.errors import one_of, require
from minires.figures.parts import legend_below, longest, new_figure, style, tidy, wrapped

PANELS = {  # of `concentration`: name in analysis.summary -> axis label
    "normalised_entropy": "median attention entropy\n/ ln(visible keys)",
    "divergence": "median divergence between\nneighbouring layers (bits)",
    "importance_entropy": "entropy of token importance (nats)",
    "first_token_share": "attention on the first token (fraction)"}


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


def deepest(traces):
    """The number of layers of the deepest of several traces."""
    require(traces and all(traces.values()), "there is no layer to draw, expected at least one trace with one layer")
    for name, trace in traces.items():
        require(isinstance(trace, (list, tuple)), f"the trace of {name} is a {type(trace).__name__}, expected a list")
    return max(map(len, traces.values()))
