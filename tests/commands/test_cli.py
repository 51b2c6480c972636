"""Laws of the command line: results on standard output, progress on standard error, one line for each mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minires import VARIANTS
from minires.cli import COMMANDS, parser
from minires.gradients import Row
from minires.tasks import make_task
from minires.training import load

SMALL = ["--task", "copy", "--task-option", "alphabet=5", "--task-option", "copied=3", "--layers", "2", "--width", "8",
         "--heads", "2", "--batch", "4"]
TINY_TEXT = "the cat sat on the mat. " * 40


def refused(result, *parts):
    """Exit code 2, nothing on standard output, one line on standard error that says these things."""
    code, out, err = result
    assert code == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err, err
    assert err.startswith("minires") and all(part in err for part in parts), err


def test_list_names_every_variant_with_equation_paper_and_file(run):
    code, out, err = run("list")
    assert code == 0 and err == "" and [line.split()[0] for line in out.splitlines()[1:]] == list(VARIANTS)
    rows = json.loads(run("list", "--json")[1])
    root = os.path.dirname(os.path.dirname(os.path.abspath(sys.modules["minires"].__file__)))
    assert all(os.path.exists(os.path.join(root, row["file"])) for row in rows)
    assert all(row["equation"] and row["paper"] for row in rows)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_that_its_parser_takes(run, command):
    code, out, err = run(command, "--help")
    example = next(line for line in out.splitlines() if line.startswith("example: "))
    words = example.removeprefix("example: minires ").replace("'The '", "The").split()
    assert code == 0 and err == "" and words[0] == command and parser().parse_args(words).command == command


def test_check_of_one_variant_prints_a_row_per_parameter(run):
    code, out, err = run("check", "svformer", "--layers", 2, "--jobs", 1)
    assert code == 0 and "layers.1.attention.W_q" in out and "layers.1.attention.W_v" not in out
    assert "reverse mode" in out and "forward mode" in out and "all within 1e-07" in out
    assert "gradient checks" in err


def test_check_as_json_holds_every_row(run):
    code, out, _ = run("check", "realformer", "resformer", "--layers", 1, "--jobs", 2, "--json")
    checks = json.loads(out)
    assert code == 0 and set(checks) == {"realformer", "resformer"}
    assert all(set(row) == set(Row._fields) and row["reverse"] < 1e-7 for rows in checks.values() for row in rows)


def test_a_failed_check_is_exit_code_1(run, monkeypatch):
    from minires.commands import check_command
    bad = [Row("head.W", 3, 1e-3, 1e-9, (0, 1))]
    monkeypatch.setattr(check_command, "side_by_side", lambda calls, *rest: [bad for _ in calls])
    code, out, _ = run("check", "realformer")
    assert code == 1 and "NOT all within" in out and "[0, 1]" in out


def test_train_keeps_checkpoint_and_picture_and_prints_where(run, tmp_path):
    code, out, err = run("train", "resformer_learnable", *SMALL, "--steps", 4, "--seed", 2, "--dtype", "float32", "--json")
    result = json.loads(out)
    assert code == 0 and "4/4" in err and result["steps"] == 4 and result["chance"]["accuracy"] == 0.2
    found = load(result["checkpoint"])
    assert found.state.step == 4 and found.recipe.seed == 2
    assert found.recipe.dtype == "float32" == found.state.params["head.W"].dtype
    assert Path(result["picture"]).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    name = "resformer_learnable-copy-2"
    assert sorted(os.listdir(tmp_path / "minires-output")) == [f"{name}.npz", f"{name}.png"]


def test_train_resumes_to_the_same_bits_as_one_run(run):
    run("train", "realformer", *SMALL, "--steps", 6, "--out", "whole")
    code, out, err = run("train", "realformer", *SMALL, "--steps", 6, "--out", "again")
    whole, again = (load(f"{folder}/realformer-copy-0.npz").state for folder in ("whole", "again"))
    assert whole.params["head.W"].tobytes() == again.params["head.W"].tobytes()
    refused(run("train", "--resume", "whole/realformer-copy-0.npz"), "has all its 6 steps")
    code, out, _ = run("train", "--resume", "whole/realformer-copy-0.npz", "--steps", 9)
    assert code == 0 and "9 steps" in out and load("whole/realformer-copy-0.npz").state.step == 9


def test_resume_refuses_what_cannot_change(run):
    run("train", "realformer", *SMALL, "--steps", 2)
    path = "minires-output/realformer-copy-0.npz"
    refused(run("train", "--resume", path, "--steps", 5, "--width", 16), "--resume keeps", "width cannot change")
    for words in (["--task", "copy"], ["--task-option", "copied=3"], ["--text", "a.txt"], ["--seed", "0"], ["--out", "o"]):
        name = words[0].removeprefix("--").replace("-", "_")
        refused(run("train", "--resume", path, "--steps", 5, *words), f"{name} cannot change")
    refused(run("train", "--resume", path, "--steps", 0), "expected --steps above that")
    refused(run("train", "svformer", "--resume", path), "its variant is 'realformer', expected 'svformer'")
    with open(path, "r+b") as file:
        file.truncate(1000)
    refused(run("train", "--resume", path), "is no whole minires checkpoint")


def test_a_text_is_learnt_and_continued_and_a_changed_text_is_noticed(run, tmp_path):
    (tmp_path / "cat.txt").write_text(TINY_TEXT)
    code, out, _ = run("train", "svformer", "--text", "cat.txt", "--task-option", "length=16", "--steps", 3, "--layers", 2,
                       "--width", 16, "--heads", 2)
    assert code == 0 and "unigram entropy" in out and "bigram entropy" in out
    path = "minires-output/svformer-characters-0.npz"
    code, out, err = run("generate", path, "--prompt", "the c", "--tokens", 7)
    assert code == 0 and err == "" and out.startswith("the c") and len(out.rstrip("\n")) <= 12
    first, second = (json.loads(run("generate", path, "--prompt", "a", "--seed", 1, "--json")[1]) for _ in range(2))
    assert first == second and len(first["text"]) == 201 and first["cache_bytes_per_token"] == (2 + 1) * 16 * 8
    refused(run("generate", path, "--prompt", "the dog"), "character 'd' at position 4 is not in the alphabet")
    refused(run("generate", path, "--prompt", ""), "--prompt is empty")
    (tmp_path / "cat.txt").write_text(TINY_TEXT + "!")
    refused(run("train", "--resume", path, "--steps", 5), "the text has changed")


def test_an_encoder_has_nothing_to_generate(run):
    run("train", "vanilla", *SMALL, "--steps", 1)
    refused(run("generate", "minires-output/vanilla-copy-0.npz"), "of kind encoder", "only a decoder")


def test_a_model_of_another_task_writes_no_text(run):
    run("train", "pre_norm", "--task", "recall", "--steps", 1, "--layers", 1, "--width", 8, "--heads", 2)
    refused(run("generate", "minires-output/pre_norm-recall-0.npz"), "is of the task recall: expected characters")


def test_every_size_of_the_description_can_be_set(run):
    words = {"head-width": 6, "window": 2, "global-tokens": 1, "head": "tied", "epsilon": 0.5, "feed-forward": 3}
    run("train", "realformer", *SMALL, "--steps", 1, *(word for name, value in words.items() for word in (f"--{name}", value)))
    model = load("minires-output/realformer-copy-0.npz").model
    assert {name: getattr(model, name.replace("-", "_")) for name in words} == words


def test_compare_prints_mean_and_spread_and_keeps_curves_and_histories(run):
    code, out, err = run("compare", "realformer", "svformer", *SMALL, "--seeds", 2, "--steps", 3, "--jobs", 1)
    assert code == 0 and "+-" in out and "2/2" not in out and "4/4" in err and "chance: 1.6094 nats" in out
    kept = json.loads(Path("minires-output/copy-histories.json").read_text())
    assert [(run["variant"], run["seed"]) for run in kept] == [
        ("realformer", 0), ("realformer", 1), ("svformer", 0), ("svformer", 1)]
    assert os.path.getsize("minires-output/copy-loss.png") > 10000 < os.path.getsize("minires-output/copy-accuracy.png")


def test_compared_spread_is_over_the_seeds_and_processes_change_no_bit(run):
    alone, together = (json.loads(run("compare", "realformer", *SMALL, "--seeds", 3, "--steps", 3, "--jobs", jobs, "--json")[1])
                       for jobs in (1, 2))
    assert alone["rows"] == together["rows"]
    losses = [each["loss"] for each in json.loads(Path("minires-output/copy-histories.json").read_text())]
    assert len(set(losses)) == 3
    np.testing.assert_allclose([alone["rows"][0]["loss"], alone["rows"][0]["loss_spread"]],
                               [np.mean(losses), np.std(losses)], rtol=1e-12)


@pytest.mark.parametrize("words, parts", [
    (["chek"], ["invalid choice: 'chek'"]),
    ([], ["COMMAND"]),
    (["train"], ["name a variant"]),
    (["train", "realfomer"], ["unknown variant 'realfomer'", "did you mean 'realformer'"]),
    (["train", "realformer", "--task", "copi"], ["unknown task 'copi'", "did you mean 'copy'"]),
    (["train", "realformer", "--task", "copy", "--width", "30"], ["width=30 is not divisible by heads=4", "is 32"]),
    (["train", "realformer", "--task", "copy", "--kv-heads", "3"], ["heads=4 is not divisible by kv_heads=3", "1, 2, 4"]),
    (["train", "realformer", "--steps", "ten"], ["invalid int value: 'ten'"]),
    (["train", "realformer", "--steps", "0"], ["steps=0: expected a whole number of at least 1"]),
    (["train", "realformer", "--dtype", "float16"], ["unknown dtype 'float16'", "float32, float64"]),
    (["train", "realformer", "--optimiser", "adam"], ["unknown optimiser 'adam'", "did you mean 'adamw'"]),
    (["train", "realformer", "--option", "carry"], ["'carry': expected NAME=VALUE"]),
    (["train", "realformer", "--option", "carry=1"], ["unknown option of realformer 'carry'", "carry_bias"]),
    (["train", "realformer", "--learning-rate", "-1"], ["learning_rate=-1.0: expected a positive number"]),
    (["train", "realformer", "--learning-rate", "nan"], ["learning_rate=nan: expected a positive number"]),
    (["train", "realformer", "--seed", "-1"], ["seed=-1: expected a whole number of at least 0"]),
    (["train", "realformer", "--text", "none.txt"], ["none.txt", "cannot be read"]),
    (["train", "realformer", "--text", "."], ["cannot be read", "Is a directory"]),
    (["train", "realformer", "--task", "copy", "--text", "a.txt"], ["unknown option of task copy 'text'"]),
    (["train", "--resume", "none.npz"], ["checkpoint 'none.npz' does not exist"]),
    (["train", "realformer", "--out", "/dev/null/x"], ["output folder '/dev/null/x' cannot be written"]),
    (["compare", "realformer", "vanila"], ["unknown variant 'vanila'", "did you mean 'vanilla'"]),
    (["compare", "realformer", "--seeds", "0"], ["--seeds 0: expected at least 1"]),
    (["compare", "realformer", "--out", "/dev/null/x"], ["output folder"]),
    (["compare", "realformer", "--jobs", "0"], ["--jobs 0"]),
    (["compare", "realformer", "--backend", "lokky"], ["lokky"]),
    (["check", "realfromer"], ["did you mean 'realformer'"]),
    (["check", "realformer", "--kind", "encodr"], ["unknown kind 'encodr'", "did you mean 'encoder'"]),
    (["check", "realformer", "--layers", "0"], ["layers=0: expected a whole number of at least 1"]),
    (["generate", "none.npz"], ["does not exist"]),
    (["tour", "--out", "/dev/null/x"], ["output folder"]),
    (["tour", "--seeds", "-1"], ["--seeds -1: expected at least 1"])])
def test_a_mistake_is_one_line_and_exit_code_2_and_leaves_nothing(run, tmp_path, words, parts):
    refused(run(*words), *parts)
    assert not any(files for _, _, files in os.walk(tmp_path))


@pytest.mark.parametrize("content, part", [(b"", "is empty"), (b"short", "has 5 characters"), (b"\xff\xfe" * 999, "not UTF-8")])
def test_a_text_that_cannot_be_learnt_is_one_line(run, tmp_path, content, part):
    (tmp_path / "bad.txt").write_bytes(content)
    refused(run("train", "resformer", "--text", "bad.txt"), "bad.txt", part)


def test_a_divergence_is_one_line_and_exit_code_1(run):
    code, out, err = run("train", "pre_norm", *SMALL, "--steps", 30, "--optimiser", "sgd", "--learning-rate", "1e250",
                         "--clip", "1e300", "--warm-up", 1)
    assert code == 1 and out == "" and "training diverged at step" in err.splitlines()[-1] and "Traceback" not in err


def test_a_defect_of_ours_is_one_line_too(run, monkeypatch):
    monkeypatch.setitem(sys.modules["minires.commands.list_command"].VARIANTS, "broken", None)
    code, out, err = run("list")
    assert code == 1 and err.startswith("minires: unexpected AttributeError") and err.count("\n") == 1


def test_ctrl_c_saves_says_how_to_go_on_and_the_rest_gives_the_same_bits(tmp_path):
    # a test run in the background is born deaf to Ctrl-C, and so would be its children
    listening = ("import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
                 "from minires.cli import main; sys.exit(main())")
    command = [sys.executable, "-c", listening, "train", "resformer", *SMALL, "--steps", "400"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    path = tmp_path / "minires-output" / "resformer-copy-0.npz"
    while not path.exists() and child.poll() is None:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "go on with: minires train --resume" in err.splitlines()[-1], err
    assert 50 <= load(path).state.step < 400
    words = err.splitlines()[-1].split("go on with: minires ")[1].split()
    subprocess.run([sys.executable, "-m", "minires", *words], cwd=tmp_path, env=environment, check=True, capture_output=True)
    subprocess.run([*command, "--out", "whole"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    resumed, whole = (load(folder / "resformer-copy-0.npz").state for folder in (path.parent, tmp_path / "whole"))
    assert all(resumed.params[name].tobytes() == whole.params[name].tobytes() for name in whole.params)
    assert resumed.history == whole.history


def test_a_closed_pipe_is_no_error(tmp_path):
    shell = f"{sys.executable} -m minires list | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("variant") and done.stderr == ""


@pytest.mark.slow
def test_the_tour_makes_its_tables_seven_pictures_and_says_what_each_does_not_show(run, tmp_path):
    began = time.perf_counter()
    code, out, err = run("tour", "--seeds", 1, "--json")
    result = json.loads(out)
    assert code == 0 and "tour" in err and len(result["pictures"]) == 7
    assert all(os.path.getsize(path) > 10000 for path in result["pictures"].values())
    assert all("not" in line for line in result["shows"].values()) and set(result["shows"]) == set(result["pictures"])
    rows = {row["variant"]: row for row in result["rows"]}
    assert all(row["gradient"] < 1e-7 for row in rows.values())
    assert rows["realformer"]["copy_accuracy"] >= 0.95 and rows["vanilla"]["copy_accuracy"] < 0.5
    bigram = make_task("characters").references["bigram entropy"]
    assert all(rows[name]["text_loss"] < bigram for name in ("pre_norm", "realformer", "resformer", "svformer"))
    assert rows["svformer"]["cache"] / rows["resformer"]["cache"] == (4 + 1) / (2 * 4)
    assert result["narma"]["nrmse"] < 0.35 and result["mackey_glass"]["nrmse84"] < 2e-3
    flip = {model: values[0] for model, values in result["mood_flip"]["accuracy"].items()}
    assert flip["cascade"] > 0.7 and max(flip["last sentence only"], flip["memory silent at test"]) < 0.57
    assert len(result["sample"]) == 164 and time.perf_counter() - began < 600
