"""One question to a port: the case as copies, the answer as copies, and a line for all that is wrong with either."""

import copy
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from minires.oracle.adapters import aliases
from minires.oracle.adapters.foreign import plain


class Answer(NamedTuple):
    """What came back: {name of the library: array}, None where there is nothing to judge; and a line per problem."""

    answer: dict | None
    problems: list


def answered(function, golden, rules):
    """Ask once."""
    case, K = golden.case, head_width(golden.case.config)
    try:
        handed = handed_out(case, rules, K)
    except ValueError as error:
        return Answer(None, [str(error)])
    kept = copy.deepcopy(handed)
    try:
        given = function(handed)
    except Exception as error:  # of the port, whatever it is: the other cases still run
        line = " ".join(str(error).split())
        return Answer(None, [f"run raised {type(error).__name__}: {line}"])
    problems = changed(kept, handed)
    if not isinstance(given, Mapping):
        return Answer(None, [*problems, f"run returned {type(given).__name__}, expected a mapping of names to arrays"])
    answer, wrong = collected(given, rules, shapes_of(golden), K)
    return Answer(answer if answer or not wrong else None, problems + wrong)


def handed_out(case, rules, K):
    """The case for a port: copies of everything, parameters under its names and in its layout."""
    own = lambda arrays: {name: np.array(array) for name, array in aliases.to(arrays, rules, K).items()}
    wanted = {name: case.values[name] for name in case.differentiated}
    return case._replace(config=copy.deepcopy(case.config), values=own(case.values), differentiated=tuple(own(wanted)),
                         cotangents={name: np.array(array) for name, array in case.cotangents.items()})


def changed(kept, handed):
    """A line for each array of the case that the port has changed."""
    lines = [] if kept.config == handed.config else ["config: changed by the port, expected to be left as it is"]
    for before, after, prefix in ((kept.values, handed.values, ""), (kept.cotangents, handed.cotangents, "cotangents.")):
        lines += [f"{prefix}{name}: changed by the port, expected to be left as it is" for name, array in before.items()
                  if name not in after or not np.array_equal(array, after[name], equal_nan=array.dtype.kind == "f")]
    return lines


def collected(given, rules, shapes, K):
    """The answer by the library's names, each array a copy, and a line for each that is none."""
    answer, lines = {}, []
    for name, value in given.items():
        if value is None and str(name).startswith("grad/"):
            continue  # a gradient that is absent counts as zero, which the judgement says
        try:
            if not isinstance(name, str):
                raise ValueError("expected a text as name")
            parts = aliases.back(name, plain(value), rules, shapes, K)
        except ValueError as error:
            lines.append(f"{name}: {error}")
            continue
        lines += [f"{name}: given twice, the other time as {one}" for one in parts if one in answer]
        answer.update(parts)
    return answer, lines


def shapes_of(golden):
    """The shapes of parameters, inputs and tensors by name."""
    arrays = {**golden.truth.values, **golden.case.values}
    return {name: np.shape(array) for name, array in arrays.items() if not name.startswith("grad/")}


def head_width(config):
    """The width of a head, 1 for a system without heads."""
    model = config.get("model", config)
    return int(model.get("head_width") or model.get("width", 1) // model.get("heads", 1) if "heads" in model else 1)
