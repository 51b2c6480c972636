"""What a reservoir is and can do, drawn: eigenvalues, memory, capacity by degree, the choice of the ridge strength."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from minires.errors import require
from minires.figures.parts import new_figure, tidy
from minires.reservoir.spectra import full, jacobian_at_origin

OURS, THIN = "#0072B2", "#7F7F7F"


def eigenvalues(W, K, g, title):
    """The eigenvalues of W and of K + g W, the Jacobian of the kernel at the origin, each beside the unit circle."""
    figure = new_figure(9.6, 5.2)
    for axes, name, matrix in zip(figure.subplots(1, 2), ("W", "K + g W"), (full(W), jacobian_at_origin(W, K, g))):
        values = np.linalg.eigvals(np.asarray(matrix, dtype=np.float64))  # (N,)
        circle = np.exp(2j * np.pi * np.linspace(0, 1, 361))
        axes.plot(circle.real, circle.imag, color=THIN, linewidth=1)
        axes.plot(values.real, values.imag, ".", color=OURS, markersize=5, alpha=0.8)
        most = 1.1 * max(1.0, float(np.max(np.abs(values))))
        tidy(axes, title=f"{name}: spectral radius {np.max(np.abs(values)):.4g}", xlabel="real part", ylabel="imaginary part",
             xlim=(-most, most), ylim=(-most, most), aspect="equal")
        axes.locator_params(nbins=5)
    figure.suptitle(title, fontsize=12)
    return figure


def strengths(candidates, errors, chosen, title):
    """The error of each ridge strength, estimated for rows left out, and the strength chosen."""
    candidates, errors = np.asarray(candidates), np.asarray(errors)
    require(len(candidates) == len(errors) > 0, f"{len(candidates)} strengths and {len(errors)} errors: expected as many")
    figure = new_figure(7.6, 4.4)
    axes = figure.subplots()
    axes.plot(candidates, errors, color=OURS, marker="o", markersize=4)
    axes.axvline(chosen, color="#D55E00", linestyle="--", label=f"chosen: {chosen:.3g}")
    tidy(axes, xscale="log", yscale="log", title=title, xlabel="ridge strength lambda",
         ylabel="mean square error\n(left out, squared units of the target)")
    axes.legend(frameon=False)
    return figure


def memory_curve(curve, level, title, exact=None):
    """r^2 of each delay 1, 2, ...; `level`: what a forgotten delay has by chance before that bias is taken away.

    exact: the curve of the linear reservoir, where there is one.
    """
    curve = np.asarray(curve)
    require(curve.ndim == 1 and curve.size, f"curve of shape {curve.shape}: expected (k_max,), at least one delay")
    delays = np.arange(1, len(curve) + 1)
    figure = new_figure(9.2, 4.6)
    axes = figure.subplots()
    axes.fill_between(delays, 0, curve, color=OURS, alpha=0.2)
    axes.plot(delays, curve, color=OURS, marker=".", label="measured, bias taken away")
    if exact is not None:
        axes.plot(delays, exact, color="#D55E00", linestyle="--", label="exact, f = identity")
    axes.axhline(level, color=THIN, linestyle=":", label=f"bias taken away: {level:.2g} per delay")
    tidy(axes, title=title, xlabel="delay k (steps)", ylabel="r^2 of u(t - k) and its readout",
         ylim=(min(-0.02, float(curve.min())), 1.05))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(frameon=False)
    return figure


def capacities(degrees, N, title):
    """The information processing capacity by degree {degree: capacity}: a bar each, one on top of the other, under N."""
    require(degrees, "there are no degrees, expected at least one")
    figure = new_figure(6.4, 5)
    axes = figure.subplots()
    base = 0.0
    for degree, value in degrees.items():
        axes.bar(0, value, bottom=base, width=0.5, label=f"degree {degree}: {value:.3g}",
                 color=("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#7F7F7F")[(degree - 1) % 6])
        base += value
    axes.axhline(N, color="#000000", linestyle="--", label=f"N = {N}, the most there can be")
    tidy(axes, title=title, ylabel="capacity (number of functions of the past)", xlim=(-0.6, 0.6), xticks=[])
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figure
