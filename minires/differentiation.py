"""Value and gradient in one pass over autograd's graph.

autograd's own serves containers of any kind and adds with care; this one is for flat dicts of arrays: one node of the graph
per parameter, sums in place where they are our own, and memory given back as the pass goes over the graph.
"""

from contextlib import contextmanager
from threading import Lock

import numpy as np
from autograd.core import VJPNode, add_outgrads, vspace
from autograd.tracer import getval, isbox, new_box, trace_stack
from autograd.util import toposort

from minires.errors import require
from minires.parameters import flatten, unflatten

COUNTER = Lock()


def value_and_gradient(function, params):
    """function(params) and its gradient as a flat dict of the same names; params: nested dicts and lists of arrays."""
    return value_and_gradient_of_flat(function, flatten(params))


def value_and_gradient_of_flat(function, flat):
    """The same from the flat dict of parameters; the function gets them nested.

    One node of the graph per parameter: autograd's own containers copy the whole tree at each access.
    """
    with own_trace() as trace:
        boxes = {name: rooted(value, trace) for name, value in flat.items()}
        end = function(unflatten(boxes))
    require(np.shape(end) == (), f"the function's value has shape {np.shape(end)}, expected a single number")
    roots = {box._node for box in boxes.values()}
    slopes = backward(end, lambda node: node in roots)
    gradient = {name: slopes[box._node] if box._node in slopes else np.zeros_like(flat[name]) for name, box in boxes.items()}
    return getval(end), gradient


@contextmanager
def own_trace():
    """autograd's new trace; its counter is not made for several threads."""
    with COUNTER:
        context = trace_stack.new_trace()
        trace = context.__enter__()
    try:
        yield trace
    finally:
        with COUNTER:
            context.__exit__(None, None, None)


def rooted(value, trace):
    """A box of the value with a node of its own: what is differentiated by."""
    return new_box(value, trace, VJPNode.new_root())


def backward(end, kept=None):
    """{node: d end / d node} for the nodes of the graph of the number `end`; nothing where it depends on no root.

    kept(node): which of them are wanted; the others are forgotten once used, and so is what their derivatives held: the
    graph serves once. Without it all are returned and the graph stays.
    """
    if not isbox(end):
        return {}
    sums, slopes = {end._node: (vspace(end._value).ones(), False)}, {}
    for node in toposort(end._node):
        gradient, _ = sums.pop(node)
        if kept is None or kept(node):
            slopes[node] = gradient
        for parent, part in zip(node.parents, node.vjp(gradient)):
            sums[parent] = added(sums.get(parent), part)
        if kept is not None:
            node.vjp = None
    return slopes


def added(sum_so_far, part):
    """(the sum with `part`, whether it is our own: what comes next is added in place); None: there is no sum yet."""
    total, own = sum_so_far or (None, False)
    if type(part) is np.ndarray and total is None:
        return part, False
    if type(part) is np.ndarray and type(total) is np.ndarray and total.dtype == part.dtype and total.shape == part.shape:
        return np.add(total, part, out=total if own else None), True
    return add_outgrads(sum_so_far, part)
