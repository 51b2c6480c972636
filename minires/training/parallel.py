"""A batch in chunks, worked on by threads.

Weights of a batch sum to W, those of chunk c to W_c; the loss is L = sum_c (W_c / W) L_c, its gradient the same sum. The
chunks follow from the sizes alone and are summed in their order, so that no bit depends on the number of threads.
"""

import contextvars
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

import numpy as np

from minires.errors import whole_number
from minires.forward import forward

SPLIT = 2 ** 17  # numbers in the stream (B, T, D) from which on a batch is split: Python takes its own time for each chunk
TURN = 2e-4  # seconds, Python's own is 5e-3
BATCHED = {"tokens", "source", "padding", "source_padding", "segments"}  # inputs whose first axis is that of the batch


def cores():
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_blas_thread():
    """A context in which matrix products use one thread each: Python's threads are faster, and bits then never differ."""
    from threadpoolctl import threadpool_limits  # it looks at every loaded library: only where a training begins
    return threadpool_limits(1, user_api="blas")


def chunks(model, batch):
    """[(chunk, W_c / W)] of a Batch, in order; [(batch, 1.0)] where it is small or cannot be split.

    It is not split where random numbers are drawn (they are drawn for the whole batch), where an input is not batched
    along its first axis (mask, bias), and where all weights are zero. The weights of a chunk that has none are all one,
    with the share 0: they would otherwise be divided by zero.
    """
    total, count = float(np.sum(batch.weights)), chunk_count(model, batch)
    random = batch.inputs.get("rng") is not None and draws(model)
    if count == 1 or total == 0 or random or not unbatched(batch.inputs) <= {"rng"}:
        return [(batch, 1.0)]
    bounds = np.linspace(0, len(batch.targets), count + 1).astype(int)
    parts = [part(batch, slice(start, stop)) for start, stop in zip(bounds, bounds[1:])]
    shares = [float(np.sum(one.weights)) / total for one in parts]
    return [(one if share else one._replace(weights=np.ones_like(one.weights)), share) for one, share in zip(parts, shares)]


def chunk_count(model, batch):
    """1 below `SPLIT`, then 2, and from 4 SPLIT on the largest power of two of chunks that have SPLIT each; at most B."""
    B, T = batch.targets.shape
    share = B * T * model.width // SPLIT
    return 2 ** int(np.log2(min(B, max(2, share)))) if share else 1


def unbatched(inputs):
    """The names of the inputs that are given and cannot be cut along their first axis."""
    return {name for name, value in inputs.items() if value is not None} - BATCHED


def part(batch, rows):
    """Some sequences of a Batch."""
    inputs = {name: value[rows] if name in BATCHED and value is not None else value for name, value in batch.inputs.items()}
    return batch._replace(inputs=inputs, targets=batch.targets[rows], weights=batch.weights[rows])


@lru_cache(maxsize=256)
def draws(model):
    """Whether the model uses random numbers where it is given a generator (dropout, coins): it is asked, by one token."""
    token, rng = np.zeros((1, 1), dtype=int), np.random.default_rng(0)
    before = rng.bit_generator.state
    source = {"source": token} if model.kind == "encoder_decoder" else {}
    forward(model, model.init(np.random.default_rng(0)), token, rng=rng, **source)
    return rng.bit_generator.state != before


def in_threads(function, arguments, threads):
    """[function(*each) for each in arguments], by `threads` threads at a time; NumPy's error settings hold in all of them."""
    threads = min(whole_number("threads", threads), len(arguments))
    if threads == 1:
        return [function(*each) for each in arguments]
    with quick_turns():
        started = [pool(threads).submit(contextvars.copy_context().run, function, *each) for each in arguments]
        return [one.result() for one in started]


@contextmanager
def quick_turns():
    """Inside, a thread that waits for Python's lock is let in after TURN: NumPy lets go of it thousands of times a step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@lru_cache(maxsize=None)
def pool(threads):
    """The threads, kept for the next step."""
    return ThreadPoolExecutor(threads, thread_name_prefix="minires")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)  # a forked process has none of its parent's threads
