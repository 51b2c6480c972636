"""Parsers that import the file of a command when its arguments are parsed: `minires --help` imports no command."""

import argparse
import os
from importlib import import_module


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, and whose arguments come from the module that is named `module`."""

    module = None

    def error(self, message):
        """Say what is wrong, and where the help is; exit code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args=None, namespace=None):
        """What ArgumentParser does, once the module is imported: argparse calls this of the command that is given only."""
        if self.module:
            module, self.module = import_module(self.module), None
            self.description, self.epilog = module.__doc__, f"example: {module.EXAMPLE}"
            self.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the results as JSON")
            module.arguments(self)
            if hasattr(module, "run"):  # one that has actions leaves this to the action
                self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)


def add_commands(parser, kind, package, files):
    """A command for each {name: file} of a package, of which one must be given; `kind` is its name among the arguments."""
    commands = parser.add_subparsers(dest=kind, required=True, metavar=kind.upper(), parser_class=Parser)
    for name, file in files.items():
        own = commands.add_parser(name, help=first_line(package, file), formatter_class=argparse.RawDescriptionHelpFormatter)
        own.module = f"{package}.{file}"


def first_line(package, file):
    """The first line of the docstring that the file begins with, read and not imported.

    >>> first_line("minires.commands", "parsers")
    'Parsers that import the file of a command when its arguments are parsed: `minires --help` imports no command.'
    """
    with open(os.path.join(import_module(package).__path__[0], f"{file}.py"), encoding="utf-8") as text:
        return text.readline().strip().strip('"')
