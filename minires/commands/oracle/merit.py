"""Figures of merit: mistakes caught and named, correct ports rejected, size and seconds."""

from importlib import import_module

from minires.errors import require

EXAMPLE = "minires oracle merit"


def arguments(parser):
    """The arguments of minires.oracle.merit, where it is there."""
    if hasattr(module := there(), "arguments"):
        module.arguments(parser)


def run(arguments):
    """What minires.oracle.merit does."""
    require(there(), "minires.oracle.merit is not there, expected it in a later version")
    return there().run(arguments)


def there():
    """The module, or None in a version that lacks it."""
    try:
        return import_module("minires.oracle.merit")
    except ModuleNotFoundError:
        return None
