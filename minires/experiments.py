"""Training several variants with several seeds, side by side, in processes of their own."""

import sys
import time

import numpy as np

from minires.decoding import decode
from minires.errors import require
from minires.parameters import count, unflatten
from minires.recipes import describe, recipe_for
from minires.tasks import make_task
from minires.training import train


def run(variant, task_name, task_options, model_changes, recipe_changes):
    """Train one model from the start; a JSON-able result, and its last parameters under "params"."""
    task = make_task(task_name, **task_options)
    model, recipe = describe(variant, task, **model_changes), recipe_for(task, **recipe_changes)
    began = time.perf_counter()
    state = train(model, task, recipe, progress=False)
    return {"variant": variant, "seed": recipe.seed, "model": model.as_dict(), "recipe": recipe._asdict(),
            "seconds": time.perf_counter() - began, "parameters": count(unflatten(state.params)),
            "cache_bytes_per_token": cache_bytes(model, unflatten(state.params)),
            "loss": state.history["validation_loss"][-1], "accuracy": state.history["validation_accuracy"][-1],
            "history": state.history, "params": state.params}


def cache_bytes(model, params):
    """Bytes that decoding keeps per token, or None for an encoder."""
    if model.kind == "encoder":
        return None
    source = {"source": np.zeros((1, 1), dtype=int)} if model.kind == "encoder_decoder" else {}
    return decode(model, params, np.zeros((1, 1), dtype=int), **source)[1].bytes_per_token()


def side_by_side(calls, jobs=-1, label="runs", progress=True, backend="loky"):
    """Each call (function, *arguments) in a process of its own, one thread each; the results in the order of the calls.

    The processes are joblib's: "loky" on this computer, or the name of a registered joblib backend, e.g. of a cluster.
    """
    from joblib import Parallel, delayed, parallel_config  # they take a while to import, and most commands start none
    from tqdm import tqdm
    require(jobs, f"--jobs {jobs}: expected a number of processes, or -1 for one per core")
    threads = {"inner_max_num_threads": 1} if backend == "loky" else {}
    with parallel_config(backend, n_jobs=jobs, **threads):
        results = Parallel(return_as="generator")(delayed(function)(*arguments) for function, *arguments in calls)
        return list(tqdm(results, total=len(calls), desc=label, file=sys.stderr, disable=not progress))


def compare(variants, task_name, task_options=None, seeds=3, model_changes=None, recipe_changes=None, jobs=-1,
            backend="loky"):
    """`run` for each variant and each seed 0 .. seeds - 1, in this order."""
    calls = [(run, variant, task_name, task_options or {}, model_changes or {}, {**(recipe_changes or {}), "seed": seed})
             for variant in variants for seed in range(seeds)]
    return side_by_side(calls, jobs, f"{task_name}: {len(variants)} x {seeds} runs", backend=backend)


def summarise(results):
    """Per variant, in the order given: mean and spread (standard deviation over the seeds) of loss and accuracy."""
    rows = []
    for variant in dict.fromkeys(result["variant"] for result in results):
        own = [result for result in results if result["variant"] == variant]
        row = {"variant": variant, "seeds": len(own), "parameters": own[0]["parameters"],
               "cache_bytes_per_token": own[0]["cache_bytes_per_token"]}
        for name in ("loss", "accuracy"):
            values = [result[name] for result in own]
            row[name], row[f"{name}_spread"] = float(np.mean(values)), float(np.std(values))
        row["steps_to_95_percent"] = [reached(result["history"], 0.95) for result in own]
        rows.append(row)
    return rows


def reached(history, level):
    """The first evaluated step at which the validation accuracy is at least `level`, or None."""
    pairs = zip(history["validation_step"], history["validation_accuracy"])
    return next((step for step, accuracy in pairs if accuracy >= level), None)
