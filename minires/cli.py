"""The command `minires`. Progress goes to standard error, results to standard output.

Exit codes: 0 done; 1 the work itself failed (a gradient check, a diverged training); 2 the request cannot be served, said
in one line; 130 interrupted.
"""

import argparse
import os
import sys

from minires._version import __version__
from minires.commands.parsers import Parser, add_commands
from minires.allocator import keep_freed_memory
from minires.errors import Diverged, NotInstalled

COMMANDS = ("list", "show", "depth", "check", "train", "compare", "generate", "reservoir", "conversation", "oracle",
            "course", "tour")


def parser():
    """The parser of all commands, each a file of minires.commands; only that of the command that is given is imported."""
    top = Parser(prog="minires", description="Residual paths in Transformers, and reservoirs: read, run, rely on them.",
                 epilog="example: minires tour", formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"minires {__version__}")
    top.set_defaults(json=False)
    add_commands(top, "command", "minires.commands", {name: f"{name}_command" for name in COMMANDS})
    return top


def main(words=None):
    """Run one command; returns its exit code."""
    try:
        arguments = parser().parse_args(words)
        keep_freed_memory()
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
    if isinstance(error, Diverged):
        return str(error), 1
    if isinstance(error, OSError):
        where = f": {error.filename!r}" if error.filename else ""
        return f"{error.strerror or error}{where}", 2
    if isinstance(error, (ValueError, NotInstalled)):
        return str(error), 2
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}", 2
    from minires.training import Interrupted  # imports autograd: not before a line that needs none
    if isinstance(error, Interrupted):
        return str(error), 130
    return f"unexpected {type(error).__name__}: {error}; please report this, with the command that you gave", 1


def say(message, code):
    """Print one line on standard error; returns the code."""
    print("minires: " + " ".join(message.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
