"""Notebooks from the tutorials' text: NN_title.py -> NN_title.ipynb with outputs, the same bytes each time on one machine."""

import os
import subprocess
from pathlib import Path

from minires.course.pictures import STATIC
from minires.errors import needs, require
from minires.files import write_atomically

TIMEOUT = 300  # seconds of one cell
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook_of(text):
    """The notebook of a tutorial's text in percent cells, without outputs; the cells are numbered."""
    jupytext = needs("jupytext", "tutorials")
    notebook = jupytext.reads(text, fmt="py:percent")
    for i, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{i}", type(cell.metadata)(cell.metadata)
        cell.source = cell.source.rstrip()
    notebook.metadata = type(notebook.metadata)({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def written(notebook):
    """The bytes of a notebook."""
    return (needs("nbformat", "tutorials").writes(notebook, version=4, indent=1, sort_keys=True) + "\n").encode()


def executed(notebook, folder):
    """The notebook with its outputs, run in a folder; ValueError in one line where a cell fails."""
    client = needs("nbclient", "tutorials")
    own = client.NotebookClient(notebook, timeout=TIMEOUT, kernel_name=KERNEL["name"], record_timing=False,
                                resources={"metadata": {"path": str(folder)}})
    surroundings = {**os.environ, STATIC: "1", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}
    try:
        own.execute(env=surroundings, stderr=subprocess.DEVNULL)  # warnings of the kernel itself; a cell's are outputs
    except client.exceptions.CellExecutionError as error:
        raise ValueError(f"a cell fails: {error.ename}: {' '.join(str(error.evalue).split())}") from None
    return clean(notebook)


def clean(notebook):
    """The notebook without what differs between two runs: times, the kernel's version; outputs of one stream joined."""
    notebook.metadata = type(notebook.metadata)({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    return notebook


def joined(outputs):
    """The outputs, those of the same stream that follow each other as one: how they are cut depends on time."""
    found = []
    for output in outputs:
        if output.output_type == "stream" and found and found[-1].get("name") == output.name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def make(path):
    """Write the notebook beside a tutorial; returns its path."""
    path = Path(path)
    try:
        notebook = executed(notebook_of(path.read_text(encoding="utf-8")), path.parent)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    data = written(notebook)
    write_atomically(path.with_suffix(".ipynb"), lambda file: file.write(data))
    return path.with_suffix(".ipynb")


def difference(path):
    """What is not equal between a tutorial and its notebook, in one line, or None. Nothing is run."""
    path = Path(path)
    own = path.with_suffix(".ipynb")
    if not own.exists():
        return f"{own.name} is missing: minires course notebooks {path.stem[:2]}"
    expected, found = notebook_of(path.read_text(encoding="utf-8")).cells, read(own).cells
    for i, (a, b) in enumerate(zip(expected, found)):
        if (a.cell_type, a.source) != (b.cell_type, b.source):
            return f"{own.name}: cell {i} is not that of {path.name}: minires course notebooks {path.stem[:2]}"
    if len(expected) != len(found):
        return f"{own.name}: has {len(found)} cells, {path.name} {len(expected)}: minires course notebooks {path.stem[:2]}"
    empty = [i for i, cell in enumerate(found) if cell.cell_type == "code" and cell.execution_count is None]
    return f"{own.name}: cell {empty[0]} was not run: minires course notebooks {path.stem[:2]}" if empty else None


def read(path):
    """The notebook in a file, or a ValueError of one line."""
    nbformat = needs("nbformat", "tutorials")
    try:
        notebook = nbformat.read(str(path), as_version=4)
        nbformat.validate(notebook)
        return notebook
    except OSError:
        raise
    except Exception:  # not JSON, no cells, another version: nbformat raises many things
        raise ValueError(f"{path}: is no notebook, expected the JSON of one") from None


def chosen(folder, numbers):
    """The tutorials' files of a folder, or those with these numbers; ValueError that names what is there."""
    paths = {path.stem[:2]: path for path in sorted(Path(folder).glob("[0-9][0-9]_*.py"))}
    require(paths, f"folder {str(folder)!r}: holds no tutorial, expected files such as 04_realformer.py")
    for number in numbers:
        require(number in paths, f"tutorial {number!r}: not in {str(folder)!r}, choose from {', '.join(paths)}")
    return [path for number, path in paths.items() if not numbers or number in numbers]
