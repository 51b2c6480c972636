"""Local replay: each step of a case taken again from the port's own tensors, each derivative from its own gradients.

Errors do not add up, so that the first tensor outside its tolerance stands where the mistake is made. At a named tensor

    expected         the step applied to the port's own tensors above it
    further down     the port's tensor, as a new root: its own gradient g enters as <expected, g>, so that one backward
                     pass of loss + sum <cotangent, output> + sum <expected, g> gives each gradient from the port's own
                     gradients below it

A tensor given without its gradient passes the gradient through; a tensor that is not given is computed.
"""

import autograd.numpy as np
import numpy
from autograd.extend import defvjp, primitive
from autograd.tracer import getval, trace_stack

from minires.differentiation import backward, rooted
from minires.oracle.judgement.arrays import inexact
from minires.oracle.judgement.profiles import Noise
from minires.oracle.judgement.tolerance import spread
from minires.oracle.tape import play

RERUNS = 6


@primitive
def straight(expected, given):
    """The value of `given`, the gradient of `expected`."""
    return given


defvjp(straight, lambda ans, expected, given: lambda g: g, None)


class Exactly:
    """The rule of plain float64."""

    stored = constant = staticmethod(lambda x: x)
    of = staticmethod(lambda x: x)


class Erring:
    """Every operation errs by a rule, and what the port has stored had been rounded when it was stored."""

    def __init__(self, rule):
        self.of = lambda x: inexact(x, rule)
        self.stored = lambda x: inexact(rule.stored(x), rule)
        self.constant = lambda x: inexact(rule.constant(x), rule)


def local(tape, values, given, arithmetic=Exactly):
    """{name: expected} for the tensors, aliases and gradients of `given` {name: array}, replayed on the tape from `values`.

    Entries of `given` that are not finite count as zero. Names that the tape lacks are left out.
    """
    wanted = list(given)
    given = complete(tape, {name: numpy.where(numpy.isfinite(x), x, 0.0) for name, x in given.items()})
    expected, continued, pairings = {}, {}, []
    with trace_stack.new_trace() as trace:
        leaves = {name: rooted(arithmetic.of(values[name]), trace) for name in tape.roots}
        continued.update(leaves)

        def at(name, value):
            expected[name], slope = getval(value), given.get("grad/" + name)
            own = arithmetic.stored(given[name]) if name in given else getval(value)
            if slope is None or name == "loss":
                continued[name] = straight(value, own) if name in given else value
                return continued[name]
            leaves[name] = continued[name] = rooted(own, trace)
            pairings.append(np.sum(value * arithmetic.of(slope)))
            return continued[name]

        _, end = play(tape, dict(leaves), at, arithmetic.constant)
        slopes = backward(sum(pairings, start=end))
    for name, box in leaves.items():
        expected["grad/" + name] = slopes.get(box._node, numpy.zeros(numpy.shape(box._value)))
    expected.update(of_aliases(tape, expected, continued, wanted))
    return {name: numpy.asarray(expected[name]) for name in wanted if name in expected}


def complete(tape, given):
    """What is given, and under a tensor's own name also what is given under another name of it alone."""
    own = {}
    for alias, name in tape.aliases.items():
        for prefix in ("", "grad/"):
            if prefix + alias in given:
                own.setdefault(prefix + name, given[prefix + alias])
    return {**own, **given}


def of_aliases(tape, expected, continued, wanted):
    """Another name of a tensor: expected is the port's own tensor where it is given too, and the gradient of the tensor."""
    found = {}
    for alias, name in tape.aliases.items():
        if name in continued:
            found[alias] = getval(continued[name]) if name in wanted or name not in expected else expected[name]
        if "grad/" + name in expected:
            found["grad/" + alias] = expected["grad/" + name]
    return found


def local_tolerances(tape, values, given, expected, profile):
    """{name: sigma} of the local replay: the same replay with the errors of the profile, RERUNS times."""
    runs = [local(tape, values, given, Erring(Noise(profile, numpy.random.default_rng(1000 + seed)))) for seed in range(RERUNS)]
    return spread(runs, expected, profile)
