"""Where the time of a plainly spelled step goes: the seconds of each kind of work, no second counted twice.

autograd keeps the NumPy function of a primitive in a cell of its wrapper, and the maker of its derivative in a table; for the
time of the measurement both are replaced by functions that look at the clock.
"""

import time
from collections import Counter
from contextlib import contextmanager
from functools import wraps

import autograd.numpy
from autograd.core import SparseObject, primitive_vjps
from autograd.numpy import numpy_vjps

from benchmarks import where_steps
from benchmarks.job import SIZES
from benchmarks.where_stages import process
from minires import differentiation

try:
    import resource
except ImportError:  # Windows
    resource = None

PRODUCTS, ENTRIES, SUMS, VIEWS = "matrix products", "entry by entry", "sums and maxima", "reshapes and copies"
INDICES, OPTIMISER, PYTHON = "index adds", "AdamW", "tracing and Python"
KINDS = (PRODUCTS, ENTRIES, SUMS, VIEWS, INDICES, OPTIMISER, PYTHON)
NAMES = {  # kind -> the names of primitives; all others work entry by entry
    PRODUCTS: {"matmul", "dot", "tensordot", "einsum"}, SUMS: {"sum", "max", "amax", "mean"},
    VIEWS: {"reshape", "swapaxes", "transpose", "concatenate", "ravel", "broadcast_to", "repeat"},
    INDICES: {"untake", "func"}}
STAGES = {"system": "lean value and gradient", "kept": "freed memory kept"}  # both plain; the memory is the difference


def kind_of(name):
    """The kind of work of the primitive of this name."""
    return next((kind for kind, names in NAMES.items() if name in names), ENTRIES)


class Clock:
    """Seconds by kind; what runs inside something else is its own kind's, not the outer one's."""

    def __init__(self):
        self.seconds, self.kind, self.since = Counter(), PYTHON, time.perf_counter()

    def switch(self, kind):
        """From now on time counts for this kind; returns the one before."""
        now, before = time.perf_counter(), self.kind
        self.seconds[before] += now - self.since
        self.kind, self.since = kind, now
        return before

    def timed(self, kind, function):
        """The function, its time counted for this kind, and that of what it leaves to be added later."""
        @wraps(function)
        def inner(*arguments, **options):
            outer = self.switch(kind)
            try:
                found = function(*arguments, **options)
            finally:
                self.switch(outer)
            if type(found) is SparseObject:
                found.mut_add = self.timed(INDICES, found.mut_add)
            return found
        return inner


def primitives():
    """autograd's NumPy functions, and the gradient of an index."""
    found = [*vars(autograd.numpy).values(), numpy_vjps.untake]
    return {id(f): f for f in found if getattr(f, "_is_autograd_primitive", False)}.values()


@contextmanager
def watched(clock):
    """In this context the clock sees every primitive, every derivative, the sums of gradients and the optimiser."""
    cells = [(dict(zip(f.__code__.co_freevars, f.__closure__))["f_raw"], f.__name__) for f in primitives()]
    functions, makers = [cell.cell_contents for cell, _ in cells], dict(primitive_vjps)
    added, moved = differentiation.added, where_steps.moved
    for (cell, name), function in zip(cells, functions):
        cell.cell_contents = clock.timed(kind_of(name), function)
    for f, maker in makers.items():
        primitive_vjps[f] = lambda *arguments, maker=maker, kind=kind_of(f.__name__): clock.timed(kind, maker(*arguments))
    differentiation.added, where_steps.moved = clock.timed(ENTRIES, added), clock.timed(OPTIMISER, moved)
    try:
        yield
    finally:
        for (cell, _), function in zip(cells, functions):
            cell.cell_contents = function
        primitive_vjps.update(makers)
        differentiation.added, where_steps.moved = added, moved


def page_faults():
    """How often the system gave this process a page of memory until now; 0 where Python cannot tell."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if resource else 0


def costs_of(name, job, steps=5):
    """{kind: seconds of one step} of a stage, and its page faults; two steps go before."""
    own, clock = where_steps.step_of(name, job), Clock()
    own.step(), own.step()
    faults = page_faults()
    with watched(clock):
        clock.since = time.perf_counter()
        for _ in range(steps):
            own.step()
        clock.switch(PYTHON)
    return {kind: clock.seconds[kind] / steps for kind in KINDS}, (page_faults() - faults) / steps


def table(sizes=("small", "medium"), dtypes=("float64", "float32"), steps=5):
    """A row for each size, dtype and memory: ms of the step, its page faults, the share of each kind of work in it."""
    rows = []
    processes = {memory: process() for memory in STAGES}
    try:
        for size in sizes:
            for dtype in dtypes:
                for memory, one in processes.items():
                    job = SIZES[size]._replace(dtype=dtype)
                    found, faults = one.submit(costs_of, STAGES[memory], job, steps).result()
                    whole = sum(found.values())
                    rows.append({"size": size, "dtype": dtype, "memory": memory, "ms": 1000 * whole, "faults": faults,
                                 **{kind: found[kind] / whole for kind in KINDS}})
    finally:
        for one in processes.values():
            one.shutdown(cancel_futures=True)
    return rows
