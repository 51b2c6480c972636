"""What `minires reservoir fit` says and draws."""

import os

import numpy as np

from minires.report import table

COLUMNS = {"seed": "seed", "train": "NRMSE train", "test": "NRMSE test", "accuracy": "accuracy of the sign",
           "memory": "memory capacity", "strength": "ridge strength", "seconds": "seconds"}
SPREAD = ("train", "test", "accuracy", "memory")


def summary(settings, results):
    """Mean and standard deviation over the seeds (n - 1; none for one seed), and each seed's own."""
    there = [name for name in SPREAD if name in results[0]]
    column = lambda name: [result[name] for result in results]
    mean = {name: float(np.mean(column(name))) for name in there}
    spread = {name: float(np.std(column(name), ddof=1)) if len(results) > 1 else None for name in there}
    names = results[0]["references"]
    levels = {name: float(np.mean([result["references"][name] for result in results])) for name in names}
    network = {name: value for name, value in settings.network._asdict().items() if value not in ({}, None)}
    return {"series": settings.label, "options": settings.options, "network": network, "plan": settings.plan._asdict(),
            "noise": settings.noise, "mean": mean, "sd": spread, "references": levels, "seeds": results}


def readable(result):
    """A row per seed, mean and sd, the references, where the pictures are."""
    plan, network = result["plan"], result["network"]
    rows = [{**row, "seed": str(row["seed"])} for row in result["seeds"]]
    rows += [{"seed": "mean", **result["mean"]}, {"seed": "sd", **result["sd"]}] if len(rows) > 1 else []
    columns = {name: heading for name, heading in COLUMNS.items() if any(name in row for row in rows)}
    levels = "\n".join(f"{name}: {level:.4f}" for name, level in result["references"].items())
    squares = "" if plan["squares"] == "none" else f", squares: {plan['squares']}"
    pictures = "\n".join(f"{name}: {path}" for name, path in result["pictures"].items())
    return (f"{result['series']}: {network['units']} units{squares}; learnt from rows {plan['washout']} to {plan['train']}, "
            f"tested on {plan['train']} to {plan['length']}\n\n{table(rows, columns)}\n\n"
            f"NRMSE: rmse / std of the target, both over the rows named. References, on the test rows:\n{levels}\n\n{pictures}")


def draw(settings, drawn, folder):
    """The pictures of one seed; returns name -> path."""
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    params, label = drawn["params"], settings.label
    title = f"{label}: the first test rows; NRMSE of all {drawn['test']:.3g} (rmse / std of the target)"
    made = {"prediction": figures.prediction(drawn["target"], drawn["prediction"], title, settings.plan.train,
                                             drawn["columns"]),
            "eigenvalues": figures.eigenvalues(params["W"], params["K"], params["g"],
                                               f"{label}: recurrent weights and Jacobian at the origin")}
    if drawn["curve"]:
        made["strengths"] = figures.strengths(*drawn["curve"], drawn["strength"], f"{label}: {settings.plan.strength}")
    if drawn["memory_curve"]:
        rows = settings.plan.length - settings.plan.train
        made["memory"] = figures.memory_curve(drawn["memory_curve"], 1 / (rows - 1),
                                              f"{label}: {sum(drawn['memory_curve']):.3g} of at most N = {len(params['W_in'])}")
    paths = {name: os.path.join(folder, f"reservoir-{label}-{name}.png") for name in made}
    for name, figure in made.items():
        figures.save(figure, paths[name])
    return paths
