"""The pictures of the page "where the time goes"."""

from benchmarks.where_profile import KINDS
from benchmarks.where_steps import BLAS
from benchmarks.worker import PEER
from minires.figures.parts import legend_below, new_figure, tidy

LOOKS = dict(zip(KINDS, (("#08306B", ""), ("#6BAED6", ""), ("#FDD0A2", "//"), ("#D94801", ""), ("#74C476", "xx"),
                         ("#FFFFFF", ".."), ("#BDBDBD", ""))))  # colour and hatching: they differ in greyscale too
MEMORY = {"system": "memory returned", "kept": "memory kept"}


def profile(rows):
    """One bar for each size, dtype and memory: the share of each kind of work in the plainly spelled step."""
    figure = new_figure(9, 1.4 + 0.36 * len(rows))
    axes = figure.subplots()
    names = [f"{row['size']} {row['dtype']}, {MEMORY[row['memory']]}" for row in rows]
    left = [0.0] * len(rows)
    for kind, (colour, hatch) in LOOKS.items():
        shares = [100 * row[kind] for row in rows]
        axes.barh(names, shares, left=left, color=colour, hatch=hatch, edgecolor="black", linewidth=0.5, label=kind)
        left = [a + b for a, b in zip(left, shares)]
    axes.invert_yaxis()
    axes.set_axisbelow(True)
    tidy(axes, xlabel="share of the plainly spelled step (%)", xlim=(0, 100))
    legend_below(figure, axes)
    return figure


def stages(rows):
    """One panel for each size and dtype: the time of each stage over the plainly spelled step's, with quartiles."""
    keys = list(dict.fromkeys((row["size"], row["dtype"]) for row in rows))
    figure = new_figure(10, 1 + 2.9 * ((len(keys) + 1) // 2))
    panels = figure.subplots((len(keys) + 1) // 2, min(2, len(keys)), sharey=True, squeeze=False).ravel()
    for axes, key in zip(panels, keys):
        panel(axes, [row for row in rows if (row["size"], row["dtype"]) == key])
        tidy(axes, title=" ".join(key), xlabel="time over the plainly spelled step (ratio)", xlim=(0, 1.25))
    panels[0].invert_yaxis()
    for axes in panels[len(keys):]:
        axes.set_visible(False)
    return figure


def panel(axes, rows):
    """A bar for each stage with its number; a bar that would leave the panel ends at its edge."""
    errors = [[row["ratio"] - row["low"] for row in rows], [row["high"] - row["ratio"] for row in rows]]
    colours = ["#BDBDBD" if row["stage"] in (PEER, BLAS) else "#4C84B6" for row in rows]
    axes.barh([row["stage"] for row in rows], [row["ratio"] for row in rows], color=colours, xerr=errors, height=0.7,
              error_kw={"elinewidth": 1})
    axes.set_axisbelow(True)
    for place, row in enumerate(rows):
        axes.text(min(row["high"], 1.07) + 0.02, place, f"{row['ratio']:.2f}", va="center")
        if row["stage"] == PEER:
            axes.axvline(row["ratio"], color="black", linestyle="--", linewidth=1)
