"""Pictures of a tutorial: with a text for those who do not see them, movable where there is a kernel."""

import base64
import io
import os
import sys

from minires.errors import require

STATIC = "MINIRES_STATIC"  # set where notebooks are made: no widgets, as nothing moves in a page


def show(figure, alt):
    """Show a matplotlib Figure in a notebook; nothing in a script.

    alt: what one is to see in it, in a sentence.
    """
    require(isinstance(alt, str) and alt.strip(), f"alt={alt!r}: expected a sentence that says what the picture shows")
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})  # the same bytes with every version
    if in_notebook():
        from IPython.display import display
        display({"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": alt},
                raw=True, metadata={"image/png": {"alt": alt}})


def slider(draw, alt, **ranges):
    """A picture that follows a slider; without a kernel or ipywidgets a row of three: lowest, start, highest.

    draw(axes, value) draws one picture. ranges: one name and its (lowest, highest, start), e.g. leak=(0.05, 1.0, 0.3).
    """
    require(len(ranges) == 1 and all(len(each) == 3 for each in ranges.values()),
            f"{ranges!r}: expected one name=(lowest, highest, start)")
    name, (low, high, start) = next(iter(ranges.items()))
    widgets = None if os.environ.get(STATIC) or not in_notebook() else ipywidgets()
    if widgets is None:
        return show(row(draw, name, (low, start, high)), alt)
    control = widgets.FloatSlider(value=start, min=low, max=high, step=(high - low) / 50, description=name,
                                  continuous_update=False)
    widgets.interact(lambda value: show(row(draw, name, (value,)), alt), value=control)


def row(draw, name, values):
    """A figure with one panel for each value, under its value."""
    from minires.figures.parts import new_figure
    figure = new_figure(3.6 * max(len(values), 1.4), 3.2)
    for axes, value in zip(figure.subplots(1, len(values), squeeze=False)[0], values):
        draw(axes, value)
        axes.set_title(f"{name} = {value:.3g}", fontsize=10)
    return figure


def in_notebook():
    """Whether a Jupyter kernel runs us."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def ipywidgets():
    """The package, or None."""
    try:
        import ipywidgets
        return ipywidgets
    except ImportError:
        return None
