"""The tutorials as a course: notebooks with outputs, a student's and a teacher's edition, a static site.

    notebooks  make the .ipynb of tutorials from their .py, with outputs and pictures
    build      the student's and the teacher's edition, a syllabus, and the grading with pytest
    site       static pages of the rendered tutorials, readable without a server

minires course ACTION --help explains each.
"""

from minires.commands.course import build, notebooks, site
from minires.commands.options import add_actions

EXAMPLE = "minires course build course"
ACTIONS = {"notebooks": notebooks, "build": build, "site": site}


def arguments(parser):
    """ACTION, and its own arguments."""
    add_actions(parser, ACTIONS)


def run(arguments):
    """The action that was named."""
    return ACTIONS[arguments.action].run(arguments)
