"""Let the fitted network run free: its output becomes its next input, from several starts, beside the truth.

NRMSE84 (Mackey-Glass): rmse at the 84th free step / std of the attractor, in the original coordinates. Valid prediction
time: until ||error|| exceeds --threshold times the rms deviation of the attractor. Exit code 1 if every run diverges.
"""

import time

import numpy as np

from minires.commands.options import OUT, add_out
from minires.commands.reservoir.data import prepare, seeds_of, untransformed
from minires.commands.reservoir.fit import fitted
from minires.commands.reservoir.forecast_report import draw, readable, summary
from minires.commands.reservoir.options import add_network, add_readout, add_seeds, add_series
from minires.commands.reservoir.settings import settings_of
from minires.errors import Diverged, positive, require
from minires.experiments import side_by_side
from minires.files import writable_folder
from minires.report import as_json
from minires.reservoir.experiment import free_runs
from minires.reservoir.measures.forecasts import nrmse84, valid_prediction_time
from minires.reservoir.measures.scores import nrmse

EXAMPLE = "minires reservoir forecast --task mackey_glass --task-option tau=17 --seeds 3"


def arguments(parser):
    """The series, the network, the readout, the free runs, the seeds, --out."""
    add_series(parser)
    add_network(parser)
    add_readout(parser)
    group = parser.add_argument_group("free runs")
    group.add_argument("--runs", type=int, help="starts per seed")
    group.add_argument("--spacing", type=int, metavar="ROWS", help="from one start to the next")
    group.add_argument("--steps", type=int, help="of each run")
    group.add_argument("--threshold", type=float, default=0.4, help="of the valid prediction time; default: 0.4")
    add_seeds(parser, 3)
    add_out(parser)


def run(arguments):
    """Fit and run free with each seed, print, draw the first seed's."""
    seeds = seeds_of(arguments)
    positive("--threshold", arguments.threshold)
    settings, data = settings_of(arguments, free=True)
    check_closed(data.series)
    folder = writable_folder(arguments.out or OUT)
    calls = [(forecast_one, settings, seed, arguments.threshold, seed == seeds[0]) for seed in seeds]
    results = side_by_side(calls, arguments.jobs if len(calls) > 1 else 1, f"{settings.label}: {len(calls)} forecasts")
    drawn, result = results[0].pop("drawn"), summary(settings, arguments.threshold, results)
    failed = [run for row in results for run in row["diverged"]]
    if len(failed) == settings.plan.runs * len(seeds):
        raise Diverged(f"all {len(failed)} free runs diverged, the first at step {failed[0]['step']} after row "
                       f"{failed[0]['start']}: expected more --ridge, some --noise, or a smaller --radius")
    result["pictures"] = draw(settings, arguments.threshold, drawn, folder)
    print(as_json(result) if arguments.json else readable(result))


def check_closed(series):
    """ValueError unless the series' target is its own next input, which a free run needs."""
    require("horizon" in series.options, f"{series.name} says y from another input u: a free run has no u, as its outputs "
            "would have to be its next inputs; expected a series that is forecast, mackey_glass for instance, or --series FILE")
    require(series.options["horizon"] == 1,
            f"horizon={series.options['horizon']}: expected 1, as a free run's output is its next input")


def forecast_one(settings, seed, threshold, drawn=False):
    """All that is reported of one seed's free runs, and under "drawn" what its pictures show."""
    data, plan, began = prepare(settings, seed), settings.plan, time.perf_counter()
    found = fitted(settings, data)
    starts = plan.train + plan.spacing * np.arange(1, plan.runs + 1)  # (R,)
    with np.errstate(over="ignore", invalid="ignore"):  # runs that diverge are reported
        outputs = free_runs(settings.network, found, data.inputs, starts, plan.steps)  # (R, steps, q)
    seconds = time.perf_counter() - began
    original = lambda values: untransformed(data.original(values), data.series)
    orbit = original(data.targets)  # (T, q)
    runs, truths = original(outputs), orbit[starts[:, None] + np.arange(plan.steps)]  # (R, steps, q)
    last = np.repeat(original(data.inputs[starts])[:, None], plan.steps, axis=1)  # (R, steps, q)
    result = {"seed": seed, "one_step": float(nrmse(data.original(found.predictions)[plan.train:],
                                                    data.original(data.targets)[plan.train:]).value),
              "strength": found.strength, "variance": float(np.var(orbit, axis=0).sum()), "starts": starts.tolist(),
              "diverged": diverged(runs, starts), "seconds": seconds, "dt": data.series.dt or 1.0,
              "lyapunov_time": data.series.lyapunov_time, **judged(data.series, runs, truths, orbit, threshold),
              "last_value": judged(data.series, last, truths, orbit, threshold)}
    if drawn:
        result["drawn"] = {"truths": truths, "runs": runs, "deviation": result["variance"] ** 0.5,
                           "columns": data.series.columns, "dt": result["dt"], "timed": data.series.dt is not None}
    return result


def diverged(runs, starts):
    """The runs (R, T, q) that end as NaN, each with its start and its first step that is, counted from 1."""
    bad = ~np.isfinite(runs).all(axis=2)  # (R, T)
    return [{"start": int(start), "step": int(np.argmax(row)) + 1} for start, row in zip(starts, bad) if row.any()]


def judged(series, runs, truths, orbit, threshold):
    """The valid prediction time of each run, in units of dt's, and the NRMSE84 where there is one."""
    deviation = float(np.sqrt(np.var(orbit, axis=0).sum()))
    times = [valid_prediction_time(run, truth, series.dt or 1.0, series.lyapunov_time or 1.0, threshold, deviation)
             for run, truth in zip(runs, truths)]
    found = {"valid_times": [each.time for each in times], "not_exceeded": sum(not each.exceeded for each in times)}
    row = round(84 / (series.dt or 1.0)) - 1
    if series.name == "mackey_glass" and row < runs.shape[1]:
        there = np.isfinite(runs[:, row, 0]).all()
        variance = float(np.var(orbit))
        found["nrmse84"] = float(nrmse84(runs[:, row, 0], truths[:, row, 0], variance).value) if there else None
    return found
