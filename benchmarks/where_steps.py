"""A training step at each stage of getting faster: each idea on top of those before it, the same loss and gradient."""

import time
from functools import lru_cache
from typing import NamedTuple

import autograd

from benchmarks.equality import STEPS
from benchmarks.job import OPTIMISER, RATE, batch_of, model_of, start_of
from benchmarks.step import Step
from benchmarks.timing import timed
from benchmarks.worker import PEER
from minires.allocator import keep_freed_memory
from minires.differentiation import value_and_gradient
from minires.gradients import loss
from minires.parameters import flatten, unflatten
from minires.spelling import spelling
from minires.training.step import loss_and_gradient


class Setting(NamedTuple):
    """How a step is computed."""

    lean: bool = False     # our value_and_gradient instead of autograd's
    kept: bool = False     # freed memory is kept
    fused: tuple = ()      # the operations that are not spelled plainly
    blas: int = 1          # threads of BLAS
    chunks: bool = False   # the batch in chunks
    threads: int = 1       # of Python, over the chunks


PLAIN, BLAS = "spelled plainly", "(two BLAS threads)"
NORM = ("linear", "layer_norm")
LOSS = (*NORM, "gelu_tanh", "cross_entropy", "embedding")
ATTENTION = (*LOSS, "scaled_product", "masked_softmax", "group_product")
IDEAS = {  # name of the stage -> what it changes in the setting of the stage before
    PLAIN: {}, "lean value and gradient": {"lean": True}, "freed memory kept": {"kept": True},
    "+ linear": {"fused": NORM[:1]}, "+ layer norm": {"fused": NORM}, "+ GELU": {"fused": LOSS[:3]},
    "+ cross-entropy, embedding": {"fused": LOSS}, "+ attention": {"fused": ATTENTION},
    BLAS: {"blas": 2}, "batch in chunks": {"blas": 1, "chunks": True}, "two Python threads": {"threads": 2}}


def settings():
    """{name of the stage: Setting}."""
    own, found = Setting(), {}
    for name, change in IDEAS.items():
        found[name] = own = own._replace(**change)
    return found


def gradient_of(setting, model, params, batch):
    """Loss and flat gradient of flat parameters, computed as the setting says."""
    with spelling("plain", but=setting.fused):
        if setting.chunks:
            value, _, slopes = loss_and_gradient(model, params, batch, threads=setting.threads)
            return float(value), slopes
        function = lambda params: loss(model, params, batch)[0]
        if setting.lean:
            return value_and_gradient(function, unflatten(params))
        value, slopes = autograd.value_and_grad(function)(unflatten(params))
        return float(value), flatten(slopes)


def moved(params, slopes, moments, number):
    """Parameters and moments after one step of AdamW."""
    return OPTIMISER.update(params, slopes, moments, number, RATE)


# ---- in the process of the stage -------------------------------------------------------------------------------------

@lru_cache(maxsize=1)
def training_of(job):
    """Model, batch and what moves: made once for all stages of a process, so that they do not crowd the memory."""
    params = start_of(job)
    return model_of(job), batch_of(job), {"params": params, "moments": OPTIMISER.start(params), "step": 0}


def step_of(name, job):
    """The Step of a stage, or PyTorch's."""
    if name == PEER:
        return peer(job)
    setting, (model, batch, state) = settings()[name], training_of(job)
    if setting.kept:
        keep_freed_memory()
    gradient = lambda: gradient_of(setting, model, state["params"], batch)

    def step():
        value, slopes = gradient()
        state["step"] += 1
        state["params"], state["moments"] = moved(state["params"], slopes, state["moments"], state["step"])
        return value

    return Step(step, gradient, lambda: state["params"])


@lru_cache(maxsize=1)
def peer(job):
    """The step of PyTorch in eager mode."""
    from benchmarks.torch_step import torch_eager
    return torch_eager(job)


def first_steps(name, job):
    """What `benchmarks.equality` compares."""
    if name != PEER:
        training_of.cache_clear()  # from the start
    own = step_of(name, job)
    value, gradient = own.gradient()
    return value, gradient, [own.step() for _ in range(STEPS)], own.params()


def run(name, job, repetitions):
    """The seconds that one step takes, of so many."""
    seconds = timed(step_of(name, job).step)(repetitions)
    time.sleep(0.2 if name == BLAS else 0)  # idle threads of OpenBLAS wait busily for a while, on the core of the next
    return seconds
