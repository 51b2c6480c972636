"""What a mistake is: a small change of the library's own program, under which it computes what a wrong port computes."""

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import NamedTuple
from unittest.mock import patch

from minires.layers import stopped
from minires.spelling import unfused


class Mistake(NamedTuple):
    """One mistake. At least one of `patches`, `record` and `config` says how it is made."""

    family: str                # mask, scale, softmax, heads, norm, carry, values, stream, state, leak, gradient, decode, ...
    does: str                  # one line: what the wrong port does
    fix: str                   # one line: what to do instead
    applies: Callable          # (case) -> bool: whether the case's system has the thing at all
    patches: dict = {}         # "minires.attention.softmax" -> function(the original) -> what stands there instead
    record: Callable | None = None  # Residual -> Residual, of a Transformer
    config: Callable | None = None  # Case -> Case
    seen: tuple = ()           # where it was seen in public: "repository path or issue", or a paper
    listed: tuple = ()         # the numbers under which the specifications list it: "realformer F4", "echo_state 9"
    gradient: bool = False     # the forward pass is right, only gradients are wrong


@contextmanager
def planted(case, *mistakes):
    """The case to run instead, while the mistakes are in place: `with planted(case, mistake) as wrong: record(wrong)`."""
    with ExitStack() as stack:
        stack.enter_context(unfused())
        for mistake in mistakes:
            case = mistake.config(case) if mistake.config else case
            changes = dict(mistake.patches)
            if mistake.record:
                changes["minires.model.residual"] = replacing(mistake.record)
            for place, change in changes.items():
                module, name = place.rsplit(".", 1)
                original = getattr(import_module(module), name)
                stack.enter_context(patch.object(import_module(module), name, change(original)))
        yield case


def replacing(change):
    """The lookup of a record, followed by the change of what was found."""
    return lambda original: lambda *arguments: change(original(*arguments))


def transformer(case):
    """Whether the case is of a Transformer."""
    return case.system == "transformer"


__all__ = ["Mistake", "planted", "replacing", "stopped", "transformer"]
