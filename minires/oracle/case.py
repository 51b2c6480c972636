"""A case: one configuration of one system with all its numbers, and the objective whose gradients are its truth.

    objective = loss + sum over the named outputs of <cotangent, output>

A case holds data only, as it is written into files: the program that runs it is the library's own model, found by the
name of the system. The same program runs in every arithmetic.
"""

from importlib import import_module
from typing import NamedTuple

import autograd.numpy as np
import numpy

from minires.errors import one_of
from minires.parameters import unflatten

SYSTEMS = {name: f"minires.oracle.systems.{name}" for name in (
    "transformer", "echo_state", "readout", "reservoir_resformer", "series")}


class Case(NamedTuple):
    """One case. Names are flat: `layers.1.attention.W_q`; those of inputs begin with `inputs.`, lists count from 0."""

    id: str               # permanent
    system: str           # a name of SYSTEMS
    config: dict          # all that a port must know beside the arrays; JSON
    values: dict          # flat name -> array: parameters, and inputs under `inputs.`
    cotangents: dict      # name of an output -> array of its shape
    differentiated: tuple  # the names of `values` that the objective is differentiated by
    tags: tuple = ()

    @property
    def params(self):
        """The parameters by flat name."""
        return {name: value for name, value in self.values.items() if not name.startswith("inputs.")}

    @property
    def inputs(self):
        """The inputs by name, without the prefix."""
        return {name[7:]: value for name, value in self.values.items() if name.startswith("inputs.")}


def program(case, values):
    """Run the case's system on the values (arrays of any arithmetic, or boxes): {name: tensor}, "loss" among them."""
    run = import_module(one_of("system", case.system, SYSTEMS)).run
    params = unflatten({name: value for name, value in values.items() if not name.startswith("inputs.")})
    named = run(case.config, params, {name[7:]: value for name, value in values.items() if name.startswith("inputs.")})
    return {name: tensor for name, tensor in named.items() if name not in values}  # a weight that the trace repeats


def objective(case, named):
    """loss + sum <cotangent, output>: the number that is differentiated."""
    total = named["loss"]
    for name, cotangent in case.cotangents.items():
        total = total + np.sum(cotangent * named[name])
    return total


def on_grid(x):
    """The nearest numbers that bfloat16 and float16 both hold: 8 significant bits, multiples of 2^-24.

    >>> on_grid([0.1, 3.0])
    array([0.10009766, 3.        ])
    """
    fraction, exponent = numpy.frexp(numpy.asarray(x, dtype=float))  # never traced: autograd's wrappers cost a tenth
    coarse = numpy.ldexp(numpy.round(fraction * 256) / 256, exponent)
    return numpy.round(coarse * 2.0 ** 24) / 2.0 ** 24
