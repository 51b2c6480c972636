"""The commands of `minires`, a file each: EXAMPLE, arguments(parser), run(arguments) -> exit code or None.

A command that has actions has no run of its own: each action does, in a package of the command's name.
"""
