"""Conversations: a confusion matrix, learning curves, with memory and without it, what an utterance costs.

Letters of the shapes: q classes.
"""

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator

from minires.errors import require
from minires.figures.parts import legend_below, longest, new_figure, tidy, wrapped
from minires.figures.training import curve, draw_references

COLOURS = {"cascade": "#B8A000", "memory silent at test": "#E69F00", "last sentence only": "#7F7F7F",
           "full history": "#000000", "sliding window": "#0072B2"}
SPARE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES = ((0, (5, 3)), (0, (1, 1.5)), "-.")


def confusion(M, label_names, title):
    """A confusion matrix (q, q) of counts: rows are true classes, shaded by the share of the row, each cell with its count."""
    M, q = np.asarray(M), len(label_names)
    require(M.shape == (q, q) and q > 0, f"a confusion matrix of shape {M.shape}: expected {(q, q)}, as there are {q} labels")
    count = M.sum(axis=1)  # (q,)
    share = M / np.maximum(count, 1)[:, None]  # (q, q)
    names = [wrapped(str(name)) for name in label_names]
    figure = new_figure(max(6.0, 3.4 + 0.85 * q), max(4.6, 2.4 + 0.7 * q))
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if longest(*names) > 5 else {}
    axes.set_xticks(range(q), names, parse_math=False, **slanted)
    axes.set_yticks(range(q), [f"{name} ({n})" for name, n in zip(names, count)], parse_math=False)
    axes.set(xlabel="predicted", ylabel="true (utterances)")
    figure.suptitle(title, fontsize=11, parse_math=False)
    for (row, column), n in np.ndenumerate(M):
        axes.text(column, row, f"{n}\n{share[row, column]:.0%}" if q <= 12 else f"{n}", ha="center", va="center", fontsize=8,
                  color="white" if share[row, column] > 0.55 else "black")
    figure.colorbar(image, ax=axes, label="share of the true class", pad=0.02)
    return figure


def training_curves(history, title, references=None, smooth=25):
    """The loss of the batches (moving average) and of the validation; beside it the accuracy of the validation.

    history {"step", "loss", "validation_step", "validation_loss", "validation_accuracy"}, lists; references: name -> accuracy.
    """
    smooth = max(1, min(smooth, len(history["loss"]) // 4))
    figure = new_figure(10.6, 4.6)
    left, right = figure.subplots(1, 2)
    left.plot(*curve(history, "", "loss", smooth), color=COLOURS["last sentence only"], linewidth=1.2, label="batches")
    if history["validation_step"]:
        left.plot(*curve(history, "validation_", "loss", 1), color=COLOURS["sliding window"], marker="o", label="validation")
        right.plot(*curve(history, "validation_", "accuracy", 1), color=COLOURS["sliding window"], marker="o")
    tidy(left, xlabel=f"training step (batches: moving average of {smooth})", ylabel="loss (nats per utterance)")
    tidy(right, xlabel="training step", ylabel="validation accuracy")
    draw_references(right, references or {})
    left.legend(frameon=False)
    figure.suptitle(title, fontsize=12, parse_math=False)
    return figure


def comparison(groups, levels, title, score):
    """Bars of means over seeds, a point for each seed, a line for each level, such as chance.

    groups: group -> predictor -> numbers, one per seed; levels: group -> name -> number; score: what they are.
    """
    require(groups and all(groups.values()), "nothing to compare: expected a group of bars at least")
    predictors = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    figure = new_figure(max(7.6, 2.6 + 2.8 * len(groups)), 5)
    axes, width = figure.subplots(), 0.8 / len(predictors)
    for j, name in enumerate(predictors):
        there = [(x, groups[group][name]) for x, group in enumerate(groups) if name in groups[group]]
        at = np.array([x for x, _ in there]) + (j - (len(predictors) - 1) / 2) * width
        colour = COLOURS.get(name, SPARE[j % len(SPARE)])
        axes.bar(at, [np.mean(values) for _, values in there], 0.9 * width, color=colour, alpha=0.75, label=name)
        for x, (_, values) in zip(at, there):
            spread = np.linspace(-0.2, 0.2, len(values)) * width if len(values) > 1 else [0.0]
            axes.plot(x + spread, values, "o", color="black", markersize=4, markerfacecolor="white")
    draw_levels(axes, groups, levels)
    tidy(axes, ylabel=f"{score} (mean; points: seeds)", ylim=(0, 1.05), xlim=(-0.5, len(groups) - 0.5))
    axes.set_axisbelow(True)
    axes.set_xticks(range(len(groups)))
    axes.set_title(title, parse_math=False)
    axes.set_xticklabels([wrapped(group, 20) for group in groups], parse_math=False)
    axes.grid(axis="x", visible=False)
    legend_below(figure, axes)
    return figure


def draw_levels(axes, groups, levels):
    """A line across each group at each of its levels; the legend names them, with the number where there is one group."""
    names = list(dict.fromkeys(name for group in groups for name in levels.get(group, {})))
    for j, name in enumerate(names):
        at = [(x, levels[group][name]) for x, group in enumerate(groups) if name in levels.get(group, {})]
        label = f"{name}: {at[0][1]:.3f}" if len(groups) == 1 else name
        for k, (x, level) in enumerate(at):
            axes.plot([x - 0.45, x + 0.45], [level] * 2, color="0.2", linestyle=LINES[j % len(LINES)], linewidth=1.4,
                      label=label if k == 0 else None)


def cost(panels, title):
    """What an utterance costs as the conversation before it grows, both axes logarithmic.

    panels: label of the vertical axis -> curve -> (utterances, values, measured?); measured ones are drawn with points.
    """
    require(panels and all(panels.values()), "nothing to draw: expected a panel with a curve at least")
    figure = new_figure(4.6 * len(panels), 5)
    for axes, (label, curves) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items()):
        for j, (name, (utterances, values, measured)) in enumerate(curves.items()):
            colour = next((COLOURS[kind] for kind in COLOURS if name.startswith(kind)), SPARE[j % len(SPARE)])
            look = {"marker": "o", "linewidth": 1.8} if measured else {"linestyle": "--", "linewidth": 1.4}
            axes.plot(utterances, values, color=colour, label=name, **look)
        tidy(axes, xscale="log", yscale="log", xlabel="utterances of the conversation", ylabel=label)
        ticks = sorted({U for utterances, _, _ in curves.values() for U in utterances})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([str(U) for U in ticks])
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.suptitle(title, fontsize=12)
    return figure
