"""A run of a case, written down as the steps it took, so that it can be played again from any tensors.

The program is run once and each primitive that autograd calls is kept with its arguments: the steps, in order. Played
again, a step gets what the steps before it give, or what one puts there: another implementation's tensor at a name (local
replay), numbers with noise, boxes of a new trace to differentiate. The model code knows nothing of it.
A tensor is a node of the graph: a name for the same node as an earlier name is an alias.
"""

from itertools import count
from typing import NamedTuple

import numpy as np
from autograd.tracer import Node, isbox, new_box, trace_stack

from minires.differentiation import backward, rooted
from minires.oracle.case import objective, program


class Step(Node):
    """One call of a primitive: what was called, with which arguments, and which of these are other steps."""

    __slots__ = ("number", "call", "arguments", "options", "places", "parents", "value")
    numbers = count()

    def __init__(self, value, call, arguments, options, places, parents):
        self.number, self.value, self.call, self.arguments = next(Step.numbers), value, call, arguments
        self.options, self.places, self.parents = options, places, parents

    def initialize_root(self, value):
        """An input of the program."""
        self.__init__(value, None, (), {}, (), ())


class Tape(NamedTuple):
    """The steps in order, the roots and tensors by name, and how they hang together."""

    steps: list        # every Step that a tensor or the objective depends on, roots left out, in order
    roots: dict        # name of a parameter or an input -> Step
    tensors: dict      # name of a tensor -> Step, in order of computation, "loss" among them
    aliases: dict      # name -> the name of the same tensor
    end: Step          # the objective

    @property
    def parents(self):
        """name -> the names of parameters, inputs and tensors that it is computed from."""
        named = {**{step: name for name, step in self.roots.items()}, **{step: name for name, step in self.tensors.items()}}
        above = {}  # step -> names nearest above it, itself left out
        for step in self.steps:
            above[step] = {name for parent in step.parents
                           for name in ({named[parent]} if parent in named else above.get(parent, ()))}
        order = {name: i for i, name in enumerate([*self.roots, *self.tensors])}
        return {name: sorted(above[step], key=order.get) for name, step in self.tensors.items()}


def record(case):
    """The tape of a case."""
    with trace_stack.new_trace() as trace:
        roots, values = {}, dict(case.values)
        for name in case.differentiated:
            roots[name] = Step.new_root(values[name])
            values[name] = new_box(values[name], trace, roots[name])
        named = program(case, values)
        end = objective(case, named)
    tensors, aliases = {}, {}
    first = {step: name for name, step in roots.items()}
    for name, value in named.items():
        if isbox(value) and value._node not in first:
            first[value._node] = name
            tensors[name] = value._node
        elif isbox(value):
            aliases[name] = first[value._node]
    tensors = dict(sorted(tensors.items(), key=lambda item: item[1].number))
    return Tape(ancestors([end._node, *tensors.values()]), roots, tensors, aliases, end._node)


def ancestors(ends):
    """The steps that the ends depend on and the ends, roots left out, in the order in which they were taken."""
    found, waiting = set(), list(ends)
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(step.parents)
    return sorted((step for step in found if step.call), key=lambda step: step.number)


def play(tape, values, at=lambda name, value: value, constant=lambda value: value):
    """Take the steps again with the root values {name: value}; at(name, value) is what a tensor is taken to be.

    constant(value): what an argument that is no step is taken to be. Returns {name: value} of the tensors, as `at` left
    them, and the objective.
    """
    seen = {step: values[name] for name, step in tape.roots.items()}
    names = {step: name for name, step in tape.tensors.items()}
    for step in tape.steps:
        arguments = [constant(argument) for argument in step.arguments]
        for place, parent in zip(step.places, step.parents):
            arguments[place] = seen[parent]
        value = step.call(*arguments, **step.options)
        seen[step] = at(names[step], value) if step in names else value
    return {name: seen[step] for name, step in tape.tensors.items()}, seen[tape.end]


def differentiate(tape, values, constant=lambda value: value):
    """Every tensor of the tape and the gradient of the objective by each of them and by each root: {name, grad/name}."""
    with trace_stack.new_trace() as trace:
        boxed = {name: rooted(values[name], trace) for name in tape.roots}
        constants = lambda name, value: value if isbox(value) else rooted(value, trace)  # ones_like gives no box
        tensors, end = play(tape, boxed, constants, constant)
        slopes = backward(end)
    boxes = {**boxed, **tensors}
    gradient = {f"grad/{name}": slopes.get(box._node, np.zeros_like(box._value)) for name, box in boxes.items()
                if name != "loss"}
    return {**{name: box._value for name, box in tensors.items()}, **gradient}
