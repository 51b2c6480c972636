"""The reservoirs' part of the tour: a filter that is learnt by one regression, and a chaotic series left to itself."""

import os

import numpy as np

from minires.commands.reservoir.fit import fit_one
from minires.commands.reservoir.forecast import forecast_one
from minires.commands.reservoir.settings import Settings
from minires.report import table
from minires.reservoir.network import EchoState
from minires.reservoir.recipes import recipe_for

THRESHOLD = 0.4  # of the valid prediction time, in rms deviations
COLUMNS = {"task": "reservoir", "units": "units", "score": "score", "value": "value", "spread": "+-", "reference": "without it",
           "seconds": "seconds/run"}
SHOWS = {
    "narma": "An echo-state network on NARMA-10: its weights are random and stay so, one ridge regression learns the readout "
             "in a tenth of a second. It does not show a good network: more units, or another leak and input scale, halve the "
             "error; and scores under another normaliser or another form of NARMA are not comparable.",
    "mackey-glass": "The same kind of network fed with its own output: the error grows from one-step size as chaos makes it, "
                    "until the forecast is of the same attractor but of another orbit. It does not show that free runs stay "
                    "bounded: at tau = 30 some do not (minires reservoir forecast --task-option tau=30).",
}


def settings(task, **changes):
    """The task with its recipe."""
    plan = recipe_for(task, {})._replace(**changes)
    return Settings(task, task, plan.options, EchoState(**plan.network), plan)


def calls(seeds):
    """What is to be run: fits of NARMA-10 with each seed, one set of free runs of Mackey-Glass."""
    free = recipe_for("mackey_glass", {})
    length = free.train + free.spacing * free.runs + free.steps
    return [*((fit_one, settings("narma"), seed, seed == 0) for seed in range(seeds)),
            (forecast_one, settings("mackey_glass", length=length), 0, THRESHOLD, True)]


def report(results, folder):
    """The results of `calls`, as numbers and pictures."""
    *fits, free = results
    drawn, test = fits[0].pop("drawn"), [result["test"] for result in fits]
    narma = {"units": 100, "nrmse": float(np.mean(test)), "spread": float(np.std(test)), "per_seed": test,
             "mean_of_the_training": float(np.mean([result["references"]["mean of the training"] for result in fits])),
             "seconds": float(np.mean([result["seconds"] for result in fits]))}
    mackey_glass = {"units": 400, "nrmse84": free["nrmse84"], "last_value": free["last_value"]["nrmse84"],
                    "valid_time": float(np.median(free["valid_times"])), "variance": free["variance"],
                    "runs": len(free["starts"]), "seconds": free["seconds"]}
    return {"narma": narma, "mackey_glass": mackey_glass, "pictures": draw(folder, drawn, free.pop("drawn"), narma)}


def draw(folder, narma, free, scores):
    """The two pictures; returns name -> path."""
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    title = f"NARMA-10, 100 units: test NRMSE {narma['test']:.3f} (rmse / std of the target)"
    made = {"narma": figures.prediction(narma["target"], narma["prediction"], title, recipe_for("narma", {}).train),
            "mackey-glass": figures.forecast(free["truths"], free["runs"], free["deviation"],
                                             f"Mackey-Glass, tau = 17: the first of {len(free['runs'])} free runs of 400 units",
                                             free["dt"], THRESHOLD, free["columns"], "units of time")}
    paths = {name: os.path.join(folder, f"tour-{name}.png") for name in made}
    for name, figure in made.items():
        figures.save(figure, paths[name])
    return paths


def readable(result):
    """A row for each task, and what the scores are divided by."""
    narma, free = result["narma"], result["mackey_glass"]
    rows = [{"task": "NARMA-10", "units": narma["units"], "score": "NRMSE", "value": narma["nrmse"], "spread": narma["spread"],
             "reference": narma["mean_of_the_training"], "seconds": narma["seconds"]},
            {"task": "Mackey-Glass", "units": free["units"], "score": "NRMSE84", "value": free["nrmse84"],
             "reference": free["last_value"], "seconds": free["seconds"]}]
    return (f"{table(rows, COLUMNS)}\n\nNRMSE: rmse / std of the target on 2000 test rows, mean and spread of "
            f"{len(narma['per_seed'])} seeds; without it: the mean of the training\n"
            f"NRMSE84: rmse at the 84th free step / std of the attractor (variance {free['variance']:.4f}), {free['runs']} "
            f"runs; without it: the last value\nhalf of these runs stay within {THRESHOLD:g} rms deviations of the truth for "
            f"{free['valid_time']:.0f} units of time or more")
