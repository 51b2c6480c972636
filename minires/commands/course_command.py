"""The tutorials as a course: notebooks with outputs, a student's and a teacher's edition, a static site.

    notebooks  make the .ipynb of tutorials from their .py, with outputs and pictures
    build      the student's and the teacher's edition, a syllabus, and the grading with pytest
    site       static pages of the rendered tutorials, readable without a server

minires course ACTION --help explains each.
"""

from minires.commands.parsers import add_commands

EXAMPLE = "minires course build course"
ACTIONS = {"notebooks": "notebooks", "build": "build", "site": "site"}  # -> its file


def arguments(parser):
    """ACTION, and its own arguments."""
    add_commands(parser, "action", "minires.commands.course", ACTIONS)
