"""One-line errors that say what was given, what was expected, and the nearest valid choice."""

from difflib import get_close_matches


def one_of(what, given, choices):
    """choices[given], or a ValueError that names the nearest choice.

    >>> one_of("norm", "layr", {"layer": 1, "rms": 2})
    Traceback (most recent call last):
    ValueError: unknown norm 'layr': did you mean 'layer'? choose from layer, rms
    """
    if isinstance(given, str) and given in choices:
        return choices[given]
    near = get_close_matches(str(given), [str(choice) for choice in choices], n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown {what} {given!r}: {hint}choose from {', '.join(map(str, choices))}")


def require(condition, message):
    """Raise ValueError(message) unless the condition holds."""
    if not condition:
        raise ValueError(message)
