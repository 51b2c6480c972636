"""What `minires reservoir forecast` says and draws."""

import os

import numpy as np

from minires.report import table

COLUMNS = {"seed": "seed", "nrmse84": "NRMSE84", "median": "valid time: median", "least": "least", "most": "most",
           "diverged": "diverged", "one_step": "one-step NRMSE", "seconds": "seconds"}


def summary(settings, threshold, results):
    """Each seed's own, and all of them together. Valid times in Lyapunov times where one is known, else in units of dt."""
    known = results[0]["lyapunov_time"]
    for row in results:
        for part in (row, row["last_value"]):
            times = np.array(part["valid_times"]) / (known or 1.0)
            part.update(median=float(np.median(times)), least=float(times.min()), most=float(times.max()))
    every = np.concatenate([row["valid_times"] for row in results]) / (known or 1.0)
    network = {name: value for name, value in settings.network._asdict().items() if value not in ({}, None)}
    return {"series": settings.label, "options": settings.options, "network": network, "plan": settings.plan._asdict(),
            "noise": settings.noise, "threshold": threshold, "lyapunov_time": known, "dt": results[0]["dt"],
            "valid_time": {"median": float(np.median(every)), "least": float(every.min()), "most": float(every.max()),
                           "unit": "Lyapunov times" if known else "units of time"},
            "not_exceeded": sum(row["not_exceeded"] for row in results), "runs": len(every), "seeds": results}


def readable(result):
    """A row per seed, what the numbers are divided by, the runs that diverged, where the pictures are."""
    plan, seeds, valid = result["plan"], result["seeds"], result["valid_time"]
    rows = [{**row, "seed": str(row["seed"]), "diverged": len(row["diverged"])} for row in seeds]
    rows.append({**seeds[0]["last_value"], "seed": "last value"})
    columns = {name: heading for name, heading in COLUMNS.items() if any(name in row for row in rows)}
    gone = [gone_line(row, plan["runs"]) for row in seeds if row["diverged"]]
    bound = f"; {result['not_exceeded']} never exceeded it, their times are lower bounds" if result["not_exceeded"] else ""
    known = result["lyapunov_time"]
    unit = f"Lyapunov times of {known:.4g}" if known else f"units of time, dt {result['dt']:g}"
    deviation = np.mean([row["variance"] for row in seeds]) ** 0.5
    lines = [f"{result['series']}: {result['network']['units']} units; learnt from rows {plan['washout']} to {plan['train']}; "
             f"per seed {plan['runs']} free runs of {plan['steps']} steps, {plan['spacing']} rows apart", "",
             table(rows, columns), "", *nrmse84_line(plan, seeds),
             f"valid time, in {unit}: until ||error|| > {result['threshold']:g} * rms deviation of the attractor "
             f"({deviation:.4g}); of all {result['runs']} runs median {valid['median']:.4g}, from {valid['least']:.4g} to "
             f"{valid['most']:.4g}{bound}", *gone, "",
             *(f"{name}: {path}" for name, path in result["pictures"].items())]
    return "\n".join(lines)


def gone_line(row, runs):
    """How many runs of a seed diverged, and where it was soonest."""
    first = min(row["diverged"], key=lambda run: run["step"])
    return (f"seed {row['seed']}: {len(row['diverged'])} of {runs} runs diverged, the first at step {first['step']} after row "
            f"{first['start']}")


def nrmse84_line(plan, seeds):
    """What NRMSE84 is divided by, where there is one."""
    if "nrmse84" not in seeds[0]:
        return []
    variances = ", ".join(f"{row['variance']:.4f}" for row in seeds)
    return [f"NRMSE84: rmse at the 84th free step / std of the attractor, {plan['runs']} runs each, original coordinates; "
            f"variance of the attractor over {plan['length']} rows: {variances}"]


def draw(settings, threshold, drawn, folder):
    """The pictures of one seed's runs; returns name -> path."""
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    label, runs, names = settings.label, drawn["runs"], drawn["columns"]
    tau = settings.options.get("tau", 17) if settings.task == "mackey_glass" else drawn["dt"]
    delay = max(1, min(round(tau / drawn["dt"]), runs.shape[1] - 1))
    made = {"forecast": figures.forecast(drawn["truths"], runs, drawn["deviation"],
                                         f"{label}: the first of {len(runs)} free runs", drawn["dt"], threshold, names,
                                         "units of time" if drawn["timed"] else "rows"),
            "attractor": figures.attractor(drawn["truths"][0], runs[0], names,
                                           f"{label}: truth and the network on its own", delay)}
    paths = {name: os.path.join(folder, f"reservoir-{label}-{name}.png") for name in made}
    for name, figure in made.items():
        figures.save(figure, paths[name])
    return paths
