"""The cases of the reservoirs, their mistakes, and their numbers by the library and by the ports; each is computed once."""

from functools import lru_cache
from importlib import import_module

import numpy as np

from minires.oracle.cases.reservoirs import CASES
from minires.oracle.mistakes import (
    conversation, conversation_answer, conversation_fusion, conversation_readout, planted, reservoir, reservoir_carry,
    reservoir_form,
    reservoir_gradient, reservoir_learning, reservoir_output, reservoir_time)
from minires.oracle.tape import differentiate, record

FILES = (reservoir, reservoir_carry, reservoir_form, reservoir_gradient, reservoir_learning, reservoir_output, reservoir_time,
         conversation, conversation_answer, conversation_fusion, conversation_readout)
MISTAKES = {name: mistake for file in FILES for name, mistake in file.MISTAKES.items()}
PORTS = {"echo_state": "ports.torch_reservoir", "readout": "ports.torch_readout",
         "reservoir_resformer": "ports.torch_reservoir_resformer"}
FIRST = {name: next(id for id, make in CASES.items() if mistake.applies(make())) for name, mistake in MISTAKES.items()}


@lru_cache(maxsize=None)
def case(id):
    """The case."""
    return CASES[id]()


def library(id, *names):
    """The library's float64 tensors and gradients with mistakes planted, under aliases as well."""
    with planted(case(id), *(MISTAKES[name] for name in names)) as wrong:
        tape = record(wrong)
        found = differentiate(tape, wrong.values)
    for alias, name in tape.aliases.items():
        found[alias] = found[name] if name in found else wrong.values[name]
        if f"grad/{name}" in found:
            found[f"grad/{alias}"] = found[f"grad/{name}"]
    return found


@lru_cache(maxsize=None)
def right(id):
    """The library's numbers without a mistake."""
    return library(id)


def port(id, *wrong, **style):
    """The port's numbers."""
    return import_module(PORTS[case(id).system]).run(case(id), wrong=wrong, **style)


def farthest(ours, theirs):
    """The largest difference of what both name, relative to a tensor's size or to one; infinite where shapes differ."""
    def one(a, b):
        return np.max(np.abs(a - b), initial=0) / (1 + np.max(np.abs(a), initial=0)) if np.shape(a) == np.shape(b) else np.inf
    return max(one(ours[name], theirs[name]) for name in ours if name in theirs)


def applicable(name):
    """The ids of the cases that the mistake applies to."""
    return [id for id in CASES if MISTAKES[name].applies(case(id))]
