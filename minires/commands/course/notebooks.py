"""Make notebooks with outputs and pictures from the tutorials; --check compares the sources only and runs nothing.

Exit codes: 0 done, or all equal; 1 a notebook is not its source; 2 the request cannot be served, or a cell fails.
"""

from minires.report import as_json

EXAMPLE = "minires course notebooks 04"


def arguments(parser):
    """NN, --tutorials, --check."""
    parser.add_argument("numbers", nargs="*", metavar="NN", help="e.g. 04; default: all")
    parser.add_argument("--tutorials", default="tutorials", metavar="FOLDER", help="where they are; default: tutorials")
    parser.add_argument("--check", action="store_true", help="say whether each notebook's cells are those of its source")


def run(arguments):
    """A line for each."""
    from minires.course.notebooks import chosen, difference, make
    paths = chosen(arguments.tutorials, arguments.numbers)
    if arguments.check:
        found = {path.stem: difference(path) for path in paths}
        print(as_json(found) if arguments.json else "\n".join(line or f"{name}: equal" for name, line in found.items()))
        return 1 if any(found.values()) else 0
    made = []
    for path in paths:
        made.append(str(make(path)))
        if not arguments.json:
            print(made[-1], flush=True)
    if arguments.json:
        print(as_json(made))
    return 0
