"""How an operation is spelled: fused, with a derivative by hand, or plainly, as autograd traces it.

    "fused"   the default: few large operations, each with its reverse-mode derivative right under it (`minires.fused`)
    "plain"   NumPy as in the equation, every derivative autograd's own: to read, to test against, to measure

    with spelling("plain"):                             # or  spelling("plain", but=("linear", "layer_norm"))
        value_and_gradient(...)

The model code is the same in both. A fused form serves float arrays in reverse mode, or no differentiation at all; whatever
else comes (forward mode, a derivative of a derivative, a recorded run, another arithmetic) gets the operation as it stands.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from importlib import import_module

import numpy
from autograd import make_vjp
from autograd.core import VJPNode
from autograd.extend import primitive
from autograd.tracer import isbox, new_box

from minires.errors import one_of

SPELLINGS = {"fused": "large operations with derivatives by hand", "plain": "autograd's own derivatives"}
OPERATIONS = {}  # name -> the operation that is by hand, as the modules are imported
FLOATS = "fd"  # NumPy's characters of float32 and float64: their names take a microsecond each
fusing = ContextVar("fusing", default=True)  # False: every operation as it stands, with the derivatives that stand beside it
by_hand_only = ContextVar("by_hand_only", default=None)  # the names of the operations by hand; None: all


@contextmanager
def spelling(name, but=()):
    """Inside this context, and in this thread, every operation is spelled so; those named in `but` stay fused.

    ValueError for a name that is unknown.
    """
    one_of("spelling", name, SPELLINGS)
    if but:
        import_module("minires.forward")  # with it all that a model is made of
    for each in but:
        one_of("operation", each, OPERATIONS)
    token = by_hand_only.set(None if name == "fused" else frozenset(but))
    try:
        yield
    finally:
        by_hand_only.reset(token)


@contextmanager
def unfused():
    """Inside this context no fused form is used: what was put in the place of a part of an operation is not passed by."""
    token = fusing.set(False)
    try:
        yield
    finally:
        fusing.reset(token)


def plain(name=None):
    """Whether autograd makes the derivative of the operation of this name itself."""
    names = by_hand_only.get()
    return names is not None and name not in names


def by_hand(function, traceable=True):
    """autograd's `primitive`, whose derivatives are registered by hand; spelled plainly, its body is traced, if it can be."""
    own, name = primitive(function), function.__name__

    @wraps(function)
    def operation(*arguments, **options):
        return (function if traceable and plain(name) else own)(*arguments, **options)

    operation.primitive = own
    if name.isidentifier():  # not a lambda
        OPERATIONS[name] = operation
    return operation


def node(parents, vjp):
    """A node of autograd's graph whose VJP is a function made in the forward pass: it shares what was computed there."""
    own = VJPNode.__new__(VJPNode)  # its __init__ looks for a registered derivative
    own.parents, own.vjp = parents, vjp
    return own


def fusible(form, given=lambda *arrays, **settings: (arrays, settings)):
    """Decorator of an operation that has a fused form:  form(*arrays, **settings) -> (y, vjp), or None if it does not apply.

    given(the operation's arguments) -> (arrays, settings) of the form. The arrays are the first arguments, None among them;
    settings are constants.
    vjp(g) returns the gradient of each array, in order. g is not to be written to.
    """
    def decorate(operation):
        name = form.__name__

        @wraps(operation)
        def chosen(*arguments, **options):
            if fusing.get() and not plain(name):
                arrays, settings = given(*arguments, **options)
                trace = fits(arrays, settings)
                found = trace is not None and form(*map(plain_value, arrays), **settings)
                if found:
                    return boxed(trace, *found, operation, arguments, len(arrays), options)
            return operation(*arguments, **options)
        OPERATIONS[name] = chosen
        return chosen
    return decorate


def plain_value(x):
    """What is in the box, or x itself."""
    return x._value if isbox(x) else x


def fits(arrays, settings):
    """The trace of reverse mode that all boxes among the arrays are of (-1: there are no boxes); None if no form fits.

    A form serves arrays of one precision: of two, NumPy's rules would make the wider.
    """
    trace, precisions = -1, FLOATS
    for x in arrays:
        if isbox(x):
            if not isinstance(x._node, VJPNode) or trace not in (-1, x._trace):
                return None
            trace, x = x._trace, x._value
        if x is None:
            continue
        if type(x) is not numpy.ndarray or x.dtype.char not in precisions:
            return None
        precisions = x.dtype.char
    return None if any(map(isbox, settings.values())) else trace


def boxed(trace, y, vjp, operation, arguments, arrays, options):
    """y, in a box of the trace if one of the arrays, the first arguments, is in a box."""
    places = [i for i in range(arrays) if isbox(arguments[i])]
    if not places:
        return y

    def gradients(g):
        if isbox(g):  # a derivative of the derivative: autograd goes through the operation as it stands
            values = [plain_value(x) for x in arguments]
            return [make_vjp(operation, i)(*values, **options)[0](g) for i in places]
        slopes = vjp(g)
        return [slopes[i] for i in places]

    return new_box(y, trace, node([arguments[i]._node for i in places], gradients))
