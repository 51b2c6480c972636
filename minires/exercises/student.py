"""A student's function, watched: whatever it does wrong becomes an Objection of one line that names the student's own line."""

import dis
import inspect
import linecache

import numpy as np

from minires.exercises.feedback import Objection
from minires.exercises.values import alike, copied, misfit

IDLE = {"RESUME", "NOP", "COPY_FREE_VARS", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "CACHE"}  # of a body that does nothing
UNDONE = "not done yet"


class Watched:
    """The function, called with copies. `expected(*arguments)`, where given, returns what the result should look like."""

    def __init__(self, function, reference, expected=None):
        self.function, self.expected = function, expected
        if not callable(function):
            raise Objection(f"{type(function).__name__} was given, expected a function of {signature(reference)}")
        self.name = getattr(function, "__name__", type(function).__name__)
        if not takes(function, reference):
            raise Objection(f"{self.name}{signature(function)} takes other arguments, expected {signature(reference)}")

    def __call__(self, *arguments):
        handed = copied(arguments)
        result = self.result(handed)
        for name, before, after in zip(names(self.function, len(arguments)), arguments, handed):
            if not alike(before, after):
                raise Objection(f"{self.name} changes its argument {name}: make a new array, {name} + 1 and not {name} += 1")
        if result is None:
            raise Objection(UNDONE if idle(self.function) else f"{self.name} returns None: is a `return` missing?")
        line = misfit(result, self.expected(*copied(arguments))) if self.expected else None
        if line:
            raise Objection(f"{self.name} returns {line}")
        return result

    def result(self, arguments):
        """What the function returns, or an Objection."""
        try:
            with np.errstate(all="ignore"):
                return self.function(*arguments)
        except NotImplementedError:
            raise Objection(UNDONE) from None
        except (Exception, SystemExit) as error:  # of the student's code, whatever it is
            raise Objection(f"{where(self.function, error)} raises {type(error).__name__}: {error}") from None


def idle(function):
    """Whether the body of a function is `...`, `pass` or a docstring only."""
    code = getattr(function, "__code__", None)
    return code is not None and {step.opname for step in dis.get_instructions(code)} <= IDLE


def where(function, error):
    """The innermost line of the student's own code that an error went through."""
    code, trace, found = getattr(function, "__code__", None), error.__traceback__, None
    while trace:
        if code and trace.tb_frame.f_code.co_filename == code.co_filename:
            found = trace
        trace = trace.tb_next
    name = getattr(function, "__name__", type(function).__name__)
    if found is None:
        return name
    text = linecache.getline(code.co_filename, found.tb_lineno).strip()
    return f"{found.tb_frame.f_code.co_name}, line {found.tb_lineno}" + (f" `{text}`" if text else "")


def takes(function, reference):
    """Whether a function can be called with as many arguments as the reference has."""
    try:
        inspect.signature(function).bind(*inspect.signature(reference).parameters)
        return True
    except TypeError:
        return False
    except ValueError:  # a built-in function does not tell
        return True


def signature(function):
    """(fresh, previous)."""
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "(..)"


def names(function, count):
    """The names of the first `count` arguments."""
    try:
        own = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        own = []
    return (own + [f"number {i + 1}" for i in range(len(own), count)])[:count]


__all__ = ["UNDONE", "Watched", "where"]
