"""One-line errors that say what was given, what was expected, and the nearest valid choice."""

import inspect
import math
from difflib import get_close_matches
from importlib import import_module
from numbers import Integral, Real

LARGEST = 10 ** 9  # of a size: beyond it something else was meant


class Diverged(ArithmeticError):
    """A loss, a gradient or a free run became NaN, infinite or larger than its bound; the message says at which step."""


MANY = 30  # choices; of more than these a message names the nearest only


def one_of(what, given, choices):
    """choices[given], or a ValueError that names the nearest choice.

    >>> one_of("norm", "layr", {"layer": 1, "rms": 2})
    Traceback (most recent call last):
    ValueError: unknown norm 'layr': did you mean 'layer'? choose from layer, rms
    """
    if isinstance(given, str) and given in choices:
        return choices[given]
    names = [str(choice) for choice in choices]
    near = [name for name in names if str(given) and str(given) in name] + get_close_matches(str(given), names, 1, 0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    shown = names if len(names) <= MANY else get_close_matches(str(given), names, 8, 0.0) + [f".. ({len(names)} in all)"]
    raise ValueError(f"unknown {what} {given!r}: {hint}choose from {', '.join(shown) or 'none'}")


def check_options(what, function, options, hidden=()):
    """ValueError, naming the nearest, unless each option is an argument of the function that is not one of `hidden`.

    >>> check_options("rounding", round, {"digits": 2})
    Traceback (most recent call last):
    ValueError: unknown option of rounding 'digits': did you mean 'ndigits'? choose from number, ndigits
    """
    known = {name: True for name in inspect.signature(function).parameters if name not in hidden}
    for option in options:
        one_of(f"option of {what}", option, known)


class NotInstalled(ImportError):
    """An optional dependency is missing; the message names the extra that brings it."""


def needs(module, extra):
    """The module of an optional dependency, or NotInstalled."""
    try:
        return import_module(module)
    except ImportError:
        raise NotInstalled(f"{module} is not installed: expected the extra, pip install 'minires[{extra}]'") from None


def require(condition, message):
    """Raise ValueError(message) unless the condition holds."""
    if not condition:
        raise ValueError(message)


def whole_number(name, value, lowest=1):
    """`value` as an int; ValueError where it is not a whole number, is below `lowest` or beyond any use.

    >>> whole_number("length", 8.0)
    Traceback (most recent call last):
    ValueError: length=8.0: expected a whole number of at least 1
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < lowest:
        raise ValueError(f"{name}={value!r}: expected a whole number of at least {lowest}")
    if value > LARGEST:
        raise ValueError(f"{name}={value!r}: expected a whole number of at least {lowest} and at most {LARGEST}")
    return int(value)


def number(name, value, low=-math.inf, high=math.inf, expected="a finite number"):
    """`value` as a float in [low, high); ValueError where it is not."""
    if isinstance(value, bool) or not isinstance(value, Real) or not (low <= value < high) or math.isinf(value):
        raise ValueError(f"{name}={value!r}: expected {expected}")
    return float(value)


def positive(name, value):
    """`value` as a float above zero; ValueError where it is not."""
    return number(name, value, math.ulp(0.0), expected="a positive number")


def truth(name, value):
    """`value` as a bool; ValueError for anything else, as "no" would count as true."""
    if value not in (True, False):
        raise ValueError(f"{name}={value!r}: expected True or False")
    return bool(value)
