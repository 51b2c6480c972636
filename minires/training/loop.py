"""The training loop. Same seed, same machine: same bits, also across an interruption and a resumption."""

import sys

import numpy as np
from tqdm import tqdm

from minires import checks
from minires.allocator import keep_freed_memory
from minires.errors import Diverged, require
from minires.parameters import flatten, unflatten
from minires.training.checkpoint import save
from minires.training.optimisers import clip, global_norm, optimiser, warm_up_cosine
from minires.training.parallel import one_blas_thread
from minires.training.state import State, new_history
from minires.training.step import accuracy, evaluate, loss_and_gradient


class Interrupted(Exception):
    """Ctrl-C: the state was saved; the message says where and how to go on."""


def begin(model, task, recipe):
    """The state before the first step."""
    require(model.kind == task.kind, f"task {task.name} needs a model of kind {task.kind}, given {model.kind}")
    require(model.vocabulary == task.vocabulary,
            f"task {task.name} has {task.vocabulary} token ids, the model's vocabulary is {model.vocabulary}")
    params = flatten(model.init(np.random.default_rng([recipe.seed, 0]), recipe.dtype))
    rng = np.random.default_rng([recipe.seed, 1])
    return State(0, params, optimiser_of(recipe).start(params), rng.bit_generator.state, new_history())


def optimiser_of(recipe):
    """The recipe's optimiser."""
    return optimiser(recipe.optimiser, weight_decay=recipe.weight_decay)


def train(model, task, recipe, state=None, path=None, every=100, progress=True, threads=1):
    """Train from `state` (or from the start) to recipe.steps, on `threads` cores; returns the last state.

    path: where to keep a checkpoint, written each `every` steps and at the end; Ctrl-C writes it too. A state that goes
    on is taken to have come from there.
    threads: no bit of the result depends on their number (`parallel`). Freed memory is kept from here on (`allocator`).
    Diverged: the loss or a gradient is not finite; the last good checkpoint is kept.
    """
    keep_freed_memory()
    state = begin(model, task, recipe) if state is None else state
    checks.check_parameters(model, unflatten(state.params))
    held_out = task.validation(np.random.default_rng([recipe.seed, 2]), recipe.validation)
    bar = tqdm(total=recipe.steps, initial=state.step, desc=model.variant if isinstance(model.variant, str) else "own",
               disable=not progress, file=sys.stderr, unit="step")
    good = path if state.step else None  # a training that goes on has its checkpoint already
    try:
        with bar, one_blas_thread():
            while state.step < recipe.steps:
                with np.errstate(all="ignore"):  # what overflows is found by check_finite, with its name
                    state = one_step(model, task, recipe, state, held_out, good, threads)
                bar.update()
                bar.set_postfix(loss=f"{state.history['loss'][-1]:.3f}", accuracy=f"{state.history['accuracy'][-1]:.3f}")
                if path and (state.step % every == 0 or state.step == recipe.steps):
                    save(path, state, model, task, recipe)
                    good = path
    except KeyboardInterrupt:
        raise Interrupted(interrupted(path, state, model, task, recipe)) from None
    return state


def interrupted(path, state, model, task, recipe):
    """Save the last whole step; say where and how to go on."""
    if not path:
        return f"stopped after step {state.step}; nothing was saved, as no output folder was given"
    save(path, state, model, task, recipe)
    return f"stopped after step {state.step}, saved; go on with: minires train --resume {path}"


def one_step(model, task, recipe, state, held_out, good, threads=1):
    """The state after one more step."""
    step, rng, residual = state.step + 1, np.random.default_rng(), model.residual
    rng.bit_generator.state = state.rng
    batch = task.batch(rng, recipe.batch)
    batch = batch._replace(inputs={**batch.inputs, "rng": rng})  # for dropout, and for variants that draw coins
    value, logits, gradient = loss_and_gradient(model, state.params, batch, threads)
    gradient = {name: g for name, g in gradient.items() if residual.trained(name, model)}
    params, moments, rate, norm = descend(recipe, state, value, gradient, good)
    params = flatten(residual.constrain(unflatten(params), model))
    history = extend(state.history, step=step, loss=float(value), accuracy=accuracy(logits, batch),
                     learning_rate=rate, gradient_norm=norm)
    if step % recipe.evaluate_every == 0 or step == recipe.steps:
        value, correct = evaluate(model, unflatten(params), held_out, threads)
        check_finite(step, value, {}, 0.0, good)
        history = extend(history, validation_step=step, validation_loss=value, validation_accuracy=correct)
    return State(step, params, moments, rng.bit_generator.state, history)


def descend(recipe, state, value, gradient, good=None):
    """One move down the gradient, whatever the loss: clipped, at the scheduled rate. New parameters and moments, rate, norm."""
    step, norm = state.step + 1, global_norm(gradient)
    check_finite(step, value, gradient, norm, good)
    rate = warm_up_cosine(step, recipe.steps, recipe.learning_rate, recipe.warm_up, recipe.final)
    clipped = clip(gradient, norm, recipe.clip)
    return *optimiser_of(recipe).update(state.params, clipped, state.moments, step, rate), rate, norm


def check_finite(step, value, gradient, norm, good):
    """Diverged, naming the step, the first parameter whose gradient is not finite, and the last good checkpoint."""
    if np.isfinite(value) and np.isfinite(norm):
        return
    bad = [name for name, g in gradient.items() if not np.all(np.isfinite(g))]
    where = f", the gradient of {bad[0]} is not finite (one of {len(bad)} such parameters)" if bad else ""
    where = where or ("" if np.isfinite(norm) else ", the norm of the gradient is not finite")
    kept = f"the last good checkpoint is {good}" if good else "no checkpoint was kept"
    raise Diverged(f"training diverged at step {step}: the loss is {float(value):.4g}{where}; {kept}")


def extend(history, **numbers):
    """The history with one more number of each quantity; the old lists stay as they are."""
    return {**history, **{name: history[name] + [number] for name, number in numbers.items()}}
