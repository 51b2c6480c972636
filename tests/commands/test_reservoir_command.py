"""Laws of `minires reservoir`: its numbers are those of an independent calculation, each mistake is one line."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from minires.cli import main, parser
from minires.commands.reservoir import forecast
from minires.commands.reservoir.data import prepare, untransformed
from minires.commands.reservoir.fit import fit_one
from minires.commands.reservoir.forecast import diverged, forecast_one
from minires.commands.reservoir.forecast_report import gone_line
from minires.commands.reservoir.measure import WHAT
from minires.commands.reservoir.settings import settings_of
from minires.commands.reservoir_command import ACTIONS
from minires.commands.tour import reservoirs
from minires.parameters import unflatten
from minires.reservoir.echo_state import run as run_network
from minires.reservoir.network import EchoState
from minires.reservoir.operators import dense
from minires.reservoir.recipes import RECIPES, recipe_for
from minires.reservoir_resformer.neighbours import NEIGHBOURS
from minires.tasks.conversations import CONVERSATION_TASKS
from minires.tasks.series import SERIES, make_series

NARMA = ["--task", "narma", "--units", "12", "--length", "400", "--train", "250", "--washout", "30", "--jobs", "1"]
GLASS = ["--task", "mackey_glass", "--units", "25", "--train", "300", "--washout", "100", "--runs", "3", "--spacing", "40",
         "--steps", "90", "--ridge", "1e-8", "--jobs", "1"]


@pytest.fixture
def run(run):
    """Run an action in an empty folder: (exit code, standard output, standard error)."""
    return lambda *words: run("reservoir", *words)


def of_json(result):
    """The JSON that a successful run prints."""
    code, out, _ = result
    assert code == 0
    return json.loads(out)


def settings(*words):
    """The Settings and the Data of a command line."""
    words = [str(word) for word in words]
    return settings_of(parser().parse_args(["reservoir", *words]), free=words[0] == "forecast")


def columns_file(path, rows=120, seed=4, end=1.0):
    """A CSV file of two columns; the last third of the rows is multiplied by `end`."""
    rng, t = np.random.default_rng(seed), np.arange(rows)
    values = np.stack([np.sin(t / 3) + 0.1 * rng.normal(size=rows), 50 + 7 * np.cos(t / 5)], axis=1)
    values[2 * rows // 3:] *= end
    path.write_text("wave,slow\n" + "\n".join(f"{a!r},{b!r}" for a, b in values.tolist()) + "\n")
    return values


# ---- fit -------------------------------------------------------------------------------------------------------------

def by_loops(u, y, params, train, washout, strength):
    """States in a loop over time, ridge by the normal equations with a free bias: the predictions of all rows."""
    X, x = [], np.zeros(len(params["W_in"]))
    for row in u:
        p = dense(params["W"]) @ x + params["W_in"] @ row + params.get("b", 0)
        x = params["K"] * x + params["g"] * np.tanh(p)
        X.append(x)
    F = np.concatenate([u, X], axis=1)
    F, Y, mean, level = F, y, F[washout:train].mean(axis=0), y[washout:train].mean(axis=0)
    A, B = F[washout:train] - mean, Y[washout:train] - level
    return (F - mean) @ np.linalg.solve(A.T @ A + strength * np.eye(A.shape[1]), A.T @ B) + level


def error(prediction, target):
    return np.sqrt(np.mean((prediction - target) ** 2)) / np.std(target)


def test_the_error_is_that_of_a_transcription_in_loops(run):
    result = of_json(run("fit", *NARMA, "--leak", 0.7, "--ridge", "1e-4", "--seed", 3, "--seeds", 2, "--json"))
    for seed, row in zip((3, 4), result["seeds"], strict=True):
        series_rng, rng = np.random.default_rng(seed).spawn(2)
        series = make_series("narma", 400, series_rng)
        params = EchoState(units=12, family_options={"a": 0.7}).init(rng)
        predicted = by_loops(series.inputs, series.targets, params, 250, 30, 1e-4)
        assert row["seed"] == seed and abs(row["test"] - error(predicted[250:], series.targets[250:])) < 1e-8
        assert abs(row["train"] - error(predicted[30:250], series.targets[30:250])) < 1e-8
        assert abs(row["references"]["mean of the training"]
                   - error(series.targets[30:250].mean(), series.targets[250:])) < 1e-12
        assert set(row["references"]) == {"mean of the training"} and row["strength"] == 1e-4
        assert row["normalisers"]["std"] == row["test"] and abs(row["normalisers"]["nmse"] - row["test"] ** 2) < 1e-12
        spread = np.ptp(series.targets[250:]) / np.std(series.targets[250:])
        assert abs(row["normalisers"]["peak_to_peak"] * spread - row["test"]) < 1e-12


def test_mean_and_spread_are_over_the_seeds_and_processes_change_no_bit(run):
    once, again = (of_json(run("fit", *NARMA[:-2], "--seeds", 3, "--jobs", jobs, "--json")) for jobs in (1, 2))
    tests = [row["test"] for row in once["seeds"]]
    assert tests == [row["test"] for row in again["seeds"]] and len(set(tests)) == 3
    assert abs(once["mean"]["test"] - np.mean(tests)) < 1e-15 and abs(once["sd"]["test"] - np.std(tests, ddof=1)) < 1e-15
    code, out, err = run("fit", *NARMA, "--seeds", 3)
    assert code == 0 and "rmse / std of the target" in out and f"{np.mean(tests):.4f}" in out and "narma: 3 fits" in err
    assert sorted(os.listdir("minires-output")) == ["reservoir-narma-eigenvalues.png", "reservoir-narma-prediction.png"]


def test_a_table_is_standardised_by_its_training_rows_alone(run, tmp_path):
    values = columns_file(tmp_path / "a.csv")
    columns_file(tmp_path / "b.csv", end=9.0)
    a, b = (of_json(run("fit", "--series", f"{name}.csv", "--seeds", 1, "--ridge", 0.01, "--json")) for name in "ab")
    assert a["seeds"][0]["train"] == b["seeds"][0]["train"] and a["seeds"][0]["test"] != b["seeds"][0]["test"]
    (found, data), learnt = settings("fit", "--series", "a.csv"), values[:79]
    assert found.plan.train == 79 and found.plan.length == 119 and found.label == "a" and found.network.inputs == 2
    np.testing.assert_allclose(data.inputs, (values[:-1] - learnt.mean(axis=0)) / learnt.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(data.targets, (values[1:] - learnt.mean(axis=0)) / learnt.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(data.original(data.targets), values[1:], rtol=1e-12)
    _, one = settings("fit", "--series", "a.csv", "--column", "slow")
    np.testing.assert_allclose(one.original(one.inputs), values[:-1, 1:], rtol=1e-12)


def test_targets_of_another_kind_are_not_standardised():
    found, data = settings("fit", "--task", "lorenz63_observer", "--length", 60)
    series = make_series("lorenz63_observer", 60, np.random.default_rng(0).spawn(2)[0])
    np.testing.assert_array_equal(data.targets, series.targets)
    np.testing.assert_allclose(data.inputs[:found.plan.train].std(), 1, rtol=1e-12)
    found, plain = settings("fit", *NARMA)  # as many targets as inputs, and still no forecast
    data = prepare(found._replace(plan=found.plan._replace(standardise=True)), 0)
    np.testing.assert_array_equal(data.targets, plain.targets)
    np.testing.assert_allclose(data.inputs[:250].std(), 1, rtol=1e-12)


def test_a_forecast_is_compared_with_the_last_value(run, tmp_path):
    row, = of_json(run("fit", "--task", "henon", "--length", 200, "--units", 10, "--seeds", 1, "--json"))["seeds"]
    values = make_series("henon", 200, np.random.default_rng(0).spawn(2)[0])
    deviation = np.sqrt(np.mean(np.var(values.targets[120:], axis=0)))
    last = np.sqrt(np.mean((values.inputs[120:] - values.targets[120:]) ** 2)) / deviation
    assert abs(row["references"]["last value"] - last) < 1e-12
    values = columns_file(tmp_path / "own.csv")[:, 1:]
    row, = of_json(run("fit", "--series", "own.csv", "--column", "slow", "--seeds", 1, "--json"))["seeds"]
    assert abs(row["references"]["last value"] - error(values[79:-1], values[80:])) < 1e-12


def test_signs_are_counted_and_memory_is_summed_over_its_delays(run):
    result = of_json(run("fit", "--task", "delayed_parity", "--task-option", "order=2", "--units", 30, "--length", 600,
                         "--seeds", 1, "--json"))
    assert result["mean"]["accuracy"] == 1.0 and result["sd"]["accuracy"] is None
    words = ["fit", "--task", "memory_capacity", "--task-option", "k_max=9", "--units", 6, "--length", 900, "--seeds", 1]
    result = of_json(run(*words, "--json"))
    row, = result["seeds"]
    found, data = settings(*words)
    found = found.network.init(data.rng)
    predicted = by_loops(data.inputs, data.targets, found, 643, 200, 1e-9)[643:]
    r = [np.corrcoef(predicted[:, k], data.targets[643:, k])[0, 1] for k in range(9)]
    expected = [1 - (1 - each ** 2) * 256 / 255 for each in r]
    np.testing.assert_allclose(row["memory_curve"], expected, atol=1e-6)
    assert abs(row["memory"] - sum(expected)) < 1e-5 and row["memory"] <= 6 and os.path.exists(result["pictures"]["memory"])


def test_a_chosen_strength_is_named_and_its_curve_drawn(run):
    result = of_json(run("fit", *NARMA, "--ridge", "leave_one_out", "--seeds", 1, "--json"))
    assert result["seeds"][0]["strength"] in [10.0 ** n for n in range(-12, 3)]
    assert os.path.exists(result["pictures"]["strengths"])
    assert "strengths" not in of_json(run("fit", *NARMA, "--seeds", 1, "--json"))["pictures"]


def test_noise_and_squares_reach_the_fit(run):
    plain, noisy, squared = (of_json(run("fit", *NARMA, *more, "--seeds", 1, "--json"))["mean"]["train"]
                             for more in ([], ["--noise", 0.05], ["--squares", "all"]))
    assert squared < plain < noisy


# ---- forecast --------------------------------------------------------------------------------------------------------

def test_free_runs_are_those_of_a_loop_and_NRMSE84_is_in_the_original_coordinates(run):
    found, data = settings("forecast", *GLASS)
    assert found.plan.length == 300 + 3 * 40 + 90
    row = forecast_one(found, 0, 0.4, True)
    params, (u, y) = found.network.init(data.rng), (data.inputs, data.targets)
    K, g = 1 - 0.44 * 0.9, 0.44
    step = lambda x, v: K * x + g * np.tanh(params["W"] @ x + params["W_in"] @ v + params["b"])
    X = [np.zeros(25)]
    for each in u:
        X.append(step(X[-1], each))
    F, level = np.concatenate([u, X[1:]], axis=1), y[100:300].mean(axis=0)
    A = F[100:300] - F[100:300].mean(axis=0)
    W_o = np.linalg.solve(A.T @ A + 1e-8 * np.eye(26), A.T @ (y[100:300] - level))
    read = lambda v, x: (np.concatenate([v, x]) - F[100:300].mean(axis=0)) @ W_o + level
    at_84 = []
    for number, start in enumerate((340, 380, 420)):
        x, v, outputs = X[start], u[start], []  # X[start] is the state after row start - 1
        for _ in range(90):
            x = step(x, v)
            v = read(v, x)
            outputs.append(np.arctanh(v[0]) + 1)
        np.testing.assert_allclose(row["drawn"]["runs"][number, :30, 0], outputs[:30], atol=1e-5)
        np.testing.assert_allclose(row["drawn"]["truths"][number, :, 0], np.arctanh(y[start:start + 90, 0]) + 1, rtol=1e-12)
        at_84.append(outputs[83] - np.arctanh(y[start + 83, 0]) - 1)
    variance = np.var(np.arctanh(y) + 1)
    assert row["starts"] == [340, 380, 420] and abs(row["variance"] - variance) < 1e-12
    assert abs(row["nrmse84"] / np.sqrt(np.mean(np.square(at_84)) / variance) - 1) < 1e-2
    truths = row["drawn"]["truths"][..., 0]
    for threshold in (0.4, 0.02):
        again = forecast_one(found, 0, threshold)
        errors = np.abs(row["drawn"]["runs"][..., 0] - truths) > threshold * variance ** 0.5
        assert again["valid_times"] == [int(np.argmax(each)) if each.any() else 90 for each in errors]
    last = np.arctanh(u[[340, 380, 420]]) + 1
    for name, runs in ((None, row["drawn"]["runs"][..., 0]), ("last_value", np.repeat(last, 90, axis=1))):
        expected = np.sqrt(np.mean((runs - truths)[:, 83] ** 2) / variance)
        assert abs((row[name] if name else row)["nrmse84"] - expected) < 1e-12


def test_a_forecast_reports_each_seed_all_runs_and_what_it_divides_by(run):
    result = of_json(run("forecast", *GLASS, "--seeds", 2, "--json"))
    times = np.concatenate([row["valid_times"] for row in result["seeds"]])
    assert result["valid_time"]["median"] == np.median(times) and result["valid_time"]["least"] == times.min()
    assert result["runs"] == 6 and result["valid_time"]["unit"] == "units of time" and result["lyapunov_time"] is None
    assert "drawn" not in result["seeds"][0] and all(os.path.exists(path) for path in result["pictures"].values())
    last = result["seeds"][0]["last_value"]
    assert last["nrmse84"] > 0.5 and max(last["valid_times"]) < 30
    code, out, _ = run("forecast", *GLASS, "--seeds", 2)
    assert code == 0 and "NRMSE84: rmse at the 84th free step / std of the attractor, 3 runs each" in out
    assert f"variance of the attractor over 510 rows: {result['seeds'][0]['variance']:.4f}, " in out and "0.4 * rms" in out


def test_valid_times_are_in_lyapunov_times_where_one_is_known(run):
    words = ["forecast", "--task", "lorenz63", "--units", 20, "--train", 300, "--runs", 2, "--spacing", 20, "--steps", 60,
             "--seeds", 1, "--threshold", 1.5]
    result = of_json(run(*words, "--json"))
    row, = result["seeds"]
    assert result["valid_time"]["unit"] == "Lyapunov times" and result["dt"] == 0.02
    assert abs(result["valid_time"]["median"] - np.median(row["valid_times"]) * 0.9056) < 1e-12 and "nrmse84" not in row
    assert abs(row["most"] - max(row["valid_times"]) * 0.9056) < 1e-12
    assert result["not_exceeded"] == sum(time == 60 * 0.02 for time in row["valid_times"])


def test_a_run_that_diverges_is_reported_with_its_step_and_if_all_do_it_is_exit_code_1(run, monkeypatch):
    honest = forecast.free_runs

    def broken(rows):
        def free_runs(*arguments):
            runs = honest(*arguments)
            runs[rows, 50:] = np.nan
            return runs
        return free_runs

    monkeypatch.setattr(forecast, "free_runs", broken([1]))
    row, = of_json(run("forecast", *GLASS, "--seeds", 1, "--json"))["seeds"]
    assert row["diverged"] == [{"start": 380, "step": 51}] and row["nrmse84"] is None and row["valid_times"][1] <= 50
    assert "seed 0: 1 of 3 runs diverged, the first at step 51 after row 380" in run("forecast", *GLASS, "--seeds", 1)[1]
    monkeypatch.setattr(forecast, "free_runs", broken([0, 1, 2]))
    code, out, err = run("forecast", *GLASS, "--seeds", 1, "--out", "none")
    assert code == 1 and out == "" and "all 3 free runs diverged, the first at step 51 after row 340" in err.splitlines()[-1]
    assert os.listdir("none") == []


def test_the_first_bad_step_is_counted_from_one():
    runs = np.zeros((2, 5, 3))
    runs[1, 2:, 1] = np.nan
    runs[0, 4:] = np.inf
    found = diverged(runs, np.array([7, 9]))
    assert found == [{"start": 7, "step": 5}, {"start": 9, "step": 3}]
    assert gone_line({"seed": 6, "diverged": found}, 8) == "seed 6: 2 of 8 runs diverged, the first at step 3 after row 9"


def test_the_transform_of_mackey_glass_is_undone_and_what_no_x_has_is_nan():
    series = make_series("mackey_glass", 5, transform="tanh")
    x = np.array([[0.4], [1.3]])
    np.testing.assert_allclose(untransformed(np.tanh(x - 1), series), x, rtol=1e-14)
    assert np.isnan(untransformed(np.array([[1.0], [-1.5]]), series)).all()
    assert untransformed(x, make_series("mackey_glass", 5)) is x


def test_a_series_of_ones_own_runs_free(run, tmp_path):
    columns_file(tmp_path / "own.csv")
    result = of_json(run("forecast", "--series", "own.csv", "--column", "slow", "--seeds", 1, "--json"))
    assert result["series"] == "own" and result["plan"]["length"] == 119 and Path(result["pictures"]["forecast"]).exists()


# ---- run -------------------------------------------------------------------------------------------------------------

def test_the_states_kept_are_those_of_the_parameters_kept(run):
    result = of_json(run("run", "--task", "henon", "--units", 9, "--length", 80, "--washout", 11, "--topology", "sparse",
                         "--topology-option", "in_degree=4", "--leak", 0.6, "--seed", 5, "--json"))
    with np.load(result["states"]) as file:
        kept = dict(file)
    params = unflatten({name: value for name, value in kept.items() if name.startswith("params.")})["params"]
    states, last = run_network(params, kept["inputs"])
    np.testing.assert_array_equal(kept["states"], states)
    np.testing.assert_array_equal(kept["last"], last)
    np.testing.assert_array_equal(kept["inputs"], make_series("henon", 80, np.random.default_rng(5).spawn(2)[0]).inputs)
    assert params["W"]["values"].shape == (4, 9) and result["units"] == 9 and result["inputs"] == 2 and result["rows"] == 80
    assert abs(result["radii"]["effective_radius"]
               - np.abs(np.linalg.eigvals(0.4 * np.eye(9) + 0.6 * dense(params["W"]))).max()) < 1e-12
    assert abs(result["mean_size"] - np.abs(states[11:]).mean()) < 1e-15
    assert result["saturated"] == np.mean(np.abs(states[11:]) > 0.95)
    code, out, err = run("run", "--task", "henon", "--units", 9, "--length", 80)
    assert code == 0 and err == "" and "effective radius" in out and "beyond 0.95" in out


def test_states_that_blow_up_are_exit_code_1_and_name_the_row(run):
    for words in (["run"], ["fit", "--seeds", 1]):
        code, out, err = run(*words, "--task", "narma", "--activation", "relu", "--radius", "1e200", "--length", 50)
        assert code == 1 and out == "" and "the state is not finite at row 2:" in err.splitlines()[-1]


# ---- measure ---------------------------------------------------------------------------------------------------------

def test_a_measure_does_not_depend_on_which_others_are_taken(run):
    words = ["measure", "--units", 7, "--rows", 400, "--seed", 2, "--json"]
    every, taken = of_json(run(*words)), []
    for what in WHAT:
        alone = of_json(run(*words, "--what", what))
        names = set(alone) - {"units", "pictures"}
        assert names and all(alone[name] == every[name] for name in names)
        taken += names
    assert sorted(taken) == sorted(set(every) - {"units", "pictures"})
    assert set(every["pictures"]) == {"memory curve", "processing by degree", "eigenvalues"}
    assert every["memory"]["train"] == 400 and every["memory"]["test"] == 80 and every["memory"]["k_max"] == 14
    assert every["processing"]["rows"] == 400 and every["lyapunov"]["steps"] == 300
    assert every["kernel rank"]["streams"] == 14 and every["radii"]["spectral_radius"] == pytest.approx(0.9)


def test_each_measure_prints_its_own_line(run):
    code, out, err = run("measure", "--units", 7, "--rows", 400)
    assert code == 0 and err == ""
    for line in ("memory: memory capacity", "information processing capacity", "kernel rank: rank", "generalisation rank: rank",
                 "conditional Lyapunov exponents", "echo state: ", "convergence: distance", "spectral radius"):
        assert line in out


def test_a_linear_network_is_measured_exactly_as_well(run):
    words = ["measure", "--what", "memory", "--units", 8, "--topology", "cycle", "--rows", 2000, "--json"]
    linear = of_json(run(*words, "--activation", "identity"))
    assert abs(linear["exact"]["value"] - linear["memory"]["value"]) < 0.1 and linear["exact"]["rank"] == 8
    assert "exact" not in of_json(run(*words))


# ---- the words -------------------------------------------------------------------------------------------------------

def test_what_is_given_takes_the_place_of_the_recipe_and_the_rest_stays():
    found, _ = settings("fit", "--task", "mackey_glass", "--units", 9, "--length", 400)
    assert found.network.family_options == {"delta": 1.0, "C": 0.44, "a": 0.9} and found.options["transform"] == "tanh"
    assert (found.plan.length, found.plan.train, found.plan.washout, found.plan.strength) == (400, 240, 120, 1e-12)
    found, _ = settings("fit", "--task", "mackey_glass", "--units", 9, "--length", 400, "--family-option", "C=0.3")
    assert found.network.family_options == {"delta": 1.0, "C": 0.3, "a": 0.9}
    found, _ = settings("fit", "--task", "mackey_glass", "--units", 9, "--length", 400, "--family", "residual",
                        "--family-option", "alpha=0.5")
    assert found.network.family == "residual" and found.network.family_options == {"alpha": 0.5}
    found, _ = settings("fit", "--task", "mackey_glass", "--units", 9, "--length", 400, "--leak", 0.3,
                        "--task-option", "tau=30", "--washout", 7, "--squares", "even")
    assert found.network.family == "leaky" and found.network.family_options == {"a": 0.3} and found.network.radius == 0.79
    assert found.options["tau"] == 30 and found.plan.strength == 1e-7
    assert found.plan.washout == 7 and found.plan.squares == "even"
    found, _ = settings("fit", "--task", "narma", "--train", 100, "--units", 5, "--input-scale", 0.3, "--bias-scale", 0,
                        "--radius", 1.1, "--scaled-by", "spectral_norm", "--topology", "cycle", "--activation", "relu")
    assert (found.plan.length, found.plan.washout) == (2100, 50) and found.network.input_scale == 0.3
    assert (found.network.bias_scale, found.network.radius, found.network.scaled_by) == (0, 1.1, "spectral_norm")
    assert (found.network.topology, found.network.f) == ("cycle", "relu")
    assert settings("fit", "--task", "henon", "--input-scale", "0.1,0.4")[0].network.input_scale == (0.1, 0.4)


def test_series_and_network_are_drawn_from_generators_of_their_own():
    one, two = (prepare(settings("fit", *NARMA, "--length", length)[0], 3) for length in (300, 400))
    assert one.rng.random() == two.rng.random() and len(one.inputs) == 300


@pytest.mark.parametrize("task", [name for name in SERIES if name != "table"])
def test_every_task_has_a_recipe_whose_rows_and_network_fit(task):
    plan = recipe_for(task, {})
    assert 0 <= plan.washout < plan.train < plan.length and set(plan.network) <= set(EchoState._fields)
    network = EchoState(**{**plan.network, "units": 6})
    assert len(network.init(np.random.default_rng(0))["W_in"]) == 6
    assert set(plan.options) <= set(make_series(task, None if task == "sunspots" else 250, np.random.default_rng(0)).options)


def test_no_recipe_is_left_over():
    assert set(RECIPES) | {"table"} == set(SERIES)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_help_with_an_example_that_its_parser_takes(run, action):
    code, out, err = run(action, "--help")
    example = next(line for line in out.splitlines() if line.startswith("example: "))
    words = example.removeprefix("example: minires ").split()
    assert code == 0 and err == "" and words[:2] == ["reservoir", action] and parser().parse_args(words).action == action


def test_json_is_asked_for_before_or_after_the_action():
    for words in (["reservoir", "--json", "measure"], ["reservoir", "measure", "--json"]):
        assert parser().parse_args(words).json is True
    assert parser().parse_args(["reservoir", "measure"]).json is False


SMALL = ["--task", "narma", "--units", "5"]
MISTAKES = [
    ([], ["ACTION"]),
    (["fitt"], ["invalid choice: 'fitt'"]),
    (["fit"], ["give a series: --task NAME", "--series FILE"]),
    (["fit", "--task", "narma", "--series", "own.csv"], ["one of the two"]),
    (["fit", "--task", "narm"], ["unknown task 'narm'", "did you mean 'narma'"]),
    (["fit", *SMALL, "--task-option", "ordr=20"], ["unknown option of series narma 'ordr'", "did you mean 'order'"]),
    (["fit", *SMALL, "--task-option", "length=20"], ["--task-option length: expected --length"]),
    (["fit", *SMALL, "--task-option", "order"], ["'order': expected NAME=VALUE"]),
    (["fit", *SMALL, "--column", "x"], ["--column without --series"]),
    (["fit", *SMALL, "--length", "0"], ["length=0: expected a whole number"]),
    (["fit", *SMALL, "--train", "300", "--washout", "300"], ["--washout 300 of 300 training rows: expected fewer"]),
    (["fit", *SMALL, "--washout", "-1"], ["--washout=-1: expected a whole number"]),
    (["fit", *SMALL, "--length", "300", "--train", "300"], ["--train 300 of 300 rows: expected fewer"]),
    (["fit", *SMALL, "--leak", "1.5"], ["leak rate a=1.5: expected above 0 and at most 1"]),
    (["fit", *SMALL, "--leak", "0"], ["leak rate a=0.0: expected above 0"]),
    (["fit", *SMALL, "--leak", "0.5", "--family", "residual"], ["--leak is short for --family leaky"]),
    (["fit", *SMALL, "--leak", "0.5", "--family-option", "a=0.2"], ["--leak is short for --family leaky"]),
    (["fit", *SMALL, "--family", "resdual"], ["unknown family 'resdual'", "did you mean 'residual'"]),
    (["fit", *SMALL, "--family-option", "alpha=1"], ["unknown option of leaky 'alpha'"]),
    (["fit", *SMALL, "--topology", "cycl"], ["unknown topology 'cycl'", "did you mean 'cycle'"]),
    (["fit", *SMALL, "--topology", "delay_line"], ["the spectral radius of W is 0", "scaling 'none'"]),
    (["fit", *SMALL, "--scaled-by", "norm"], ["unknown scaling 'norm'", "spectral_norm"]),
    (["fit", *SMALL, "--radius", "-1"], ["--radius=-1.0: expected a positive number"]),
    (["fit", *SMALL, "--radius", "nan"], ["--radius=nan: expected a positive number"]),
    (["fit", *SMALL, "--radius", "0.9", "--scaled-by", "none"], ["--radius with --scaled-by none"]),
    (["fit", *SMALL, "--units", "0"], ["units=0: expected a whole number"]),
    (["fit", *SMALL, "--activation", "tahn"], ["unknown activation 'tahn'", "did you mean 'tanh'"]),
    (["fit", *SMALL, "--input-scale", "a,b"], ["'a,b': expected a number, or numbers with commas"]),
    (["fit", *SMALL, "--input-scale", "1,2"], ["scale has shape (2,)", "(1,)"]),
    (["fit", *SMALL, "--bias-scale", "-1"], ["scale=-1.0: expected a number of at least 0"]),
    (["fit", *SMALL, "--ridge", "lots"], ["'lots': expected a number of at least 0, or leave_one_out or gcv"]),
    (["fit", *SMALL, "--ridge", "-1"], ["'-1': expected a number of at least 0"]),
    (["fit", *SMALL, "--ridge", "nan"], ["'nan': expected a number of at least 0"]),
    (["fit", *SMALL, "--squares", "al"], ["unknown squares 'al'", "did you mean 'all'"]),
    (["fit", *SMALL, "--noise", "-1"], ["noise=-1.0: expected a standard deviation"]),
    (["fit", *SMALL, "--seeds", "0"], ["--seeds 0: expected at least 1"]),
    (["fit", *SMALL, "--seed", "-1"], ["--seed=-1: expected a whole number of at least 0"]),
    (["fit", *SMALL, "--out", "/dev/null/x"], ["output folder '/dev/null/x' cannot be written"]),
    (["fit", "--series", "none.csv"], ["none.csv", "cannot be read"]),
    (["fit", "--task", "table"], ["path=None: expected the path of a CSV file"]),
    (["fit", "--task", "sunspots", "--length", "400"], ["length=400", "expected that or fewer"]),
    (["run"], ["give a series"]),
    (["run", *SMALL, "--out", "/dev/null/x"], ["output folder"]),
    (["forecast", *SMALL], ["narma says y from another input u", "mackey_glass for instance"]),
    (["forecast", "--task", "memory_capacity", "--units", "5", "--task-option", "k_max=3"], ["says y from another input u"]),
    (["forecast", "--task", "henon", "--task-option", "horizon=2"], ["horizon=2: expected 1"]),
    (["forecast", "--task", "henon", "--length", "500"], ["500 rows are too few for 10 free runs of 100 steps"]),
    (["forecast", "--task", "henon", "--runs", "0"], ["--runs=0: expected a whole number"]),
    (["forecast", "--task", "henon", "--threshold", "0"], ["--threshold=0.0: expected a positive number"]),
    (["measure", "--what", "memry"], ["unknown measure 'memry'", "did you mean 'memory'"]),
    (["measure", "--rows", "5"], ["--rows=5: expected a whole number of at least 200"]),
    (["measure", "--rows", "300", "--units", "300"], ["--rows 300 with 300 units"]),
    (["measure", "--radius", "0"], ["--radius=0.0: expected a positive number"]),
    (["measure", "--out", "/dev/null/x"], ["output folder"])]


@pytest.mark.parametrize("words, parts", MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_one_line_and_exit_code_2_and_leaves_nothing(run, tmp_path, words, parts):
    code, out, err = run(*words)
    assert code == 2 and out == "" and err.count("\n") == 1 and err.startswith("minires"), err
    assert all(part in err for part in parts), err
    assert not any(files for _, _, files in os.walk(tmp_path))


@pytest.mark.parametrize("change, parts", [
    (lambda text: text.replace("wave", "wav"), ["unknown column", "'wave'", "did you mean 'wav'"]),
    (lambda text: "\n".join(text.split("\n")[:8]), ["the series has 6 rows: expected at least 30"]),
    (lambda text: text.replace("\n", "\nnan,1.0\n", 1), ["row 2, column 'wave' is 'nan': expected a finite number"]),
    (lambda text: "wave,slow\n" + "1.0,2.0\n" * 40, ["column 'wave' is constant in the 26 training rows"])])
def test_a_table_that_cannot_be_used_is_one_line(run, tmp_path, change, parts):
    columns_file(tmp_path / "own.csv")
    (tmp_path / "own.csv").write_text(change((tmp_path / "own.csv").read_text()))
    code, out, err = run("fit", "--series", "own.csv", "--column", "wave")
    assert code == 2 and out == "" and err.count("\n") == 1 and all(part in err for part in parts), err


# ---- the tour --------------------------------------------------------------------------------------------------------

def test_the_tours_reservoirs_are_those_of_the_recipes_and_each_picture_says_what_it_does_not_show(tmp_path, monkeypatch):
    few = lambda task, options: recipe_for(task, options)._replace(**({"runs": 2, "steps": 90} if task != "narma" else {}))
    monkeypatch.setattr(reservoirs, "recipe_for", few)
    calls = reservoirs.calls(3)
    result = reservoirs.report([function(*arguments) for function, *arguments in calls], tmp_path)
    for seed, value in zip(range(3), result["narma"]["per_seed"], strict=True):
        expected = fit_one(settings("fit", "--task", "narma")[0], seed)
        assert value == expected["test"] and 0.2 < value < 0.35
    free, _ = settings("forecast", "--task", "mackey_glass", "--runs", 2, "--steps", 90)
    assert result["mackey_glass"]["nrmse84"] == forecast_one(free, 0, 0.4)["nrmse84"] < 2e-3
    assert result["mackey_glass"]["last_value"] > 0.5 and result["narma"]["mean_of_the_training"] == pytest.approx(1, abs=0.05)
    assert result["narma"]["nrmse"] == np.mean(result["narma"]["per_seed"])
    assert set(result["pictures"]) == set(reservoirs.SHOWS) and all(map(os.path.exists, result["pictures"].values()))
    assert all("It does not show" in text for text in reservoirs.SHOWS.values())
    told = reservoirs.readable(result)
    assert f"{np.mean(result['narma']['per_seed']):.4f}" in told and "rmse / std of the target" in told and "2 runs" in told


# ---- list ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("what, names", [("series", list(SERIES)), ("families", ["leaky", "residual"]),
                                         ("topologies", ["dense", "cycle"]), ("presets", ["minimal", "pyesn"])])
def test_what_a_reservoir_is_made_of_is_listed(capsys, what, names):
    assert main(["list", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    listed = [next(iter(row.values())) for row in rows]
    assert [name for name in listed if name in names] == names and all(row["what"] for row in rows)
    assert main(["list", what]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == listed
    assert main(["list", what + "s"]) == 2
    assert f"did you mean '{what}'" in capsys.readouterr().err


def test_neighbours_and_conversation_tasks_are_listed(capsys):
    assert main(["list", "neighbours", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["neighbour"] for row in rows} == set(NEIGHBOURS) and all(row["file"].endswith(".py") for row in rows)
    assert main(["list", "conversations", "--json"]) == 0
    assert {row["task"] for row in json.loads(capsys.readouterr().out)} == set(CONVERSATION_TASKS)
