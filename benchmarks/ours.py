"""The step of minires: `training.step.loss_and_gradient` and AdamW, as `training.loop.one_step` puts them together."""

import numpy as np

from benchmarks.job import OPTIMISER, RATE, batch_of, model_of, start_of
from benchmarks.step import Step
from minires.allocator import keep_freed_memory
from minires.parameters import flatten, unflatten
from minires.training.step import loss_and_gradient


def ours(job):
    """A Step; freed memory is kept, as `training.loop.train` does."""
    keep_freed_memory()
    model, batch, params = model_of(job), batch_of(job), start_of(job)
    batch = batch._replace(inputs={**batch.inputs, "rng": np.random.default_rng(2)})  # for variants that draw coins
    trained = {name for name in params if model.residual.trained(name, model)}
    state = {"params": params, "moments": OPTIMISER.start(params), "step": 0}

    def gradient():
        value, _, slopes = loss_and_gradient(model, state["params"], batch, threads=job.threads)
        return float(value), {name: slopes[name] for name in slopes if name in trained}

    def step():
        value, slopes = gradient()
        state["step"] += 1
        new, state["moments"] = OPTIMISER.update(state["params"], slopes, state["moments"], state["step"], RATE)
        state["params"] = flatten(model.residual.constrain(unflatten(new), model))
        return value

    return Step(step, gradient, lambda: state["params"])


def plain(job):
    """The same step with the operations spelled out for autograd."""
    from minires.spelling import spelling

    def spelled(function):
        def inside():
            with spelling("plain"):
                return function()
        return inside

    return Step(*map(spelled, ours(job)))
