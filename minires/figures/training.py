"""Learning curves from training histories."""

import numpy as np

from minires.errors import one_of, require
from minires.figures.parts import legend_below, new_figure, style, tidy

QUANTITIES = {"accuracy": "accuracy (fraction correct)", "loss": "loss (nats per token)"}


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
