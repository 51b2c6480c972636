"""Series and what a reservoir makes of them: states, a prediction beside its target, a free run, an attractor.

Letters of the shapes: R runs, T time, N units, q outputs.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from minires.errors import require
from minires.figures.parts import legend_below, new_figure, tidy

TRUTH, OURS, THIN = "#000000", "#D55E00", "#7F7F7F"  # Okabe & Ito's black and vermillion
SHOWN = 3  # outputs that are drawn, of many


def finite_rows(name, values):
    """`values` as an array (T, n); ValueError where it has another number of axes or no row."""
    values = np.asarray(values)
    require(values.ndim == 2 and values.size, f"{name} of shape {values.shape}: expected (T, n), at least one row")
    return values


def states(X, title, first=0, shown=6):
    """The states (T, N) of rows first, first + 1, ...: some units as lines, spread over all, and all of them as a map."""
    X = finite_rows("states", X)
    T, N = X.shape
    figure = new_figure(10, 6.4)
    lines, heat = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.2))
    for unit in np.unique(np.linspace(0, N - 1, min(shown, N)).round().astype(int)):
        lines.plot(first + np.arange(T), X[:, unit], linewidth=1.1, label=f"unit {unit + 1}")
    tidy(lines, title=title, ylabel="state")
    lines.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
    most = max(float(np.max(np.abs(X))), 1e-12)
    image = heat.imshow(X.T, aspect="auto", cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest",
                        extent=(first - 0.5, first + T - 0.5, N + 0.5, 0.5))
    heat.set(xlabel="row of the series", ylabel="unit")
    heat.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.colorbar(image, ax=heat, label="state", pad=0.01)
    return figure


def prediction(target, predicted, title, first=0, names=None):
    """Target and prediction (T, q), of the first three outputs, and under them the error; rows first, first + 1, ..."""
    target, predicted = finite_rows("target", target), finite_rows("prediction", predicted)
    require(target.shape == predicted.shape, f"prediction of shape {predicted.shape}: expected {target.shape}, the target's")
    q, rows = min(SHOWN, target.shape[1]), first + np.arange(len(target))
    names = outputs(names, target.shape[1])
    figure = new_figure(10, 2.4 + 1.7 * q)
    *panels, error = figure.subplots(q + 1, 1, sharex=True)
    for j, axes in enumerate(panels):
        axes.plot(rows, target[:, j], color=TRUTH, linewidth=1.6, label="target")
        axes.plot(rows, predicted[:, j], color=OURS, linewidth=1.1, linestyle="--", label="prediction")
        tidy(axes, ylabel=names[j], title=title if j == 0 else "")
    error.axhline(0, color=TRUTH, linewidth=0.6)
    error.plot(rows, (predicted - target)[:, :q], linewidth=0.9, color=OURS if q == 1 else None)
    tidy(error, ylabel="prediction - target", xlabel="row of the series")
    legend_below(figure, panels[0])
    return figure


def outputs(names, q):
    """The names of q outputs, or numbers."""
    return list(names) if names else ["output"] if q == 1 else [f"output {j + 1}" for j in range(q)]


def forecast(truths, runs, deviation, title, dt=1.0, threshold=0.4, names=None, unit="rows"):
    """The first of R free runs beside the truth, (R, T, q) both, and the errors of all; NaN where a run has diverged.

    Below: ||error|| / deviation for each run, thin, and its median; deviation: a number, rms deviation of the attractor.
    dt: time between rows, in `unit`.
    """
    truths, runs = np.asarray(truths), np.asarray(runs)
    require(truths.ndim == 3 and truths.shape == runs.shape and truths.size,
            f"runs of shape {runs.shape}, truths {truths.shape}: expected (R, T, q) both")
    q, time = min(SHOWN, truths.shape[2]), dt * np.arange(1, truths.shape[1] + 1)
    names = outputs(names, truths.shape[2])
    figure = new_figure(10, 3.2 + 1.6 * q)
    *panels, error = figure.subplots(q + 1, 1, sharex=True)
    for j, axes in enumerate(panels):
        axes.plot(time, truths[0, :, j], color=TRUTH, linewidth=1.6, label="truth")
        axes.plot(time, runs[0, :, j], color=OURS, linewidth=1.2, linestyle="--", label="free run")
        tidy(axes, ylabel=names[j], title=title if j == 0 else "")
    sizes = np.maximum(np.linalg.norm(runs - truths, axis=2) / deviation, 1e-16)  # (R, T)
    for size in sizes:
        error.plot(time, size, color=THIN, linewidth=0.7, alpha=0.5)
    error.plot(time, np.median(np.where(np.isnan(sizes), np.inf, sizes), axis=0), color=OURS, linewidth=1.8,
               label=f"median of {len(runs)} free runs")
    error.axhline(threshold, color=TRUTH, linestyle=":", label=f"threshold {threshold:g}")
    tidy(error, yscale="log", ylabel="||error||\n/ rms deviation", xlabel=f"free-running time ({unit})")
    error.legend(loc="lower right", fontsize=8)
    legend_below(figure, panels[0])
    return figure


def attractor(truth, run, names, title, delay=1):
    """The orbit of the truth and that of the free run, (T, q) each, side by side in one frame.

    One output: x(t) against x(t - delay), delay in rows; several: the last against the first. names: of the outputs.
    """
    truth, run = finite_rows("truth", truth), finite_rows("free run", run)
    require(len(names) == truth.shape[1] == run.shape[1], f"{len(names)} names: expected {truth.shape[1]}, one per output")
    require(0 < delay < len(truth), f"delay={delay}: expected 1 to {len(truth) - 1} rows")
    figure = new_figure(9.6, 4.9)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, values, colour, name in ((left, truth, TRUTH, "truth"), (right, run, OURS, "free run")):
        x, y = (values[delay:, 0], values[:-delay, 0]) if len(names) == 1 else (values[:, 0], values[:, -1])
        axes.plot(x, y, color=colour, linewidth=0.6, alpha=0.8)
        tidy(axes, title=f"{name}, {len(values)} rows", xlabel=names[0])
    left.set_ylabel(f"{names[0]}, {delay} rows earlier" if len(names) == 1 else names[-1])
    figure.suptitle(title, fontsize=12)
    return figure
