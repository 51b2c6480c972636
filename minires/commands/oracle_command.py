"""Golden vectors for ports: list, build and verify packs, export cases, check answers.

    list      the cases: what each is about, its size, whether it is in the core pack
    build     make a pack anew, every number from an exact run
    verify    compare every hash of a pack, make it anew, and compare the bytes
    export    write cases as files, for a port in any language
    check     judge the files that a port wrote: verdict, first divergence, likely mistake
    peers     run public implementations on the cases
    merit     how many mistakes are caught and named, how many correct ports are rejected

minires oracle ACTION --help explains each. Python: minires.oracle.verify(run); pytest --minires-subject pkg.module:run.
"""

from minires.commands.parsers import add_commands

EXAMPLE = "minires oracle list --case 'transformer/res*'"
ACTIONS = {"list": "listing", "build": "build", "verify": "verify", "export": "export", "check": "check", "peers": "peers",
           "merit": "merit"}  # -> its file


def arguments(parser):
    """ACTION, and its own arguments."""
    add_commands(parser, "action", "minires.commands.oracle", ACTIONS)
