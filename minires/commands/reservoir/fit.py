"""Fit the readout, and test it on rows that it has not learnt from: the NRMSE over seeds.

NRMSE = rmse / std of the target; --json has the other normalisers in use as well. References: the mean of the training
targets, and, where the series is to be forecast, its last value.
"""

import time

import numpy as np

from minires.commands.options import OUT, add_out
from minires.commands.reservoir.data import prepare, seeds_of
from minires.commands.reservoir.options import add_network, add_readout, add_seeds, add_series
from minires.commands.reservoir.fit_report import draw, readable, summary
from minires.commands.reservoir.settings import settings_of
from minires.experiments import side_by_side
from minires.files import writable_folder
from minires.report import as_json
from minires.reservoir.experiment import fit
from minires.reservoir.measures.memory import squared_correlations
from minires.reservoir.measures.scores import nrmse, scores
from minires.reservoir.measures.subspace import adjusted
from minires.reservoir.readouts.classification import accuracy

EXAMPLE = "minires reservoir fit --task narma --units 100 --seeds 5"
DRAWN = 300  # test rows in the picture
SIGNS = ("delayed_parity", "delayed_xor")  # tasks whose targets are -1 and 1


def arguments(parser):
    """The series, the network, the readout, the seeds, --out."""
    add_series(parser)
    add_network(parser)
    add_readout(parser)
    add_seeds(parser, 5)
    add_out(parser)


def run(arguments):
    """Fit with each seed, print, draw the first seed's."""
    seeds = seeds_of(arguments)
    settings, _ = settings_of(arguments)
    folder = writable_folder(arguments.out or OUT)
    calls = [(fit_one, settings, seed, seed == seeds[0]) for seed in seeds]
    results = side_by_side(calls, arguments.jobs if len(calls) > 1 else 1, f"{settings.label}: {len(calls)} fits")
    pictures = draw(settings, results[0].pop("drawn"), folder)
    result = {**summary(settings, results), "pictures": pictures}
    print(as_json(result) if arguments.json else readable(result))


def fit_one(settings, seed, drawn=False):
    """All that is reported of one seed, and under "drawn" what its pictures show."""
    data, plan, began = prepare(settings, seed), settings.plan, time.perf_counter()
    found = fitted(settings, data)
    seconds = time.perf_counter() - began
    Y, yhat = data.original(data.targets), data.original(found.predictions)  # (T, q)
    learnt, tested = slice(plan.washout, plan.train), slice(plan.train, None)
    result = {"seed": seed, "strength": found.strength, "train": float(nrmse(yhat[learnt], Y[learnt]).value),
              "test": float(nrmse(yhat[tested], Y[tested]).value),
              "normalisers": {name: float(score.value) for name, score in scores(yhat[tested], Y[tested]).items()},
              "references": references(data, Y, learnt, tested), "redraws": data.series.redraws, "seconds": seconds,
              **of_the_task(settings.task, yhat[tested], Y[tested])}
    if drawn:
        window = slice(plan.train, plan.train + DRAWN)
        result["drawn"] = {"target": Y[window], "prediction": yhat[window], "curve": found.curve, "strength": found.strength,
                           "params": found.params, "columns": data.series.columns if "horizon" in data.series.options else None,
                           "test": result["test"], "memory_curve": result.get("memory_curve")}
    return result


def fitted(settings, data):
    """`experiment.fit` of the network on the data."""
    plan = settings.plan
    return fit(settings.network, data.inputs, data.targets, data.rng, plan.train, plan.washout, plan.strength, plan.squares,
               settings.noise)


def of_the_task(task, prediction, target):
    """What some tasks are measured by besides: right signs, or the memory of each delay."""
    if task in SIGNS:
        return {"accuracy": accuracy(prediction > 0, target > 0)}
    if task == "memory_capacity":
        curve = adjusted(squared_correlations(prediction, target), 1, len(target))  # (k_max,)
        return {"memory": float(curve.sum()), "memory_curve": curve.tolist()}
    return {}


def references(data, Y, learnt, tested):
    """The NRMSE of the mean of the training targets, and of the last value where the series is a forecast."""
    told = {"mean of the training": np.broadcast_to(Y[learnt].mean(axis=0), Y[tested].shape)}
    if "horizon" in data.series.options:
        told["last value"] = data.series.inputs[tested]
    return {name: float(nrmse(prediction, Y[tested]).value) for name, prediction in told.items()}
