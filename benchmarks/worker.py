"""Each contestant works in a process of its own: settings of allocators, threads and libraries stay with whom they belong to.

The processes take turns; the one that is not asked sleeps. A Worker is a contestant's process seen from outside.
"""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from benchmarks.timing import alternated, timed
from minires.errors import NotInstalled, one_of, require

CONTESTANTS = {  # name -> (module, function that makes a Step of a Job)
    "minires": ("benchmarks.ours", "ours"), "minires plain": ("benchmarks.ours", "plain"),
    "PyTorch": ("benchmarks.torch_step", "torch_eager"), "PyTorch sdpa": ("benchmarks.torch_step", "torch_sdpa"),
    "JAX jit": ("benchmarks.jax_step", "jax_jit")}
OURS, PEER = "minires", "PyTorch"
WAIT = 600  # seconds for one answer
ENDED = "the process of {} ended, perhaps for lack of memory"


class Worker:
    """A contestant in a process of `threads` cores; the answer of its work `name` comes from self(name, *arguments)."""

    def __init__(self, contestant, threads):
        module, function = one_of("contestant", contestant, CONTESTANTS)
        self.name, spawn = contestant, multiprocessing.get_context("spawn")  # nothing is inherited but the environment
        self.pipe, end = spawn.Pipe()
        os.environ.update(environment(threads))
        self.process = spawn.Process(target=serve, args=(end, module, function, threads), daemon=True)
        self.process.start()
        end.close()

    def __call__(self, work, *arguments):
        self.send(work, *arguments)
        return self.answer()

    def send(self, work, *arguments):
        """Ask for a work of WORKS; `answer` brings its result."""
        try:
            self.pipe.send((work, arguments))
        except BrokenPipeError:
            raise ValueError(ENDED.format(self.name)) from None

    def answer(self):
        """What the process sends next; its own error is raised here."""
        try:
            require(self.pipe.poll(WAIT), f"{self.name} gave no answer for {WAIT} s")
            good, answer = self.pipe.recv()
        except EOFError:
            raise ValueError(ENDED.format(self.name)) from None
        if not good:
            raise answer
        return answer

    def close(self):
        """End the process."""
        self.pipe.close()
        self.process.join(10)
        self.process.kill()


def environment(threads):
    """NumPy's BLAS on one thread, as minires brings its own threads; the others on `threads`."""
    n = str(threads)
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    return {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


# ---- in the process --------------------------------------------------------------------------------------------------

def serve(pipe, module, function, threads):
    """Do one work after the other until the other end is closed."""
    if hasattr(os, "sched_setaffinity"):  # the only way to tell JAX how many cores there are
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    desk = {"module": module, "function": function, "steps": {}}
    while True:
        try:
            work, arguments = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer = True, WORKS[work](desk, *arguments)
        except ImportError as error:
            answer = False, NotInstalled(f"{error.name} is not installed: expected the extra, pip install 'minires[peers]'")
        except Exception as error:
            answer = False, ValueError(f"{function}: {type(error).__name__}: {' '.join(str(error).split())}")
        pipe.send(answer)


def make(desk, job):
    """Make the step of a job; it is kept until `forget`."""
    if job not in desk["steps"]:
        desk["steps"][job] = getattr(import_module(desk["module"]), desk["function"])(job)


def forget(desk):
    """Let go of all steps."""
    desk["steps"].clear()


def run(desk, job, repetitions):
    """The seconds that one step takes, of so many."""
    make(desk, job)
    return timed(desk["steps"][job].step)(repetitions)


def first_steps(desk, job, count):
    """Loss and gradient at the start, the losses of the first steps, and the parameters after them."""
    make(desk, job)
    own = desk["steps"][job]
    value, gradient = own.gradient()
    return value, gradient, [own.step() for _ in range(count)], own.params()


def peak(desk, job, count):
    """Bytes by which memory grew at its highest during the first steps of a job; model and batch were made before."""
    from benchmarks.memory import highest, reset
    make(desk, job)
    before = reset()
    for _ in range(count):
        desk["steps"][job].step()
    return highest() - before


def rate(desk, dtype, threads, size=1024):
    """Floating-point operations per second of products A @ B of this size, one product per thread at the same time."""
    import numpy as np
    matrices = np.random.default_rng(0).standard_normal((2, size, size)).astype(dtype)
    with ThreadPoolExecutor(threads) as pool:
        together = lambda: list(pool.map(lambda _: matrices[0] @ matrices[1], range(threads)))
        seconds = alternated({"product": timed(together)}, rounds=5)["product"]
    return 2 * size ** 3 * threads / float(np.median(seconds))


WORKS = {"make": make, "forget": forget, "run": run, "first_steps": first_steps, "peak": peak, "rate": rate}
