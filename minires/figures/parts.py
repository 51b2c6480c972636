"""What all pictures share: the look of a variant, an empty figure, tidy axes, one legend, a file that is whole or absent."""

import textwrap
from pathlib import Path

from matplotlib.figure import Figure

from minires.errors import one_of
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


# ---- layout ----------------------------------------------------------------------------------------------------------

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
