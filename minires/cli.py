"""The command `minires`. Progress goes to standard error, results to standard output.

Exit codes: 0 done; 1 the work itself failed (a gradient check, a diverged training); 2 the request cannot be served, said
in one line; 130 interrupted.
"""

import argparse
import os
import sys
from importlib import import_module

from minires._version import __version__
from minires.errors import Diverged, NotInstalled

COMMANDS = ("list", "show", "depth", "check", "train", "compare", "generate", "reservoir", "conversation", "oracle",
            "course", "tour")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message):
        """Say what is wrong, and where the help is; exit code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser(names=COMMANDS):
    """The parser of the commands `names`, each a file of minires.commands; only these are imported."""
    top = Parser(prog="minires", description="Residual paths in Transformers, and reservoirs: read, run, rely on them.",
                 epilog="example: minires tour", formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"minires {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name in names:
        module = import_module(f"minires.commands.{name}_command")
        own = commands.add_parser(name, help=module.__doc__.splitlines()[0], description=module.__doc__,
                                  epilog=f"example: {module.EXAMPLE}",
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
        own.add_argument("--json", action="store_true", help="print the results as JSON")
        module.arguments(own)
        own.set_defaults(run=module.run)
    return top


def main(words=None):
    """Run one command; returns its exit code."""
    words = sys.argv[1:] if words is None else words
    arguments = parser(words[:1] if words and words[0] in COMMANDS else COMMANDS).parse_args(words)
    try:
        code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output has gone, as with `minires list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return say("interrupted", 130)
    except Exception as error:  # never a traceback: one line says what is wrong
        return say(*explain(error))


def explain(error):
    """The line and the exit code for an error."""
    from minires.training import Interrupted
    if isinstance(error, Interrupted):
        return str(error), 130
    if isinstance(error, Diverged):
        return str(error), 1
    if isinstance(error, OSError):
        where = f": {error.filename!r}" if error.filename else ""
        return f"{error.strerror or error}{where}", 2
    if isinstance(error, (ValueError, NotInstalled)):
        return str(error), 2
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}", 2
    return f"unexpected {type(error).__name__}: {error}; please report this, with the command that you gave", 1


def say(message, code):
    """Print one line on standard error; returns the code."""
    print("minires: " + " ".join(message.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
