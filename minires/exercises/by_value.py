"""A student's results beside the reference's, those of known wrong forms, and closed forms of what is expected."""

import numpy as np

from minires.errors import NotInstalled
from minires.exercises.feedback import Objection, named
from minires.exercises.student import Watched
from minires.exercises.values import copied, equal, misfit, parts
from minires.oracle.judgement.closed_forms import forms
from minires.oracle.mistakes import MISTAKES

BITS = 160  # of exact references


def judged_by_value(judged, function):
    """None where all results are right, else raises an Objection."""
    watched = Watched(function, judged.reference)
    draws = [judged.arguments(np.random.default_rng(seed)) for seed in range(judged.draws)]
    results = [watched(*arguments) for arguments in draws]
    truths = [truth(judged, arguments) for arguments in draws]
    if all(map(lambda *pair: misfit(*pair) is None and equal(*pair, judged.tolerance), results, truths)):
        return
    for name, wrong in judged.wrong.items():
        if matches(wrong.function, draws, results, judged.tolerance):
            known = MISTAKES.get(name)
            raise named(name, wrong.does or known.does, wrong.fix or known.fix)
    raise closed_form(results, truths, judged.tolerance) or unlike(watched, draws, results, truths, judged.tolerance)


def truth(judged, arguments):
    """What is right for these arguments: exact where asked for and possible, else the library's float64."""
    if judged.exact:
        try:
            from minires.oracle.exact.balls import balls, precision
        except NotInstalled:
            return judged.reference(*copied(arguments))
        with precision(BITS):
            exact = [balls(each) if np.asarray(each).dtype.kind == "f" else each for each in arguments]
            return np.vectorize(float, otypes=[float])(judged.reference(*exact))
    return judged.reference(*copied(arguments))


def matches(wrong, draws, results, tolerance):
    """Whether a wrong form gives these results; one that fails on some arguments gives none."""
    try:
        with np.errstate(all="ignore"):
            return all(equal(result, wrong(*copied(arguments)), tolerance) for arguments, result in zip(draws, results))
    except Exception:  # a wrong form may be undefined for some arguments
        return False


def closed_form(results, truths, tolerance):
    """The Objection that says "transposed", "negated", "times 2", ..: one form for all draws; None where none fits."""
    found = None
    for result, right in zip(results, truths):
        if len(parts(result)) != 1 or len(parts(right)) != 1 or np.asarray(right).dtype.kind != "f":
            return None
        if misfit(result, right) is None and equal(result, right, tolerance):
            continue
        texts = {text for text, value in possible(result, np.asarray(right)) if equal(result, value, tolerance)}
        found = texts if found is None else found & texts
    if not found:
        return None
    text = min(found, key=lambda text: (text.startswith("times "), "." in text, len(text)))
    return Objection(f"this is what is expected, but {text}: undo it", text)


def possible(result, right):
    """(what was done, the expected array with it)."""
    try:
        given = np.asarray(result, float)
    except (TypeError, ValueError):
        return
    if not np.all(np.isfinite(given)):
        return
    if right.ndim >= 2 and given.shape != right.shape:
        yield "transposed", np.swapaxes(right, -1, -2)
    elif given.shape == right.shape:
        sizes = {f"the length {length} of axis {axis}": float(length) for axis, length in enumerate(right.shape) if length > 1}
        numbers = {**sizes, **{f"the square root of {name}": size ** 0.5 for name, size in sizes.items()}, "2": 2.0}
        yield from forms("the result", given, right, {**numbers, **{f"1 / ({name})": 1 / x for name, x in numbers.items()}})


def unlike(watched, draws, results, truths, tolerance):
    """The Objection to results that nothing explains: their form, or the entry that differs most."""
    for arguments, result, right in zip(draws, results, truths):
        line = misfit(result, right)
        if line:
            return Objection(f"{watched.name} returns {line}")
        for given, expected in zip(parts(result), parts(right)):
            if not equal(given, expected, tolerance):
                return Objection(entry(watched.name, given, expected))
    return Objection(f"{watched.name} differs from what is expected")


def entry(name, given, expected):
    """The line about the entry that differs most."""
    if np.asarray(expected).dtype.kind not in "fiu":
        return f"{name} returns {given!r}, expected {expected!r}"
    difference = np.abs(np.nan_to_num(np.asarray(given, float) - expected, nan=np.inf))
    index = np.unravel_index(np.argmax(difference), difference.shape)
    place = f" at {[int(i) for i in index]}" if index else ""
    given, expected = np.asarray(given)[index], np.asarray(expected)[index]
    return f"{name} returns {given:.6g}{place}, expected {expected:.6g}; no known mistake gives this"
