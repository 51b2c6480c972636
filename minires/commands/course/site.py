"""Write static pages of the rendered tutorials: one HTML file each and an index; no scripts, no network."""

from minires.report import as_json

EXAMPLE = "minires course site site"


def arguments(parser):
    """DIR, --tutorials."""
    parser.add_argument("directory", metavar="DIR", help="is made; pages of an earlier call are written anew")
    parser.add_argument("--tutorials", default="tutorials", metavar="FOLDER",
                        help="where the tutorials and their notebooks are; default: tutorials")


def run(arguments):
    """The pages that were written."""
    from minires.course.site import build
    made = build(arguments.directory, arguments.tutorials)
    print(as_json(made) if arguments.json else "\n".join(made))
    return 0
