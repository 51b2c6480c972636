"""Write the course: student/, teacher/, syllabus.md, and grading with `pytest -m tutorial_04` in either folder."""

from minires.report import as_json

EXAMPLE = "minires course build course"


def arguments(parser):
    """DIR, --tutorials."""
    parser.add_argument("directory", metavar="DIR", help="is made; files of an earlier build are written anew")
    parser.add_argument("--tutorials", default="tutorials", metavar="FOLDER", help="where they are; default: tutorials")


def run(arguments):
    """The files that were written."""
    from minires.course.editions import build
    made = build(arguments.directory, arguments.tutorials)
    print(as_json(made) if arguments.json else f"{len(made)} files in {arguments.directory}: give student/ to the students; "
                                               f"pytest -m tutorial_{made[0].split('/')[-1][:2]} in it grades")
    return 0
