"""Run public implementations on the cases: verdict, first divergence, named cause."""

from importlib import import_module

from minires.errors import require

EXAMPLE = "minires oracle peers"


def arguments(parser):
    """The arguments of minires.oracle.peers, where it is there."""
    if hasattr(module := there(), "arguments"):
        module.arguments(parser)


def run(arguments):
    """What minires.oracle.peers does."""
    require(there(), "minires.oracle.peers is not there, expected it in a later version")
    return there().run(arguments)


def there():
    """The module, or None in a version that lacks it."""
    try:
        return import_module("minires.oracle.peers")
    except ModuleNotFoundError:
        return None
