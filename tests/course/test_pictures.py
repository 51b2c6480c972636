"""Pictures carry a text; a slider is three panels where nothing can move."""

import os

import pytest

from minires.course import pictures, show, slider
from minires.figures.parts import new_figure


def test_in_a_script_nothing_is_shown_and_the_figure_is_drawn(capsys):
    drawn = []
    slider(lambda axes, value: drawn.append(value), "three panels", leak=(0.1, 1.0, 0.3))
    assert drawn == [0.1, 0.3, 1.0] and capsys.readouterr().out == ""


def test_a_slider_in_a_kernel_gets_the_range_and_the_start(monkeypatch):
    given = {}

    class Widgets:
        FloatSlider = staticmethod(lambda **options: options)
        interact = staticmethod(lambda function, value: given.update(value) or function(value["value"]))

    drawn = []
    monkeypatch.setattr(pictures, "in_notebook", lambda: True)
    monkeypatch.setattr(pictures, "ipywidgets", lambda: Widgets)
    monkeypatch.setattr(pictures, "show", lambda figure, alt: drawn.append((len(figure.axes), alt)))
    monkeypatch.delenv(pictures.STATIC, raising=False)
    slider(lambda axes, value: axes.plot([value]), "a line", leak=(0.0, 1.0, 0.25))
    assert (given["min"], given["max"], given["value"], given["description"]) == (0.0, 1.0, 0.25, "leak")
    assert drawn == [(1, "a line")]
    monkeypatch.setenv(pictures.STATIC, "1")
    slider(lambda axes, value: axes.plot([value]), "a line", leak=(0.0, 1.0, 0.25))
    assert drawn[1] == (3, "a line")


@pytest.mark.slow
@pytest.mark.parametrize("static", [True, False])
def test_in_a_real_kernel_a_slider_is_a_widget_and_three_panels_where_notebooks_are_made(static, monkeypatch, tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipywidgets")
    cell = "from minires.course import slider\nslider(lambda axes, value: axes.plot([value]), 'a line', leak=(0.0, 1.0, 0.5))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    surroundings = {**os.environ, pictures.STATIC: "1" if static else ""}
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute(env=surroundings)
    kinds = {kind for output in notebook.cells[0].outputs for kind in output.get("data", {})}
    assert ("image/png" if static else "application/vnd.jupyter.widget-view+json") in kinds


@pytest.mark.parametrize("alt", ["", " ", None, 3])
def test_a_picture_without_a_text_is_refused(alt):
    with pytest.raises(ValueError, match="expected a sentence"):
        show(new_figure(1, 1), alt)


@pytest.mark.parametrize("ranges", [{}, {"a": (0, 1)}, {"a": (0, 1, 0.5), "b": (0, 1, 0.5)}])
def test_a_slider_has_one_name_and_three_numbers(ranges):
    with pytest.raises(ValueError, match="expected one name="):
        slider(lambda axes, value: None, "a line", **ranges)
