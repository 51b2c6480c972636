"""One picture: the ratios of every contestant to PyTorch, and how a step grows with length and depth."""

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.worker import PEER
from minires.figures.parts import legend_below, new_figure, tidy

STYLES = {  # colour (Okabe & Ito), marker, line: told apart in grey by the marker and the line
    "minires": ("#D55E00", "o", "-"), "minires plain": ("#E69F00", "^", ":"), "PyTorch": ("#000000", "s", "-"),
    "PyTorch sdpa": ("#7F7F7F", "D", "--"), "JAX jit": ("#0072B2", "v", "-.")}
LABELS = {"minires plain": "minires, spelled out", "PyTorch": "PyTorch eager", "PyTorch sdpa": "PyTorch, fused attention"}
TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15)
GROWS = {"length": "length T (tokens), 2048 tokens in all", "depth": "layers"}


def speed(results):
    """The figure of the parts "step" and "scaling" of the results, whichever are there."""
    steps, scaling = results.get("step", []), results.get("scaling", [])
    threads = sorted({row["threads"] for row in steps})
    columns = max(len(threads), 2 if scaling else 1)
    figure = new_figure(5.6 * columns, 4.2 * (bool(steps) + bool(scaling)) + 0.4)
    grid = figure.subplots(bool(steps) + bool(scaling), columns, squeeze=False, sharey="row")
    for axes, count in zip(grid[0], threads):
        ratios(axes, [row for row in steps if row["threads"] == count], count)
    for axes, grows in zip(grid[-1] if scaling else (), GROWS):
        growth(axes, [row for row in scaling if row["grows"] == grows], grows)
    for axes in grid.flat:
        axes.set_visible(axes.has_data())
    figure.suptitle("A training step beside its peers" + ("" if results["proved"] else " (QUICK: proves nothing)"))
    present = {row["contestant"] for row in steps + scaling}
    legend(figure, grid.flat[0], [name for name in STYLES if name in present])
    return figure


def ratios(axes, rows, threads):
    """Dots: time over PyTorch's, with quartiles; a place on the axis for each size and dtype."""
    places = list(dict.fromkeys((row["size"], row["dtype"]) for row in rows))
    names = [name for name in STYLES if any(row["contestant"] == name for row in rows)]
    for row in rows:
        colour, marker, _ = STYLES[row["contestant"]]
        x = places.index((row["size"], row["dtype"])) + 0.13 * (names.index(row["contestant"]) - (len(names) - 1) / 2)
        spread = [[row["ratio"] - row["low"]], [row["high"] - row["ratio"]]]
        axes.errorbar(x, row["ratio"], yerr=spread, color=colour, marker=marker, markersize=5, linewidth=1)
    axes.axhline(1, color=STYLES[PEER][0], linewidth=0.8, zorder=0)
    axes.set_xticks(range(len(places)), [f"{size}\n{dtype}" for size, dtype in places], fontsize=7)
    tidy(axes, yscale="log", ylabel="time over PyTorch eager (lower is faster)",
         title=f"{threads} thread{'s' * (threads > 1)}: median and quartiles")
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    plain_ticks(axes.yaxis, [tick for tick in TICKS if low / 1.5 < tick < high * 1.5])


def growth(axes, rows, grows):
    """Lines: milliseconds of a step against length or depth."""
    for name in [name for name in STYLES if any(row["contestant"] == name for row in rows)]:
        own = [row for row in rows if row["contestant"] == name]
        colour, marker, line = STYLES[name]
        axes.plot([row["value"] for row in own], [row["ms"] for row in own], color=colour, marker=marker, linestyle=line,
                  markersize=5, linewidth=1.4)
    tidy(axes, xscale="log", yscale="log", xlabel=GROWS[grows], ylabel="time of a step (ms)",
         title=f"against {grows}, {rows[0]['dtype']}, 1 thread" if rows else "")
    plain_ticks(axes.xaxis, sorted({row["value"] for row in rows}))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def plain_ticks(axis, places):
    """Ticks at these places, written as plain numbers."""
    axis.set_ticks(places, [f"{place:g}" for place in places])
    axis.set_minor_formatter(NullFormatter())


def legend(figure, axes, names):
    """One legend below all panels."""
    for name in names:
        colour, marker, line = STYLES[name]
        axes.add_line(Line2D([], [], color=colour, marker=marker, linestyle=line, label=LABELS.get(name, name)))
    legend_below(figure, axes)
